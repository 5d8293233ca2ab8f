"""The depthwise stage of order 1 to 3 in one pass over memory, forward and transposed.

Shapes: B batch, R rank, T output channels; D0, D1, D2 input sizes, O0, O1, O2 output sizes; K0, K1, K2 taps.
    z        (B, D0, D1, D2, R)    contiguous: channels last
    f0, f1, f2     (K0, R), (K1, R), (K2, R)
    weights        (R,), optional: of the rank-1 terms; the taps of f0 are multiplied by them
    scale, shift   (R,), optional: the stage sees relu(scale z + shift), and zeros around it
    matrix, bias   (R, T), (T,), optional: the last 1x1 stage
    y        (B, O0, O1, O2, R), or (B, O0, O1, O2, T) with `matrix`
    gate     as y, sums (P, 2, R) for P programs: of the transposed direction, below

A program owns a tile of positions of the last two modes and a block of channels, and walks along the first
mode. Why so:

- At the speed of memory an H200 has time for some 30 instructions a number of bfloat16, over all taps: few.
- A Triton program cannot shift its registers, so a tap of the last two modes is a load, from L1 after the
  first, with its conversion and mask. A position therefore stands for a block of outputs that share their
  loads: 4 x 4 outputs of a 3 x 3 plane take 36 instead of 144. Two of bfloat16 are loaded as one word.
- Sums are separable: with the sums of three frames kept in registers, such a block takes 10.5 multiply-adds a
  number instead of 27.
- Few warps fit beside so many registers, too few to wait for memory in turns: so frames are loaded ahead, and
  asked for before that, to come into the second cache.
- Order 2 has size 1 in its middle mode: it walks along its rows.

Without a backward pass, the last 1x1 stage is fused where that is quicker, while a tile of all R channels
fits into registers; its input is then never written. The first is not: its product would be needed at
shifted positions, hence K1 K2 times, which is more than tensor cores have to spare at the speed of memory.

In the transposed direction, z is the gradient of the stage's output and y that of its input. If the stage saw
relu(scale z + shift), ``gate`` is its input; y then goes back through both, and ``sums`` takes each program's
part of the gradients of scale and shift.
"""

import triton
from triton import language as tl

from hocp.conv.kernels.triton_taps import (
    SIZES,
    fetch,
    lines_of,
    load_plane,
    load_tap,
    load_taps,
    places,
    seen,
    tap,
    under_tap,
    under_taps,
    wide,
    zeros,
)


