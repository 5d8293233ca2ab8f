"""Peak memory of AffectNet's preparation by its number of rows; the decoder is a stand-in, all else is real.

    python -m tests.prep_bench.memory 10000 100000 450000

Half a million pictures take hours to decode and leave nothing behind; rows and names stay in memory.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.prep_bench import whole

ROOT = Path(__file__).resolve().parents[2]
SIDE = 8  # pixels of a crop: the crops never are in memory
HELD = 75  # every so many rows one is in the validation list
POINTS = ";".join(f"{value:.2f}" for value in np.linspace(20, 400, 136))


def peak(items: int) -> int:
    """Bytes, in a process of its own."""
    command = [sys.executable, "-m", "tests.prep_bench.memory", "--here", str(items)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    """Print a line for each number of rows."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.prep_bench.memory", description=__doc__.splitlines()[0]
    )
    parser.add_argument("items", type=int, nargs="+")
    parser.add_argument("--here", action="store_true", help="in this process; prints bytes")
    args = parser.parse_args()
    if args.here:
        print(_here(args.items[0]))
        return
    for items in args.items:
        print(f"{items:>9} rows: {peak(items) / 1e6:6.0f} MB")


def _name(number: int) -> str:
    return f"{number // 320 + 1}/{number:056x}.jpg"


def _here(items: int) -> int:
    from data_prep import __main__ as command_line
    from data_prep import images, tree
    from data_prep.record import Picture

    pixels = np.zeros((425, 425, 3), np.uint8)

    def read(release, path):
        release.place(path)
        return Picture(pixels, content=path.rsplit("/", 1)[1][:56].rjust(64, "f"))

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
    return whole.peak()


def _lists(folder: Path, items: int) -> None:
    """The two lists, each row as long as in the release."""
    with (
        (folder / "training.csv").open("w", newline="") as train,
        (folder / "validation.csv").open("w", newline="") as held,
    ):
        writers = csv.writer(train), csv.writer(held)
        for number in range(items):
            row = (_name(number), 60, 60, 300, 300, POINTS, number % 8, 0.25, -0.125)
            writers[number % HELD == 0].writerow(row)


if __name__ == "__main__":
    main()
