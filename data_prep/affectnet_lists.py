"""AffectNet 2017: ``training.csv`` and ``validation.csv``, and images under ``<n>/<name>``."""

import argparse
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from data_prep import faces, images
from data_prep.affectnet_labels import checked
from data_prep.archive import Tree, split
from data_prep.labels import number
from data_prep.record import Box, Face, Picture, Quarantine, Release
from hocp.contracts import files

BATCH = 64  # images a unit of work
PROBE = 50  # rows by which the image folder is found


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list: its texts, and where it stands."""

    item: str
    line: int
    fields: tuple[str, ...]  # path, x, y, width, height, landmarks, expression, valence, arousal
    repeated: bool = False


@dataclass(frozen=True)
class Batch:
    """Some rows of one list."""

    part: str
    roots: tuple[str, ...]
    rows: tuple[Row, ...]

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
    return Release("AffectNet 2017, manual lists", _batches(tree, lists, roots, options), archives, [])


def _list(tree: Tree, paths: Iterable[str], part: str) -> str | None:
    """Path of one list; further copies must hold the same."""
    name = {"train": "train", "test": "valid"}[part]
    pattern = re.compile(rf"(?:.*/)?[^/]*{name}[^/]*\.csv", re.IGNORECASE)
    found = [path for path in paths if pattern.fullmatch(path) and "automat" not in path.lower()]
    found = [path for path in found if any(True for _ in islice(_texts(tree, path), 1))]
    if len(found) > 1 and len({_digest(tree, path) for path in found}) > 1:
        raise ValueError(f"{tree.root}: lists that differ: {', '.join(found)}; keep the official one")
    return found[0] if found else None


def _digest(tree: Tree, path: str) -> str:
    return files.sha256_of(list(_texts(tree, path)))


def _roots(tree: Tree, everything: list[str], lists: Iterable[str]) -> tuple[str, ...]:
    """Folders that the paths in the lists start from; looked for by the first rows of each list."""
    wanted = {fields[0] for path in lists for _, fields in islice(_texts(tree, path), PROBE) if fields}
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


def _texts(tree: Tree, path: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """
    Rows of a list with their line numbers, as nine texts; () for a row with another number of fields.

    A header is recognised by its second field, which in a row is a number. Copies that went through a
    spreadsheet have the landmarks in 136 fields of their own.
    """
    with tree.lines(path) as lines:
        reader = csv.reader(lines)
        try:
            for fields in reader:
                if len(fields) == 8 + 136:
                    fields = [*fields[:5], ";".join(fields[5:141]), *fields[141:]]
                if reader.line_num == 1 and len(fields) != 9:
                    return  # some other list
                if fields and not (reader.line_num == 1 and _is_header(fields)):
                    yield reader.line_num, tuple(fields) if len(fields) == 9 else ()
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: not a list of AffectNet: {error}") from None


def _is_header(fields: list[str]) -> bool:
    return "path" in fields[0].lower() and not re.match(r"\s*-?\d", fields[1])


def _batches(
    tree: Tree, lists: dict[str, str], roots: tuple[str, ...], options: argparse.Namespace
) -> Iterator[Batch]:
    """Stream the lists; of hundreds of thousands of rows, only keys stay in memory."""
    rows_of_path: Counter[str] = Counter()
    for part, path in lists.items():
        keys: set[int] = set()
        rows = (_row(path, line, texts, keys, rows_of_path, options) for line, texts in _texts(tree, path))
        while batch := tuple(islice(rows, BATCH)):
            yield Batch(part, roots, batch)


def _row(
    path: str,
    line: int,
    texts: tuple[str, ...],
    keys: set[int],
    rows_of_path: Counter,
    options: argparse.Namespace,
) -> Row:
    """Name a row: by its image, and by a number from the second row of the image on."""
    if not texts:
        return Row(f"{path}:{line}", line, ())
    name = texts[0].strip().replace("\\", "/")
    rows_of_path[name] += 1
    item = name if rows_of_path[name] == 1 else f"{name}#{rows_of_path[name]}"
    key = hash((name, *map(str.strip, texts[1:5])))
    repeated = key in keys
    keys.add(key)
    landmarks = texts[5] if options.crop == "landmarks" else ""
    return Row(item, line, (name, *texts[1:5], landmarks, *texts[6:]), repeated)


def _face(face: Face, row: Row, tree: Tree, roots: tuple[str, ...], options: argparse.Namespace) -> Face:
    if not row.fields:
        raise Quarantine("label_null", f"line {row.line} has neither 9 nor 144 fields")
    if row.repeated:
        raise Quarantine("dup_key", f"line {row.line}: image and box stand in the list already")
    path, *box, landmarks, expression, valence, arousal = row.fields
    face.expression = int(number(expression, "expression"))
    face.stratum = str(face.expression)
    face.valence, face.arousal = number(valence, "valence"), number(arousal, "arousal")
    checked(face)
    face.source = path

    def find() -> tuple[Picture, Box]:
        outline = _box(box) if options.crop == "box" else faces.around(_points(landmarks), count=68)
        return _picture(tree, roots, path), outline

    face.find = find
    return face


def _picture(tree: Tree, roots: tuple[str, ...], path: str) -> Picture:
    for root in roots[:-1]:
        try:
            return images.read(tree, f"{root}/{path}".lstrip("/"))
        except Quarantine as reason:
            if reason.status != "img_missing":
                raise
    return images.read(tree, f"{roots[-1]}/{path}" if roots[-1] else path)


def _box(texts: list[str]) -> Box:
    """Box of the list: corner, then width and height."""
    try:
        x, y, width, height = (number(text, "box") for text in texts)
    except Quarantine as reason:
        raise Quarantine("box_bad", f"box is {', '.join(texts)}: {reason.note}") from None
    return Box(x, y, x + width, y + height)


def _points(text: str) -> np.ndarray:
    """Landmarks ``x1;y1;...``."""
    try:
        values = np.array([float(part) for part in text.split(";") if part.strip()])
    except ValueError:
        raise Quarantine("lnd_missing", f"landmarks are {text[:40]!r}") from None
    if len(values) % 2:
        raise Quarantine("lnd_count", f"{len(values)} numbers are no pairs of coordinates")
    return values.reshape(-1, 2)
