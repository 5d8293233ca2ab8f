"""Tiles of the Triton kernels, timed one by one on a GPU: what `hocp.conv.kernels.triton_tiles` chooses from.

``python -m tests.bench.gpu_tiles --out FILE``; of 3-D layers at rank C, 16 clips of 16 frames. Each tile is a
kernel to compile, so building all takes a minute of sixteen cores before the first is timed.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import torch
from triton.testing import do_bench_cudagraph

from hocp.contracts import files, record
from hocp.conv.kernels import triton_launch as launch
from hocp.conv.kernels import triton_tiles
from hocp.conv.kernels.triton_tiles import Modes, Tile

MODES = Modes((3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1))
BATCH, FRAMES = 16, 16
STAGES = ((64, 56), (128, 28), (256, 14), (512, 7))
DTYPES = (torch.bfloat16, torch.float32)
TILE = ("rows", "columns", "channels", "warps", "block", "frames", "ahead", "fetch", "registers")
FACTS = ("kernel", "dtype", "rank", "size", *(f"tile_{name}" for name in TILE))
COLUMNS = (*FACTS, "microseconds", "device", "commit")


class Trial(NamedTuple):
    """One kernel with one tile on one stage's numbers."""

    kernel: str
    dtype: torch.dtype
    rank: int
    side: int
    tile: Tile

    def call(self, device: str, batch: int = BATCH) -> Callable[[], Any]:
        """A launch of it, all tensors made."""
        z, dy, y = (
            torch.randn(batch, FRAMES, self.side, self.side, self.rank, device=device).to(self.dtype)
            for _ in range(3)
        )
        factors = [torch.randn(3, self.rank, device=device).to(self.dtype) for _ in range(3)]
        if self.kernel == "factor_gradients":
            seen = {"scale": None, "shift": None, "RELU": False}
            return partial(launch._factor_gradients, z, dy, factors, self.tile, modes=MODES, **seen)
        matrix = torch.randn(self.rank, self.rank, device=device).to(self.dtype)
        last = {"matrix": matrix, "bias": None} if self.kernel == "depthwise, last product" else {}
        return partial(launch._depthwise, z, factors, y, self.tile, modes=MODES, **last)


#: What is varied, by kernel and bytes of a number: the tiles that are shipped for large planes.
CHOSEN = {
    **{("depthwise", width): tile for width, tile in triton_tiles._PLANE.items()},
    **{("factor_gradients", width): triton_tiles._GRADIENT_TALL for width in triton_tiles._PLANE},
}
PLACES = ((2, 2, 64), (1, 4, 64), (2, 4, 32), (1, 8, 32), (4, 4, 16))  # rows, columns, channels
LOADS = ((False, 0), (False, 1), (True, 0), (True, 2))  # ahead, fetch
BLOCKS = (((4, 2), 2, None), ((4, 2), 4, 128), ((4, 4), 4, None), ((2, 2), 2, None), ((2, 2), 4, 128))


def trials() -> Iterator[Trial]:
    """Where a program's outputs lie and of how many channels, what is loaded when, blocks: each by itself."""
    for dtype, (rank, side) in product(DTYPES, STAGES):
        for kernel in ("depthwise", "factor_gradients"):
            best = CHOSEN[kernel, dtype.itemsize]
            tiles = [
                *(replace(best, rows=r, columns=c, channels=n) for r, c, n in PLACES),
                *(replace(best, ahead=ahead, fetch=fetch) for ahead, fetch in LOADS),
                *(replace(best, block=block, warps=warps, registers=most) for block, warps, most in BLOCKS),
            ]
            for tile in dict.fromkeys([best, *tiles]):
                yield from _walks(kernel, dtype, rank, side, tile)
        if dtype == torch.bfloat16 and rank <= launch.MOST_FUSED:
            for warps, fetch in product((4, 8), (0, 1, 2)):
                tile = Tile(4, 4, rank, warps, (2, 2), FRAMES, fetch=fetch)
                yield from _walks("depthwise, last product", dtype, rank, side, tile)


def _walks(kernel: str, dtype: torch.dtype, rank: int, side: int, tile: Tile) -> Iterator[Trial]:
    """Along all frames, and in halves."""
    for frames in (FRAMES, FRAMES // 2):
        yield Trial(kernel, dtype, rank, side, replace(tile, frames=frames))


def facts(trial: Trial) -> dict[str, Any]:
    """What was launched, as columns."""
    tile = asdict(trial.tile) | {"block": "x".join(map(str, trial.tile.block))}
    size = f"{FRAMES}x{trial.side}x{trial.side}"
    named = {"kernel": trial.kernel, "dtype": str(trial.dtype).removeprefix("torch."), "rank": trial.rank}
    return named | {"size": size} | {f"tile_{name}": tile[name] for name in TILE}


def _build(trial: Trial) -> None:
    trial.call("cuda", batch=1)()
    torch.cuda.synchronize()


def main(argv: list[str] | None = None) -> int:
    """Build all kernels in parallel, time each in a CUDA graph, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=Path)
    out = parser.parse_args(argv).out
    if not torch.cuda.is_available():
        print("gpu_tiles: torch finds no GPU here; nothing was timed", file=sys.stderr)
        return 3
    found, name, commit = list(trials()), torch.cuda.get_device_name(), record.code_name(record.code())
    kinds = {(*trial[:4], replace(trial.tile, frames=1)): trial for trial in found}
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.map(_build, kinds.values(), chunksize=1)
    rows = []
    for trial in found:
        microseconds = 1e3 * do_bench_cudagraph(trial.call("cuda"), rep=8)
        rows.append(facts(trial) | {"microseconds": f"{microseconds:.2f}", "device": name, "commit": commit})
    files.write_csv(out, COLUMNS, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
