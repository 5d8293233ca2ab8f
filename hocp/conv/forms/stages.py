"""Stages of which the forms are made: into rank space, along one mode, out of it.

Shapes: B batch, C input channels, T output channels, g groups, R rank; D0, ... spatial sizes, time first; K
taps.
    x       (B, C, D0, ...)
    z       (B g, D0, ..., R)    rank space, channels last
    result  (B, T, D0', ...)

Groups share all factors but that of the output channels, so they are folded into the batch up to the last
stage.
"""

from __future__ import annotations

from math import prod

from torch import Tensor
from torch.nn import functional as F

from hocp.conv.forms.call import Psi
from hocp.conv.geometry import Geometry
from hocp.conv.nd import FUNCTIONS, add_bias


def fold_groups(x: Tensor, groups: int) -> Tensor:
    """(B, C, D0, ...) -> (B g, C / g, D0, ...)."""
    if groups == 1:
        return x
    return x.reshape(x.shape[0] * groups, x.shape[1] // groups, *x.shape[2:])


def enter_rank_space(x: Tensor, factor: Tensor, *, groups: int, psi: Psi | None) -> Tensor:
    """First 1x1 stage with factor (C / g, R), then psi: (B, C, D0, ...) -> (B g, D0, ..., R)."""
    z = F.linear(fold_groups(x, groups).movedim(1, -1), factor.t())
    return z if psi is None else psi(z.movedim(-1, 1)).movedim(1, -1)


def leave_rank_space(z: Tensor, matrix: Tensor, bias: Tensor | None, *, groups: int) -> Tensor:
    """Last 1x1 stage with matrix (T, R), rows apart by group: (B g, D0, ..., R) -> (B, T, D0, ...)."""
    if groups == 1:
        return F.linear(z, matrix, bias).movedim(-1, 1)
    (channels, rank), size = matrix.shape, z.shape[1:-1]
    rows = matrix.reshape(groups, channels // groups, rank)
    apart = z.reshape(z.shape[0] // groups, groups, prod(size), rank)
    y = (rows @ apart.mT).reshape(apart.shape[0], channels, *size)
    return y if bias is None else add_bias(y, bias)


def depthwise_mode(z: Tensor, factor: Tensor, mode: int, *, geometry: Geometry) -> Tensor:
    """Depthwise 1-D convolution of (B, R, D0, ...) with factor (K, R) along one spatial mode.

    Through torch's convolution of the same order, except that orders from 3 on take the conv2d view: oneDNN's
    depthwise conv3d has a very slow backward pass, and above there is none.
    """
    order, (taps, rank) = geometry.order, factor.shape
    if order > 2:
        return conv_mode(z.movedim(1, -1), depthwise(factor), mode, geometry=geometry).movedim(-1, 1)

    def only(value: int, rest: int) -> tuple[int, ...]:
        return (rest,) * mode + (value,) + (rest,) * (order - mode - 1)

    kernel = factor.t().reshape(rank, 1, *only(taps, 1))
    stride, padding = only(geometry.stride[mode], 1), only(geometry.padding[mode][0], 0)
    return FUNCTIONS[order](z, kernel, None, stride, padding, only(geometry.dilation[mode], 1), rank)


def depthwise(factor: Tensor) -> Tensor:
    """(K, R) -> (R, 1, K), a kernel for `conv_mode` that keeps the channels apart."""
    return factor.t().unsqueeze(1)


def conv_mode(z: Tensor, kernel: Tensor, mode: int, *, geometry: Geometry) -> Tensor:
    """1-D convolution along one mode of (B, D0, ..., R) -> (B, D0', ..., S), padded by its zeros.

    The kernel is (S, R, K), or (R, 1, K) to keep the channels apart. As a conv2d with kernel (K, 1) on the
    view (B*, D, rest, R).
    """
    before, size, after, rank = z.shape[: mode + 1], z.shape[mode + 1], z.shape[mode + 2 : -1], z.shape[-1]
    folded = z.reshape(prod(before), size, prod(after), rank).permute(0, 3, 1, 2)
    stride, padding = (geometry.stride[mode], 1), (geometry.padding[mode][0], 0)
    spread, groups = (geometry.dilation[mode], 1), rank // kernel.shape[1]
    out = F.conv2d(folded, kernel.unsqueeze(-1), None, stride, padding, spread, groups)
    out = out.permute(0, 2, 3, 1)
    return out.reshape(*before, out.shape[1], *after, out.shape[-1])
