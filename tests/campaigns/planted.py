"""The faults that the generator plants in its look-alikes: each ends in its status, and nothing else in any.

One case a release and kind; what is planted where, each release says in its own lookalike.json. So a release
that is new to the generator is covered at once.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from data_prep.lookalike import cli
from hocp.contracts.manifest import Item
from tests.campaigns.case import Case
from tests.data_prep.mini_releases import prepared

FAULT, TITLE, SIZE = "planted", "Faults planted in look-alikes", 0
ROOT = Path(__file__).resolve().parents[2]
#: Release -> options of the generator that make it small; of those not named here, those of its data set.
SIZES = {
    "affectnet": "--images 120 --side-max 120",
    "affectnet 2021": "--images 60",
    "sewa": "--segments 12 --subjects 10 --seconds 1",
    "afew_va": "--clips 15 --frames-min 6 --frames-max 7",
}
#: What an item without a planted fault may be: classes 8 to 10 are no fault of AffectNet's.
SOUND = {"ok", "class_excluded"}


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield all of them, whatever the count: they are not random."""
    for release in releases():
        faults, _ = read(release, seed)
        for kind in sorted({fault["kind"] for fault in faults}):
            planted = [fault for fault in faults if fault["kind"] == kind]
            expected = {fault["expected_status"] or "no item" for fault in planted}
            yield Case(f"{release}: {kind}", frozenset(expected), partial(_planted, release, seed, kind))
        yield Case(f"{release}: nothing planted", frozenset(SOUND), partial(_others, release, seed))


def releases() -> list[str]:
    """All releases that the generator knows."""
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    (datasets,) = (action.choices for action in parser._actions if action.dest == "dataset")
    return [
        " ".join((name, which)).strip()
        for name in datasets
        if name != "sheet"
        for which in cli.RELEASES.get(name, ("",))
    ]


@cache
def read(release: str, seed: int) -> tuple[list[dict[str, Any]], dict[str, Item]]:
    """Generate a release and prepare it; its planted faults, and its items."""
    name, _, which = release.partition(" ")
    command = [sys.executable, "-m", "data_prep", "lookalike", name, *(["--release", which] if which else [])]
    sizes = SIZES.get(release, SIZES.get(name, ""))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "raw"
        subprocess.run(
            [*command, *sizes.split(), "--seed", str(seed), "--processes", "1", "--out", folder],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
        statement = json.loads((folder / "lookalike.json").read_text("utf-8"))
        steps = ["--frame-step", "1"] if release in ("sewa", "sewa basic") else []  # AVEC has labels at 10 Hz
        return statement["faults"], prepared(statement["dataset"], folder, *steps)


def concerned(name: str, items: dict[str, Item]) -> set[str]:
    """The item that a fault names, or all frames of the clip that it names."""
    return {name} if name in items else {item.item for item in items.values() if item.clip == name}


def _planted(release: str, seed: int, kind: str, folder: Path) -> str:
    """Statuses of everything that this kind was planted in."""
    faults, items = read(release, seed)
    found = set()
    for fault in faults:
        if fault["kind"] == kind:
            statuses = {items[name].status for name in concerned(fault["item"], items)} or {"no item"}
            assert statuses == {fault["expected_status"] or "no item"}, (fault, statuses)
            found |= statuses
    (status,) = found
    return status


def _others(release: str, seed: int, folder: Path) -> str:
    """Status of all items that no fault names; "ok" stands for the sound ones together."""
    faults, items = read(release, seed)
    named = set().union(*(concerned(fault["item"], items) for fault in faults))
    odd = {
        item.item: item.status
        for item in items.values()
        if item.item not in named and item.status not in SOUND
    }
    assert not odd and len(named) < len(items), odd
    return "ok"
