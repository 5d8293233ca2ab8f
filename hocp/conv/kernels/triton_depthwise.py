"""The depthwise stage of order 1 to 3 in one pass over memory, forward and transposed.

Shapes: B batch, R rank, T output channels; D0, D1, D2 input sizes, O0, O1, O2 output sizes; K0, K1, K2 taps.
    z        (B, D0, D1, D2, R)    contiguous: channels last
    f0, f1, f2     (K0, R), (K1, R), (K2, R)
    scale, shift   (R,), optional: the stage sees relu(scale z + shift), and zeros around it
    matrix, bias   (R, T), (T,), optional: the last 1x1 stage
    y        (B, O0, O1, O2, R), or (B, O0, O1, O2, T) with `matrix`
    gate     as y, sums (P, 2, R) for P programs: of the transposed direction, below

A program owns a tile of positions of the last two modes and a block of channels, and walks along the first
mode. Why so:

- A Triton program cannot shift its registers, so a tap of the last two modes is a load, from L1 after the
  first. All 27 taps of a 3 x 3 x 3 kernel as loads would ask of an H100's L1 about what it can deliver at
  the speed of memory; with the sums of three frames kept in registers there are 9 loads a position.
- Sums are separable where that is free: K1 K2 + K1 + K0 = 15 multiply-adds a position instead of 27.
- Order 2 comes with size 1 in its middle mode, so that it walks along its rows: 3 loads and 7 multiply-adds.

The last 1x1 stage is fused while a tile of all R channels fits into registers; its input is then never
written. The first is not: its product would be needed at shifted positions, hence K1 K2 times, which is more
than tensor cores have to spare at the speed of memory.

In the transposed direction, z is the gradient of the stage's output and y that of its input. If the stage saw
relu(scale z + shift), ``gate`` is its input; y then goes back through both, and ``sums`` takes each program's
part of the gradients of scale and shift.
"""

import triton
from triton import language as tl

from hocp.conv.kernels.triton_taps import load_seen, load_tap, tap, under_tap