@triton.jit
def plane_sums(
    loaded, there, frame, follows, rows, columns, channels, words, f1, f2, waiting1, waiting2, scale, shift,
    D1, D2, K1: tl.constexpr, STRIDE1: tl.constexpr, DILATION1: tl.constexpr, BEFORE1: tl.constexpr,
    SPREAD1: tl.constexpr,
    K2: tl.constexpr, STRIDE2: tl.constexpr, DILATION2: tl.constexpr, BEFORE2: tl.constexpr,
    SPREAD2: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, RANK: tl.constexpr, WHOLE: tl.constexpr,
    reverse, AFFINE: tl.constexpr, RELU: tl.constexpr, AHEAD: tl.constexpr, ACC: tl.constexpr,
    WORDS: tl.constexpr,
):  # fmt: skip
    """The last two modes' convolutions of what `load_plane` loads, ROWS COLUMNS tiles; then the next loaded.

    With AHEAD, each number of the next ``frame``, if it ``follows``, is loaded where the last use of one of
    this frame has freed its register, so that it has as long to arrive as the sums of a frame take.
    """
    LINE: tl.constexpr = COLUMNS + K2 - 1
    totals = zeros(ROWS * COLUMNS, rows.shape[0], channels.shape[0], ACC)
    ahead = ()
    for a in tl.static_range(ROWS + K1 - 1):
        sums = zeros(COLUMNS, rows.shape[0], channels.shape[0], ACC)
        for b in tl.static_range(LINE):
            value = wide(loaded[a * LINE + b], ACC)
            if AFFINE or RELU:
                exists, _ = under_taps(
                    frame, there, a, b, rows, columns, channels, D1, D2, STRIDE1, DILATION1, BEFORE1, SPREAD1,
                    STRIDE2, DILATION2, BEFORE2, SPREAD2, RANK, WHOLE,
                )  # fmt: skip
                value = seen(value, exists, scale, shift, AFFINE, RELU)
            if AHEAD:
                exists, pointers = under_taps(
                    frame, follows, a, b, rows, columns, words, D1, D2, STRIDE1, DILATION1, BEFORE1,
                    SPREAD1, STRIDE2, DILATION2, BEFORE2, SPREAD2, WORDS, WHOLE,
                )  # fmt: skip
                ahead = ahead + (tl.load(pointers, mask=exists, other=0),)
            more = ()
            for j in tl.static_range(COLUMNS):
                if b - j >= 0 and b - j < K2:
                    factor = tap(waiting2, f2, b - j, channels, reverse, RANK, K2, ACC)
                    more = more + (sums[j] + factor * value,)
                else:
                    more = more + (sums[j],)
            sums = more
        more = ()
        for n in tl.static_range(ROWS * COLUMNS):
            if a - n // COLUMNS >= 0 and a - n // COLUMNS < K1:
                factor = tap(waiting1, f1, a - n // COLUMNS, channels, reverse, RANK, K1, ACC)
                more = more + (totals[n] + factor * sums[n % COLUMNS],)
            else:
                more = more + (totals[n],)
        totals = more
    return totals, ahead if AHEAD else loaded


@triton.jit
def stacked(tiles, COUNT: tl.constexpr, P: tl.constexpr, R: tl.constexpr):
    """One tile (COUNT P, R) of 1, 2 or 4 tiles (P, R): the taller, the better it suits tensor cores."""
    tl.static_assert(COUNT == 1 or COUNT == 2 or COUNT == 4)
    if COUNT == 1:
        whole = tiles[0]
    elif COUNT == 2:
        whole = tl.permute(tl.join(tiles[0], tiles[1]), (2, 0, 1))
    else:
        pairs = tl.join(tl.join(tiles[0], tiles[1]), tl.join(tiles[2], tiles[3]))
        whole = tl.permute(pairs, (3, 2, 0, 1))
    return tl.reshape(whole, [COUNT * P, R])


@triton.jit(do_not_specialize=[*SIZES, "reverse"])
def depthwise(
    z, f0, f1, f2, weights, scale, shift, matrix, bias, gate, y, sums,
    D0, D1, D2, O0, O1, O2, frames, reverse,
    K0: tl.constexpr, STRIDE0: tl.constexpr, DILATION0: tl.constexpr, BEFORE0: tl.constexpr,
    SPREAD0: tl.constexpr,
    K1: tl.constexpr, STRIDE1: tl.constexpr, DILATION1: tl.constexpr, BEFORE1: tl.constexpr,
    SPREAD1: tl.constexpr,
    K2: tl.constexpr, STRIDE2: tl.constexpr, DILATION2: tl.constexpr, BEFORE2: tl.constexpr,
    SPREAD2: tl.constexpr,
    RANK: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr,
    PRECISION: tl.constexpr, ACC: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK1: tl.constexpr, BLOCK2: tl.constexpr,
    BLOCK_R: tl.constexpr, BLOCK_T: tl.constexpr, AHEAD: tl.constexpr, FETCH: tl.constexpr,
):  # fmt: skip
    """Convolve BLOCK1 BLOCK2 positions of ROWS x COLUMNS outputs, BLOCK_R channels, some frames of mode 0.

    With `matrix`, BLOCK_R holds all channels of the rank and BLOCK_T those of the output.
    """
    SCALED: tl.constexpr = scale is not None
    AFFINE: tl.constexpr = SCALED and gate is None  # on the way in; in the transposed direction, out
    # Only steps of one frame roll; other first modes sum their frames again for each tap.
    ROLLING: tl.constexpr = (K0 == 3 and STRIDE0 == 1) and (DILATION0 == 1 and SPREAD0 == 1)
    BLOCKS: tl.constexpr = (RANK + BLOCK_R - 1) // BLOCK_R
    WHOLE: tl.constexpr = RANK % BLOCK_R == 0
    OUTPUTS: tl.constexpr = ROWS * COLUMNS
    PLACES: tl.constexpr = BLOCK1 * BLOCK2
    walks = tl.cdiv(O0, frames)
    block = tl.program_id(0) % BLOCKS * BLOCK_R
    channels = block + tl.arange(0, BLOCK_R)
    PAIRS: tl.constexpr = z.dtype.element_ty == tl.bfloat16 and RANK % 2 == 0  # are a word, loaded as one
    WORDS: tl.constexpr = RANK // 2 if PAIRS else RANK
    source, words = z, channels
    if PAIRS:
        source = z.to(tl.pointer_type(tl.int32), bitcast=True)
        words = block // 2 + tl.arange(0, BLOCK_R // 2)
    program = tl.program_id(0) // BLOCKS
    rows, columns, tiles = places(program, O1, O2, ROWS, COLUMNS, BLOCK1, BLOCK2, tl.arange(0, PLACES))
    first = program // tiles % walks * frames
    batch = (program // (tiles * walks)).to(tl.int64)  # from here on, offsets may exceed 2^31

    weight = load_tap(weights, 0, channels, 0, RANK, 1, ACC)
    waiting0 = ()
    for k0 in tl.static_range(K0 if ROLLING else 0):
        waiting0 = waiting0 + (weight * load_tap(f0, k0, channels, reverse, RANK, K0, ACC),)
    waiting1 = load_taps(f1, channels, reverse, RANK, K1, ACC)
    waiting2 = load_taps(f2, channels, reverse, RANK, K2, ACC)
    by, plus = tl.full([BLOCK_R], 1, ACC), tl.zeros([BLOCK_R], ACC)
    if SCALED:
        by = tl.load(scale + channels, mask=channels < RANK, other=0).to(ACC)
        plus = tl.load(shift + channels, mask=channels < RANK, other=0).to(ACC)
    if matrix is not None:
        outputs = tl.arange(0, BLOCK_T)
        inside = (channels < RANK)[:, None] & (outputs < CHANNELS)[None, :]
        last_stage = tl.load(matrix + channels[:, None] * CHANNELS + outputs[None, :], mask=inside, other=0)

        stack = tl.arange(0, OUTPUTS * PLACES)
        down, right, tiles = places(program, O1, O2, ROWS, COLUMNS, BLOCK1, BLOCK2, stack % PLACES)
        down, right = down + stack // PLACES // COLUMNS, right + stack // PLACES % COLUMNS
        inside_plane = (down < O1) & (right < O2)
        offsets_of_outputs = (down * O2 + right)[:, None] * CHANNELS + outputs[None, :]

    last = tl.minimum(first + frames, O0)
    soon = zeros(OUTPUTS, PLACES, BLOCK_R, ACC)  # what frames so far give to the next output of mode 0
    late = zeros(OUTPUTS, PLACES, BLOCK_R, ACC)  # and to the one behind it
    of_scale = tl.zeros([PLACES, BLOCK_R], ACC)
    of_shift = tl.zeros([PLACES, BLOCK_R], ACC)
    begin = first - 2 if ROLLING else first
    ahead = ()
    i0, there = under_tap(begin, K0 - 1, D0, STRIDE0, DILATION0, BEFORE0, SPREAD0)
    if ROLLING and AHEAD:
        ahead = zeros((ROWS + K1 - 1) * (COLUMNS + K2 - 1), PLACES, words.shape[0], source.dtype.element_ty)
        if there:  # in a branch of their own: outside of one, building takes some three times as long
            ahead = load_plane(
                source + (batch * D0 + i0) * D1 * D2 * WORDS, there, rows, columns, words, D1, D2,
                K1, STRIDE1, DILATION1, BEFORE1, SPREAD1, K2, STRIDE2, DILATION2, BEFORE2, SPREAD2,
                ROWS, COLUMNS, WORDS, WHOLE,
            )  # fmt: skip
    if FETCH > 0:
        lines = lines_of(z, program, O1, O2, D1, D2, block, RANK, BLOCK_R, ROWS, COLUMNS, BLOCK1, BLOCK2)
    for o0 in range(begin, last):
        if FETCH > 0:
            soon_loaded = tl.minimum(tl.maximum(o0 + K0 - 1 - BEFORE0 + FETCH, 0), D0 - 1)
            fetch(z + (batch * D0 + soon_loaded) * D1 * D2 * RANK + lines)
        results = zeros(OUTPUTS, PLACES, BLOCK_R, ACC)
        if ROLLING:
            i0, follows = under_tap(o0 + 1, K0 - 1, D0, STRIDE0, DILATION0, BEFORE0, SPREAD0)
            follows = follows & (o0 + 1 < last)
            loaded = ahead
            if not AHEAD:
                loaded = load_plane(
                    source + (batch * D0 + i0 - 1) * D1 * D2 * WORDS, there, rows, columns, words, D1, D2,
                    K1, STRIDE1, DILATION1, BEFORE1, SPREAD1, K2, STRIDE2, DILATION2, BEFORE2, SPREAD2,
                    ROWS, COLUMNS, WORDS, WHOLE,
                )  # fmt: skip
            now, next_loaded = plane_sums(
                loaded, there, source + (batch * D0 + i0) * D1 * D2 * WORDS, follows, rows, columns, channels,
                words, f1, f2, waiting1, waiting2, by, plus, D1, D2, K1, STRIDE1, DILATION1, BEFORE1, SPREAD1,
                K2, STRIDE2, DILATION2, BEFORE2, SPREAD2, ROWS, COLUMNS, RANK, WHOLE, reverse, AFFINE,
                RELU and gate is None, AHEAD, ACC, WORDS,
            )  # fmt: skip
            if AHEAD:
                ahead = next_loaded
            there = follows
            results, after, later = (), (), ()
            for n in tl.static_range(OUTPUTS):
                results = results + (soon[n] + waiting0[2][None, :] * now[n],)
                after = after + (late[n] + waiting0[1][None, :] * now[n],)
                later = later + (waiting0[0][None, :] * now[n],)
            soon, late = after, later
        else:
            for k0 in range(K0):  # not unrolled: a tap is a frame's worth of code
                i0, in0 = under_tap(o0, k0, D0, STRIDE0, DILATION0, BEFORE0, SPREAD0)
                frame = source + (batch * D0 + i0) * D1 * D2 * WORDS
                loaded = load_plane(
                    frame, in0, rows, columns, words, D1, D2, K1, STRIDE1, DILATION1, BEFORE1, SPREAD1,
                    K2, STRIDE2, DILATION2, BEFORE2, SPREAD2, ROWS, COLUMNS, WORDS, WHOLE,
                )  # fmt: skip
                now, _ = plane_sums(
                    loaded, in0, frame, in0, rows, columns, channels, words, f1, f2, waiting1, waiting2, by,
                    plus, D1, D2, K1, STRIDE1, DILATION1, BEFORE1, SPREAD1, K2, STRIDE2, DILATION2, BEFORE2,
                    SPREAD2, ROWS, COLUMNS, RANK, WHOLE, reverse, AFFINE, RELU and gate is None, False, ACC,
                    WORDS,
                )  # fmt: skip
                factor = (weight * load_tap(f0, k0, channels, reverse, RANK, K0, ACC))[None, :]
                more = ()
                for n in tl.static_range(OUTPUTS):
                    more = more + (results[n] + factor * now[n],)
                results = more
        frame = (batch * O0 + o0) * O1 * O2
        if matrix is not None:
            result = stacked(results, OUTPUTS, PLACES, BLOCK_R).to(last_stage.dtype)
            result = tl.dot(result, last_stage, input_precision=PRECISION)
            if bias is not None:
                result += tl.load(bias + outputs, mask=outputs < CHANNELS, other=0).to(ACC)[None, :]
            exists = (inside_plane & (o0 >= first))[:, None] & (outputs < CHANNELS)[None, :]
            tl.store(y + frame * CHANNELS + offsets_of_outputs, result, mask=exists)
        else:
            for n in tl.static_range(OUTPUTS):
                result = results[n]
                row, column = rows + n // COLUMNS, columns + n % COLUMNS
                at = row * O2 + column
                here = ((row < O1) & (column < O2) & (o0 >= first))[:, None]
                offsets = at[:, None] * RANK + channels[None, :]
                exists = here
                if not WHOLE:
                    exists = exists & (channels < RANK)[None, :]
                if gate is not None:
                    raw = tl.load(gate + frame * RANK + offsets, mask=exists, other=0).to(ACC)
                    if RELU:
                        result = tl.where(raw * by[None, :] + plus[None, :] <= 0, 0, result)
                    if SCALED:
                        result = tl.where(exists, result, 0)
                        of_scale += result * raw
                        of_shift += result
                        result *= by[None, :]
                tl.store(y + frame * RANK + offsets, result, mask=exists)
    if gate is not None and SCALED:
        at = program.to(tl.int64) * 2 * RANK + channels
        tl.store(sums + at, tl.sum(of_scale, axis=0), mask=channels < RANK)
        tl.store(sums + at + RANK, tl.sum(of_shift, axis=0), mask=channels < RANK)
