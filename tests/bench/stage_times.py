"""Where the time of a forward call of the compiled form goes, stage by stage, beside its two products alone.

``python -m tests.bench.stage_times --out results/reference/speed_stages.cpu.csv`` on an idle machine.
"""

from __future__ import annotations

import argparse
import ctypes
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch

from hocp.contracts import files, record
from hocp.conv import CPConv, channels_last
from hocp.conv.kernels import build
from tests.bench.machine import surroundings

STAGES = {"packing_ms": 1, "enter_ms": 2, "convolutions_ms": 3, "leave_ms": 4}  # laps of native.cpp
#: (B, C, D0, ...): the layers of the benchmark's targets.
SHAPES = (
    (8, 64, 56, 56), (8, 128, 28, 28), (8, 256, 14, 14), (8, 512, 7, 7),
    (2, 64, 8, 56, 56), (2, 128, 8, 28, 28), (2, 256, 8, 14, 14), (2, 512, 8, 7, 7),
)  # fmt: skip
Row = dict[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", required=True, type=Path, metavar="CSV")
    args = parser.parse_args(argv)
    files.write_csv(args.out, record.SPEED_STAGES, list(rows(SHAPES)))
    return 0


def rows(shapes: tuple[tuple[int, ...], ...], *, rounds: int = 25, calls: int = 10) -> Iterator[Row]:
    """A row a layer at rank C, in eval mode; the median of the rounds."""
    laps = _counting_laps()
    said = surroundings()
    for batch, channels, *size in shapes:
        layer = CPConv(channels, channels, (3,) * len(size), rank=channels, padding=1).eval()
        layer.implementation = "fused"
        x = channels_last(torch.randn(batch, channels, *size))
        found = [_round(layer, x, laps, calls) for _ in range(rounds + 2)][2:]
        yield {
            "subject": f"{len(size)}-D, {channels} channels, {' x '.join(map(str, size))}",
            "batch": batch, "channels": channels, "rank": channels,
            "calls": rounds * calls, **{name: median(each[name] for each in found) for name in found[0]},
            **{name: said[name] for name in ("threads", "processor", "torch", "commit")},
        }  # fmt: skip


def _counting_laps() -> Any:
    """The library's laps, compiled anew to count them: in a process that has not loaded it."""
    assert build._loaded.cache_info().currsize == 0, "the library was loaded before, without laps"
    build.FLAGS = (*build.FLAGS, "-DHOCP_LAPS")
    function = build.library().hocp_laps
    function.restype = ctypes.POINTER(ctypes.c_double)
    return function()


@torch.no_grad()
def _round(layer: CPConv, x: torch.Tensor, laps: Any, calls: int) -> Row:
    """Milliseconds of a call, its stages and its products, each as the mean of several in a row."""
    for stage in STAGES.values():
        laps[stage] = 0.0
    call = _mean(lambda: layer(x), calls)
    stages = {name: 1e3 * laps[stage] / calls for name, stage in STAGES.items()}
    rows, factor = x.movedim(1, -1).flatten(0, -2), layer.factors[0].detach()
    products = 2 * _mean(lambda: rows @ factor, calls)
    return {"call_ms": call, **stages, "outside_ms": call - sum(stages.values()), "two_products_ms": products}


def _mean(call: Any, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return 1e3 * (time.perf_counter() - start) / calls


if __name__ == "__main__":
    raise SystemExit(main())
