"""Gradients of the factors of the depthwise stage: each program's share; no atomics, so repeatable.

Shapes: B batch, R rank, P programs; D0, D1, D2 input sizes, O0, O1, O2 output sizes; K0, K1, K2 taps.
    z         (B, D0, D1, D2, R)    contiguous, as the forward pass saw it
    dy        (B, O0, O1, O2, R)    contiguous gradient of the stage's output
    parts     (P, K0 + K1 + K2, R)  gradients of the factors, one below the other, each of some positions

The three sums of a factor's gradient are separable like the stage itself. For one frame of the input, let
``met`` be the first mode's convolution of dy, backwards, onto that frame, and ``seen`` what the stage sees:

    df0[k0] = sum dy[frame of k0] (f1 f2 * seen)    df1[k1] = sum met (f2 * seen at k1)
    df2[k2] = sum (f1 * met) (seen at k2)

so that every number of z and dy is loaded once a position and block of outputs, whatever the taps.
"""

import triton
from triton import language as tl

from hocp.conv.kernels.triton_taps import (
    SIZES,
    fetch,
    lines_of,
    load_plane,
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
def load_given(
    item, i0, k0: tl.constexpr, there, rows, columns, channels, O0, O1, O2,
    K0: tl.constexpr, STRIDE0: tl.constexpr, DILATION0: tl.constexpr, BEFORE0: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, RANK: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    """dy of one item where tap k0 of mode 0 stands on frame i0 of the input: ROWS COLUMNS tiles."""
    # Seen from the frame, mode 0 is its own transpose, with the taps in reverse.
    o0, in0 = under_tap(i0, K0 - 1 - k0, O0, 1, DILATION0, DILATION0 * (K0 - 1) - BEFORE0, STRIDE0)
    frame = (
        item + o0.to(tl.int64) * O1 * O2 * RANK + ((rows * O2 + columns)[:, None] * RANK + channels[None, :])
    )
    loaded = ()
    for n in tl.static_range(ROWS * COLUMNS):
        exists = ((rows + n // COLUMNS < O1) & (columns + n % COLUMNS < O2) & in0 & there)[:, None]
        if not WHOLE:
            exists = exists & (channels < RANK)[None, :]
        pointers = frame + (n // COLUMNS * O2 + n % COLUMNS) * RANK
        loaded = loaded + (tl.load(pointers, mask=exists, other=0),)
    return loaded


@triton.jit(do_not_specialize=SIZES)
def factor_gradients(
    z, dy, f0, f1, f2, scale, shift, parts, D0, D1, D2, O0, O1, O2, frames,
    K0: tl.constexpr, STRIDE0: tl.constexpr, DILATION0: tl.constexpr, BEFORE0: tl.constexpr,
    K1: tl.constexpr, STRIDE1: tl.constexpr, DILATION1: tl.constexpr, BEFORE1: tl.constexpr,
    K2: tl.constexpr, STRIDE2: tl.constexpr, DILATION2: tl.constexpr, BEFORE2: tl.constexpr,
    RANK: tl.constexpr, RELU: tl.constexpr, ACC: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK1: tl.constexpr, BLOCK2: tl.constexpr,
    BLOCK_R: tl.constexpr, AHEAD: tl.constexpr, FETCH: tl.constexpr,
):  # fmt: skip
    """Share of BLOCK1 BLOCK2 positions of ROWS x COLUMNS outputs, BLOCK_R channels, some frames of mode 0."""
    AFFINE: tl.constexpr = scale is not None
    BLOCKS: tl.constexpr = (RANK + BLOCK_R - 1) // BLOCK_R
    WHOLE: tl.constexpr = RANK % BLOCK_R == 0
    OUTPUTS: tl.constexpr = ROWS * COLUMNS
    PLACES: tl.constexpr = BLOCK1 * BLOCK2
    LINE: tl.constexpr = COLUMNS + K2 - 1
    ROLLING: tl.constexpr = STRIDE0 == 1 and DILATION0 == 1  # from frame to frame only one of dy is new
    walks = tl.cdiv(D0, frames)
    block = tl.program_id(0) % BLOCKS * BLOCK_R
    channels = block + tl.arange(0, BLOCK_R)
    BFLOAT16: tl.constexpr = z.dtype.element_ty == tl.bfloat16 and dy.dtype.element_ty == tl.bfloat16
    PAIRS: tl.constexpr = BFLOAT16 and RANK % 2 == 0  # two numbers are a word, loaded as one
    WORDS: tl.constexpr = RANK // 2 if PAIRS else RANK
    source, gradient, words = z, dy, channels
    if PAIRS:
        source = z.to(tl.pointer_type(tl.int32), bitcast=True)
        gradient = dy.to(tl.pointer_type(tl.int32), bitcast=True)
        words = block // 2 + tl.arange(0, BLOCK_R // 2)
    program = tl.program_id(0) // BLOCKS
    rows, columns, tiles = places(program, O1, O2, ROWS, COLUMNS, BLOCK1, BLOCK2, tl.arange(0, PLACES))
    first = program // tiles % walks * frames
    batch = (program // (tiles * walks)).to(tl.int64)  # from here on, offsets may exceed 2^31

    known = channels < RANK
    waiting0 = load_taps(f0, channels, 0, RANK, K0, ACC)
    waiting1 = load_taps(f1, channels, 0, RANK, K1, ACC)
    waiting2 = load_taps(f2, channels, 0, RANK, K2, ACC)
    by, plus = tl.full([BLOCK_R], 1, ACC), tl.zeros([BLOCK_R], ACC)
    if AFFINE:
        by = tl.load(scale + channels, mask=known, other=0).to(ACC)
        plus = tl.load(shift + channels, mask=known, other=0).to(ACC)

    of0 = zeros(K0, PLACES, BLOCK_R, ACC)
    of1 = zeros(K1, PLACES, BLOCK_R, ACC)
    of2 = zeros(K2, PLACES, BLOCK_R, ACC)
    last = tl.minimum(first + frames, D0)
    plane = source + (batch * D0 + first) * D1 * D2 * WORDS
    item = gradient + batch * O0 * O1 * O2 * WORDS
    ahead, given, newest = (), (), ()  # z of a frame; dy under the taps of mode 0 but the first, and under it
    if AHEAD:
        ahead = zeros((ROWS + K1 - 1) * LINE, PLACES, words.shape[0], source.dtype.element_ty)
    if ROLLING:
        given = zeros((K0 - 1) * OUTPUTS, PLACES, words.shape[0], gradient.dtype.element_ty)
        newest = zeros(OUTPUTS, PLACES, words.shape[0], gradient.dtype.element_ty)
    if first < last:  # always; see `depthwise`
        if AHEAD:
            ahead = load_plane(
                plane, True, rows, columns, words, D1, D2, K1, STRIDE1, DILATION1, BEFORE1, 1,
                K2, STRIDE2, DILATION2, BEFORE2, 1, ROWS, COLUMNS, WORDS, WHOLE,
            )  # fmt: skip
        if ROLLING:
            given = ()
            for k0 in tl.static_range(K0 - 1):
                given = given + load_given(
                    item, first - 1, k0, True, rows, columns, words, O0, O1, O2,
                    K0, STRIDE0, DILATION0, BEFORE0, ROWS, COLUMNS, WORDS, WHOLE,
                )  # fmt: skip
            newest = load_given(
                item, first, 0, True, rows, columns, words, O0, O1, O2,
                K0, STRIDE0, DILATION0, BEFORE0, ROWS, COLUMNS, WORDS, WHOLE,
            )  # fmt: skip
    if FETCH > 0:
        of_z = lines_of(z, program, O1, O2, D1, D2, block, RANK, BLOCK_R, ROWS, COLUMNS, BLOCK1, BLOCK2)
        of_dy = lines_of(dy, program, O1, O2, O1, O2, block, RANK, BLOCK_R, ROWS, COLUMNS, BLOCK1, BLOCK2)
    for i0 in range(first, last):
        if FETCH > 0:
            fetch(z + (batch * D0 + tl.minimum(i0 + FETCH, D0 - 1)) * D1 * D2 * RANK + of_z)
            soon_loaded = tl.minimum(tl.maximum(i0 + BEFORE0 + FETCH, 0), O0 - 1)
            fetch(dy + (batch * O0 + soon_loaded) * O1 * O2 * RANK + of_dy)
        under = newest + given  # dy under each tap, then of each output
        if ROLLING:
            newest = load_given(
                item, i0 + 1, 0, i0 + 1 < last, rows, columns, words, O0, O1, O2,
                K0, STRIDE0, DILATION0, BEFORE0, ROWS, COLUMNS, WORDS, WHOLE,
            )  # fmt: skip
            given = ()
            for n in tl.static_range((K0 - 1) * OUTPUTS):
                given = given + (under[n],)
        else:
            for k0 in tl.static_range(K0):
                under = under + load_given(
                    item, i0, k0, True, rows, columns, words, O0, O1, O2,
                    K0, STRIDE0, DILATION0, BEFORE0, ROWS, COLUMNS, WORDS, WHOLE,
                )  # fmt: skip
        met = zeros(OUTPUTS, PLACES, BLOCK_R, ACC)
        for k0 in tl.static_range(K0):
            more = ()
            for n in tl.static_range(OUTPUTS):
                factor = tap(waiting0, f0, k0, channels, 0, RANK, K0, ACC)
                more = more + (met[n] + factor * wide(under[k0 * OUTPUTS + n], ACC),)
            met = more

        totals = zeros(OUTPUTS, PLACES, BLOCK_R, ACC)
        frame = source + (batch * D0 + i0 + 1) * D1 * D2 * WORDS
        loaded = ahead
        if not AHEAD:
            loaded = load_plane(
                source + (batch * D0 + i0) * D1 * D2 * WORDS, True, rows, columns, words, D1, D2,
                K1, STRIDE1, DILATION1, BEFORE1, 1, K2, STRIDE2, DILATION2, BEFORE2, 1,
                ROWS, COLUMNS, WORDS, WHOLE,
            )  # fmt: skip
        ahead = ()
        for a in tl.static_range(ROWS + K1 - 1):
            weights = ()
            for j in tl.static_range(COLUMNS):
                weight = tl.zeros([PLACES, BLOCK_R], ACC)
                for i in tl.static_range(ROWS):
                    if a - i >= 0 and a - i < K1:
                        factor = tap(waiting1, f1, a - i, channels, 0, RANK, K1, ACC)
                        weight += factor * met[i * COLUMNS + j]
                weights = weights + (weight,)
            sums = zeros(COLUMNS, PLACES, BLOCK_R, ACC)
            for b in tl.static_range(LINE):
                value = wide(loaded[a * LINE + b], ACC)
                if AFFINE or RELU:
                    exists, _ = under_taps(
                        frame, True, a, b, rows, columns, channels, D1, D2, STRIDE1, DILATION1, BEFORE1, 1,
                        STRIDE2, DILATION2, BEFORE2, 1, RANK, WHOLE,
                    )  # fmt: skip
                    value = seen(value, exists, by, plus, AFFINE, RELU)
                if AHEAD:
                    exists, pointers = under_taps(
                        frame, i0 + 1 < last, a, b, rows, columns, words, D1, D2, STRIDE1, DILATION1,
                        BEFORE1, 1, STRIDE2, DILATION2, BEFORE2, 1, WORDS, WHOLE,
                    )  # fmt: skip
                    ahead = ahead + (tl.load(pointers, mask=exists, other=0),)
                more = ()
                for j in tl.static_range(COLUMNS):
                    if b - j >= 0 and b - j < K2:
                        factor = tap(waiting2, f2, b - j, channels, 0, RANK, K2, ACC)
                        more = more + (sums[j] + factor * value,)
                    else:
                        more = more + (sums[j],)
                sums = more
                more = ()
                for k2 in tl.static_range(K2):
                    if b - k2 >= 0 and b - k2 < COLUMNS:
                        more = more + (of2[k2] + weights[b - k2] * value,)
                    else:
                        more = more + (of2[k2],)
                of2 = more
            more = ()
            for n in tl.static_range(OUTPUTS):
                if a - n // COLUMNS >= 0 and a - n // COLUMNS < K1:
                    factor = tap(waiting1, f1, a - n // COLUMNS, channels, 0, RANK, K1, ACC)
                    more = more + (totals[n] + factor * sums[n % COLUMNS],)
                else:
                    more = more + (totals[n],)
            totals = more
            more = ()
            for k1 in tl.static_range(K1):
                total = of1[k1]
                if a - k1 >= 0 and a - k1 < ROWS:
                    for j in tl.static_range(COLUMNS):
                        total += met[(a - k1) * COLUMNS + j] * sums[j]
                more = more + (total,)
            of1 = more
        more = ()
        for k0 in tl.static_range(K0):
            total = of0[k0]
            for n in tl.static_range(OUTPUTS):
                total += wide(under[k0 * OUTPUTS + n], ACC) * totals[n]
            more = more + (total,)
        of0 = more

    part = parts + program.to(tl.int64) * (K0 + K1 + K2) * RANK + channels
    for k in tl.static_range(K0):
        tl.store(part + k * RANK, tl.sum(of0[k], axis=0), mask=known)
    for k in tl.static_range(K1):
        tl.store(part + (K0 + k) * RANK, tl.sum(of1[k], axis=0), mask=known)
    for k in tl.static_range(K2):
        tl.store(part + (K0 + K1 + k) * RANK, tl.sum(of2[k], axis=0), mask=known)


@triton.jit(do_not_specialize=["count", "each"])
def sum_of_parts(
    parts, sums, df0, df1, df2, count, each,
    K0: tl.constexpr, K1: tl.constexpr, K2: tl.constexpr, RANK: tl.constexpr, ACC: tl.constexpr,
    BLOCK_P: tl.constexpr, BLOCK_R: tl.constexpr,
):  # fmt: skip
    """One tap, BLOCK_R channels, ``each`` of ``count`` parts: to ``sums``, (P', K0 + K1 + K2, R), or df."""
    TAPS: tl.constexpr = K0 + K1 + K2
    k, group = tl.program_id(1), tl.program_id(2)
    channels = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    known = channels < RANK
    total = tl.zeros([BLOCK_P, BLOCK_R], ACC)
    last = tl.minimum((group + 1) * each, count)
    for start in range(group * each, last, BLOCK_P):
        part = start + tl.arange(0, BLOCK_P)
        exists = (part < last)[:, None] & known[None, :]
        at = (part.to(tl.int64) * TAPS + k)[:, None] * RANK + channels[None, :]
        total += tl.load(parts + at, mask=exists, other=0)
    total = tl.sum(total, axis=0)
    if sums is not None:
        tl.store(sums + (group * TAPS + k) * RANK + channels, total, mask=known)
    if df0 is not None:
        tl.store(df0 + k * RANK + channels, total, mask=known & (k < K0))
    if df1 is not None:
        k1 = k - K0
        tl.store(df1 + k1 * RANK + channels, total, mask=known & (k1 >= 0) & (k1 < K1))
    if df2 is not None:
        k2 = k - K0 - K1
        tl.store(df2 + k2 * RANK + channels, total, mask=known & (k2 >= 0) & (k2 < K2))
