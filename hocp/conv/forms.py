"""Equivalent ways to compute one CP convolution, from slow and obvious to fast.

Shapes: B batch, C input channels, T output channels, R rank, N order; D0 ... spatial sizes, time first; K0
... taps.
    x        (B, C, D0, ...)          input
    factors  (T, R), (C, R), (K0, R), ...   in TensorLy's order
    weights  (R,)                     lambda of the Kruskal form
    result   (B, T, D0', ...)

Every form computes F = rho(psi(X x_0 U(C)^T)) x_0 (U(T) diag(lambda)) + bias (Section 3 of the paper, with
the printed names of the two channel factors exchanged: the factor of the *input* channels acts first).
``psi`` is the optional non-linearity in rank space; padding belongs to rho, hence comes after psi.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from hocp.conv.dense import FUNCTIONS, dense_conv, pad
from hocp.conv.geometry import Geometry

_CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}

Psi = Callable[[Tensor], Tensor]


def kruskal_kernel(weights: Tensor, factors: Sequence[Tensor]) -> Tensor:
    """The full kernel W[t, s, i, ...] = sum_r weights[r] U0[t, r] U1[s, r] U2[i, r] ...

    One matrix product with the Khatri-Rao product of the later factors: an einsum over all factors
    contracts left to right, builds intermediates with the rank mode, and is many times slower at high rank.

    Parameters
    ----------
    weights : Tensor, (R,)
    factors : sequence of Tensor, (T, R), (C, R), (K0, R), ...

    Returns
    -------
    Tensor, (T, C, K0, ...)
    """
    columns = factors[1]
    for factor in factors[2:]:
        columns = (columns.unsqueeze(1) * factor).flatten(0, 1)
    kernel = (factors[0] * weights) @ columns.t()
    return kernel.reshape([factor.shape[0] for factor in factors])


def dense(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    geometry: Geometry,
    psi: Psi | None,
) -> Tensor:
    """Rebuild the kernel, then convolve.

    On a processor in channels-last layout, which the output then has whatever the input had: in a network
    with batch norms and ReLUs 10 to 40 % faster on the shapes that `choose` names.
    """
    if psi is not None:
        raise ValueError(
            "implementation 'dense' cannot be used with a rank-space norm or activation: the layer is then "
            "no single linear convolution. Use 'views' or 'chain'"
        )
    kernel = kruskal_kernel(weights, factors)
    if x.device.type == "cpu" and geometry.order > 1:
        kernel = kernel.contiguous(memory_format=_CHANNELS_LAST[geometry.order])
    return dense_conv(x, kernel, bias=bias, geometry=geometry)


def chain(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    geometry: Geometry,
    psi: Psi | None,
) -> Tensor:
    """1x1, one depthwise 1-D convolution a mode, 1x1: the definition, word for word."""
    order = geometry.order
    convolve, ones = FUNCTIONS[order], (1,) * order
    z = convolve(x, factors[1].t().reshape(-1, x.shape[1], *ones))
    z = z if psi is None else psi(z)
    z = depthwise_chain(z, factors[2:], geometry=geometry)
    return convolve(z, (factors[0] * weights).reshape(-1, weights.numel(), *ones), bias)


def depthwise_chain(z: Tensor, factors: Sequence[Tensor], *, geometry: Geometry) -> Tensor:
    """One depthwise 1-D convolution after the other, each with the stride and padding of its own mode."""
    if not geometry.symmetric_zeros:
        z, geometry = pad(z, geometry), geometry.unpadded()
    for mode, factor in enumerate(factors):
        z = depthwise_mode(z, factor, mode, geometry=geometry)
    return z


def depthwise_mode(z: Tensor, factor: Tensor, mode: int, *, geometry: Geometry) -> Tensor:
    """Depthwise 1-D convolution of (B, R, D0, ...) with factor (K, R) along one spatial mode.

    Through torch's convolution of the same order, except that order 3 takes the conv2d view: oneDNN's
    depthwise conv3d has a very slow backward pass.
    """
    order, (taps, rank) = geometry.order, factor.shape
    if order == 3:
        return _one_mode(z.movedim(1, -1), factor, geometry, mode).movedim(-1, 1)

    def only(value: int, rest: int) -> tuple[int, ...]:
        return (rest,) * mode + (value,) + (rest,) * (order - mode - 1)

    kernel = factor.t().reshape(rank, 1, *only(taps, 1))
    stride, padding = only(geometry.stride[mode], 1), only(geometry.padding[mode][0], 0)
    return FUNCTIONS[order](z, kernel, None, stride, padding, only(geometry.dilation[mode], 1), rank)


def views(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    geometry: Geometry,
    psi: Psi | None,
) -> Tensor:
    """Matrix products for the 1x1 stages, depthwise conv2d on free views between; channels last."""
    z = F.linear(x.movedim(1, -1), factors[1].t())
    if psi is not None:
        z = psi(z.movedim(-1, 1)).movedim(1, -1)
    z = depthwise_views(z, factors[2:], geometry=geometry)
    return F.linear(z, factors[0] * weights, bias).movedim(-1, 1)


def depthwise_views(z: Tensor, factors: Sequence[Tensor], *, geometry: Geometry) -> Tensor:
    """All depthwise 1-D convolutions of (B, D0, ..., R), channels last, without one conv3d call.

    oneDNN has fast depthwise kernels for conv2d only; the backward pass of its depthwise conv3d is 5 to 10
    times slower. The last two modes are merged into one 2-D kernel, with the earlier modes folded into the
    batch; every earlier mode is the first mode of a view whose second mode holds all later ones.
    """
    if not geometry.symmetric_zeros:
        z = pad(z.movedim(-1, 1), geometry).movedim(1, -1)
        geometry = geometry.unpadded()
    pair = max(geometry.order - 2, 0)
    z = _last_modes(z, factors[pair:], geometry, pair)
    for mode in reversed(range(pair)):
        z = _one_mode(z, factors[mode], geometry, mode)
    return z


def _last_modes(z: Tensor, factors: Sequence[Tensor], geometry: Geometry, first: int) -> Tensor:
    """The last two modes (or the only one) as one depthwise conv2d on (B*, H, W, R)."""
    rank = z.shape[-1]
    if len(factors) == 1:
        return _one_mode(z, factors[0], geometry, first)
    kernel = (factors[0].unsqueeze(1) * factors[1]).permute(2, 0, 1).unsqueeze(1)
    folded = z.reshape(-1, *z.shape[-3:]).permute(0, 3, 1, 2)
    padding = tuple(before for before, _ in geometry.padding[first:])
    out = F.conv2d(folded, kernel, None, geometry.stride[first:], padding, geometry.dilation[first:], rank)
    out = out.permute(0, 2, 3, 1)
    return out.reshape(*z.shape[:-3], *out.shape[1:])


def _one_mode(z: Tensor, factor: Tensor, geometry: Geometry, mode: int) -> Tensor:
    """One mode as a depthwise conv2d with kernel (K, 1) on (B*, D, rest, R)."""
    before, size, after, rank = z.shape[: mode + 1], z.shape[mode + 1], z.shape[mode + 2 : -1], z.shape[-1]
    folded = z.reshape(prod(before), size, prod(after), rank).permute(0, 3, 1, 2)
    kernel = factor.t().reshape(rank, 1, -1, 1)
    stride, padding = (geometry.stride[mode], 1), (geometry.padding[mode][0], 0)
    out = F.conv2d(folded, kernel, None, stride, padding, (geometry.dilation[mode], 1), rank)
    out = out.permute(0, 2, 3, 1)
    return out.reshape(*before, out.shape[1], *after, rank)


FORMS = {"chain": chain, "views": views, "dense": dense}
IMPLEMENTATIONS = ("auto", *FORMS)


def check_implementation(name: str) -> str:
    """The name, if it is one of `IMPLEMENTATIONS`.

    Raises
    ------
    ValueError
        If it is not.
    """
    if name not in IMPLEMENTATIONS:
        raise ValueError(f"implementation is {name!r}; expected one of {', '.join(IMPLEMENTATIONS)}")
    return name


def choose(x: Tensor, factors: Sequence[Tensor], *, psi: Psi | None) -> str:
    """The form expected to be fastest for this input: 'views' or 'dense'.

    A rule fitted by hand to timings on one thread of x86 processors, forward and backward with batch norm and
    ReLU behind; no record of those timings is kept, and ``bench/layers.json`` of a scenario times its choices
    beside 'chain' and the dense layer, some of which beat it. A position costs 'views' about R (C + T + 250),
    where 250 stands for the memory traffic of the R-channel activations, and 'dense' the size of its kernel,
    with layers of fewer than 16 channels paid as if they had 16, and R kernels a call to rebuild. Off the CPU
    nothing was measured, and 'views' is taken.
    """
    if psi is not None or x.device.type != "cpu":
        return "views"
    (t, rank), c = factors[0].shape, factors[1].shape[0]
    taps = prod([factor.shape[0] for factor in factors[2:]])  # a list: torch.compile cannot take a generator
    positions = max(x.shape[0] * prod(x.shape[2:]), 1)
    dense_time = max(c, 16) * max(t, 16) * taps * (1 + rank / positions)
    return "dense" if dense_time < rank * (c + t + 250) else "views"
