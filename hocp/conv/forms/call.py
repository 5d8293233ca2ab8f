"""What decides how fast a form is, what a form does, and what every form has to say of itself.

Shapes: B batch, C input channels, T output channels, g groups, R rank; D0, ... spatial sizes, time first; K0,
... taps.
    x        (B, C, D0, ...)                    input
    factors  (T, R), (C / g, R), (K0, R), ...   in TensorLy's order
    weights  (R,)                               lambda
    result   (B, T, D0', ...)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from hocp.conv.forms.recompute import recomputed
from hocp.conv.geometry import Geometry
from hocp.conv.nd import computed_in, in_format_of, is_channels_last, tf32_allowed

Psi = Callable[[Tensor], Tensor]
#: Of x, lambda, the factors and the bias or None.
Computation = Callable[..., Tensor]
_TF32 = {
    (False, False): "", (True, True): "TF32", (True, False): "TF32 in convolutions",
    (False, True): "TF32 in products",
}  # fmt: skip


class Call(NamedTuple):
    """One call of a CP convolution, as far as it decides which form is fastest.

    Attributes
    ----------
    batch, in_channels, out_channels, groups, rank : int
    size : tuple of int
        Spatial sizes of the input, time first.
    geometry : Geometry
    dtype : torch.dtype
        In which the products are computed: that of autocast where it is on.
    device : str
        Type, such as 'cpu' or 'cuda'.
    processor : str
        Name of the GPU; empty on a processor, of which a machine has one kind.
    threads : int
        Of the processor.
    training : bool
        Whether gradients are wanted.
    channels_last : bool
        Memory format of the input.
    psi : str
        What happens in rank space, in words: those of `RankSpace.kind`, 'other' for any function, or nothing.
    kept : bool
        Whether what is made of the factors alone is kept from call to call, as in a layer in eval mode.
    tf32 : (bool, bool)
        Whether a GPU may round float32 to TF32: in convolutions, in matrix products.
    """

    batch: int
    in_channels: int
    out_channels: int
    groups: int
    rank: int
    size: tuple[int, ...]
    geometry: Geometry
    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    processor: str = ""
    threads: int = 1
    training: bool = False
    channels_last: bool = False
    psi: str = ""
    kept: bool = False
    tf32: tuple[bool, bool] = (False, False)

    @classmethod
    def of(
        cls,
        x: Tensor,
        weights: Tensor,
        factors: Sequence[Tensor],
        *,
        bias: Tensor | None = None,
        geometry: Geometry,
        groups: int = 1,
        psi: Psi | None = None,
        kept: bool = False,
    ) -> Self:
        """The call with these arguments, under the present settings of torch."""
        shape, device, dtype = x.shape, x.device, computed_in(x)
        tensors = (x, weights, *factors) if bias is None else (x, weights, *factors, bias)
        return cls(
            batch=shape[0],
            in_channels=shape[1],
            out_channels=factors[0].shape[0],
            groups=groups,
            rank=weights.shape[0],
            size=tuple(shape[2:]),
            geometry=geometry,
            dtype=dtype,
            device=device.type,
            processor=torch.cuda.get_device_name(device) if device.type == "cuda" else "",
            threads=torch.get_num_threads(),
            training=torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors),
            channels_last=is_channels_last(x),
            psi="" if psi is None else getattr(psi, "kind", "other"),
            kept=kept,
            tf32=tf32_allowed() if device.type == "cuda" and dtype == torch.float32 else (False, False),
        )

    def __str__(self) -> str:
        """All of it in words, which no other call has.

        >>> print(Call(8, 64, 32, 1, 24, (28, 28), Geometry((3, 3), padding=1)))
        8 x 28x28, 64 -> 32 channels, rank 24, kernel 3x3, padding 1x1, float32, cpu, 1 thread, inference
        """
        g, threads = self.geometry, f"{self.threads} thread" + "s" * (self.threads > 1)
        sides = [str(a) if a == b else f"{a}+{b}" for a, b in g.padding]
        return ", ".join(filter(None, [
            f"{self.batch} x {_by(self.size)}",
            f"{self.in_channels} -> {self.out_channels} channels",
            f"{self.groups} groups" if self.groups > 1 else "",
            f"rank {self.rank}",
            f"kernel {_by(g.kernel_size)}",
            f"stride {_by(g.stride)}" if set(g.stride) != {1} else "",
            f"dilation {_by(g.dilation)}" if set(g.dilation) != {1} else "",
            f"padding {_by(sides)}" if set(sides) != {"0"} else "",
            f"of {_by(g.padding_modes)}" if set(g.padding_modes) != {"zeros"} else "",
            f"psi {self.psi}" if self.psi else "",
            str(self.dtype).removeprefix("torch."),
            _TF32[self.tf32],
            "channels last" if self.channels_last else "",
            self.device,
            threads,
            "training" if self.training else "inference",
            "kernel kept" if self.kept else "",
        ]))  # fmt: skip

    @property
    def order(self) -> int:
        """Number of spatial modes."""
        return len(self.size)

    @property
    def output_size(self) -> tuple[int, ...]:
        """Spatial sizes of the output."""
        return self.geometry.output_size(self.size)

    @property
    def positions_in(self) -> int:
        """Of all samples."""
        return self.batch * prod(self.size)

    @property
    def positions_out(self) -> int:
        """Of all samples."""
        return self.batch * prod(self.output_size)


def _by(sizes: Iterable[object]) -> str:
    """3x3 and the like."""
    return "x".join(map(str, sizes))


@dataclass(frozen=True)
class Operations:
    """What one call of a form does; with gradients, forward and backward together.

    Attributes
    ----------
    matrix : float
        Floating-point operations in dense matrix products and convolutions.
    other : float
        Those in depthwise stages and in slow loops.
    bytes : float
        Read and written in memory, stage by stage.
    launches : int
        Operators called.
    copied : float
        Bytes brought into another memory format; these are not among ``bytes``.
    saved : float
        Bytes kept for the backward pass, parameters and the input aside; 0 without gradients.
    """

    matrix: float
    other: float
    bytes: float
    launches: int
    copied: float = 0
    saved: float = 0


class Form(ABC):
    """One way to compute a CP convolution: same numbers as every other, in its own time.

    Attributes
    ----------
    name : str
        By which ``implementation`` asks for it.
    """

    name: str

    @abstractmethod
    def compute(
        self,
        x: Tensor,
        weights: Tensor,
        factors: Sequence[Tensor],
        *,
        bias: Tensor | None,
        geometry: Geometry,
        groups: int,
        psi: Psi | None,
    ) -> Tensor:
        """Convolve (B, C, D0, ...), in any memory format."""

    def compute_keeping_input(
        self, x: Tensor, weights: Tensor, factors: Sequence[Tensor], *, norm: nn.Module | None, **options: Any
    ) -> Tensor:
        """The same, keeping only the arguments for the backward pass; ``norm`` is the batch norm in psi."""
        run = partial(self.compute, **options)
        return recomputed(run, x, weights, factors, norm=norm, random=options["psi"] is not None)

    def prepare(
        self, x: Tensor, weights: Tensor, factors: Sequence[Tensor], *, recompute: bool, **options: Any
    ) -> Computation:
        """`compute`, or with ``recompute`` `compute_keeping_input`, for all calls with tensors like these.

        What is the same for them is worked out beforehand. There is no psi; ``options`` are those of
        `compute`, and the bias is given again with each call. The result has the memory format of x.
        """
        rest = {name: option for name, option in options.items() if name != "bias"}
        compute = partial(self.compute_keeping_input, norm=None) if recompute else self.compute
        return lambda x, weights, factors, bias: in_format_of(
            compute(x, weights, factors, bias=bias, **rest), x
        )

    def supports(self, call: Call) -> str | None:
        """None if it can compute the call, else the reason in words."""
        return None

    @abstractmethod
    def work(self, call: Call) -> Operations:
        """What it does for a call that it supports."""


def refusal(name: str, reason: str) -> ValueError:
    """The error that tells why a form asked for by name cannot be had."""
    return ValueError(f"implementation {name!r} cannot be used: {reason}; use 'auto', 'views' or 'chain'")


def is_transformed() -> bool:
    """Whether torch only looks at the call, to repeat it with other sizes, on batches, or with tangents.

    So do torch.compile, torch.export and torch.jit.trace, vmap, grad and the like of torch.func, and
    forward-mode differentiation.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return True
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
