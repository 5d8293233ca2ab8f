"""Pieces that the Triton kernels share: where a tap lies, and what the depthwise stage sees there.

Shapes: P positions of a tile, R channels of a block; K taps.
    positions     (P,)
    row of a factor  (R,)
    tile          (P, R)   in registers, in float32, or in float64 for float64 inputs

One description serves both directions. Tap k of output o stands on the input position
``(o STRIDE + k DILATION - BEFORE) / SPREAD`` if that is a whole number inside the input, and sees zero if
not. The convolution has SPREAD 1. Its transpose, which computes the gradient of the input, has STRIDE 1, the
stride as SPREAD, and the taps in reverse.

A position of a tile stands for ROWS x COLUMNS outputs: more than one only where neighbouring outputs see
neighbouring inputs (STRIDE, DILATION and SPREAD 1). Each has its own tile in a tuple of tiles, since a
Triton program cannot shift its registers: what a thread has loaded for one output it can use for the next
only under another name. A 2 x 2 block of outputs of a 3 x 3 convolution takes 16 loads instead of 36.
"""

import os

import torch
import triton
from triton import language as tl

#: Arguments of which no value has code of its own, as 1 and multiples of 16 would.
SIZES = ("D0", "D1", "D2", "O0", "O1", "O2", "frames")
#: Taps of a mode that wait in registers; later ones are loaded where they are used.
WAITING = tl.constexpr(3)
#: Whether inline PTX is understood: not by the interpreter, nor by GPUs of other makers.
PTX = tl.constexpr(os.environ.get("TRITON_INTERPRET") != "1" and torch.version.hip is None)


@triton.jit
def under_tap(
    output, k, size,
    STRIDE: tl.constexpr, DILATION: tl.constexpr, BEFORE: tl.constexpr, SPREAD: tl.constexpr,
):  # fmt: skip
    """Input positions under tap k, and whether they exist."""
    at = output * STRIDE + (k * DILATION - BEFORE)
    if SPREAD > 1:
        exists = (at >= 0) & (at % SPREAD == 0)
        at = at // SPREAD
        exists = exists & (at < size)
    else:
        exists = tl.cast(at, tl.uint32, bitcast=True) < size  # what is below 0 is far above, without its sign
    return at, exists


@triton.jit
def places(
    tile, O1, O2, ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK1: tl.constexpr, BLOCK2: tl.constexpr, place
):
    """First row and column of the outputs at each place of a tile, (P,) each, and how many tiles there are.

    With BLOCK1 = 1 a tile is a piece of all positions in their order, else a rectangle.
    """
    lines, line = tl.cdiv(O1, ROWS), tl.cdiv(O2, COLUMNS)
    if BLOCK1 == 1:
        tiles = tl.cdiv(lines * line, BLOCK2)
        at = tile % tiles * BLOCK2 + place
        rows, columns = at // line, at % line
    else:
        tiles2 = tl.cdiv(line, BLOCK2)
        tiles = tl.cdiv(lines, BLOCK1) * tiles2
        rows = tile % tiles // tiles2 * BLOCK1 + place // BLOCK2
        columns = tile % tiles2 * BLOCK2 + place % BLOCK2
    return rows * ROWS, columns * COLUMNS, tiles


