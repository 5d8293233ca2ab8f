"""How the Triton kernels are launched: shapes, grids and tiles.

Shapes as in `hocp.conv.kernels.triton_depthwise`: z (B, D0, D1, D2, R), factors (K, R) or None for a mode
that is not there, y (B, O0, O1, O2, R) or (B, O0, O1, O2, T). All tensors are contiguous and hold at least
one number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial, wraps
from math import prod
from typing import Any

import torch
import triton
from torch import Tensor
from triton import language as tl

from hocp.conv.kernels.triton_depthwise import depthwise
from hocp.conv.kernels.triton_gradients import factor_gradients, merged_partials

#: Whether kernels run in Triton's interpreter, on the CPU; decided when triton was first imported.
INTERPRETED = not isinstance(depthwise, triton.runtime.JITFunction)
#: Channels, of the rank and of the output, up to which the last 1x1 stage is fused: a tile has to fit into
#: registers, and above memory is no longer what bounds a layer.
MOST_FUSED = 128
_PROGRAMS = 1024  # enough for every multiprocessor; a constant, so that sums are the same on every device
_FEWEST_POSITIONS = 64  # of one of them

Factors = Sequence[Tensor | None]


def on_its_device(launch: Callable[..., Any]) -> Callable[..., Any]:
    """With the device of the first argument as the current one, where Triton launches."""

    @wraps(launch)
    def guarded(first: Tensor, /, *args: Any, **options: Any) -> Any:
        with torch.cuda.device(first.device) if first.is_cuda else nullcontext():
            return launch(first, *args, **options)

    return guarded


@dataclass(frozen=True)
class Modes:
    """Where taps lie, for three modes; `hocp.conv.kernels.triton_taps` has the formula."""

    taps: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    spread: tuple[int, ...] = (1, 1, 1)

    def transposed(self) -> Modes:
        """Of the gradient of the input, with the taps in reverse."""
        modes = zip(self.taps, self.dilation, self.before, strict=True)
        before = tuple(dilation * (taps - 1) - pad for taps, dilation, pad in modes)
        return Modes(self.taps, (1, 1, 1), self.dilation, before, self.stride)

    def constants(self) -> dict[str, int]:
        """As the kernels' constants."""
        names = {
            "K": "taps",
            "STRIDE": "stride",
            "DILATION": "dilation",
            "BEFORE": "before",
            "SPREAD": "spread",
        }
        return {f"{name}{n}": getattr(self, field)[n] for name, field in names.items() for n in range(3)}


@dataclass(frozen=True)
class Tile:
    """What one program of the depthwise kernel computes, by how many warps."""

    rows: int
    columns: int
    channels: int
    frames: int
    warps: int

    def programs(self, shape: Sequence[int], rank: int) -> int:
        """That an output (B, O0, O1, O2, ...) takes."""
        batch, o0, o1, o2 = shape[:4]
        modes = ((o0, self.frames), (o1, self.rows), (o2, self.columns), (rank, self.channels))
        return batch * prod(triton.cdiv(size, block) for size, block in modes)

    def constants(self) -> dict[str, int]:
        """As the kernel's constants."""
        return {
            "BLOCK1": self.rows,
            "BLOCK2": self.columns,
            "BLOCK_R": self.channels,
            "FRAMES": self.frames,
            "num_warps": self.warps,
            "num_stages": 1,  # copying ahead into shared memory would take more of it than there is
        }


def tiles(shape: Sequence[int], rank: int) -> list[Tile]:
    """Tiles worth trying for an output (B, O0, O1, O2, ...), the likeliest first.

    A thread has 4 numbers of each frame, and with the taps of its channels room for 16 warps on a
    multiprocessor; with the last ones of a list 8, in loads that are longer for bfloat16.
    """
    planes = [(4, 8, 32, 8), (8, 8, 32, 16), (4, 4, 64, 4)]
    lines = [(1, 32, 32, 8), (1, 64, 32, 16), (1, 32, 64, 8)]
    widest = max(16, triton.next_power_of_2(rank))
    blocks = planes if shape[2] > 1 else lines
    found = [
        Tile(rows, columns, min(channels, widest), 16, warps) for rows, columns, channels, warps in blocks
    ]
    return _shorter_if_few(found, shape, rank)


