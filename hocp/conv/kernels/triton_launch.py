"""How the Triton kernels are launched.

Shapes as in `hocp.conv.kernels.triton_depthwise`: z (B, D0, D1, D2, R), factors (K, R) or None for a mode
that is not there, y (B, O0, O1, O2, R) or (B, O0, O1, O2, T). All tensors are contiguous and hold at least
one number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import lru_cache, partial, wraps
from typing import Any

import torch
import triton
from torch import Tensor
from triton import language as tl

from hocp.conv.kernels.triton_depthwise import depthwise
from hocp.conv.kernels.triton_gradients import factor_gradients, sum_of_parts
from hocp.conv.kernels.triton_tiles import (
    KEPT,
    Modes,
    Tile,
    gradient_tile,
    over,
    power_of_2,
    product_tiles,
    tiles,
)
from hocp.conv.nd import tf32_allowed

#: Whether kernels run in Triton's interpreter, on the CPU; decided when triton was first imported.
INTERPRETED = not isinstance(depthwise, triton.runtime.JITFunction)
#: Channels, of the rank and of the output, up to which the last 1x1 stage is fused: a tile has to fit into
#: registers, and above memory is no longer what bounds a layer.
MOST_FUSED = 128
_ROUNDS, _CALLS, _PAUSE = 3, 5, 4_000_000  # of timing candidates; the pause in cycles, some 2 ms
_EACH = 64  # parts of the factors' gradients that one program sums

Factors = Sequence[Tensor | None]


def on_its_device(launch: Callable[..., Any]) -> Callable[..., Any]:
    """With the device of the first argument as the current one, where Triton launches."""

    @wraps(launch)
    def guarded(first: Tensor, /, *args: Any, **options: Any) -> Any:
        with torch.cuda.device(first.device) if first.is_cuda else nullcontext():
            return launch(first, *args, **options)

    return guarded


@on_its_device
def convolve(
    z: Tensor,
    factors: Factors,
    y: Tensor,
    *,
    modes: Modes,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    relu: bool = False,
    weights: Tensor | None = None,
    matrix: Tensor | None = None,
    bias: Tensor | None = None,
) -> None:
    """Fill y, (B, O0, O1, O2, R), or (B, O0, O1, O2, T) with a matrix (R, T)."""
    options = {"modes": modes, "scale": scale, "shift": shift, "weights": weights}
    key = (z.shape, y.shape, z.dtype, modes, scale is None, relu, z.device)

    def launch(tile: Tile) -> None:
        _depthwise(z, factors, y, tile, RELU=relu, **options)

    def launch_product(tile: Tile | None) -> None:
        if tile is not None:
            _depthwise(z, factors, y, tile, RELU=relu, matrix=matrix, bias=bias, **options)
            return
        inner = y.new_empty(*y.shape[:-1], z.shape[-1])
        convolve(z, factors, inner, relu=relu, **options)
        rows, out = inner.flatten(0, -2), y.view(-1, y.shape[-1])
        if bias is None:
            torch.mm(rows, matrix, out=out)
        else:
            torch.addmm(bias.to(rows.dtype), rows, matrix, out=out)

    plain = scale is None and not relu
    if matrix is None:
        candidates = tiles(y.shape, *_of(z), modes, plain=plain)
        launch(fastest(key, candidates, launch, on=z))
    else:
        separately = () if INTERPRETED else (None,)
        candidates = separately + product_tiles(y.shape, *_of(z), modes, plain=plain)
        launch_product(fastest((key, bias is None), candidates, launch_product, on=z))


@on_its_device
def convolve_transposed(
    dy: Tensor,
    factors: Factors,
    dz: Tensor,
    *,
    modes: Modes,
    z: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    relu: bool,
) -> Tensor | None:
    """Fill dz, (B, D0, D1, D2, R); return the gradients of scale and shift, (2, R), if there are any."""
    options = {"modes": modes.transposed(), "reverse": 1}
    plain = scale is None and not relu
    candidates = tiles(dz.shape, *_of(dz), modes.transposed(), plain=plain)
    if plain:
        key = (dy.shape, dz.shape, dy.dtype, modes, "transposed", dy.device)
        best = fastest(key, candidates, lambda tile: _depthwise(dy, factors, dz, tile, **options), on=dy)
        _depthwise(dy, factors, dz, best, **options)
        return None
    tile = candidates[0]  # always the same: the order of the sums depends on it
    parts = tile.programs(dz.shape, 1)
    sums = None if scale is None else dz.new_empty(parts, 2, dz.shape[-1], dtype=accumulator(dz.dtype))
    options |= {"gate": z, "scale": scale, "shift": shift, "sums": sums, "RELU": relu}
    _depthwise(dy, factors, dz, tile, **options)
    return None if sums is None else sums.sum(0)


def _depthwise(z: Tensor, factors: Factors, y: Tensor, tile: Tile, *, modes: Modes, **options: Any) -> None:
    """One launch of the kernel."""
    tensors = dict.fromkeys(("weights", "scale", "shift", "matrix", "bias", "gate", "sums"))
    grid, constants = _depthwise_constants(z.shape, y.shape, modes, tile)
    depthwise[grid](
        z,
        *factors,
        y=y,
        PRECISION="tf32" if tf32_allowed()[1] else "ieee",
        ACC=_triton_accumulator(z.dtype),
        **tensors | {"reverse": 0, "RELU": False} | constants | options,
    )


@lru_cache(KEPT)
def _depthwise_constants(
    shape: Sequence[int], out: Sequence[int], modes: Modes, tile: Tile
) -> tuple[tuple[int], dict[str, Any]]:
    """Programs of the kernel, and what it is given besides tensors and flags."""
    rank, channels = shape[-1], out[-1]
    block = {"RANK": rank, "CHANNELS": channels, "BLOCK_T": max(16, power_of_2(channels))}
    return (tile.programs(out, rank),), _sizes(shape, out) | modes.constants() | tile.constants() | block


@on_its_device
def factors_gradients(
    z: Tensor,
    dy: Tensor,
    factors: Factors,
    *,
    modes: Modes,
    scale: Tensor | None,
    shift: Tensor | None,
    relu: bool,
) -> list[Tensor | None]:
    """Gradients of the factors, (K, R) or None each, from that of the stage's output."""
    tile = gradient_tile(z.shape, dy.shape, dy.element_size(), modes, plain=scale is None and not relu)
    parts = _factor_gradients(z, dy, factors, tile, modes=modes, scale=scale, shift=shift, RELU=relu)
    gradients = [None if factor is None else torch.empty_like(factor) for factor in factors]
    if len(parts) > 2 * _EACH:
        sums = parts.new_empty(over(len(parts), _EACH), *parts.shape[1:])
        _sum_of_parts(parts, sums, [None] * 3, modes.taps, each=_EACH)
        parts = sums
    _sum_of_parts(parts, None, gradients, modes.taps, each=len(parts))
    return gradients


