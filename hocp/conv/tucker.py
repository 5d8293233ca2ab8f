"""Convolution with a kernel in Tucker form: 1x1, small dense core, 1x1, as in a ResNet bottleneck.

Shapes: B batch, C input channels, T output channels, g groups, R_C and R_T their ranks; D0, ... spatial
sizes; K0, ... taps, those of separate modes first.
    x             (B, C, D0, ...)             input, the batch may be missing
    core          (R_T, R_C, K', ...)         the factors of its modes are absorbed
    factors       (T, R_T), (C / g, R_C)      in TensorLy's order
    mode_factors  (K0, R_C), ...              of separate modes, depthwise on the rank channels
    result        (B, T, D0', ...)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod, sqrt
from typing import Any, Self

import torch
from torch import Tensor, nn

from hocp.conv.checks import check_bias, check_rank, check_tensors, whole
from hocp.conv.forms.stages import conv_mode, depthwise, enter_rank_space, leave_rank_space
from hocp.conv.geometry import Geometry
from hocp.conv.init import balanced_directions, orthonormal_frame
from hocp.conv.layer import FactorizedConv, copy_into
from hocp.conv.nd import conv_nd, in_full_precision, pad
from hocp.conv.solvers import fit_tucker


class TuckerConv(FactorizedConv):
    """N-d convolution whose kernel is a core times one factor for each channel mode.

    W[t, s, k, ...] = sum_ab U0[t, a] core[a, b, ...] V[k, b] ... U1[s, b], with a V for each separate mode.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : tuple of int
        Time first; its length is the order.
    rank : int or (int, int)
        Ranks of the modes T and C, in this order, as TensorLy orders the kernel's modes.
    separate_modes : int, default 0
        First spatial modes that are not in the core: each is a depthwise 1-D convolution of the rank
        channels. Transduction adds such modes.
    implementation : {'auto', 'chain', 'dense'}
        Stage by stage (as 'auto' does), or rebuild the kernel; the results are equal.
    **options
        Of `FactorizedConv`: stride, padding, dilation, groups, bias, padding_mode, rank_norm,
        rank_activation, skip, skip_taps, device, dtype.

    Attributes
    ----------
    core : Tensor, (R_T, R_C, K', ...)
    factors : ParameterList of (T, R_T), (C / g, R_C)
    mode_factors : ParameterList of (K0, R_C), ...

    Raises
    ------
    ValueError
        If an argument is of the wrong kind or out of range.
    """

    solver = staticmethod(fit_tucker)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        *,
        rank: int | tuple[int, int],
        separate_modes: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        rank_out, rank_in = _rank_pair(rank)
        like = {"device": device, "dtype": dtype}
        super().__init__(in_channels, out_channels, kernel_size, rank_channels=rank_in, **like, **options)
        separate = whole(separate_modes, at_least=0)
        if separate is None or separate >= self.order:
            raise ValueError(
                f"separate_modes of TuckerConv is {separate_modes!r}; expected 0 to {self.order - 1}: the "
                f"core of a layer of order {self.order} keeps at least one mode"
            )
        alone, kept = self.geometry.kernel_size[:separate], self.geometry.kernel_size[separate:]
        sizes = ((out_channels, rank_out), (in_channels // self.groups, rank_in))
        self.core = nn.Parameter(torch.empty(rank_out, rank_in, *kept, **like))
        self.factors = nn.ParameterList(nn.Parameter(torch.empty(size, **like)) for size in sizes)
        self.mode_factors = nn.ParameterList(
            nn.Parameter(torch.empty(taps, rank_in, **like)) for taps in alone
        )
        self.reset_parameters()

    @property
    def rank(self) -> tuple[int, int]:
        """R_T and R_C."""
        return self.core.shape[0], self.core.shape[1]

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw orthonormal columns, which keep the variance; the last stage has twice that, for a ReLU."""
        out, (rank_out, rank_in) = self.out_channels, self.rank
        core = orthonormal_frame(self.core[0].numel(), rank_out)
        last = orthonormal_frame(out, rank_out) * sqrt(self._gain * out / rank_out)
        copy_into([
            (self.core, core.t().reshape(self.core.shape)),
            (self.factors[0], last),
            (self.factors[1], orthonormal_frame(self.factors[1].shape[0], rank_in)),
        ])  # fmt: skip
        if self.mode_factors:
            sizes = [factor.shape[0] for factor in self.mode_factors]
            fresh = balanced_directions(sizes, self.rank[1])
            copy_into(list(zip(self.mode_factors, fresh, strict=True)))
        self._reset_shared()

    def _convolve(self, x: Tensor) -> Tensor:
        """Channels last as in `hocp.conv.forms`: the pointwise stages are then plain matrix products."""
        if self.implementation == "dense":
            return conv_nd(x, self._kernel(), bias=self.bias, geometry=self.geometry, groups=self.groups)
        z, geometry = enter_rank_space(x, self.factors[1], groups=self.groups, psi=self.psi), self.geometry
        if not geometry.symmetric_zeros:
            z, geometry = pad(z.movedim(-1, 1), geometry).movedim(1, -1), geometry.unpadded()
        for mode, factor in enumerate(self.mode_factors):
            z = conv_mode(z, depthwise(factor), mode, geometry=geometry)
        z = self._core_modes(z, geometry)
        return leave_rank_space(z, self.factors[0], self.bias, groups=self.groups)

    def _core_modes(self, z: Tensor, geometry: Geometry) -> Tensor:
        """The core's convolution of (B, D0, ..., R_C), with separate modes folded into the batch."""
        separate = len(self.mode_factors)
        before = z.shape[: separate + 1]
        folded = z.reshape(prod(before), *z.shape[separate + 1 :]).movedim(-1, 1)
        out = conv_nd(folded, self.core, geometry=geometry.modes(slice(separate, None))).movedim(1, -1)
        return out.reshape(*before, *out.shape[1:])

    def _kernel(self) -> Tensor:
        core = self.core
        for factor in reversed(self.mode_factors):
            shape = (1, factor.shape[1], factor.shape[0], *(1,) * (core.dim() - 2))
            core = core.unsqueeze(2) * factor.t().reshape(shape)
        with in_full_precision(core):
            mixed = torch.tensordot(self.factors[0], core, dims=([1], [0]))
            return torch.tensordot(mixed, self.factors[1], dims=([1], [1])).movedim(-1, 1)

    @classmethod
    def from_factors(
        cls,
        core: Tensor,
        factors: Sequence[Tensor],
        mode_factors: Sequence[Tensor] = (),
        *,
        bias: Tensor | None = None,
        **options: Any,
    ) -> Self:
        """A layer with copies of a core (R_T, R_C, K', ...), (T, R_T), (C / g, R_C), and separate modes.

        Raises
        ------
        ValueError
            If the tensors do not belong together.
        """
        check_tensors([core, *factors, *mode_factors], layer="TuckerConv", name="core and factors")
        shapes = [tuple(factor.shape) for factor in factors]
        separate = [tuple(factor.shape) for factor in mode_factors]
        fits = core.dim() >= 3 and [shape[1:] for shape in shapes] == [core.shape[:1], core.shape[1:2]]
        if not fits or any(shape[1:] != core.shape[1:2] for shape in separate):
            raise ValueError(
                f"core of shape {tuple(core.shape)}, factors of shapes {shapes} and mode factors of shapes "
                f"{separate} do not belong together; expected (R_T, R_C, K, ...), (T, R_T) and (C / groups, "
                "R_C), and (K, R_C) for each separate mode"
            )
        options = {"device": core.device, "dtype": core.dtype, "bias": bias is not None} | options
        kernel = (*(taps for taps, _ in separate), *core.shape[2:])
        check_bias(bias, shapes[0][0], layer="TuckerConv")
        groups = check_rank(options.get("groups", 1), layer="TuckerConv", name="groups")
        channels = (shapes[1][0] * groups, shapes[0][0])
        layer = cls(*channels, kernel, rank=tuple(core.shape[:2]), separate_modes=len(separate), **options)
        copy_into([
            (layer.core, core),
            *zip(layer.factors, factors, strict=True),
            *zip(layer.mode_factors, mode_factors, strict=True),
            *([] if bias is None else [(layer.bias, bias)]),
        ])  # fmt: skip
        return layer

    @classmethod
    def _fit(cls, kernel: Tensor, rank: int | tuple[int, int], **solver: Any) -> tuple[Any, ...]:
        pair = _rank_pair(rank)
        for name, channels, own in zip(("out", "in"), kernel.shape, pair, strict=False):
            if own > channels:
                raise ValueError(f"rank {pair} exceeds the {channels} {name}put channels; use at most that")
        return fit_tucker(kernel, pair, **solver)

    @classmethod
    def _fit_joint(cls, kernels: Tensor, rank: int | tuple[int, int], **solver: Any) -> tuple[list, Any]:
        """The mode of the layers stays in the core, of which each layer gets its slice."""
        core, factors, fit = cls._fit(kernels.movedim(0, -1), rank, **solver)
        return [(part, factors) for part in core.unbind(-1)], fit

    def _share_with(self, other: Self) -> None:
        """The core is each layer's own."""
        for index, factor in enumerate(other.factors):
            self.factors[index] = factor

    def new_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Factors that transduction added, with their names."""
        for mode in self.temporal_modes:
            yield f"mode_factors.{mode}", self.mode_factors[mode]

    def options(self) -> dict[str, Any]:
        """Arguments of the constructor that make a layer of the same shape, but for device and dtype."""
        return super().options() | {"rank": self.rank, "separate_modes": len(self.mode_factors)}


def _rank_pair(rank: object) -> tuple[int, int]:
    """Both ranks, checked."""
    pair = tuple(rank) if isinstance(rank, (tuple, list)) else (rank, rank)
    if len(pair) != 2:
        raise ValueError(
            f"rank of TuckerConv is {rank!r}; expected a whole number of at least 1, or two: for the output "
            "and the input channels"
        )
    return check_rank(pair[0], layer="TuckerConv"), check_rank(pair[1], layer="TuckerConv")
