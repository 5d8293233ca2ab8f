"""Measure the preparation of releases of three sizes, by stage and as a whole, and the reading of clips.

    python -m tests.prep_bench.run --out results/reference/preparation.cpu.csv

Beside the CSV goes a JSON file of the same name with machine, versions and code. Seconds are of CPU where
they are to be compared, which other processes disturb little; wall seconds want an idle machine.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data_prep import pack
from hocp.contracts import files, manifest, record
from tests.prep_bench import reading, releases, stages, whole
from tests.prep_bench.sizes import FRAMES, SIDE, SIZES, SOURCES

LIBRARIES = ("pillow", "av", "h5py", "numpy", "torch")
READ = "afew_va"  # whose largest size is read for training
BUDGET = {
    "gate": (0.2, 0.0625),
    "short": (2.0, 1.0),
    "full": (8.0, 1.0),
}  # seconds a reading, width of the network


def main(argv: list[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.prep_bench.run", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True, metavar="CSV")
    parser.add_argument(
        "--size", choices=SIZES, default="full", help="gate: seconds, short: one minute, full: ten"
    )
    parser.add_argument("--datasets", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--scratch", type=Path, help="folder for 5 GB of generated releases; default: TMPDIR")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        rows = [row for dataset in args.datasets for row in _dataset(dataset, args.size, Path(scratch))]
    files.write_csv(args.out, record.PREPARATION, rows)
    facts = {**record.environment("cpu"), "libraries": {name: version(name) for name in LIBRARIES},
             "code": record.code(), "side": SIDE, "frames": FRAMES[args.size], "size": args.size}  # fmt: skip
    files.write_json(args.out.with_suffix(".json"), facts)


def _dataset(dataset: str, size: str, scratch: Path) -> Iterator[dict[str, Any]]:
    """Rows of one data set: the stages once, the whole at every size."""
    counts = SIZES[size][dataset]
    for count in counts:
        source, out = scratch / "release", scratch / "out"
        releases.make(dataset, source, count, size)
        common = {"dataset": dataset, "units": count, "processes": 1}
        if count == counts[-1]:
            yield from ({**common, **row} for row in stages.measure(dataset, source, scratch))
        for processes in (1, 2):
            yield {**common, "stage": "prepare", "processes": processes,
                   **_prepared(dataset, source, out, processes)}  # fmt: skip
        if count == counts[-1]:
            yield from ({**common, **row} for row in _parts(dataset, source, out))
        if (dataset, count) == (READ, SIZES[size][READ][-1]):
            seconds, width = BUDGET[size]
            measured = reading.measure(out, seconds=seconds, width=width)
            yield from ({**common, "processes": os.cpu_count(), **row} for row in measured)
        for folder in (source, out):
            files.remove(folder)


def _prepared(dataset: str, source: Path, out: Path, processes: int) -> dict[str, Any]:
    """Time, memory and disk of one preparation; the work folder is kept to be weighed."""
    work = out.with_name("work")
    measured = whole.run(_arguments(dataset, source, out, work, processes))
    child = measured.pop("child_peak_bytes")
    measured["peak_bytes"] += child * processes if processes > 1 else 0
    facts = manifest.read_facts(out / pack.FACTS)
    found = {
        **measured,
        "items": sum(facts.counts.values()),
        "decoded": _decoded(facts),
        "source_bytes": _bytes(source),
        "out_bytes": _bytes(out),
        "work_bytes": _bytes(work),
        "inodes": sum(1 for folder in (out, work) for _ in folder.rglob("*")) + 2,
    }
    files.remove(work)
    return found


def _parts(dataset: str, source: Path, out: Path) -> Iterator[dict[str, Any]]:
    """Where the time of the largest preparation goes."""
    work = out.with_name("work")
    measured = whole.run(_arguments(dataset, source, out, work, 1), module="parts")
    decoded = _decoded(manifest.read_facts(out / pack.FACTS))
    files.remove(work)
    for part, seconds in measured.items():
        yield {"stage": f"part: {part}", "decoded": decoded, "cpu_s": seconds}


def _arguments(dataset: str, source: Path, out: Path, work: Path, processes: int) -> list[str]:
    """Of `python -m data_prep prepare`."""
    fixed = {"source": source, "out": out, "work": work, "data": "generated", "side": SIDE,
             "processes": processes}  # fmt: skip
    arguments = [text for name, value in fixed.items() for text in (f"--{name}", str(value))]
    return [dataset, *arguments, "--keep-work", *SOURCES[dataset].options]


def _decoded(facts: manifest.Facts) -> int:
    """Pictures, or frames of the videos, of which every `frame_step`-th is kept."""
    return sum(facts.counts.values()) * facts.frame_step


def _bytes(folder: Path) -> int:
    """Bytes on the disk, in whole blocks."""
    return sum(512 * path.stat().st_blocks for path in folder.rglob("*"))


if __name__ == "__main__":
    main()
