"""Kernels in factorized form, and the convolution with them, slow and obvious: the oracle of every probe.

Shapes: B batch, C input channels, T output channels, g groups, R rank; D0, ... spatial sizes, K0, ... taps.
    x       (B, C, D0, ...)
    kernel  (T, C / g, K0, ...)
    tensors cp      (R,), (T, R), (C / g, R), (K0, R), ...
            tucker  (R_T, R_C, K0, ...), (T, R_T), (C / g, R_C)
            tt      (1, C / g, r0), (r0, K0, r1), ..., (rN, T, 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from math import prod

import torch
from torch import Tensor

FORMS = ("cp", "tucker", "tt")


def draw(
    form: str, kernel: tuple[int, ...], *, outputs: int = 5, inputs: int = 4, rank: int = 3
) -> list[Tensor]:
    """Random tensors in float64 that describe a kernel with entries of order one."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64)

    if form == "cp":
        return [normal(rank), *(normal(size, rank) for size in (outputs, inputs, *kernel))]
    if form == "tucker":
        return [normal(rank, rank + 1, *kernel), normal(outputs, rank), normal(inputs, rank + 1)]
    bonds = [1, *(rank + mode % 2 for mode in range(len(kernel) + 1)), 1]
    return [
        normal(a, size, b) for size, (a, b) in zip((inputs, *kernel, outputs), pairwise(bonds), strict=True)
    ]


def kernel_of(form: str, tensors: Sequence[Tensor]) -> Tensor:
    """The full kernel by definition; differentiable."""
    if form == "cp":
        letters = "abcdefgh"[: len(tensors) - 1]
        return torch.einsum(",".join(["r", *(f"{x}r" for x in letters)]) + f"->{letters}", *tensors)
    if form == "tucker":
        return torch.einsum("ab...,ta,cb->tc...", *tensors)
    result = tensors[0]
    for core in tensors[1:]:
        result = torch.tensordot(result, core, dims=1)
    return result[0, ..., 0].movedim(-1, 0)


def convolve(
    x: Tensor,
    kernel: Tensor,
    *,
    bias: Tensor | None = None,
    stride=1,
    padding=0,
    dilation=1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Tensor:
    """Convolution of any order as a sum over the taps; it calls no convolution of anyone's."""
    taps = kernel.shape[2:]
    stride, dilation = _each(stride, len(taps)), _each(dilation, len(taps))
    x = _padded(x, _pairs(padding, taps, dilation), padding_mode)
    out = [
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], taps, stride, dilation, strict=True)
    ]
    grouped = kernel.unflatten(0, (groups, -1))
    y = 0
    for tap in product(*map(range, taps)):
        at = [
            slice(d * t, d * t + s * (n - 1) + 1, s)
            for t, n, s, d in zip(tap, out, stride, dilation, strict=True)
        ]
        window = x[(slice(None), slice(None), *at)].unflatten(1, (groups, -1))
        y = y + torch.einsum("bgc...,gtc->bgt...", window, grouped[(..., *tap)])
    y = y.flatten(1, 2)
    return y if bias is None else y + bias.view(-1, *[1] * len(taps))


def _each(value, order: int) -> tuple[int, ...]:
    return (value,) * order if isinstance(value, int) else tuple(value)


def _pairs(padding, taps: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, int]]:
    """(before, after) for each mode; 'same' pads the odd position behind, as torch documents."""
    if padding == "valid":
        padding = 0
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(taps, dilation, strict=True)]
        return [(t // 2, t - t // 2) for t in total]
    values = (padding,) * len(taps) if isinstance(padding, int) else padding
    return [(p, p) if isinstance(p, int) else tuple(p) for p in values]


def _padded(x: Tensor, pairs: Sequence[tuple[int, int]], mode: str) -> Tensor:
    """Positions outside, read from where the padding mode says."""
    for axis, (before, after) in enumerate(pairs, start=2):
        n = x.shape[axis]
        at = torch.arange(-before, n + after)
        inside = ((at >= 0) & (at < n)).view(-1, *[1] * (x.dim() - axis - 1))
        source = {
            "zeros": at.clamp(0, n - 1),
            "replicate": at.clamp(0, n - 1),
            "circular": at % n,
            "reflect": (n - 1) - ((n - 1) - at.abs()).abs(),
        }[mode]
        x = x.index_select(axis, source)
        x = x * inside if mode == "zeros" else x
    return x


def inputs(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Distinct values of order one without any random numbers."""
    steps = torch.arange(prod(shape), dtype=torch.float64)
    return (2 * torch.frac(steps * 0.6180339887 + 0.5) - 1).reshape(shape).to(dtype)
