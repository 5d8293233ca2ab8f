"""Annotation files of SEWA Basic: values and landmarks of each frame, in a zip archive or beside it."""

import csv
import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from data_prep.archive import is_zip
from data_prep.labels import number, within
from data_prep.record import Quarantine
from data_prep.tree import Tree

POINTS = 49
TEXT_BYTES = 6 << 20  # of a table or landmarks; parsed, a table takes 50 times as much
_INTEGER = re.compile(r"\s*-?\d{1,12}(\.0*)?\s*", re.ASCII)


def origin(numbers: Sequence[int], first: int, last: int) -> int:
    """
    Number that stands for a segment's first frame.

    Files count frames from 1, from 0, or as in the whole recording; which is not documented. The numbers
    themselves tell: those of the recording lie between the segment's own limits.
    """
    if min(numbers) >= first > 1 and max(numbers) <= last:
        return first
    return min(min(numbers), 1)


class Series:
    """
    Values of one dimension, frame by frame: the ``_Aligned.csv`` of one modality.

    First column the frame, the others values, with a header or without. Which of them is the fused ground
    truth and which are raters is not settled, so the rule is explicit: the mean of all value columns, or one
    column chosen by its name.

    Parameters
    ----------
    text : str
        Content of the file.
    column : str
        "mean", or a name in the header.
    first, last : int
        Frames of the segment in its recording.
    what : str
        Name of the dimension, for messages.
    """

    def __init__(self, text: str, *, column: str, first: int, last: int, what: str):
        rows = [row for row in csv.reader(text.splitlines(), delimiter=_delimiter(text)) if any(row)]
        header = rows.pop(0) if rows and not _INTEGER.fullmatch(rows[0][0]) else []
        if (
            not rows
            or any(len(row) != len(rows[0]) for row in [header or rows[0], *rows])
            or len(rows[0]) < 2
        ):
            raise Quarantine("label_null", f"{what}: no table of frame numbers and values")
        try:
            numbers = [_whole(row[0]) for row in rows]
        except ValueError:
            raise Quarantine("label_null", f"{what}: frame numbers are not integers") from None
        if len(set(numbers)) < len(numbers):
            raise Quarantine("dup_key", f"{what}: a frame number stands twice")
        self.columns = _columns(header, len(rows[0]), column, what)
        start = origin(numbers, first, last)
        self._rows = {frame - start: row for frame, row in zip(numbers, rows, strict=True)}
        self._what = what

    def at(self, index: int) -> float:
        """
        Value at a frame, counted from 0.

        Raises
        ------
        Quarantine
            ``label_null``, ``label_range``, or ``label_nan`` if one of the columns has no number: a mean of
            fewer raters would jump.
        """
        if index not in self._rows:
            raise Quarantine("label_null", f"no {self._what} for this frame")
        values = [number(self._rows[index][column], self._what) for column in self.columns]
        return within(sum(values) / len(values), -1.1, 1.1, self._what)


def _whole(text: str) -> int:
    """A frame number, perhaps written as 3.0."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(text[:20])
    return int(text.partition(".")[0])


def _delimiter(text: str) -> str:
    head = text.split("\n", 1)[0]
    return ";" if ";" in head and "," not in head else ","


def _columns(header: list[str], width: int, column: str, what: str) -> list[int]:
    if column == "mean":
        return list(range(1, width))
    names = [name.strip() for name in header]
    if column not in names:
        raise ValueError(
            f"{what}: no column {column!r}; expected 'mean' or one of {names or 'no names at all'}"
        )
    return [names.index(column)]


def series(tree: Tree, path: str, name: str, **choices) -> Series:
    """
    Read a `Series`; `path` is the csv file, or the zip archive that holds a file of the given name.

    Raises
    ------
    Quarantine
        ``label_null`` if there is no such file, or it does not read.
    """
    try:
        if is_zip(path):
            inside = [member for member in tree.members(path) if member.split("/")[-1] == name]
            if not inside:
                raise FileNotFoundError(f"{path}: no {name} in it")
            path = f"{path}/{inside[0]}"
        text = tree.read(path, limit=TEXT_BYTES).decode("utf-8-sig", errors="replace")
    except (OSError, ValueError) as error:
        raise Quarantine("label_null", str(error)) from None
    try:
        return Series(text, **choices)
    except csv.Error as error:
        raise Quarantine("label_null", f"{name}: {error}") from None


class Landmarks:
    """
    Tracked points of a segment: a text file a frame, 6-digit numbers, at least three lines.

    Lines: head pose (3 numbers), 10 eye points, 49 face points, blank separated.

    Parameters
    ----------
    tree : Tree
    place : str
        The ``-Landmarks.zip``, or the folder of that name.
    first, last : int
        Frames of the segment in its recording.
    """

    def __init__(self, tree: Tree, place: str, *, first: int, last: int):
        self._tree, self._place, self._limits = tree, place, (first, last)

    @cached_property
    def _paths(self) -> dict[int, str]:
        """Frame, counted from 0 -> path of its file."""
        if is_zip(self._place):
            names = self._tree.members(self._place)
        else:
            names = sorted(path.name for path in self._tree.place(self._place).iterdir())
        numbered = {
            int(match[1]): name for name in names if (match := re.search(r"(?:^|/)(\d+)\.txt$", name))
        }
        start = origin(list(numbered), *self._limits) if numbered else 0
        return {frame - start: f"{self._place}/{name}" for frame, name in numbered.items()}

    def at(self, index: int) -> np.ndarray:
        """
        Points of a frame, counted from 0.

        Returns
        -------
        array, shape (points, 2)
            x and y in pixels.

        Raises
        ------
        Quarantine
            ``lnd_missing`` or ``lnd_count``.
        """
        try:
            path = self._paths[index]
            lines = self._tree.read(path, limit=TEXT_BYTES).decode("ascii").splitlines()
            values = np.array([float(value) for value in lines[2].split()])
        except (KeyError, IndexError, OSError, ValueError) as error:
            raise Quarantine("lnd_missing", f"no landmarks for this frame ({type(error).__name__})") from None
        if len(values) != 2 * POINTS:
            raise Quarantine("lnd_count", f"{len(values)} coordinates, expected {2 * POINTS}")
        return values.reshape(-1, 2)
