"""A copy of the suite in a folder of its own: what a test runs or breaks there stays there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture import tracked

ROOT = Path(__file__).resolve().parents[2]


def copy(to: Path) -> Path:
    """All files of the project, as a clone would have them."""
    for file in tracked.files():
        target = to / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    return to


def environment() -> dict[str, str]:
    """This process's, without what pytest-xdist and pytest-benchmark would pass on."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "SNAKEMAKE_"))}


def command(*arguments: object) -> list[str]:
    """A Snakemake command on two cores."""
    return [sys.executable, "-m", "snakemake", "--cores", "2", *map(str, arguments)]


def snakemake(folder: Path, *arguments: object, timeout: float = 1000) -> subprocess.CompletedProcess:
    """Run Snakemake in a copy of the suite; output and errors together in `stdout`."""
    return subprocess.run(
        command(*arguments), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(), timeout=timeout,
    )  # fmt: skip


def jobs(output: str) -> dict[str, int]:
    """Rule -> number of jobs, from the statistics that Snakemake prints; empty where there are none."""
    lines = output.partition("Job stats:")[2].strip().splitlines()[2:]
    counts = {}
    for line in lines:
        parts = line.split()
        if len(parts) != 2 or not parts[1].isdecimal():
            break
        counts[parts[0]] = int(parts[1])
    counts.pop("total", None)
    return counts
