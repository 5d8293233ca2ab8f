"""AffectNet 2017: ``training.csv`` and ``validation.csv``, and images under ``<n>/<name>``."""

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from data_prep import faces, images
from data_prep.affectnet_labels import checked
from data_prep.affectnet_rows import Register, Row, texts
from data_prep.archive import split
from data_prep.labels import number
from data_prep.record import Box, Face, Picture, Quarantine, Release
from data_prep.tree import Tree
from hocp.contracts import files

BATCH = 64  # images a unit of work
PROBE = 50  # rows by which the image folder is found


@dataclass(frozen=True)
class Batch:
    """Some rows of one list."""

    part: str
    roots: tuple[str, ...]
    rows: tuple[Row, ...]

    def pieces(self) -> list["Batch"]:
        """One row each: what is made anew when one picture changes.

        Lines are told apart only where a note names them, so a row that goes costs no other.
        """
        plain = (row if row.repeated or not row.fields else replace(row, line=0) for row in self.rows)
        return [replace(self, rows=(row,)) for row in plain]

    def read(self, tree: Tree, options: argparse.Namespace) -> Iterator[Face]:
        """Yield one face a row."""
        for row in self.rows:
            face = Face(item=row.item, part=self.part)
            try:
                yield _face(face, row, tree, self.roots, options)
            except Quarantine as reason:
                yield face.quarantine(reason)


def locate(tree: Tree, options: argparse.Namespace) -> Release | None:
    """
    Find the two lists and the folder of the images.

    Returns
    -------
    Release or None
        None if there are no such lists.

    Raises
    ------
    ValueError
        If only one list is there, one is there twice, or none of its images are.
    """
    everything = list(tree.everything())
    lists = {part: _list(tree, everything, part) for part in ("test", "train")}  # test first, see `repeats`
    if not any(lists.values()):
        return None
    if not all(lists.values()):
        raise ValueError(f"{tree.root}: found {lists}; expected training.csv and validation.csv")
    roots = _roots(tree, everything, lists.values())
    archives = list(dict.fromkeys(split(path)[0] for path in lists.values()))
    return Release("AffectNet 2017, manual lists", _batches(tree, lists, roots), archives, [])


def _list(tree: Tree, paths: Iterable[str], part: str) -> str | None:
    """Path of one list; further copies must hold the same."""
    name = {"train": "train", "test": "valid"}[part]
    pattern = re.compile(rf"(?:.*/)?[^/]*{name}[^/]*\.csv", re.IGNORECASE)
    found = [path for path in paths if pattern.fullmatch(path) and "automat" not in path.lower()]
    found = [path for path in found if any(True for _ in islice(texts(tree, path), 1))]
    if len(found) > 1 and len({_digest(tree, path) for path in found}) > 1:
        raise ValueError(f"{tree.root}: lists that differ: {', '.join(found)}; keep the official one")
    return found[0] if found else None


def _digest(tree: Tree, path: str) -> str:
    return files.sha256_of(list(texts(tree, path)))


def _roots(tree: Tree, everything: list[str], lists: Iterable[str]) -> tuple[str, ...]:
    """Folders that the paths in the lists start from; looked for by the first rows of each list."""
    wanted = {fields[0] for path in lists for _, fields in islice(texts(tree, path), PROBE) if fields}
    tails = {tuple(path.split("/")) for path in wanted}
    depths = sorted({len(tail) for tail in tails})
    roots = Counter()
    for path in everything:
        parts = tuple(path.split("/"))
        roots.update("/".join(parts[:-depth]) for depth in depths if parts[-depth:] in tails)
    if not roots:
        example = min(wanted, default="")
        raise ValueError(
            f"{tree.root}: lists found, but none of their images, e.g. {example}; unpack the images here"
        )
    return tuple(root for root, _ in roots.most_common())


def _batches(tree: Tree, lists: Mapping[str, str], roots: tuple[str, ...]) -> Iterator[Batch]:
    """Stream the lists; the rows of hundreds of thousands never stand in memory at once."""
    register = Register()
    for part, path in lists.items():
        rows = (register.row(path, line, fields) for line, fields in texts(tree, path))
        while batch := tuple(islice(rows, BATCH)):
            yield Batch(part, roots, batch)


def _face(face: Face, row: Row, tree: Tree, roots: tuple[str, ...], options: argparse.Namespace) -> Face:
    if not row.fields:
        raise Quarantine("label_null", f"line {row.line} has neither 9 nor 144 fields")
    if row.repeated:
        raise Quarantine("dup_key", f"line {row.line}: image and box stand in the list already")
    face.source, *_, expression, valence, arousal = row.fields
    face.expression = int(number(expression, "expression"))
    face.stratum = str(face.expression)
    face.valence, face.arousal = number(valence, "valence"), number(arousal, "arousal")
    checked(face)

    def find() -> tuple[Picture, Box]:
        box = row.box() if options.crop == "box" else faces.around(row.points(), count=68)
        return _picture(tree, roots, face.source), box

    face.find = find
    return face


def _picture(tree: Tree, roots: tuple[str, ...], path: str) -> Picture:
    """Image in the first root that has it."""
    places = [f"{root}/{path}" if root else path for root in roots]
    for place in places[:-1]:
        try:
            return images.read(tree, place)
        except Quarantine as reason:
            if reason.status != "img_missing":
                raise
    return images.read(tree, places[-1])
