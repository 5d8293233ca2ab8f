"""Limits of the machine, measured in the run they are compared with, and what a row says of its place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch

from hocp.contracts import record
from tests.bench.options import KEPT

SQUARES = (512, 1024)  # sides of the matrices of which the fastest product is the peak
CACHED, LARGE = 2**24, 2**27  # bytes of a tensor that stays in cache when copied, and of one that does not


def limits(*, repeats: int = 5) -> dict[str, float]:
    """Peak of float32 matrix products and bandwidth of copies (bytes read and written), as threads are set.

    Returns
    -------
    dict
        ``peak_gflops``, ``copy_gbs`` from and to memory, ``copy_cache_gbs`` within the cache.
    """
    return {
        "peak_gflops": max(_product(side, repeats) for side in SQUARES),
        "copy_gbs": _copy(LARGE, repeats),
        "copy_cache_gbs": _copy(CACHED, repeats),
    }


def _product(side: int, repeats: int) -> float:
    """GFLOP/s of (side, side) x (side, side)."""
    a, b, out = torch.rand(3, side, side)
    return 2e-9 * side**3 / _best(lambda: torch.mm(a, b, out=out), repeats)


def _copy(size: int, repeats: int) -> float:
    """GB/s of a copy of a tensor of `size` bytes."""
    source, target = torch.zeros(2, size // 4)
    return 2e-9 * size / _best(lambda: target.copy_(source), repeats)


def _best(call: Callable[[], object], repeats: int) -> float:
    """Seconds of the quickest call, after one that is not timed; by the clock of the rows."""
    clock, times = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter, []
    for _ in range(repeats + 1):
        start = clock()
        call()
        times.append(clock() - start)
    return min(times[1:])


def allocator() -> str:
    """'kept' or 'default', by this process's environment; anything else is neither."""
    found = {name: os.environ.get(name) for name in KEPT}
    if found == KEPT:
        return "kept"
    return "default" if set(found.values()) == {None} else "other"


def surroundings() -> dict[str, Any]:
    """What every row says of machine, settings and code."""
    environment = _environment()
    return {
        "threads": torch.get_num_threads(),
        "allocator": allocator(),
        "device": "cpu",
        "dtype": "float32",
        "processor": environment["processor"],
        "torch": torch.__version__,
        "commit": record.code_name(_code()),
    }


def description() -> dict[str, Any]:
    """What a run says once of its machine: `hocp.contracts.record.environment`, cuDNN, clocks, code."""
    return {
        **_environment(),
        "cudnn": torch.backends.cudnn.version(),
        "clocks_mhz": _clocks(),
        "code": _code(),
    }


@cache
def _environment() -> dict[str, Any]:
    return record.environment("cpu")


@cache
def _code() -> dict[str, Any]:
    return record.code()


def _clocks() -> list[float]:
    """Lowest and highest clock of the cores at this moment; empty where the system does not say."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    found = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return [min(found), max(found)] if found else []
