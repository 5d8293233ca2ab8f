"""Made-up reports of pytest-benchmark, in the shape that `python -m tests.bench.run` writes."""

from __future__ import annotations

from typing import Any

INFO = {
    "suite": "layers", "subject": "3-D, 64 channels, 8 x 56 x 56", "order": 3, "batch": 2, "channels": 64,
    "size": "8x56x56", "rank": 64, "rank_of": "C", "call": "forward", "threads": 2, "allocator": "kept",
    "device": "cpu", "dtype": "float32", "processor": "P", "torch": "2.13.0", "commit": "c",
}  # fmt: skip
FOUND = {"parameters": 10, "macs": 10**9, "bytes": 10**6, "saved_bytes": None, "peak_bytes": 5, "error": 1e-7}
LIMITS = {"peak_gflops": 100.0, "copy_gbs": 10.0, "copy_cache_gbs": 40.0}
ENVIRONMENT = {
    "python": "3.11", "system": "Linux", "packages": {"torch": "2.13.0"}, "device": "cpu", "processor": "P",
    "cores": 2, "cudnn": None, "clocks_mhz": [2400.0, 2400.0], "code": {"commit": "c"},
}  # fmt: skip


def benchmark(peer: str, turn: int, milliseconds: list[float], **changes: Any) -> dict[str, Any]:
    """One pass over one peer."""
    info = {**INFO, "peer": peer, "layout": "contiguous", "turn": turn, "form": None, "disturbed": False}
    info |= (FOUND if turn == 0 else {}) | changes
    return {
        "extra_info": info,
        "options": {"timer": "perf_counter"},
        "stats": {"data": [each / 1e3 for each in milliseconds]},
    }


def part(*benchmarks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The report of one process; ``changes`` are to its environment."""
    return {
        "datetime": "2026-01-01",
        "machine_info": {"limits": LIMITS, "environment": {**ENVIRONMENT, **changes}},
        "benchmarks": list(benchmarks),
    }
