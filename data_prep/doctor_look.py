"""What a look into a release shows: all of its lists and names, and some of its pictures, or all of them."""

import argparse
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from tqdm import tqdm

from data_prep import expected, faces
from data_prep.limits import Tally
from data_prep.parallel import results
from data_prep.record import Face, Quarantine, Release
from data_prep.tree import Tree
from hocp.contracts.manifest import USABLE


class Tolerant(Tree):
    """A release of which some archives may be broken: they count as empty, and are remembered.

    Attributes
    ----------
    faults : dict
        Archive -> what is wrong with it.
    """

    def __init__(self, root):
        super().__init__(root)
        self.faults: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}  # readers ask in turn, and hundreds of archives take seconds

    def members(self, archive: str) -> list[str]:
        """Names of the files in an archive; none of a broken one."""
        if archive not in self._members:
            try:
                self._members[archive] = super().members(archive)
            except ValueError as error:
                self.faults[archive], self._members[archive] = str(error), []
        return self._members[archive]


@dataclass(frozen=True)
class Plan:
    """How much is looked at.

    Attributes
    ----------
    thorough : bool
        Decode everything.
    units : int
        Otherwise, decode so many units of work: 64 images, one clip or one segment each.
    seed : int
        Of their choice.
    processes : int
    """

    thorough: bool = False
    units: int = 24
    seed: int = 0
    processes: int = 1


@dataclass
class Look:
    """What was seen.

    Attributes
    ----------
    listed : Tally
        All items as lists and names have them; empty where labels lie in a file of each item.
    decoded : Tally
        Items whose pictures were decoded as well.
    units : int
        Units that were decoded.
    all_units : int
    counts : dict
        What can be compared with expected counts.
    ends : dict
        Dimension -> items with the smallest and the largest label.
    """

    listed: Tally = field(default_factory=Tally)
    decoded: Tally = field(default_factory=Tally)
    units: int = 0
    all_units: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    ends: dict[str, tuple[Face, Face]] = field(default_factory=dict)

    @property
    def extremes(self) -> list[Face]:
        """Items with the smallest and largest labels, from which the scale is told."""
        return [face for pair in self.ends.values() for face in pair]

    def add(self, face: Face, tally: Tally) -> None:
        """Take note of an item."""
        tally.add(face)
        if face.status in USABLE:
            for axis in ("valence", "arousal"):
                low, high = self.ends.get(axis, (face, face))
                value = getattr(face, axis)
                low = face if value < getattr(low, axis) else low
                self.ends[axis] = low, face if value > getattr(high, axis) else high


@dataclass(frozen=True)
class Decode:
    """Reads a unit, pictures and all, in this process or another."""

    tree: Tree
    options: argparse.Namespace

    def __call__(self, unit: Any) -> list[Face]:
        """Items of a unit; each is decoded before the next one is asked for."""
        found = []
        for face in unit.read(self.tree, self.options):
            decode(face)
            found.append(face)
        return found


def decode(face: Face) -> None:
    """Decode the picture of an item that has one, and place the box in it, as preparation does."""
    find, face.find = face.find, None
    if find is None or face.status != "ok":
        return
    try:
        picture, box = find()
        height, width = picture.pixels.shape[:2]
        inside = faces.inside(box, width, height)
    except Quarantine as reason:
        face.quarantine(reason)
        return
    face.content = picture.content
    if picture.note or inside != box:
        face.status = "box_clamped" if inside != box else "img_mode_converted"


def look(tree: Tree, reader: ModuleType, release: Release, options: argparse.Namespace, plan: Plan) -> Look:
    """
    Look into a release.

    Raises
    ------
    ValueError
        If a list or a label file cannot be read at all.
    """
    seen, watch = Look(), reader.repeats(options)
    if plan.thorough:
        units = tqdm(_counted(seen, release.units), desc=release.name, unit=" units", disable=None)
        found = _decoded(seen, units, Decode(tree, options), watch, plan.processes)
        seen.counts = expected.counted(release, found)
        return seen
    chosen: dict[int, Any] = {}
    seen.counts = expected.counted(release, _listed(seen, tree, release, options, plan, chosen))
    units = (unit for _, unit in sorted(chosen.items()))  # in order: of repeated content the first stays
    for _ in _decoded(seen, units, Decode(tree, options), watch, 1):
        pass
    return seen


def _decoded(
    seen: Look, units: Iterable[Any], read: Decode, watch: Callable[[Face], None], processes: int
) -> Iterator[Face]:
    """Decode units, and find content that stands twice in them."""
    for _, (found,) in results(read, ((None, [unit]) for unit in units), processes=processes):
        seen.units += 1
        for face in found:
            try:
                if face.status in USABLE:
                    watch(face)
            except Quarantine as reason:
                face.quarantine(reason)
            seen.add(face, seen.decoded)
            yield face


def _counted(seen: Look, units: Iterable[Any]) -> Iterator[Any]:
    for unit in units:
        seen.all_units += 1
        yield unit


def _listed(
    seen: Look,
    tree: Tree,
    release: Release,
    options: argparse.Namespace,
    plan: Plan,
    chosen: dict[int, Any],
) -> Iterator[Face]:
    """Read lists and names where a unit can tell them from its pictures; choose the units to decode."""
    rng = random.Random(plan.seed)
    there = None
    for unit in _counted(seen, release.units):
        _choose(rng, chosen, unit, seen.all_units, plan.units)
        if not hasattr(unit, "where"):  # labels lie in files of each item: only of chosen units are they read
            continue
        there = there if there is not None else set(tree.everything())
        for face in unit.read(tree, options):
            if face.find is not None and not any(place in there for place in unit.where(face)):
                face.quarantine(Quarantine("img_missing", f"{face.source}: no such file in the release"))
            face.find = None
            seen.add(face, seen.listed)
            yield face


def _choose(rng: random.Random, chosen: dict[int, Any], unit: Any, number: int, size: int) -> None:
    """Keep each of the units seen so far with the same probability (reservoir sampling)."""
    if len(chosen) == size:
        if rng.random() >= size / number:
            return
        del chosen[rng.choice(list(chosen))]
    chosen[number] = unit
