"""What the paper's block adds to a factorized convolution: a non-linearity in rank space, and a skip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv.geometry import Geometry
from hocp.conv.nd import BatchNormNd, batch_norm, normalise

SKIPS = (None, "identity", "projection")
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, BatchNormNd)


@dataclass(frozen=True, eq=False)
class RankSpace:
    """The paper's psi: a batch norm of the rank channels, then an activation; either may be missing.

    A function of (B g, R, D0, ...), of which a form may also ask the parts, to fuse them with its own work.
    """

    norm: nn.Module | None
    activation: nn.Module | None

    def __call__(self, z: Tensor) -> Tensor:
        z = self.normalised(z)
        return z if self.activation is None else self.activation(z)

    def normalised(self, z: Tensor) -> Tensor:
        """The first half."""
        return z if self.norm is None else normalise(self.norm, z)

    @property
    def kind(self) -> str:
        """Its parts in words, such as 'batch norm, relu'; 'other' if calls do more than the words say."""
        pairs = ((self.norm, _NORMS, "batch norm"), (self.activation, (nn.ReLU,), "relu"))
        parts = [pair for pair in pairs if pair[0] is not None]
        if any(type(part) not in known or _is_watched(part) for part, known, _ in parts):
            return "other"
        return ", ".join(word for *_, word in parts)

    def affine(self) -> tuple[Tensor, Tensor] | None:
        """Scale and shift, (R,), if the norm is an affine map whatever its input: in eval mode."""
        norm = self.norm
        if norm is None or norm.training or norm.running_mean is None:
            return None
        return folded(norm, norm.running_mean, norm.running_var)


def folded(norm: nn.Module, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift, (R,), of a batch norm with these statistics."""
    scale = (variance + norm.eps).rsqrt()
    scale = scale if norm.weight is None else scale * norm.weight
    shift = -mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias


def _is_watched(module: nn.Module) -> bool:
    """Whether a hook wants to see what the module gets or gives."""
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def make_rank_norm(
    kind: str | None, order: int, channels: int, *, layer: str, **like: Any
) -> nn.Module | None:
    """Batch norm of the rank channels, or none.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    if kind not in (None, "batch"):
        raise ValueError(f"rank_norm of {layer} is {kind!r}; expected None or 'batch'")
    return batch_norm(order, channels, **like) if kind else None


def make_rank_activation(kind: str | None, *, layer: str) -> nn.Module | None:
    """Activation of the rank channels; a positively homogeneous one, since the lasso rescales them.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    if kind not in (None, "relu"):
        raise ValueError(f"rank_activation of {layer} is {kind!r}; expected None or 'relu'")
    return nn.ReLU() if kind else None


def check_skip(skip: str | None, in_channels: int, out_channels: int, *, layer: str) -> str | None:
    """The skip, if the layer can have it.

    Raises
    ------
    ValueError
        If it is unknown, or the channels do not allow the identity.
    """
    if skip not in SKIPS:
        raise ValueError(f"skip of {layer} is {skip!r}; expected None, 'identity' or 'projection'")
    if skip == "identity" and in_channels != out_channels:
        raise ValueError(
            f"skip of {layer} is 'identity', but in_channels is {in_channels} and out_channels "
            f"{out_channels}; use 'projection'"
        )
    return skip


def check_skip_taps(
    taps: Sequence[int] | None, skip: str | None, *, geometry: Geometry, layer: str
) -> tuple[int, ...] | None:
    """The taps under which the skip sits, None for the middle ones or no skip.

    Raises
    ------
    ValueError
        If there is no middle or no such tap, or no skip.
    """
    kernel = geometry.kernel_size
    if taps is None:
        if skip and any(size % 2 == 0 for size in kernel):
            raise ValueError(
                f"skip of {layer} is {skip!r}, but kernel_size {kernel} has an even entry and so no centre; "
                "use odd ones, or give skip_taps"
            )
        return None
    if skip is None:
        raise ValueError(f"skip_taps of {layer} is {taps!r}, but there is no skip; leave it out")
    fits = isinstance(taps, (tuple, list)) and len(taps) == len(kernel)
    if not fits or any(tap not in range(size) for tap, size in zip(taps, kernel, strict=True)):
        raise ValueError(
            f"skip_taps of {layer} is {taps!r}; expected one tap of kernel_size {kernel} for each mode"
        )
    return None if tuple(taps) == middle(kernel) and all(size % 2 for size in kernel) else tuple(taps)


def middle(kernel_size: tuple[int, ...]) -> tuple[int, ...]:
    """The middle tap of each mode."""
    return tuple(size // 2 for size in kernel_size)


def with_skip(kernel: Tensor, matrix: Tensor | None, *, taps: tuple[int, ...], groups: int) -> Tensor:
    """The kernel (T, C / g, K0, ...) of a block with its skip: a matrix (T, C / g), or the identity."""
    if matrix is None:
        matrix = torch.eye(kernel.shape[1], device=kernel.device, dtype=kernel.dtype).repeat(groups, 1)
    modes = zip(reversed(taps), reversed(kernel.shape[2:]), strict=True)
    around = [side for tap, size in modes for side in (tap, size - 1 - tap)]
    return kernel + nn.functional.pad(matrix.reshape(*matrix.shape, *(1,) * len(taps)), around)
