"""What bounds the Triton kernels on a GPU: its counters during one launch each, read by Nsight Compute.

``python -m tests.bench.gpu_profile --out FILE`` needs the CUDA toolkit's ``ncu``, and the right to read
counters. The caches are emptied before each launch.
"""

import argparse
import csv
import io
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from hocp.contracts import files, record
from hocp.conv.kernels import triton_tiles
from tests.bench.gpu_tiles import BATCH, FACTS, FRAMES, MODES, STAGES, Trial, facts

SECTIONS = (
    "SpeedOfLight", "MemoryWorkloadAnalysis", "Occupancy", "WarpStateStats", "LaunchStats", "SchedulerStats",
)  # fmt: skip
_STALLED = "smsp__average_warps_issue_stalled_{}_per_issue_active.ratio"
#: Column -> counter; percent are of what the device can do at most.
COUNTERS = {
    "programs": "launch__grid_size",
    "registers": "launch__registers_per_thread",
    "warps": "sm__warps_active.avg.per_cycle_active",
    "nanoseconds": "gpu__time_duration.sum",
    "memory_percent": "gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed",
    "second_cache_percent": "lts__throughput.avg.pct_of_peak_sustained_elapsed",
    "issue_percent": "smsp__issue_active.avg.pct_of_peak_sustained_active",
    "waits_for_memory": _STALLED.format("long_scoreboard"),
    "waits_for_results": _STALLED.format("wait"),
}
COLUMNS = (*FACTS, *COUNTERS, "device", "commit")


def trials() -> Iterator[Trial]:
    """The tiles that are shipped, in bfloat16, of each stage: forward, then the factors' gradients."""
    for rank, side in STAGES:
        shape = BATCH, FRAMES, side, side, rank
        yield Trial("depthwise", torch.bfloat16, rank, side, triton_tiles.tiles(shape, rank, 2, MODES)[0])
        gradient = triton_tiles.gradient_tile(shape, shape, 2, MODES)
        yield Trial("factor_gradients", torch.bfloat16, rank, side, gradient)


def launch() -> None:
    """Each once; what is launched besides, to make the tensors, has other names."""
    for trial in trials():
        trial.call("cuda")()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()


def table(printed: str, launched: Sequence[Trial], *, device: str, commit: str) -> list[dict[str, Any]]:
    """Rows from what ncu printed: its own lines, names, units, then a line a launch.

    Raises
    ------
    ValueError
        If it did not see each launch, or lacks a counter.
    """
    lines = printed.splitlines()
    begin = next((n for n, line in enumerate(lines) if line.startswith('"ID"')), len(lines))
    found = list(csv.DictReader(io.StringIO("\n".join(lines[begin:]))))[1:]
    if len(found) != len(launched):
        raise ValueError(f"ncu saw {len(found)} launches of {len(launched)}; it said: {lines[-1:]}")
    lacking = set(COUNTERS.values()) - set(found[0])
    if lacking:
        raise ValueError(f"ncu lacks {', '.join(sorted(lacking))}; another release may name them otherwise")
    return [
        facts(trial)
        | {column: counters[name].replace(",", "") for column, name in COUNTERS.items()}
        | {"device": device, "commit": commit}
        for trial, counters in zip(launched, found, strict=True)
    ]


def main(argv: list[str] | None = None) -> int:
    """Launch under ncu, write the table; 3 where there is no GPU or no ncu, 1 where ncu fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="the table")
    parser.add_argument("--launch", action="store_true", help="only launch: what ncu is to look at")
    args = parser.parse_args(argv)
    if args.launch == bool(args.out):
        parser.error("give either --out or --launch")
    if not torch.cuda.is_available() or (args.out and not shutil.which("ncu")):
        print("gpu_profile: no GPU, or no ncu on the path; nothing was measured", file=sys.stderr)
        return 3
    if args.launch:
        launch()
        return 0
    sections = [part for section in SECTIONS for part in ("--section", section)]
    command = [
        "ncu", "--csv", "--page", "raw", "--clock-control", "none", *sections,
        "-k", "regex:^(depthwise|factor_gradients)$",
        sys.executable, "-m", "tests.bench.gpu_profile", "--launch",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:  # as without the right to read counters
        print(f"gpu_profile: ncu failed: {done.stdout[-500:]}{done.stderr[-500:]}", file=sys.stderr)
        return 1
    named = {"device": torch.cuda.get_device_name(), "commit": record.code_name(record.code())}
    files.write_csv(args.out, COLUMNS, table(done.stdout, list(trials()), **named))
    return 0


if __name__ == "__main__":
    sys.exit(main())
