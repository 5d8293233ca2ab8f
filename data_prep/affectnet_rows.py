"""Rows of AffectNet's lists of 2017: nine columns, with a header or none, or as a spreadsheet left them."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from data_prep.labels import number
from data_prep.numbers import Numbers
from data_prep.record import Box, Quarantine
from data_prep.tree import Tree

PATH = 1000  # characters of an image's path; official ones have some 65
LINE = 1 << 20  # characters of a line; official ones have some 1,500


@dataclass(frozen=True, slots=True)
class Row:
    """
    One row of a list, still as text.

    Attributes
    ----------
    item : str
        The image, and a number from its second row on.
    line : int
        Where it stands.
    fields : tuple of str
        Path, x, y, width and height of the box, landmarks, expression, valence, arousal; empty where the row
        has another number of fields.
    repeated : bool
        Whether image and box stand in the list already.
    """

    item: str
    line: int
    fields: tuple[str, ...]
    repeated: bool = False

    def box(self) -> Box:
        """
        Box of the face: the list has a corner, then width and height.

        Raises
        ------
        Quarantine
            ``box_bad``.
        """
        texts = self.fields[1:5]
        try:
            x, y, width, height = (number(text, "box") for text in texts)
        except Quarantine as reason:
            shown = ", ".join(text[:40] if text.isprintable() else repr(text[:40]) for text in texts)
            raise Quarantine("box_bad", f"box is {shown}: {reason.note}") from None
        return Box(x, y, x + width, y + height)

    def points(self) -> np.ndarray:
        """
        Landmarks, written ``x1;y1;...``.

        Returns
        -------
        array, shape (points, 2)

        Raises
        ------
        Quarantine
            ``lnd_missing`` or ``lnd_count``.
        """
        text = self.fields[5]
        try:
            values = np.array([float(part) for part in text.split(";") if part.strip()])
        except ValueError:
            raise Quarantine("lnd_missing", f"landmarks are {text[:40]!r}") from None
        if len(values) % 2:
            raise Quarantine("lnd_count", f"{len(values)} numbers are no pairs of coordinates")
        return values.reshape(-1, 2)


def texts(tree: Tree, path: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """
    Read a list, or nothing of a file that is another kind of table.

    A header is recognised by its second field, which in a row is a number. Copies that went through a
    spreadsheet have the landmarks in 136 fields of their own.

    Yields
    ------
    line : int
    fields : tuple of str
        Nine; none for a row with another number of fields, or whose path is none.

    Raises
    ------
    ValueError
        If a line is too long for a list.
    """
    with tree.lines(path) as lines:
        for number, line in enumerate(bounded(lines, path), start=1):
            fields = _fields(line)
            if number == 1 and len(fields) != 9:
                return
            if fields and not (number == 1 and _is_header(fields)):
                whole = len(fields) == 9 and len(fields[0]) <= PATH and fields[0].isprintable()
                yield number, tuple(fields) if whole else ()


def bounded(text: TextIO, path: str) -> Iterator[str]:
    """
    Yield lines; a file without line ends must not fill the memory.

    Raises
    ------
    ValueError
        If a line is longer than `LINE`.
    """
    while line := text.readline(LINE):
        if len(line) == LINE:
            raise ValueError(f"{path}: a line of more than {LINE} characters; expected a list")
        yield line


def _fields(line: str) -> list[str]:
    """Fields of one line, read alone: a quote left open must not swallow the rows behind it."""
    fields = _split(line)
    if len(fields) == 8 + 136:
        fields = [*fields[:5], ";".join(fields[5:141]), *fields[141:]]
    return fields


def _split(line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:  # a field beyond the reader's limit, or a quote left open
        return [line[:40]]


def image_of(fields: tuple[str, ...]) -> str:
    """Path of a row's image; copies made on Windows have backslashes."""
    return fields[0].strip().replace("\\", "/")


def forms(tree: Tree, path: str) -> list[str]:
    """Say how this copy of a list is written: header, columns of the landmarks."""
    with tree.lines(path) as lines:
        rows = map(_split, bounded(lines, path))
        head, row = next(rows, []), next(rows, [])
    headed = len(head) > 1 and _is_header(head)
    found = []
    if not headed:
        found.append("without header")
    elif head[0].lstrip().startswith("#"):
        found.append("with # before its header")
    if len(row if headed else head) == 8 + 136:
        found.append("with 136 landmark columns")
    return found


def _is_header(fields: list[str]) -> bool:
    return "path" in fields[0].lower() and not re.match(r"\s*-?\d", fields[1])


class Register:
    """Names for rows, over both lists; keeps short keys, not rows, since a list may have half a million."""

    def __init__(self):
        self._boxes = Numbers()  # image -> box of its first row
        self._further: Counter[int] = Counter()  # rows of an image beyond its first
        self._others: set[int] = set()  # boxes of those

    def row(self, path: str, line: int, fields: tuple[str, ...]) -> Row:
        """Name a row of the list at `path`; one image may have several rows, with several faces."""
        if not fields:
            return Row(f"{path}:{line}", line, ())
        image = image_of(fields)
        name, box = _key(image), _key(path, image, *map(str.strip, fields[1:5]))
        first = self._boxes.add(name, box)
        if first is None:
            return Row(image, line, (image, *fields[1:]))
        repeated = box == first or box in self._others
        self._further[name] += 1
        self._others.add(box)
        return Row(f"{image}#{1 + self._further[name]}", line, (image, *fields[1:]), repeated)


def _key(*texts: str) -> int:
    """Hash of 62 bits; two of a million agree once in ten million times."""
    return hash(texts) & (1 << 62) - 1