@triton.jit
def frame_sum(
    z, there, f1, f2, a0, a1, a2, b0, b1, b2, scale, shift, rows, columns, channels, D1, D2,
    K1: tl.constexpr, STRIDE1: tl.constexpr, DILATION1: tl.constexpr, BEFORE1: tl.constexpr,
    SPREAD1: tl.constexpr,
    K2: tl.constexpr, STRIDE2: tl.constexpr, DILATION2: tl.constexpr, BEFORE2: tl.constexpr,
    SPREAD2: tl.constexpr,
    RANK: tl.constexpr, REVERSED: tl.constexpr, AFFINE: tl.constexpr, RELU: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """The last two modes' convolutions of the frame that begins at ``z``, zero if it is not there."""
    total = tl.zeros([rows.shape[0], channels.shape[0]], ACC)
    for k1 in tl.static_range(K1):
        i1, in1 = under_tap(rows, k1, D1, STRIDE1, DILATION1, BEFORE1, SPREAD1)
        row = tl.zeros([rows.shape[0], channels.shape[0]], ACC)
        for k2 in tl.static_range(K2):
            i2, in2 = under_tap(columns, k2, D2, STRIDE2, DILATION2, BEFORE2, SPREAD2)
            exists = (in1 & in2 & there)[:, None] & (channels < RANK)[None, :]
            pointers = z + (i1 * D2 + i2)[:, None] * RANK + channels[None, :]
            value = load_seen(pointers, exists, scale, shift, AFFINE, RELU, ACC)
            row += tap(f2, k2, b0, b1, b2, channels, RANK, K2, REVERSED, ACC)[None, :] * value
        total += tap(f1, k1, a0, a1, a2, channels, RANK, K1, REVERSED, ACC)[None, :] * row
    return total


@triton.jit
def depthwise(
    z, f0, f1, f2, scale, shift, matrix, bias, gate, y, sums, D0, D1, D2, O0, O1, O2,
    K0: tl.constexpr, STRIDE0: tl.constexpr, DILATION0: tl.constexpr, BEFORE0: tl.constexpr,
    SPREAD0: tl.constexpr,
    K1: tl.constexpr, STRIDE1: tl.constexpr, DILATION1: tl.constexpr, BEFORE1: tl.constexpr,
    SPREAD1: tl.constexpr,
    K2: tl.constexpr, STRIDE2: tl.constexpr, DILATION2: tl.constexpr, BEFORE2: tl.constexpr,
    SPREAD2: tl.constexpr,
    RANK: tl.constexpr, CHANNELS: tl.constexpr, REVERSED: tl.constexpr, RELU: tl.constexpr,
    PRECISION: tl.constexpr, ACC: tl.constexpr,
    BLOCK1: tl.constexpr, BLOCK2: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_T: tl.constexpr,
    FRAMES: tl.constexpr,
):  # fmt: skip
    """Convolve a tile of BLOCK1 x BLOCK2 positions and BLOCK_R channels over FRAMES outputs of mode 0.

    With `matrix`, BLOCK_R holds all channels of the rank and BLOCK_T those of the output.
    """
    SCALED: tl.constexpr = scale is not None
    AFFINE: tl.constexpr = SCALED and gate is None  # on the way in; in the transposed direction, out
    # Only steps of one frame roll; other first modes sum their frames again for each tap.
    ROLLING: tl.constexpr = (K0 == 3 and STRIDE0 == 1) and (DILATION0 == 1 and SPREAD0 == 1)
    BLOCKS: tl.constexpr = (RANK + BLOCK_R - 1) // BLOCK_R
    tiles2, tiles1, walks = tl.cdiv(O2, BLOCK2), tl.cdiv(O1, BLOCK1), tl.cdiv(O0, FRAMES)
    channels = tl.program_id(0) % BLOCKS * BLOCK_R + tl.arange(0, BLOCK_R)
    program = tl.program_id(0) // BLOCKS
    place = tl.arange(0, BLOCK1 * BLOCK2)
    columns = program % tiles2 * BLOCK2 + place % BLOCK2
    rows = program // tiles2 % tiles1 * BLOCK1 + place // BLOCK2
    first = program // (tiles2 * tiles1) % walks * FRAMES
    batch = (program // (tiles2 * tiles1 * walks)).to(tl.int64)  # from here on, offsets may exceed 2^31

    c0 = load_tap(f0, 0, channels, RANK, K0, REVERSED, ACC)
    c1 = load_tap(f0, 1, channels, RANK, K0, REVERSED, ACC)
    c2 = load_tap(f0, 2, channels, RANK, K0, REVERSED, ACC)
    a0 = load_tap(f1, 0, channels, RANK, K1, REVERSED, ACC)
    a1 = load_tap(f1, 1, channels, RANK, K1, REVERSED, ACC)
    a2 = load_tap(f1, 2, channels, RANK, K1, REVERSED, ACC)
    b0 = load_tap(f2, 0, channels, RANK, K2, REVERSED, ACC)
    b1 = load_tap(f2, 1, channels, RANK, K2, REVERSED, ACC)
    b2 = load_tap(f2, 2, channels, RANK, K2, REVERSED, ACC)
    by, plus = tl.full([BLOCK_R], 1, ACC), tl.zeros([BLOCK_R], ACC)
    if SCALED:
        by = tl.load(scale + channels, mask=channels < RANK, other=0).to(ACC)
        plus = tl.load(shift + channels, mask=channels < RANK, other=0).to(ACC)
    if matrix is not None:
        outputs = tl.arange(0, BLOCK_T)
        inside = (channels < RANK)[:, None] & (outputs < CHANNELS)[None, :]
        last_stage = tl.load(matrix + channels[:, None] * CHANNELS + outputs[None, :], mask=inside, other=0)

    last = tl.minimum(first + FRAMES, O0)
    older = tl.zeros([BLOCK1 * BLOCK2, BLOCK_R], ACC)
    newer = tl.zeros([BLOCK1 * BLOCK2, BLOCK_R], ACC)
    of_scale = tl.zeros([BLOCK1 * BLOCK2, BLOCK_R], ACC)
    of_shift = tl.zeros([BLOCK1 * BLOCK2, BLOCK_R], ACC)
    for o0 in range(first - 2 if ROLLING else first, last):
        result = c0[None, :] * older + c1[None, :] * newer  # zero unless rolling
        for k0 in range(2 if ROLLING else 0, K0):  # not unrolled: a tap is a frame's worth of code
            i0, in0 = under_tap(o0, k0, D0, STRIDE0, DILATION0, BEFORE0, SPREAD0)
            now = frame_sum(
                z + (batch * D0 + i0) * D1 * D2 * RANK, in0, f1, f2, a0, a1, a2, b0, b1, b2, by, plus,
                rows, columns, channels, D1, D2, K1, STRIDE1, DILATION1, BEFORE1, SPREAD1,
                K2, STRIDE2, DILATION2, BEFORE2, SPREAD2, RANK, REVERSED, AFFINE,
                RELU and gate is None, ACC,
            )  # fmt: skip
            if not ROLLING:
                c2 = load_tap(f0, k0, channels, RANK, K0, REVERSED, ACC)
            result += c2[None, :] * now
            if ROLLING:
                older = newer
                newer = now
        at = (batch * O0 + o0) * O1 * O2 + rows * O2 + columns
        here = ((rows < O1) & (columns < O2) & (o0 >= first))[:, None]
        if matrix is not None:
            exists = here & (outputs < CHANNELS)[None, :]
            result = tl.dot(result.to(last_stage.dtype), last_stage, input_precision=PRECISION)
            if bias is not None:
                result += tl.load(bias + outputs, mask=outputs < CHANNELS, other=0).to(ACC)[None, :]
            tl.store(y + at[:, None] * CHANNELS + outputs[None, :], result, mask=exists)
        else:
            at = at[:, None] * RANK + channels[None, :]
            exists = here & (channels < RANK)[None, :]
            if gate is not None:
                raw = tl.load(gate + at, mask=exists, other=0).to(ACC)
                if RELU:
                    result = tl.where(raw * by[None, :] + plus[None, :] <= 0, 0, result)
                if SCALED:
                    result = tl.where(exists, result, 0)
                    of_scale += result * raw
                    of_shift += result
                    result *= by[None, :]
            tl.store(y + at, result, mask=exists)
    if gate is not None and SCALED:
        at = program.to(tl.int64) * 2 * RANK + channels
        tl.store(sums + at, tl.sum(of_scale, axis=0), mask=channels < RANK)
        tl.store(sums + at + RANK, tl.sum(of_shift, axis=0), mask=channels < RANK)
