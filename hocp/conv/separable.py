"""Depthwise convolution as one 1-D convolution a mode: the middle of an HO-CP block, usable alone.

Shapes: B batch, R channels (the rank), N order; D0, ... spatial sizes, time first; K0, ... taps.
    z        (B, R, D0, ...)
    factors  (K0, R), (K1, R), ...
    result   (B, R, D0', ...)
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from hocp.conv.checks import check_channels, check_like, check_rank
from hocp.conv.forms.stages import depthwise_mode
from hocp.conv.geometry import Geometry
from hocp.conv.init import balanced_directions
from hocp.conv.nd import batch_norm, in_format_of, normalise, pad, with_gradient_in_format


class SeparableDepthwise(nn.Module):
    """N depthwise 1-D convolutions, one a mode, each followed by an optional batch norm.

    With a batch norm after each it is the middle of the HO-CP MobileNet-v2 block:
    the block's 1x1 stages, with their own norms and activations, stand around it. Without norms it is the
    paper's rho.

    Parameters
    ----------
    channels : int
        R.
    kernel_size : tuple of int
        Time first; its length is the order.
    stride, padding, dilation, padding_mode
        As in ``torch.nn.ConvNd``.
    norm : {None, 'batch'}
        What follows each 1-D convolution.

    Raises
    ------
    ValueError
        If an argument is of the wrong kind or out of range.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: tuple[int, ...],
        *,
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        norm: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        channels = check_rank(channels, layer="SeparableDepthwise", name="channels")
        check_like(dtype, device, layer="SeparableDepthwise")
        if norm not in (None, "batch"):
            raise ValueError(f"norm of SeparableDepthwise is {norm!r}; expected None or 'batch'")
        self.geometry = Geometry(kernel_size, stride, padding, dilation, padding_mode)
        like = {"device": device, "dtype": dtype}
        self.factors = nn.ParameterList(
            nn.Parameter(torch.empty(taps, channels, **like)) for taps in self.geometry.kernel_size
        )
        self.norms = nn.ModuleList(
            batch_norm(self.order, channels, **like) if norm else nn.Identity() for _ in range(self.order)
        )
        self.temporal_modes: tuple[int, ...] = ()
        self.reset_parameters()

    @property
    def order(self) -> int:
        """Number of spatial modes."""
        return self.geometry.order

    @property
    def channels(self) -> int:
        """R."""
        return self.factors[0].shape[1]

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw columns of unit length, which keep the variance; there is no ReLU to make up for."""
        directions = balanced_directions(self.geometry.kernel_size, self.channels)
        for factor, fresh in zip(self.factors, directions, strict=True):
            factor.copy_(fresh)
        for norm in self.norms:
            if not isinstance(norm, nn.Identity):
                norm.reset_parameters()

    def forward(self, z: Tensor) -> Tensor:
        """Convolve (B, R, D0, ...) or (R, D0, ...) along each mode in turn."""
        place = {"order": self.order, "layer": "SeparableDepthwise", "like": self.factors[0]}
        batched = check_channels(z, self.channels, **place)
        self.geometry.output_size(batched.shape[2:])
        geometry, inside, y = self.geometry, self.geometry.symmetric_zeros, with_gradient_in_format(batched)
        for mode, (factor, norm) in enumerate(zip(self.factors, self.norms, strict=True)):
            if not inside:  # each mode in its turn: a norm before it must not see its zeros
                y = pad(y, geometry.padded_only(mode))
            bare = geometry if inside else geometry.unpadded()
            y = normalise(norm, depthwise_mode(y, factor, mode, geometry=bare))
        y = in_format_of(y, batched)
        return y if batched is z else y.squeeze(0)

    def new_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Factors that transduction added, with their names."""
        for mode in self.temporal_modes:
            yield f"factors.{mode}", self.factors[mode]

    def extra_repr(self) -> str:
        """What the printed module shows."""
        g = self.geometry
        return f"{self.channels}, kernel_size={g.kernel_size}, stride={g.stride}, padding={g.padding}"
