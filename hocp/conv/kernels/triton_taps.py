"""Pieces that the Triton kernels share: where a tap lies, and what the depthwise stage sees there.

Shapes: P positions of a tile, R channels of a block; K taps.
    positions     (P,)
    row of a factor  (R,)
    tile          (P, R)   in registers, in float32, or in float64 for float64 inputs

One description serves both directions. Tap k of output o stands on the input position
``(o STRIDE + k DILATION - BEFORE) / SPREAD`` if that is a whole number inside the input, and sees zero if
not. The convolution has SPREAD 1. Its transpose, which computes the gradient of the input, has STRIDE 1, the
stride as SPREAD, and the taps in reverse.
"""

import triton
from triton import language as tl


@triton.jit
def under_tap(
    output, k, size,
    STRIDE: tl.constexpr, DILATION: tl.constexpr, BEFORE: tl.constexpr, SPREAD: tl.constexpr,
):  # fmt: skip
    """Input positions under tap k, and whether they exist."""
    at = output * STRIDE + (k * DILATION - BEFORE)
    exists = at >= 0
    if SPREAD > 1:
        exists = exists & (at % SPREAD == 0)
        at = at // SPREAD
    return at, exists & (at < size)


@triton.jit
def load_tap(
    factor, k, channels,
    RANK: tl.constexpr, K: tl.constexpr, REVERSED: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Row k of a factor (K, RANK), counted from its end if reversed; ones where there is no factor."""
    if factor is None:
        row = tl.full([channels.shape[0]], 1, ACC)
    else:
        at = (K - 1 - k if REVERSED else k) * RANK + channels
        row = tl.load(factor + at, mask=(channels < RANK) & (k < K), other=0).to(ACC)
    return row


@triton.jit
def tap(
    factor, k: tl.constexpr, first, second, third, channels,
    RANK: tl.constexpr, K: tl.constexpr, REVERSED: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Row k of a factor: the first three wait in registers, later ones are loaded where they are used."""
    if k == 0:
        row = first
    elif k == 1:
        row = second
    elif k == 2:
        row = third
    else:
        row = load_tap(factor, k, channels, RANK, K, REVERSED, ACC)
    return row


@triton.jit
def load_seen(
    pointers, exists, scale, shift,
    AFFINE: tl.constexpr, RELU: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """What the depthwise stage sees: the input after affine and ReLU, and zeros where there is none."""
    value = tl.load(pointers, mask=exists, other=0).to(ACC)
    if AFFINE:
        value = value * scale + shift
    if RELU:
        value = tl.where(value < 0, 0, value)  # not `maximum`, which would hide what is not a number
    if AFFINE:
        value = tl.where(exists, value, 0)
    return value
