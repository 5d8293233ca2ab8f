"""``python -m data_prep leaks FOLDER ...``: does anything stand on two sides of a split?"""

import argparse
import sys
from pathlib import Path

from data_prep import leaks
from hocp.contracts import files, manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="prepared data sets")


def run(args: argparse.Namespace) -> int:
    """Report on each; 1 if one leaks, or is not what its manifest.json describes."""
    return max(_report(folder) for folder in args.folders)


def _report(folder: Path) -> int:
    facts = manifest.read_facts(folder / "manifest.json")
    hashes = {
        "manifest.csv": facts.manifest_sha256, "crops.h5": facts.crops_sha256,
        "split.csv": facts.split.get("sha256"),
    }  # fmt: skip
    changed = [name for name, expected in hashes.items() if files.sha256(folder / name) != expected]
    found = leaks.find(folder)
    problems = [f"{name} is not the file that manifest.json describes" for name in changed] + found.leaks
    for problem in problems:
        print(f"{folder}: {problem}", file=sys.stderr)
    print(
        f"{folder}: {len(found.leaks)} leaks among {found.items} items; {found.near} items look like one "
        "in another part (8 x 8 average hash)"
    )
    return int(bool(problems))
