"""Convolution with a kernel in Tucker form: 1x1, small dense core, 1x1, as in a ResNet bottleneck.

Shapes: B batch, C input channels, T output channels, R_C and R_T their ranks; D0, ... spatial sizes; K0, ...
taps.
    x        (B, C, D0, ...)          input, the batch may be missing
    core     (R_T, R_C, K0, ...)      the spatial factors are absorbed
    factors  (T, R_T), (C, R_C)       in TensorLy's order
    result   (B, T, D0', ...)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hocp.conv.dense import as_module, check_channels, dense_conv, geometry_of
from hocp.conv.geometry import Geometry

IMPLEMENTATIONS = ("factorized", "dense")


class TuckerConv(nn.Module):
    """N-d convolution whose kernel is a core times one factor for each channel mode.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : tuple of int
        Time first; its length is the order, 1 to 3.
    rank : int or (int, int)
        Ranks of the modes T and C, in this order, as TensorLy orders the kernel's modes.
    stride, padding, dilation, padding_mode
        As in ``torch.nn.ConvNd``.
    bias : bool, default False
    implementation : {'factorized', 'dense'}
        Three stages, or rebuild the kernel; the results are equal.

    Attributes
    ----------
    core : Tensor, (R_T, R_C, K0, ...)
    factors : ParameterList of (T, R_T), (C, R_C)
    relative_error : float or None
        Of the kernel, for a layer made by `from_conv`.

    Raises
    ------
    ValueError
        If an argument is of the wrong kind or out of range.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        *,
        rank: int | tuple[int, int],
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        bias: bool = False,
        padding_mode: str = "zeros",
        implementation: str = "factorized",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        channels = {"in_channels": in_channels, "out_channels": out_channels}
        for name, value in channels.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} of TuckerConv is {value!r}; expected a whole number of at least 1")
        if implementation not in IMPLEMENTATIONS:
            raise ValueError(
                f"implementation of TuckerConv is {implementation!r}; expected one of "
                f"{', '.join(IMPLEMENTATIONS)}"
            )
        rank_out, rank_in = _rank_pair(rank)
        self.geometry = Geometry(kernel_size, stride, padding, dilation, padding_mode)
        self.implementation = implementation
        like = {"device": device, "dtype": dtype}
        self.core = nn.Parameter(torch.empty(rank_out, rank_in, *self.geometry.kernel_size, **like))
        sizes = ((out_channels, rank_out), (in_channels, rank_in))
        self.factors = nn.ParameterList(nn.Parameter(torch.empty(size, **like)) for size in sizes)
        self.bias = nn.Parameter(torch.empty(out_channels, **like)) if bias else None
        self.relative_error: float | None = None
        self.reset_parameters()

    @property
    def order(self) -> int:
        """Number of spatial modes."""
        return self.geometry.order

    @property
    def rank(self) -> tuple[int, int]:
        """R_T and R_C."""
        return self.core.shape[0], self.core.shape[1]

    @property
    def in_channels(self) -> int:
        """C."""
        return self.factors[1].shape[0]

    @property
    def out_channels(self) -> int:
        """T."""
        return self.factors[0].shape[0]

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw numbers that keep the variance through a ReLU: 1 / fan-in a stage, 2 / fan-in in the last."""
        for tensor, fan_in in (
            (self.factors[1], self.in_channels),
            (self.core, self.core[0].numel()),
            (self.factors[0], self.rank[0] / 2),
        ):
            tensor.normal_(0, math.sqrt(1 / fan_in))
        if self.bias is not None:
            self.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, D0, ...) or (C, D0, ...)."""
        batched = check_channels(x, self.in_channels, order=self.order, layer="TuckerConv")
        self.geometry.output_size(batched.shape[2:])
        if self.implementation == "dense":
            y = dense_conv(batched, self.to_kernel(), bias=self.bias, geometry=self.geometry)
        else:
            # Channels last as in hocp.conv.forms: the pointwise stages are then plain matrix products.
            z = F.linear(batched.movedim(1, -1), self.factors[1].t()).movedim(-1, 1)
            z = dense_conv(z, self.core, geometry=self.geometry)
            y = F.linear(z.movedim(1, -1), self.factors[0], self.bias).movedim(-1, 1)
        return y if batched is x else y.squeeze(0)

    def to_kernel(self) -> Tensor:
        """The full kernel, (T, C, K0, ...); differentiable."""
        mixed = torch.tensordot(self.factors[0], self.core, dims=([1], [0]))
        return torch.tensordot(mixed, self.factors[1], dims=([1], [1])).movedim(-1, 1)

    def to_dense(self) -> nn.Module:
        """The equal ``nn.ConvNd``, with its own copy of the numbers."""
        return as_module(self.to_kernel(), bias=self.bias, geometry=self.geometry).train(self.training)

    @classmethod
    def from_factors(
        cls, core: Tensor, factors: tuple[Tensor, Tensor], *, bias: Tensor | None = None, **options
    ) -> TuckerConv:
        """A layer with copies of a core (R_T, R_C, K0, ...) and factors (T, R_T), (C, R_C)."""
        shapes = [tuple(factor.shape) for factor in factors]
        if core.dim() < 3 or [shape[-1] for shape in shapes] != list(core.shape[:2]):
            raise ValueError(
                f"core of shape {tuple(core.shape)} and factors of shapes {shapes} do not belong together; "
                "expected (R_T, R_C, K0, ...), (T, R_T) and (C, R_C)"
            )
        options = {"device": core.device, "dtype": core.dtype} | options
        (out_channels, _), (in_channels, _) = shapes
        kernel, rank = tuple(core.shape[2:]), tuple(core.shape[:2])
        layer = cls(in_channels, out_channels, kernel, rank=rank, bias=bias is not None, **options)
        with torch.no_grad():
            pairs = [(layer.core, core), *zip(layer.factors, factors, strict=True)]
            for own, given in pairs if bias is None else [*pairs, (layer.bias, bias)]:
                own.copy_(given)
        return layer

    @classmethod
    def from_conv(cls, conv: nn.Module, *, rank: int | tuple[int, int], **options) -> TuckerConv:
        """Factorize the channel modes of a dense convolution, in float64, starting from the HOSVD.

        The layer's ``relative_error`` tells how far its kernel is from the original.

        Raises
        ------
        ValueError
            If the module is no plain convolution, has groups or a non-finite kernel, or the rank exceeds the
            channels.
        """
        from hocp.conv.solve import fit_tucker  # here, since TensorLy takes a second to import

        geometry, pair = geometry_of(conv), _rank_pair(rank)
        for name, channels, own in zip(("out", "in"), conv.weight.shape, pair, strict=False):
            if own > channels:
                raise ValueError(f"rank {pair} exceeds the {channels} {name}put channels; use at most that")
        core, factors, error = fit_tucker(conv.weight, pair)
        layer = cls.from_factors(
            core.to(conv.weight),
            tuple(factor.to(conv.weight) for factor in factors),
            bias=conv.bias,
            **{name: getattr(geometry, name) for name in ("stride", "padding", "dilation", "padding_mode")},
            **options,
        )
        layer.relative_error = error
        return layer.train(conv.training)

    def extra_repr(self) -> str:
        """What the printed module shows."""
        g = self.geometry
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={g.kernel_size}, rank={self.rank}, "
            f"stride={g.stride}, padding={g.padding}, dilation={g.dilation}, bias={self.bias is not None}"
        )


def _rank_pair(rank: object) -> tuple[int, int]:
    """Both ranks, checked."""
    pair = tuple(rank) if isinstance(rank, (tuple, list)) else (rank, rank)
    if len(pair) != 2 or any(isinstance(r, bool) or not isinstance(r, int) or r < 1 for r in pair):
        raise ValueError(
            f"rank of TuckerConv is {rank!r}; expected a whole number of at least 1, or two: for the output "
            "and the input channels"
        )
    return pair