def _factor_gradients(
    z: Tensor, dy: Tensor, factors: Factors, tile: Tile, *, modes: Modes, **options: Any
) -> Tensor:
    """One launch of the kernel: the programs' shares, (P, K0 + K1 + K2, R)."""
    grid, shares, constants = _gradient_constants(z.shape, dy.shape, modes, tile)
    parts = z.new_empty(shares, dtype=accumulator(z.dtype))
    factor_gradients[grid](
        z, dy, *factors, parts=parts, ACC=_triton_accumulator(z.dtype), **constants, **options
    )  # fmt: skip
    return parts


@lru_cache(KEPT)
def _gradient_constants(
    shape: Sequence[int], out: Sequence[int], modes: Modes, tile: Tile
) -> tuple[tuple[int], tuple[int, int, int], dict[str, Any]]:
    """Programs of the kernel, the shape of their shares, and what it is given besides tensors and flags."""
    rank = shape[-1]
    programs = tile.programs((*shape[:2], *out[2:4]), rank)
    shares = programs // over(rank, tile.channels), sum(modes.taps), rank
    taps = {name: value for name, value in modes.constants().items() if "SPREAD" not in name}
    return (programs,), shares, _sizes(shape, out) | taps | tile.constants() | {"RANK": rank}


def _sum_of_parts(parts: Tensor, sums: Tensor | None, gradients: Factors, taps: Sequence[int], *, each: int):
    """One launch: every ``each`` parts to one of ``sums``, or all of them to the gradients."""
    rank, block = parts.shape[-1], min(32, power_of_2(parts.shape[-1]))
    sum_of_parts[(over(rank, block), sum(taps), over(len(parts), each))](
        parts, sums, *gradients, len(parts), each, *taps, RANK=rank, BLOCK_P=_EACH, BLOCK_R=block,
        ACC=_triton_accumulator(parts.dtype), num_warps=4,
    )  # fmt: skip


def _of(z: Tensor) -> tuple[int, int]:
    """Rank, and bytes of a number."""
    return z.shape[-1], z.element_size()


def _sizes(shape: Sequence[int], out: Sequence[int]) -> dict[str, int]:
    """Input and output sizes as the kernels name them."""
    return dict(zip(("D0", "D1", "D2", "O0", "O1", "O2"), (*shape[1:4], *out[1:4]), strict=True))


def accumulator(dtype: torch.dtype) -> torch.dtype:
    """In which dtype sums are kept."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _triton_accumulator(dtype: torch.dtype) -> Any:
    return tl.float64 if dtype == torch.float64 else tl.float32


def fusable(z: Tensor, matrix: Tensor) -> bool:
    """Whether the last 1x1 stage goes into the kernel of the depthwise stage."""
    if INTERPRETED and z.dtype == torch.bfloat16:
        return False  # the interpreter multiplies matrices of bfloat16 by their bits (Triton 3.7)
    half = z.dtype in (torch.float16, torch.bfloat16)
    cores = half or (z.dtype == torch.float32 and (tf32_allowed()[1] or INTERPRETED))
    return cores and z.dtype == matrix.dtype and max(matrix.shape) <= MOST_FUSED


_best: dict[Any, Tile | None] = {}


def fastest(
    key: Any, candidates: Sequence[Tile | None], launch: Callable[[Tile | None], None], *, on: Tensor
) -> Tile | None:
    """The candidate that was fastest when the key was first met; the first one where nothing can be timed.

    Not by ``triton.autotune``: what is timed must not be part of a captured graph, and results that depend
    on the tile must not be tuned.
    """
    if key in _best:
        return _best[key]
    if len(candidates) == 1 or on.device.type != "cuda" or torch.cuda.is_current_stream_capturing():
        return candidates[0]
    times = [_milliseconds(partial(launch, tile)) for tile in candidates]
    _best[key] = candidates[times.index(min(times))]
    return _best[key]


def _milliseconds(call: Callable[[], None]) -> float:
    """That a call takes of the device, the least of some rounds.

    In each, the device waits until all calls are launched. Else launching were timed, which takes longer than
    many a kernel, and twice as long where there are two.
    """
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    call()
    times = []
    for _ in range(_ROUNDS):
        torch.cuda._sleep(_PAUSE)
        start.record()
        for _ in range(_CALLS):
            call()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / _CALLS)
    return min(times)
