"""Equivalent ways to compute one CP convolution, from slow and obvious to fast.

Shapes: B batch, C input channels, T output channels, g groups, R rank, N order; D0 ... spatial sizes, time
first; K0 ... taps.
    x        (B, C, D0, ...)          input
    factors  (T, R), (C / g, R), (K0, R), ...   in TensorLy's order
    weights  (R,)                     lambda of the Kruskal form
    result   (B, T, D0', ...)

Every form computes F = rho(psi(X x_0 U(C)^T)) x_0 (U(T) diag(lambda)) + bias (Section 3 of the paper, with
the printed names of the two channel factors exchanged: the factor of the *input* channels acts first).
``psi`` is the optional non-linearity in rank space; padding belongs to rho, hence comes after psi. Groups
share all factors but that of the output channels, so they are folded into the batch up to the last stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from hocp.conv.geometry import Geometry
from hocp.conv.nd import FUNCTIONS, add_bias, channels_last, conv_nd, in_full_precision, pad, pointwise

Psi = Callable[[Tensor], Tensor]


def kruskal_kernel(weights: Tensor, factors: Sequence[Tensor]) -> Tensor:
    """The full kernel W[t, s, i, ...] = sum_r weights[r] U0[t, r] U1[s, r] U2[i, r] ...

    One matrix product with the Khatri-Rao product of the later factors: an einsum over all factors
    contracts left to right, builds intermediates with the rank mode, and is many times slower at high rank.

    Parameters
    ----------
    weights : Tensor, (R,)
    factors : sequence of Tensor, (T, R), (C / g, R), (K0, R), ...

    Returns
    -------
    Tensor, (T, C / g, K0, ...)
    """
    columns = factors[1]
    for factor in factors[2:]:
        columns = (columns.unsqueeze(1) * factor).flatten(0, 1)
    with in_full_precision(weights):
        kernel = (factors[0] * weights) @ columns.t()
    return kernel.reshape([factor.shape[0] for factor in factors])


def dense(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    geometry: Geometry,
    groups: int,
    psi: Psi | None,
) -> Tensor:
    """Rebuild the kernel, then convolve.

    On a processor in channels-last layout: in a network with batch norms and ReLUs 10 to 40 % faster on the
    shapes that `choose` names.
    """
    if psi is not None:
        raise ValueError(
            "implementation 'dense' cannot be used with a rank-space norm or activation: the layer is then "
            "no single linear convolution. Use 'views' or 'chain'"
        )
    kernel = kruskal_kernel(weights, factors)
    if x.device.type == "cpu":
        kernel = channels_last(kernel)
    return conv_nd(x, kernel, bias=bias, geometry=geometry, groups=groups)


def chain(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    geometry: Geometry,
    groups: int,
    psi: Psi | None,
) -> Tensor:
    """1x1, one depthwise 1-D convolution a mode, 1x1: the definition, word for word."""
    z = pointwise(fold_groups(x, groups), factors[1].t())
    z = z if psi is None else psi(z)
    z = depthwise_chain(z, factors[2:], geometry=geometry)
    z = z.reshape(x.shape[0], groups * weights.numel(), *z.shape[2:])
    return pointwise(z, factors[0] * weights, bias, groups=groups)


def depthwise_chain(z: Tensor, factors: Sequence[Tensor], *, geometry: Geometry) -> Tensor:
    """One depthwise 1-D convolution after the other, each with the stride and padding of its own mode."""
    if not geometry.symmetric_zeros:
        z, geometry = pad(z, geometry), geometry.unpadded()
    for mode, factor in enumerate(factors):
        z = depthwise_mode(z, factor, mode, geometry=geometry)
    return z


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


def views(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    geometry: Geometry,
    groups: int,
    psi: Psi | None,
) -> Tensor:
    """Matrix products for the 1x1 stages, depthwise conv2d on free views between; channels last."""
    z = enter_rank_space(x, factors[1], groups=groups, psi=psi)
    z = depthwise_views(z, factors[2:], geometry=geometry)
    return leave_rank_space(z, factors[0] * weights, bias, groups=groups)


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
        z = conv_mode(z, depthwise(factors[mode]), mode, geometry=geometry)
    return z


def _last_modes(z: Tensor, factors: Sequence[Tensor], geometry: Geometry, first: int) -> Tensor:
    """The last two modes (or the only one) as one depthwise conv2d on (B*, H, W, R)."""
    rank = z.shape[-1]
    if len(factors) == 1:
        return conv_mode(z, depthwise(factors[0]), first, geometry=geometry)
    kernel = (factors[0].unsqueeze(1) * factors[1]).permute(2, 0, 1).unsqueeze(1)
    folded = z.reshape(prod(z.shape[:-3]), *z.shape[-3:]).permute(0, 3, 1, 2)
    padding = tuple(before for before, _ in geometry.padding[first:])
    out = F.conv2d(folded, kernel, None, geometry.stride[first:], padding, geometry.dilation[first:], rank)
    out = out.permute(0, 2, 3, 1)
    return out.reshape(*z.shape[:-3], *out.shape[1:])


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


FORMS = {"chain": chain, "views": views, "dense": dense}
IMPLEMENTATIONS = ("auto", *FORMS)


def check_implementation(name: str, known: Sequence[str] = IMPLEMENTATIONS, *, layer: str = "cp_conv") -> str:
    """The name, if it is one of those known.

    Raises
    ------
    ValueError
        If it is not.
    """
    if name not in known:
        raise ValueError(f"implementation of {layer} is {name!r}; expected one of {', '.join(known)}")
    return name


def choose(x: Tensor, factors: Sequence[Tensor], *, groups: int, psi: Psi | None) -> str:
    """The form expected to be fastest for this input: 'views' or 'dense'.

    A rule fitted by hand to timings on one thread of x86 processors, forward and backward with batch norm and
    ReLU behind; no record of those timings is kept, and ``bench/layers.json`` of a scenario times its choices
    beside 'chain' and the dense layer, some of which beat it. A position costs 'views' about
    R (C + T + 250 g), where 250 stands for the memory traffic of the R-channel activations, and 'dense' the
    size of its kernel, with layers of fewer than 16 channels paid as if they had 16, and R kernels a call to
    rebuild. Off the CPU
    and above order 3 nothing was measured, and 'views' is taken.
    """
    if psi is not None or x.device.type != "cpu" or x.dim() > 5:
        return "views"
    (t, rank), c = factors[0].shape, factors[1].shape[0]
    taps = prod([factor.shape[0] for factor in factors[2:]])  # a list: torch.compile cannot take a generator
    dense_time = max(c, 16) * max(t, 16) * taps
    # A compiled, exported or traced layer must not depend on the sizes.
    if not torch.compiler.is_compiling() and not torch.jit.is_tracing():
        dense_time *= 1 + rank / max(x.shape[0] * prod(x.shape[2:]), 1)
    return "dense" if dense_time < rank * (c * groups + t + 250 * groups) else "views"
