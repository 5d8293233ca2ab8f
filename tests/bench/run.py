"""Measure one part of the speed benchmark in a process of its own, whose environment sets the allocator.

    python -m tests.bench.run --size demo --subject all --threads 2 --allocator kept --out part.json

On one thread the clock is the CPU time of the thread, which other processes disturb little; on more it is the
wall's, so nothing else may run meanwhile.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.bench.options import KEPT, SIZES, SUBJECTS

ROOT = Path(__file__).resolve().parents[2]
CLOCKS = {True: "time.thread_time", False: "time.perf_counter"}


def main(argv: list[str] | None = None) -> int:
    """Run pytest on the timed tests; its report of pytest-benchmark is the part."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run", description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="demo")
    parser.add_argument("--subject", choices=SUBJECTS, default="all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--allocator", choices=("kept", "default"), default="kept")
    parser.add_argument("--out", type=Path, required=True, metavar="JSON", help="report of pytest-benchmark")
    args = parser.parse_args(argv)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    return subprocess.run(command(args.threads, args.out), cwd=ROOT, env=environment(args)).returncode


def command(threads: int, out: Path) -> list[str]:
    """pytest on what is timed, quietly."""
    return [
        sys.executable, "-m", "pytest", "tests/bench/test_speed.py", "-k", "test_time",
        "-p", "no:cacheprovider", "-p", "no:xdist",
        "--benchmark-only", "--benchmark-disable-gc", f"--benchmark-timer={CLOCKS[threads == 1]}",
        "--benchmark-columns=median,iqr,rounds", f"--benchmark-json={out.resolve()}",
    ]  # fmt: skip


def environment(args: argparse.Namespace) -> dict[str, str]:
    """This process's, with threads and allocator as asked and nothing else that sets them."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "HOCP_BENCH_THREADS"), str(args.threads))
    asked = {"HOCP_BENCH_SIZE": args.size, "HOCP_BENCH_SUBJECT": args.subject}
    return ours | threads | asked | (KEPT if args.allocator == "kept" else {})


if __name__ == "__main__":
    sys.exit(main())
