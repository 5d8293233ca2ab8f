"""Seconds of CPU and memory that `doctor` takes by the number of files of a generated AffectNet release.

    python -m tests.prep_bench.doctoring 10000 100000 --out results/reference/preparation_doctor.csv

Pictures are small: so many of them are decoded whatever the size of the release. Beside the CSV goes a JSON
file with machine and code, the slope, and what it says of the real release.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hocp.contracts import files, record
from tests.prep_bench import releases, whole

ROOT = Path(__file__).resolve().parents[2]
REAL = 450_000  # pictures of AffectNet's manual part


def main(argv: Sequence[str] | None = None) -> None:
    """Make releases of several sizes, look at each in a process of its own, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.prep_bench.doctoring", description=__doc__.splitlines()[0]
    )
    parser.add_argument("files", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--out", type=Path, metavar="CSV")
    parser.add_argument("--scratch", type=Path, help="folder for the releases; default: TMPDIR")
    parser.add_argument("--here", type=Path, help="look at this release in this process")
    args = parser.parse_args(argv)
    if args.here:
        print(json.dumps(_here(args.here)))
        return
    rows = [{"files": count, **measured(count, args.scratch)} for count in args.files]
    slope, start = np.polyfit(args.files, [row["cpu_s"] for row in rows], 1)
    projected = {"files": REAL, "cpu_s": round(float(start + slope * REAL), 1)}
    facts = {**record.environment("cpu"), "code": record.code("data_prep", "hocp"),
             "microseconds_a_file": round(1e6 * float(slope), 1), "projected": projected}  # fmt: skip
    print(*rows, facts["microseconds_a_file"], projected, sep="\n")
    if args.out:
        files.write_csv(args.out, record.PREPARATION_DOCTOR, rows)
        files.write_json(args.out.with_suffix(".json"), facts)


def measured(count: int, scratch: Path | None = None) -> dict[str, Any]:
    """Seconds and peak bytes for a release of so many pictures."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        release = Path(folder) / "release"
        releases.pictures(release, count, releases.portraits(1), step=0)  # one of the smallest size
        command = [sys.executable, "-m", "tests.prep_bench.doctoring", "--here", str(release)]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if answer.returncode:
            raise ValueError(f"{' '.join(command)}: {answer.stderr[-2000:]}")
        return json.loads(answer.stdout.splitlines()[-1])


def sentence(path: Path) -> str:
    """What data_prep/README.md says of a record."""
    rows = files.read_csv(path, record.PREPARATION_DOCTOR)
    seconds = " and ".join(
        f"{float(row['cpu_s']):.0f} s of CPU for {int(row['files']):,} files" for row in rows
    )
    facts = files.read_json(path.with_suffix(".json"))
    return (
        f"{seconds}, {facts['microseconds_a_file']:.0f} microseconds a file, so "
        f"{facts['projected']['cpu_s']:.0f} s for {REAL:,}"
    )


def _here(release: Path) -> dict[str, Any]:
    from data_prep import __main__ as command_line

    start, before = time.monotonic(), time.process_time()
    status = command_line.main(["doctor", str(release)])
    spent = time.process_time() - before
    if status == 2:  # 0 and 1: usable, perhaps with findings
        sys.exit(status)
    return {"cpu_s": spent, "wall_s": time.monotonic() - start, "peak_bytes": whole.peak()}


if __name__ == "__main__":
    main()
