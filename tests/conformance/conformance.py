"""Ask every question of both libraries and write the answers down.

    PYTHONPATH=tests/conformance python -m conformance --out conformance.json

Nothing is asserted here; test_conformance.py does that.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
from collections.abc import Sequence
from importlib import metadata

from all_probes import ALL
from libraries import Library
from probing import PARTS, NotRun, outcome

from hocp.contracts import files

#: Name in the record -> module and class of the adapter. They are imported late: one library may be absent.
LIBRARIES = {"hocp.conv": ("library_hocp", "Hocp"), "tensorly-torch": ("library_tltorch", "TensorLyTorch")}
VERSIONS = ("torch", "tensorly", "tensorly-torch")


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, write, sum up on the terminal."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", required=True, metavar="JSON")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="PROBE", help="ids, e.g. G7 X4; default: all"
    )
    args = parser.parse_args(argv)
    record = ask([probe for probe in ALL if not args.only or probe.id in args.only])
    files.write_json(args.out, record)
    for row in record["probes"]:
        print(row["id"].ljust(4), *(f"{name}: {said['outcome']}. {said['measured']}".ljust(60)
                                    for name, said in row["outcomes"].items()), sep="  ")  # fmt: skip
    return 0


def ask(probes: Sequence) -> dict:
    """The record: versions, parts and groups in reading order, one entry a probe."""
    libraries = {name: library(name) for name in LIBRARIES}
    return {
        "versions": {"python": platform.python_version()} | {name: version(name) for name in VERSIONS},
        "parts": {part: list(groups) for part, groups in PARTS.items()},
        "libraries": list(LIBRARIES),
        "probes": [
            {
                "id": probe.id,
                "group": probe.group,
                "question": probe.question,
                "source": probe.source,
                "outcomes": {name: outcome(probe, libraries[name]) for name in LIBRARIES},
            }
            for probe in probes
        ],
    }


def library(name: str) -> Library:
    """The adapter; TensorLy-Torch, a package of the tests, may be absent."""
    module, kind = LIBRARIES[name]
    try:
        return getattr(importlib.import_module(module), kind)()
    except ModuleNotFoundError as error:
        if error.name != "tltorch":
            raise
        return Absent(name)


class Absent(Library):
    """Stands for a library that is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattribute__(self, attribute: str):
        name = object.__getattribute__(self, "name")
        raise NotRun(f"{name} is not installed")


def version(distribution: str) -> str:
    """Of an installed package, empty where it is absent."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
