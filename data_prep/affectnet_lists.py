"""AffectNet 2017: lists of rows, and images under ``<n>/<name>``; two lists in the manual part, else one."""

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from data_prep import affectnet_rows, crops, faces, images, packed
from data_prep.affectnet_labels import checked, code
from data_prep.affectnet_rows import Register, Row, texts
from data_prep.archive import split
from data_prep.cleaning import cleaned
from data_prep.labels import number
from data_prep.record import Box, Face, Matched, Picture, Quarantine, Release
from data_prep.tree import Tree
from hocp.contracts import files

BATCH = 64  # images a unit of work
PROBE = 500  # rows of each list by which the image folder is found, even if only a part is unpacked
ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")

#: Part of the release -> our part -> what the list is, and the word in its name. Test first, see `repeats`.
LISTS = {
    "manual": {"test": ("validation list", "valid"), "train": ("training list", "train")},
    "automatic": {"train": ("automatic list", "automat")},
}
NAMES = {"manual": "AffectNet 2017, manual lists", "automatic": "AffectNet 2017, automatic list"}


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

    def where(self, face: Face) -> list[str]:
        """Places where the picture of a face may lie."""
        return _places(self.roots, face.source)


def locate(tree: Tree, options: argparse.Namespace) -> Release | None:
    """
    Find the lists of a part and the folder of its images.

    Returns
    -------
    Release or None
        None if there are no such lists.

    Raises
    ------
    ValueError
        If only one of two lists is there, one is there twice, or none of the images are.
    """
    everything = list(tree.everything())
    wanted = LISTS[options.part]
    lists = {part: _list(tree, everything, word) for part, (_, word) in wanted.items()}
    if not any(lists.values()):
        return None
    named = {wanted[part][0]: path for part, path in lists.items()}
    if not all(lists.values()):
        absent = " and ".join(name for name, path in named.items() if not path)
        there = ", ".join(filter(None, named.values()))
        raise ValueError(
            f"{tree.root}: no {absent}, only {there}; expected training.csv and validation.csv, which come "
            "in Manually_Annotated_file_lists.zip"
        )
    roots = _roots(tree, everything, lists.values())
    archives = list(dict.fromkeys(split(path)[0] for path in lists.values()))
    matched = _matched(tree, everything, named, roots)
    return Release(NAMES[options.part], _batches(tree, lists, roots), archives, [], matched=matched)


def _list(tree: Tree, paths: Iterable[str], word: str) -> str | None:
    """Path of one list; further copies must hold the same."""
    pattern = re.compile(rf"(?:.*/)?[^/]*{word}[^/]*\.csv", re.IGNORECASE)
    found = [path for path in paths if pattern.fullmatch(path)]
    found = [path for path in found if word == "automat" or "automat" not in path.lower()]
    found = [path for path in found if any(True for _ in islice(texts(tree, path), 1))]
    if len(found) > 1 and len({_digest(tree, path) for path in found}) > 1:
        raise ValueError(f"{tree.root}: lists that differ: {', '.join(found)}; keep the official one")
    return found[0] if found else None


def _digest(tree: Tree, path: str) -> str:
    return files.sha256_of(list(texts(tree, path)))


def _roots(tree: Tree, everything: list[str], lists: Iterable[str]) -> tuple[str, ...]:
    """Folders that the paths in the lists start from; looked for by the first rows of each list."""
    rows = (fields for path in lists for _, fields in islice(texts(tree, path), PROBE) if fields)
    wanted = {affectnet_rows.image_of(fields) for fields in rows}
    tails = {tuple(path.split("/")) for path in wanted}
    depths = sorted({len(tail) for tail in tails})
    roots = Counter()
    for path in everything:
        parts = tuple(path.split("/"))
        roots.update("/".join(parts[:-depth]) for depth in depths if parts[-depth:] in tails)
    if not roots:
        remedy = packed.hint(tree) or "unpack the images here"
        raise ValueError(
            f"{tree.root}: lists found, but none of their images, e.g. {min(wanted, default='')}; {remedy}"
        )
    return tuple(root for root, _ in roots.most_common())


def _matched(tree: Tree, everything: list[str], named: Mapping[str, str], roots: tuple[str, ...]) -> Matched:
    """Report how this copy is laid out, and what lies in the folders of its images."""
    variants = [f"{name} {form}" for name, path in named.items() for form in affectnet_rows.forms(tree, path)]
    variants += [f"{name} in a zip archive" for name, path in named.items() if split(path)[1]]
    variants += ["doubled folder level"] if any(map(_doubled, roots)) else []
    inside = [
        path for path in everything if path.startswith(tuple(root + "/" if root else "" for root in roots))
    ]
    stray = sum(path.lower().endswith(".db") for path in inside)
    variants += [f"{stray} stray .db file{'s' * (stray > 1)} among the images"] if stray else []
    pictures = sum(path.lower().endswith(ENDINGS) for path in inside)
    places = {**named, "images": ", ".join(root or "." for root in roots)}
    return Matched(tuple(variants), places, {"image files": pictures})


def _doubled(root: str) -> bool:
    """Whether the last folder repeats the one above: ``Manually_Annotated/Manually_Annotated_Images``."""
    above, _, last = f"/{root}".rpartition("/")
    name = above.rpartition("/")[2].lower()
    return bool(name) and last.lower().startswith(name)


def _batches(tree: Tree, lists: Mapping[str, str], roots: tuple[str, ...]) -> Iterator[Batch]:
    """Stream the lists; the rows of hundreds of thousands never stand in memory at once."""
    register = Register()
    for part, path in lists.items():
        rows = (register.row(path, line, fields) for line, fields in texts(tree, path))
        while batch := tuple(islice(rows, BATCH)):
            yield Batch(part, roots, batch)


def _face(face: Face, row: Row, tree: Tree, roots: tuple[str, ...], options: argparse.Namespace) -> Face:
    if not row.fields:
        raise Quarantine("label_null", f"line {row.line} has neither 9 nor 144 fields, or no path")
    if row.repeated:
        raise Quarantine("dup_key", f"line {row.line}: image and box stand in the list already")
    face.source, *_, expression, valence, arousal = row.fields
    face.expression = code(number(expression, "expression"))
    face.valence, face.arousal = number(valence, "valence"), number(arousal, "arousal")
    cleaned(checked(face), options)

    def find() -> tuple[Picture, Box]:
        by_landmarks = options.crop in crops.BY_LANDMARKS
        box = faces.around(row.points(), count=68) if by_landmarks else row.box()
        return _picture(tree, roots, face.source), box

    face.find = find
    return face


def _places(roots: tuple[str, ...], path: str) -> list[str]:
    return [f"{root}/{path}" if root else path for root in roots]


def _picture(tree: Tree, roots: tuple[str, ...], path: str) -> Picture:
    """Image in the first root that has it."""
    *others, last = _places(roots, path)
    for place in others:
        try:
            return images.read(tree, place)
        except Quarantine as reason:
            if reason.status != "img_missing":
                raise
    return images.read(tree, last)
