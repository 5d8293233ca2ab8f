"""``python -m hocp gpu-bench``: CP layers and networks on a GPU, timed beside cuDNN's convolutions."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from hocp.contracts import files, record
from hocp.learning.gpu_command import NO_GPU, find_device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Time CP layers, their depthwise stage and the HO-CP network on a GPU beside dense convolutions, and "
        "write a table with what the device can do at most, errors against float64 and peak memory. Stops "
        "measuring before 8 minutes are over, or when interrupted, and writes what it has. Exit status: 0 "
        "measured, 3 no GPU."
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for table and report")
    parser.add_argument("--device", default="cuda", metavar="D", help="cuda, cuda:N; cpu rehearses")
    parser.add_argument("--size", default="full", help="full, or small for a rehearsal of seconds")
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="stop sooner or later than that; what is left out is said"
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that build kernels beforehand, 1 for none; by default a core less than there are",
    )


def run(args: argparse.Namespace) -> int:
    """Measure and write; 3 and no file where there is no GPU.

    Raises
    ------
    ValueError
        If the device or size is none, there are no workers, or the full size is asked of a CPU.
    """
    import torch

    from hocp.learning.gpu_check import file_name
    from hocp.learning.gpu_speed import SIZES, measure

    if args.size not in SIZES:
        raise ValueError(f"--size is {args.size!r}; expected one of {', '.join(SIZES)}")
    if args.workers is not None and args.workers < 1:
        raise ValueError(f"--workers is {args.workers}; expected at least 1, which builds none beforehand")
    device = find_device(args.device, args.size)
    if device is None:
        print(
            f"gpu-bench: torch {torch.__version__} finds no GPU here; nothing was measured", file=sys.stderr
        )
        return NO_GPU
    options = {} if args.workers is None else {"workers": args.workers}
    # As an interrupt: what was measured is kept.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        rows, report = measure(
            device, args.size, seconds=args.seconds, say=lambda line: print(line, flush=True), **options
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    table = args.out / file_name(device, "gpu_bench", "csv")
    files.write_csv(table, record.SPEED, rows)
    files.write_json(table.with_suffix(".json"), report)
    print(f"{len(rows) - len(report['missing'])} of {len(rows)} rows measured; table in {table}")
    return 0
