"""Gradients of the factors of the depthwise stage: partial sums, then their sum; no atomics, so repeatable.

Shapes: B batch, R rank, P programs; D0, D1, D2 input sizes, O0, O1, O2 output sizes; K0, K1, K2 taps.
    z         (B, D0, D1, D2, R)    contiguous, as the forward pass saw it
    dy        (B, O0, O1, O2, R)    contiguous gradient of the stage's output
    partial   (P, K0 K1 K2, R)      gradients of the merged kernel, each over some of the positions
    merged    (K0 K1 K2, R)         their sum
    df0, df1, df2   (K0, R), (K1, R), (K2, R)

The gradient of the merged kernel M[k0, k1, k2] = f0[k0] f1[k1] f2[k2] is one product sum a tap; that of each
factor follows from it by the chain rule, in the second kernel, where only K0 K1 K2 numbers a channel are
left. Separable sums instead would save loads and add multiply-adds (33 instead of 27 for 3 x 3 x 3), and need
the taps by name in the source; these kernels take any number of taps, as one mode of their tiles.
"""

import triton
from triton import language as tl

from hocp.conv.kernels.triton_taps import load_seen, under_tap


@triton.jit
def merged_partials(
    z, dy, scale, shift, partial, positions, each, D0, D1, D2, O0, O1, O2,
    K0: tl.constexpr, STRIDE0: tl.constexpr, DILATION0: tl.constexpr, BEFORE0: tl.constexpr,
    K1: tl.constexpr, STRIDE1: tl.constexpr, DILATION1: tl.constexpr, BEFORE1: tl.constexpr,
    K2: tl.constexpr, STRIDE2: tl.constexpr, DILATION2: tl.constexpr, BEFORE2: tl.constexpr,
    RANK: tl.constexpr, RELU: tl.constexpr, ACC: tl.constexpr,
    BLOCK_K: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_R: tl.constexpr,
):  # fmt: skip
    """Gradient of the merged kernel from ``each`` output positions: BLOCK_K taps, BLOCK_R channels."""
    AFFINE: tl.constexpr = scale is not None
    TAPS: tl.constexpr = K0 * K1 * K2
    channels = tl.program_id(1) * BLOCK_R + tl.arange(0, BLOCK_R)
    taps = tl.program_id(2) * BLOCK_K + tl.arange(0, BLOCK_K)
    k0, k1, k2 = (taps // (K1 * K2))[:, None], (taps // K2 % K1)[:, None], (taps % K2)[:, None]
    known = channels < RANK
    by, plus = known.to(ACC), known.to(ACC)
    if AFFINE:
        by = tl.load(scale + channels, mask=known, other=0).to(ACC)
        plus = tl.load(shift + channels, mask=known, other=0).to(ACC)
    first = tl.program_id(0).to(tl.int64) * each
    last = tl.minimum(first + each, positions)
    total = tl.zeros([BLOCK_K, BLOCK_P, BLOCK_R], ACC)
    for start in range(first, last, BLOCK_P):
        place = start + tl.arange(0, BLOCK_P)
        here = (place < last)[:, None] & known[None, :]
        given = tl.load(dy + place[:, None] * RANK + channels[None, :], mask=here, other=0).to(ACC)
        row = place // O2
        frame = row // O1
        i2, in2 = under_tap((place % O2).to(tl.int32)[None, :], k2, D2, STRIDE2, DILATION2, BEFORE2, 1)
        i1, in1 = under_tap((row % O1).to(tl.int32)[None, :], k1, D1, STRIDE1, DILATION1, BEFORE1, 1)
        i0, in0 = under_tap((frame % O0).to(tl.int32)[None, :], k0, D0, STRIDE0, DILATION0, BEFORE0, 1)
        at = (((frame // O0)[None, :] * D0 + i0) * D1 + i1) * D2 + i2
        exists = in0 & in1 & in2 & (place < last)[None, :] & (taps < TAPS)[:, None]
        exists = exists[:, :, None] & known[None, None, :]
        pointers = z + at[:, :, None] * RANK + channels[None, None, :]
        value = load_seen(pointers, exists, by[None, None, :], plus[None, None, :], AFFINE, RELU, ACC)
        total += given[None, :, :] * value
    at = (tl.program_id(0).to(tl.int64) * TAPS + taps)[:, None] * RANK + channels[None, :]
    tl.store(partial + at, tl.sum(total, axis=1), mask=(taps < TAPS)[:, None] & known[None, :])


@triton.jit
def factor_gradients(
    merged, f0, f1, f2, df0, df1, df2,
    K0: tl.constexpr, K1: tl.constexpr, K2: tl.constexpr, RANK: tl.constexpr, ACC: tl.constexpr,
    BLOCK_K: tl.constexpr, BLOCK_R: tl.constexpr,
):  # fmt: skip
    """Gradient of every factor from that of the merged kernel, (K0 K1 K2, R): BLOCK_K holds all taps."""
    channels = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    taps = tl.arange(0, BLOCK_K)
    k0, k1, k2 = taps // (K1 * K2), taps // K2 % K1, taps % K2
    known = channels < RANK
    exists = (taps < K0 * K1 * K2)[:, None] & known[None, :]
    total = tl.load(merged + taps[:, None] * RANK + channels[None, :], mask=exists, other=0)
    w0 = rows_of(f0, k0, channels, exists, RANK, ACC)
    w1 = rows_of(f1, k1, channels, exists, RANK, ACC)
    w2 = rows_of(f2, k2, channels, exists, RANK, ACC)
    store_rows(df0, k0, total * w1 * w2, channels, known, K0, RANK)
    store_rows(df1, k1, total * w0 * w2, channels, known, K1, RANK)
    store_rows(df2, k2, total * w0 * w1, channels, known, K2, RANK)


@triton.jit
def rows_of(factor, rows, channels, exists, RANK: tl.constexpr, ACC: tl.constexpr):
    """A factor's rows, one a tap; ones where there is no factor."""
    if factor is None:
        value = exists.to(ACC)
    else:
        value = tl.load(factor + rows[:, None] * RANK + channels[None, :], mask=exists, other=0).to(ACC)
    return value


@triton.jit
def store_rows(gradient, rows, value, channels, known, K: tl.constexpr, RANK: tl.constexpr):
    """Sum over all taps with the same row of a factor."""
    if gradient is not None:
        for k in range(K):
            row = tl.sum(tl.where((rows == k)[:, None], value, 0), axis=0)
            tl.store(gradient + k * RANK + channels, row, mask=known)