def product_tile(shape: Sequence[int], rank: int) -> Tile:
    """The tile that fuses the last 1x1 stage: all channels, and the 16 positions that tensor cores want."""
    channels = max(16, triton.next_power_of_2(rank))
    positions = 32 if channels <= 64 else 16
    rows = 4 if shape[2] > 1 else 1
    return _shorter_if_few([Tile(rows, positions // rows, channels, 16, 8)], shape, rank)[0]


def _shorter_if_few(found: list[Tile], shape: Sequence[int], rank: int) -> list[Tile]:
    """With shorter walks if there would be too few programs to fill a GPU."""
    few = found[0].programs(shape, rank) < _PROGRAMS
    return [replace(tile, frames=4) for tile in found] if few else found


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
    matrix: Tensor | None = None,
    bias: Tensor | None = None,
) -> None:
    """Fill y, (B, O0, O1, O2, R), or (B, O0, O1, O2, T) with a matrix (R, T)."""
    rank = z.shape[-1]
    options = {"matrix": matrix, "bias": bias, "scale": scale, "shift": shift, "RELU": relu}

    def launch(tile: Tile) -> None:
        _depthwise(z, factors, y, tile, modes=modes, **options)

    if matrix is not None:
        launch(product_tile(y.shape, rank))
    else:
        key = (z.shape, y.shape, z.dtype, modes, scale is None, relu, z.device)
        launch(fastest(key, tiles(y.shape, rank), launch, on=z))


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
    options = {"modes": modes.transposed(), "REVERSED": True}
    if not relu and scale is None:
        key = (dy.shape, dz.shape, dy.dtype, modes, "transposed", dy.device)
        candidates = tiles(dz.shape, dz.shape[-1])
        best = fastest(key, candidates, lambda tile: _depthwise(dy, factors, dz, tile, **options), on=dy)
        _depthwise(dy, factors, dz, best, **options)
        return None
    tile = tiles(dz.shape, dz.shape[-1])[0]  # always the same: the order of the sums depends on it
    parts = tile.programs(dz.shape, 1)
    sums = None if scale is None else dz.new_empty(parts, 2, dz.shape[-1], dtype=accumulator(dz.dtype))
    options |= {"gate": z, "scale": scale, "shift": shift, "sums": sums, "RELU": relu}
    _depthwise(dy, factors, dz, tile, **options)
    return None if sums is None else sums.sum(0)


def _depthwise(z: Tensor, factors: Factors, y: Tensor, tile: Tile, *, modes: Modes, **options: Any) -> None:
    """One launch of the kernel."""
    tensors = dict.fromkeys(("scale", "shift", "matrix", "bias", "gate", "sums"))
    flags = {"REVERSED": False, "RELU": False, "RANK": z.shape[-1], "CHANNELS": y.shape[-1]}
    sizes = dict(zip(("D0", "D1", "D2", "O0", "O1", "O2"), (*z.shape[1:4], *y.shape[1:4]), strict=True))
    products = torch.backends.cuda.matmul
    arguments = tensors | flags | sizes | modes.constants() | tile.constants() | options
    depthwise[(tile.programs(y.shape, z.shape[-1]),)](
        z,
        *factors,
        y=y,
        PRECISION="tf32" if products.allow_tf32 else "ieee",
        ACC=_triton_accumulator(z.dtype),
        BLOCK_T=max(16, triton.next_power_of_2(y.shape[-1])),
        **arguments,
    )


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
    rank, taps, positions = z.shape[-1], prod(modes.taps), dy.numel() // dy.shape[-1]
    acc = _triton_accumulator(z.dtype)
    block_k, block_r = min(32, triton.next_power_of_2(taps)), min(64, triton.next_power_of_2(rank))
    each = max(_FEWEST_POSITIONS, triton.cdiv(positions * triton.cdiv(rank, block_r), _PROGRAMS))
    parts = triton.cdiv(positions, each)
    partial = z.new_empty(parts, taps, rank, dtype=accumulator(z.dtype))
    constants = {name: value for name, value in modes.constants().items() if "SPREAD" not in name}
    merged_partials[(parts, triton.cdiv(rank, block_r), triton.cdiv(taps, block_k))](
        z, dy, scale, shift, partial, positions, each, *z.shape[1:4], *dy.shape[1:4], **constants,
        RANK=rank, RELU=relu, ACC=acc, BLOCK_K=block_k, BLOCK_P=128 // block_k, BLOCK_R=block_r,
        num_warps=8, num_stages=1,
    )  # fmt: skip
    gradients = [None if factor is None else torch.empty_like(factor) for factor in factors]
    factor_gradients[(triton.cdiv(rank, 16),)](
        partial.sum(0), *factors, *gradients, *modes.taps, RANK=rank, ACC=acc,
        BLOCK_K=triton.next_power_of_2(taps), BLOCK_R=16, num_warps=4,
    )  # fmt: skip
    return gradients


def accumulator(dtype: torch.dtype) -> torch.dtype:
    """In which dtype sums are kept."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _triton_accumulator(dtype: torch.dtype) -> Any:
    return tl.float64 if dtype == torch.float64 else tl.float32


def fusable(z: Tensor, matrix: Tensor) -> bool:
    """Whether the last 1x1 stage goes into the kernel of the depthwise stage."""
    if INTERPRETED and z.dtype == torch.bfloat16:
        return False  # the interpreter multiplies matrices of bfloat16 by their bits (Triton 3.7)
    return z.dtype != torch.float64 and z.dtype == matrix.dtype and max(matrix.shape) <= MOST_FUSED


_best: dict[Any, Tile] = {}


def fastest(key: Any, candidates: list[Tile], launch: Callable[[Tile], None], *, on: Tensor) -> Tile:
    """The candidate that was fastest when the key was first met; the first one where nothing can be timed.

    Not by ``triton.autotune``: what is timed must not be part of a captured graph, and results that depend
    on the tile must not be tuned.
    """
    if key in _best:
        return _best[key]
    if len(candidates) == 1 or on.device.type != "cuda" or torch.cuda.is_current_stream_capturing():
        return candidates[0]
    times = [triton.testing.do_bench(partial(launch, tile), warmup=5, rep=20) for tile in candidates]
    _best[key] = candidates[times.index(min(times))]
    return _best[key]