@triton.jit
def lines_of(
    z, tile, O1, O2, D1, D2, channel, RANK: tl.constexpr, BLOCK_R: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK1: tl.constexpr, BLOCK2: tl.constexpr,
):  # fmt: skip
    """Where in a frame (D1, D2, RANK) the lines of memory under a tile lie, from a channel on, (N,)."""
    LINE: tl.constexpr = 1024 // z.dtype.element_ty.primitive_bitwidth  # numbers in 128 bytes
    PARTS: tl.constexpr = (BLOCK_R + LINE - 1) // LINE
    PLACES: tl.constexpr = BLOCK1 * BLOCK2
    at = tl.arange(0, ROWS * COLUMNS * PLACES * PARTS)
    part, output = at % PARTS, at // PARTS // PLACES
    rows, columns, _ = places(tile, O1, O2, ROWS, COLUMNS, BLOCK1, BLOCK2, at // PARTS % PLACES)
    rows = tl.minimum(rows + output // COLUMNS, D1 - 1)
    columns = tl.minimum(columns + output % COLUMNS, D2 - 1)
    return (rows * D2 + columns) * RANK + tl.minimum(channel + part * LINE, RANK - 1)


@triton.jit
def fetch(pointers):
    """Ask for lines of memory to come into the second cache, which waits for nothing; else do nothing."""
    if PTX:
        tl.inline_asm_elementwise(
            "prefetch.global.L2 [$1]; mov.u32 $0, 0;",
            "=r,l",
            [pointers.to(tl.int64)],
            dtype=tl.int32,
            is_pure=False,
            pack=1,
        )


@triton.jit
def load_tap(factor, k, channels, reverse, RANK: tl.constexpr, K: tl.constexpr, ACC: tl.constexpr):
    """Row k of a factor (K, RANK), from its end if ``reverse`` is 1; ones where there is no factor."""
    if factor is None:
        row = tl.full([channels.shape[0]], 1, ACC)
    else:
        at = (k + reverse * (K - 1 - 2 * k)) * RANK + channels
        row = tl.load(factor + at, mask=(channels < RANK) & (k < K), other=0).to(ACC)
    return row


@triton.jit
def load_taps(factor, channels, reverse, RANK: tl.constexpr, K: tl.constexpr, ACC: tl.constexpr):
    """The first taps of a factor, a row each."""
    rows = ()
    for k in tl.static_range(min(K, WAITING)):
        rows = rows + (load_tap(factor, k, channels, reverse, RANK, K, ACC),)
    return rows


@triton.jit
def tap(
    waiting, factor, k: tl.constexpr, channels, reverse,
    RANK: tl.constexpr, K: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Row k of a factor, from the rows that wait in registers if it is one of them; (1, R)."""
    if k < WAITING:  # noqa: SIM108 (where one is None, Triton would compile both)
        row = waiting[k]
    else:
        row = load_tap(factor, k, channels, reverse, RANK, K, ACC)
    return row[None, :]


@triton.jit
def zeros(COUNT: tl.constexpr, P: tl.constexpr, R: tl.constexpr, ACC: tl.constexpr):
    """So many tiles of zeros."""
    tiles = ()
    for _ in tl.static_range(COUNT):
        tiles = tiles + (tl.zeros([P, R], ACC),)
    return tiles


@triton.jit
def wide(value, ACC: tl.constexpr):
    """The same numbers as ACC; of words (P, R / 2) the two numbers of bfloat16 in each, (P, R)."""
    if value.dtype == tl.int32:
        if PTX:  # one operation instead of four, which its compiler passes over in less time
            low, high = tl.inline_asm_elementwise(
                "shl.b32 $0, $2, 16; and.b32 $1, $2, 0xffff0000;",
                "=r,=r,r",
                [value],
                dtype=(tl.float32, tl.float32),
                is_pure=True,
                pack=1,
            )
        else:
            low = (value << 16).to(tl.float32, bitcast=True)
            high = (value & -65536).to(tl.float32, bitcast=True)
        parted = tl.reshape(tl.join(low, high), [value.shape[0], 2 * value.shape[1]])
    else:
        parted = value.to(ACC)
    return parted


@triton.jit
def under_taps(
    frame, there, a, b, rows, columns, channels, D1, D2,
    STRIDE1: tl.constexpr, DILATION1: tl.constexpr, BEFORE1: tl.constexpr, SPREAD1: tl.constexpr,
    STRIDE2: tl.constexpr, DILATION2: tl.constexpr, BEFORE2: tl.constexpr, SPREAD2: tl.constexpr,
    RANK: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    """Which numbers exist under tap a of mode 1 and b of mode 2, and where in a frame, if it is ``there``."""
    i1, in1 = under_tap(rows, a, D1, STRIDE1, DILATION1, BEFORE1, SPREAD1)
    width = tl.where(in1 & there, D2, 0)  # of the line of input under the tap: nothing if it is not there
    i2, in2 = under_tap(columns, b, width, STRIDE2, DILATION2, BEFORE2, SPREAD2)
    exists = in2[:, None]
    if not WHOLE:
        exists = exists & (channels < RANK)[None, :]
    if SPREAD2 > 1:
        pointers = frame + ((i1 * D2 + i2)[:, None] * RANK + channels[None, :])
    else:
        line = frame + ((i1 * D2 + columns * STRIDE2)[:, None] * RANK + channels[None, :])
        pointers = line + (b * DILATION2 - BEFORE2) * RANK  # a constant of the instruction
    return exists, pointers


@triton.jit
def load_plane(
    frame, there, rows, columns, channels, D1, D2,
    K1: tl.constexpr, STRIDE1: tl.constexpr, DILATION1: tl.constexpr, BEFORE1: tl.constexpr,
    SPREAD1: tl.constexpr,
    K2: tl.constexpr, STRIDE2: tl.constexpr, DILATION2: tl.constexpr, BEFORE2: tl.constexpr,
    SPREAD2: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, RANK: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    """All that the taps of the last two modes see of one frame, line by line; zeros where nothing is.

    ``channels`` and RANK count what is loaded at once: words of two numbers, or numbers.
    """
    loaded = ()
    for a in tl.static_range(ROWS + K1 - 1):
        for b in tl.static_range(COLUMNS + K2 - 1):
            exists, pointers = under_taps(
                frame, there, a, b, rows, columns, channels, D1, D2, STRIDE1, DILATION1, BEFORE1, SPREAD1,
                STRIDE2, DILATION2, BEFORE2, SPREAD2, RANK, WHOLE,
            )  # fmt: skip
            loaded = loaded + (tl.load(pointers, mask=exists, other=0),)
    return loaded


@triton.jit
def seen(value, exists, scale, shift, AFFINE: tl.constexpr, RELU: tl.constexpr):
    """What the depthwise stage sees: its input after affine and ReLU, and zeros where there is none."""
    if AFFINE:
        value = value * scale + shift
    if RELU:
        value = tl.where(value < 0, 0, value)  # not `maximum`, which would hide what is not a number
    if AFFINE:
        value = tl.where(exists, value, 0)
    return value
