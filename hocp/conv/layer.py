"""What factorized convolutions share: geometry, groups, bias, rank-space non-linearity, skip, dense twin.

Shapes: B batch, C input channels, T output channels, g groups, S channels of the rank space; D0, ... spatial
sizes, time first; K0, ... taps.
    x            (B, C, D0, ...)        input, the batch may be missing
    rank space   (B g, S, D0, ...)      behind the first 1x1 stage
    skip_factor  (T, C / g)             U(S) of the paper's block
    result       (B, T, D0', ...)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv.block import (
    RankSpace,
    check_skip,
    check_skip_taps,
    make_rank_activation,
    make_rank_norm,
    middle,
    with_skip,
)
from hocp.conv.checks import check_channels, check_flag, check_groups, check_like
from hocp.conv.convert import Convertible
from hocp.conv.dense import as_module
from hocp.conv.forms import check_implementation
from hocp.conv.geometry import Geometry
from hocp.conv.nd import in_format_of, pad, pointwise, with_gradient_in_format
from hocp.conv.text import describe


class FactorizedConv(Convertible, nn.Module, ABC):
    """N-d convolution with a factorized kernel; `CPConv`, `TuckerConv` and `TTConv` say how.

    The kernel is that of torch, (T, C / g, K0, ...): the groups share all factors but that of the output
    channels.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : tuple of int
        Time first; its length is the order.
    rank_channels : int
        S, channels behind the first 1x1 stage; given by the subclass.
    stride, padding, dilation, groups, padding_mode
        As in ``torch.nn.ConvNd``; padding also as one (before, after) pair a mode, padding_mode also as one
        word a mode.
    bias : bool, default False
        Off as in the paper, where a batch norm follows every convolution.
    rank_norm : {None, 'batch'}
        Batch norm of the S channels behind the first 1x1 stage, first half of the paper's psi. Groups share
        it.
    rank_activation : {None, 'relu'}
        Second half of psi.
    skip : {None, 'identity', 'projection'}
        Shortcut around the block, from the position of the kernel's centre: the input itself, or the input
        times a matrix ``skip_factor``.
    skip_taps : tuple of int, optional
        Tap of each mode under which the shortcut sits; the middle one by default, which even kernels do not
        have.
    implementation : str
        How to compute; the results are equal.

    Attributes
    ----------
    fit : hocp.conv.Fit or None
        How the solver fared, for a layer made by `from_conv`.
    temporal_modes : tuple of int
        Spatial modes that transduction added.

    Raises
    ------
    ValueError
        If an argument is of the wrong kind or out of range.
    """

    IMPLEMENTATIONS: tuple[str, ...] = ("auto", "chain", "dense")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        *,
        rank_channels: int,
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = False,
        padding_mode: str = "zeros",
        rank_norm: str | None = None,
        rank_activation: str | None = None,
        skip: str | None = None,
        skip_taps: tuple[int, ...] | None = None,
        implementation: str = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        layer, like = type(self).__name__, {"device": device, "dtype": dtype}
        in_channels, out_channels, groups = check_groups(in_channels, out_channels, groups, layer=layer)
        check_like(dtype, device, layer=layer)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.geometry = Geometry(kernel_size, stride, padding, dilation, padding_mode)
        check_flag(bias, layer=layer, name="bias")
        self.implementation = check_implementation(implementation, self.IMPLEMENTATIONS, layer=layer)
        if implementation == "dense" and (rank_norm or rank_activation):
            raise ValueError(
                f"implementation 'dense' of {layer} allows no rank_norm or rank_activation; use 'chain'"
            )
        self.skip = check_skip(skip, in_channels, out_channels, layer=layer)
        self.skip_taps = check_skip_taps(skip_taps, skip, geometry=self.geometry, layer=layer)
        matrix = torch.empty(out_channels, in_channels // groups, **like) if skip == "projection" else None
        self.skip_factor = None if matrix is None else nn.Parameter(matrix)
        self.rank_norm = make_rank_norm(rank_norm, self.order, rank_channels, layer=layer, **like)
        self.rank_activation = make_rank_activation(rank_activation, layer=layer)
        self.bias = nn.Parameter(torch.empty(out_channels, **like)) if bias else None
        self.fit: Any = None
        self.temporal_modes: tuple[int, ...] = ()

    @property
    def order(self) -> int:
        """Number of spatial modes."""
        return self.geometry.order

    @property
    def _skip_taps(self) -> tuple[int, ...]:
        """Tap of each mode under which the shortcut sits."""
        return self.skip_taps or middle(self.geometry.kernel_size)

    @property
    def psi(self) -> RankSpace | None:
        """The non-linearity in rank space, None where there is none."""
        if self.rank_norm is None and self.rank_activation is None:
            return None
        return RankSpace(self.rank_norm, self.rank_activation)

    @property
    def relative_error(self) -> float | None:
        """Of the kernel, ||W - W'|| / ||W||, for a layer made by `from_conv`."""
        return None if self.fit is None else self.fit.relative_error

    @property
    def _example(self) -> Tensor:
        """A tensor that has the layer's dtype."""
        return next(self.parameters())

    @property
    def _gain(self) -> float:
        """Second moment that a fresh block gives to its output, in units of that of its input.

        A ReLU behind halves it, as one in rank space does. A projected skip brings half of the output. An
        identity brings all of it, and what the block adds stays: 1 / 32 each, so that 18 blocks add less than
        once what came in.
        """
        return {None: 2, "projection": 1, "identity": 1 / 32}[self.skip] * (2 if self.rank_activation else 1)

    @torch.no_grad()
    def _reset_shared(self) -> None:
        """Draw fresh numbers for what all factorizations have."""
        if self.bias is not None:
            self.bias.zero_()
        if self.skip_factor is not None:
            self.skip_factor.normal_(0, self.skip_factor.shape[1] ** -0.5)
        if self.rank_norm is not None:
            self.rank_norm.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, D0, ...) or (C, D0, ...).

        Raises
        ------
        ValueError
            If modes or channels are wrong or a mode is too short.
        """
        place = {"order": self.order, "layer": type(self).__name__, "like": self._example}
        batched = check_channels(x, self.in_channels, **place)
        self.geometry.output_size(batched.shape[2:])
        given = with_gradient_in_format(batched)
        y = in_format_of(self._convolve(given), batched)
        if self.skip is not None:
            y = y + self._shortcut(given).to(y.dtype)
        return y if batched is x else y.squeeze(0)

    @abstractmethod
    def _convolve(self, x: Tensor) -> Tensor:
        """The block without its skip."""

    def _shortcut(self, x: Tensor) -> Tensor:
        """The input under the skip's taps, projected or as it is."""
        geometry = self.geometry
        seen = (slice(None), slice(None), *geometry.under(self._skip_taps, x.shape[2:]))
        x = pad(x, geometry)[seen]
        return x if self.skip_factor is None else pointwise(x, self.skip_factor, groups=self.groups)

    def to_kernel(self) -> Tensor:
        """The full kernel, (T, C / g, K0, ...), skip included; differentiable.

        Raises
        ------
        ValueError
            If the layer has a non-linearity in rank space.
        """
        if self.psi is not None:
            raise ValueError(
                f"this {type(self).__name__} has a norm or activation in rank space, so no single kernel "
                "describes it; build it without rank_norm and rank_activation"
            )
        kernel = self._kernel()
        if self.skip is None:
            return kernel
        return with_skip(kernel, self.skip_factor, taps=self._skip_taps, groups=self.groups)

    @abstractmethod
    def _kernel(self) -> Tensor:
        """The kernel of the block without its skip."""

    def to_dense(self) -> nn.Module:
        """The equal ``nn.ConvNd``, or `ConvNd` where torch has none, with its own copy of the numbers."""
        twin = as_module(self.to_kernel(), bias=self.bias, geometry=self.geometry, groups=self.groups)
        return twin.train(self.training)

    def new_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Tensors that transduction added, with their names."""
        return iter(())

    def options(self) -> dict[str, Any]:
        """Arguments of the constructor that make a layer of the same shape, but for device and dtype."""
        geometry = self.geometry
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "kernel_size": geometry.kernel_size,
            "stride": geometry.stride,
            "padding": geometry.padding,
            "dilation": geometry.dilation,
            "groups": self.groups,
            "bias": self.bias is not None,
            "padding_mode": geometry.padding_mode,
            "rank_norm": None if self.rank_norm is None else "batch",
            "rank_activation": None if self.rank_activation is None else "relu",
            "skip": self.skip,
            "skip_taps": self.skip_taps,
            "implementation": self.implementation,
        }

    def extra_repr(self) -> str:
        """What the printed module shows: the shape, the rank, and what is not as by default."""
        return describe(self.options())


@torch.no_grad()
def copy_into(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Copy given numbers into a layer's own tensors."""
    for own, given in pairs:
        own.copy_(given)
