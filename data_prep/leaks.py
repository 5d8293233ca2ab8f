"""Does anything stand on two sides of the split? Asked of the finished files, and of nothing that made them.

A side is a part: train, val, test, or a fold. The rules by which sets are split live elsewhere; this module
knows only what must not happen.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from hocp.contracts import files, manifest
from hocp.contracts.manifest import Item

BLOCK = 256  # crops read at a time
CELLS = 8  # a side of the grid whose means are compared
SHOWN = 5  # leaks that a message tells in full

#: Names of segments say whose footage they are, and which frames of the recording.
_FOOTAGE = re.compile(r".*_(?P<subject>P\d+)_VC\d+_(?P<first>\d+)_(?P<last>\d+)")

Sides = tuple[Hashable, Item]


class Report(NamedTuple):
    """
    What was found.

    Attributes
    ----------
    leaks : list of str
        One a thing that is on two sides.
    near : int
        Items that look like one on another side: same 8 x 8 average hash. Different people may look alike
        at that size, so these are counted and not held against the split.
    items : int
        Usable items looked at.
    """

    leaks: list[str]
    near: int
    items: int


def check(folder: str | Path) -> int:
    """
    Refuse a prepared data set that leaks.

    Parameters
    ----------
    folder : path
        Holds ``manifest.csv``, ``split.csv`` and ``crops.h5``.

    Returns
    -------
    int
        Near-duplicates; see `Report`.

    Raises
    ------
    ValueError
        If something is on two sides; names the first ones.
    """
    report = find(folder)
    if report.leaks:
        more = f"; and {len(report.leaks) - SHOWN} more" * (len(report.leaks) > SHOWN)
        raise ValueError(
            f"{folder}: {len(report.leaks)} leaks between parts of the split: "
            f"{'; '.join(report.leaks[:SHOWN])}{more}. Whoever or whatever is named has to be in one part; "
            "--split-list takes a list that says so"
        )
    return report.near


def find(folder: str | Path) -> Report:
    """Look for everything that may be on two sides."""
    folder = Path(folder)
    items = [item for item in manifest.read(folder / "manifest.csv") if item.usable]
    copies, near = _pixels(folder / "crops.h5", items)
    leaks = [
        *_on_two_sides("group", ((item.group, item) for item in items)),
        *_on_two_sides("clip", ((item.clip, item) for item in items)),
        *_on_two_sides("picture", ((item.item.partition("#")[0], item) for item in items)),
        *_listed(folder / "split.csv", items),
        *_footage(items),
        *copies,
    ]
    return Report(leaks, near, len(items))


def _on_two_sides(what: str, keyed: Iterable[Sides]) -> Iterator[str]:
    """Say which keys have items on more than one side; an empty key is none."""
    sides: dict[Hashable, dict[str, str]] = defaultdict(dict)
    for key, item in keyed:
        if key:
            sides[key].setdefault(item.split, item.item)
    for key, places in sides.items():
        if len(places) > 1:
            name = f" {key}" if isinstance(key, str) else ""
            yield f"{what}{name} is in " + " and ".join(f"{part} ({one})" for part, one in places.items())


def _listed(path: Path, items: Sequence[Item]) -> Iterator[str]:
    """Hold the published list against the manifest: same parts, and no group of the list on two sides."""
    rows = {row["unit"]: row for row in files.read_csv(path, manifest.SPLIT_COLUMNS)}
    known = [(rows.get(item.clip or item.item), item) for item in items]
    for row, item in known:
        if row is None or row["part"] != item.split:
            found = "nothing" if row is None else row["part"]
            yield f"{item.item} is in {item.split}, {path.name} has {found}"
    yield from _on_two_sides("listed group", ((row["group"], item) for row, item in known if row))


def _footage(items: Sequence[Item]) -> Iterator[str]:
    """Pairs of clips of one subject whose frame ranges overlap and that are on two sides."""
    clips = defaultdict(set)
    for clip, split in {(item.clip, item.split) for item in items}:
        if match := _FOOTAGE.fullmatch(clip):
            clips[match["subject"]].add((int(match["first"]), int(match["last"]), clip, split))
    for subject, ranges in sorted(clips.items()):
        for (_, end, one, here), (start, _, other, there) in combinations(sorted(ranges), 2):
            if start <= end and here != there:
                yield f"footage of {subject} is in {here} ({one}) and {there} ({other})"


def _pixels(path: Path, items: Sequence[Item]) -> tuple[list[str], int]:
    """Equal crops on two sides, and how many items look like one on another side."""
    owners = {item.row: item for item in items}
    exact, alike = [], []
    for row, crop, average in _hashes(path):
        if row in owners and average is not None:  # a crop of one colour shows nobody
            exact.append((crop, owners[row]))
            alike.append((average, owners[row]))
    sides = defaultdict(set)
    for average, item in alike:
        sides[average].add(item.split)
    near = sum(len(sides[average]) > 1 for average, _ in alike)
    return list(_on_two_sides("the same crop", exact)), near


def _hashes(path: Path) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Row, hash of the bytes, and average hash of every crop; the latter is None for one of one colour."""
    with h5py.File(path, "r") as file:
        crops = file["crops"]
        for start in range(0, len(crops), BLOCK):
            block = crops[start : start + BLOCK]
            flat = (block == block[:, :1, :1]).all(axis=(1, 2, 3))
            for place, (crop, average) in enumerate(zip(block, average_hashes(block), strict=True)):
                exact = hashlib.blake2b(crop.tobytes(), digest_size=16).digest()
                yield start + place, exact, None if flat[place] else average


def average_hashes(crops: np.ndarray) -> list[bytes]:
    """
    Hash what crops look like: which cells of an 8 x 8 grid are brighter than the mean of the cells.

    Parameters
    ----------
    crops : uint8 array, shape (crops, side, side, 3)

    Returns
    -------
    list of bytes
        64 bits each.
    """
    grey = crops.mean(axis=3)
    edges = np.linspace(0, crops.shape[1], CELLS + 1).astype(int)
    sizes = np.diff(edges)
    cells = np.add.reduceat(np.add.reduceat(grey, edges[:-1], axis=1), edges[:-1], axis=2)
    cells /= sizes[:, None] * sizes
    bits = cells > cells.mean(axis=(1, 2), keepdims=True)
    return [row.tobytes() for row in np.packbits(bits.reshape(len(crops), -1), axis=1)]
