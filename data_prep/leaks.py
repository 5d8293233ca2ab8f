"""Does anything stand on two sides of the split? Asked of the finished files, and of nothing that made them.

A side is a part: train, val, test, or a fold. The rules by which sets are split live elsewhere; this module
knows only what must not happen.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import combinations, count
from pathlib import Path
from sys import intern
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

Key = Callable[[Item], Hashable]  # what of an item must be on one side


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
    leaks = [
        *_on_two_sides("group", items, lambda item: item.group),
        *_on_two_sides("clip", items, lambda item: item.clip),
        *_on_two_sides("picture", items, lambda item: item.item.partition("#")[0]),
        *_listed(folder / "split.csv", items),
        *_footage(items),
    ]
    copies, near = _pixels(folder / "crops.h5", items)
    return Report([*leaks, *copies], near, len(items))


def _on_two_sides(what: str, items: Sequence[Item], key: Key) -> Iterator[str]:
    """Say which keys have items on more than one side."""
    places: dict[Hashable, dict[str, str]] = defaultdict(dict)
    torn = _torn(items, key)
    for item in items if torn else ():
        if (name := key(item)) in torn:
            places[name].setdefault(item.split, item.item)
    for name, sides in places.items():
        named = f" {name}" if isinstance(name, str) else ""
        yield f"{what}{named} is in " + " and ".join(f"{part} ({one})" for part, one in sides.items())


def _torn(items: Iterable[Item], key: Key) -> set[Hashable]:
    """Keys of items on more than one side, an empty key being none; of half a million, few words each."""
    side: dict[Hashable, str] = {}
    named = ((key(item), item.split) for item in items)
    return {name for name, split in named if name and side.setdefault(name, split) != split}


def _listed(path: Path, items: Sequence[Item]) -> Iterator[str]:
    """Hold the published list against the manifest: same parts, and no group of the list on two sides."""
    rows = files.csv_rows(path, manifest.SPLIT_COLUMNS)
    listed = {row["unit"]: (row["group"], intern(row["part"])) for row in rows}
    nothing = ("", "nothing")
    for item in items:
        _, part = listed.get(item.clip or item.item, nothing)
        if part != item.split:
            yield f"{item.item} is in {item.split}, {path.name} has {part}"
    yield from _on_two_sides(
        "listed group", items, lambda item: listed.get(item.clip or item.item, nothing)[0]
    )


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
    rows = max((item.row + 1 for item in items), default=0)
    exact: list[bytes] = [b""] * rows
    alike: list[bytes] = [b""] * rows
    for row, crop, average in _hashes(path):
        if row < rows:
            exact[row], alike[row] = crop, average
    torn = _torn(items, lambda item: alike[item.row])
    near = sum(alike[item.row] in torn for item in items)
    return list(_on_two_sides("the same crop", items, lambda item: exact[item.row])), near


def _hashes(path: Path) -> Iterator[tuple[int, bytes, bytes]]:
    """Row, hash of the bytes, and average hash of every crop; none of one colour, which shows nobody."""
    with h5py.File(path, "r") as file:
        crops = file["crops"]
        for start in range(0, len(crops), BLOCK):
            block = crops[start : start + BLOCK]
            for row, crop, average in zip(count(start), block, average_hashes(block), strict=False):
                if not _flat(crop):
                    yield row, hashlib.sha256(crop.ravel()).digest()[:16], average


def _flat(crop: np.ndarray) -> bool:
    """Whether a crop has one colour; most differ in their first row already."""
    return bool((crop[0] == crop[0, 0]).all() and (crop == crop[0, 0]).all())


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
    # The mean over the channels, as NumPy takes it, without a copy in floating point.
    grey = (crops[..., 0].astype(np.uint16) + crops[..., 1] + crops[..., 2]) / 3
    edges = np.linspace(0, crops.shape[1], CELLS + 1).astype(int)
    sizes = np.diff(edges)
    cells = np.add.reduceat(np.add.reduceat(grey, edges[:-1], axis=1), edges[:-1], axis=2)
    cells /= sizes[:, None] * sizes
    bits = cells > cells.mean(axis=(1, 2), keepdims=True)
    return [row.tobytes() for row in np.packbits(bits.reshape(len(crops), -1), axis=1)]
