"""Peak memory of AffectNet's preparation by its number of rows; the decoder is a stand-in, all else is real.

    python -m tests.prep_bench.memory 10000 100000 450000 --out results/reference/preparation_memory.csv

Half a million pictures take hours to decode and leave nothing behind; rows and names stay in memory.
"""

import argparse
import csv
import hashlib
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from hocp.contracts import files, record
from tests.prep_bench import whole

ROOT = Path(__file__).resolve().parents[2]
SIDE = 8  # pixels of a crop: the crops never are in memory
HELD = 75  # every so many rows one is in the validation list
CELL = 13  # pixels of a side of one of the 8 x 8 cells by which small pictures are told apart
POINTS = ";".join(f"{value:.2f}" for value in np.linspace(20, 400, 136))
LIBRARIES = ("numpy", "h5py", "pillow", "av")


def main(argv: list[str] | None = None) -> None:
    """Print a line for each number of rows, and write them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.prep_bench.memory", description=__doc__.splitlines()[0]
    )
    parser.add_argument("items", type=int, nargs="+")
    parser.add_argument("--out", type=Path, metavar="CSV")
    parser.add_argument("--here", action="store_true", help="in this process; prints what it measured")
    args = parser.parse_args(argv)
    if args.here:
        print(json.dumps(_here(args.items[0])))
        return
    rows = [{"items": items, **measured(items), **_software()} for items in args.items]
    for row in rows:
        print("{items:>9} rows: {peak_bytes:>13,} bytes, {cpu_s:.0f} s of CPU".format(**row))
    if args.out:
        files.write_csv(args.out, record.PREPARATION_MEMORY, rows)


def measured(items: int) -> dict[str, Any]:
    """Peak bytes and seconds of CPU, of a process of its own."""
    command = [sys.executable, "-m", "tests.prep_bench.memory", "--here", str(items)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if answer.returncode:
        raise ValueError(f"{' '.join(command)}: {answer.stderr[-2000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


def _software() -> dict[str, str]:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    code = record.code("data_prep", "hocp")
    commit = f"{code['commit']}{' and changes' * bool(code['changed'])}"
    return {"python": platform.python_version(), "libraries": libraries, "commit": commit}


def _name(number: int) -> str:
    return f"{number // 320 + 1}/{number:056x}.jpg"


def _picture(name: str) -> np.ndarray:
    """A picture of its own for each name: equal ones would be set aside, and seem to take no memory."""
    bits = np.unpackbits(np.frombuffer(hashlib.blake2b(name.encode(), digest_size=8).digest(), np.uint8))
    cells = 55 + 200 * bits.reshape(8, 8, 1).repeat(3, axis=2)
    return cells.repeat(CELL, axis=0).repeat(CELL, axis=1)


def _here(items: int) -> dict[str, Any]:
    from data_prep import __main__ as command_line
    from data_prep import images, tree
    from data_prep.record import Picture

    def read(release, path):
        release.place(path)
        name = path.rsplit("/", 1)[1][:56]
        return Picture(_picture(name), content=hashlib.sha256(name.encode()).digest())

    def names(release):
        return [*release.lists, *(f"Manually_Annotated_Images/{_name(number)}" for number in range(items))]

    images.read = read
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "release"
        source.mkdir()
        tree.Tree.lists = ["training.csv", "validation.csv"]
        tree.Tree.files = property(names)
        _lists(source, items)
        texts = f"prepare affectnet --source {source} --out {folder}/out --data generated --side {SIDE}"
        if command_line.main([*texts.split(), "--processes", "1"]):
            sys.exit(1)
    return {"peak_bytes": whole.peak(), "cpu_s": time.process_time()}


def _lists(folder: Path, items: int) -> None:
    """The two lists, each row as long as in the release."""
    with (
        (folder / "training.csv").open("w", newline="") as train,
        (folder / "validation.csv").open("w", newline="") as held,
    ):
        writers = csv.writer(train), csv.writer(held)
        for number in range(items):
            row = (_name(number), 2, 2, 100, 100, POINTS, number % 8, number / items, -number / items)
            writers[number % HELD == 0].writerow(row)


if __name__ == "__main__":
    main()
