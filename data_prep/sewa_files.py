"""Annotation files of SEWA Basic: values and landmarks of each frame, in a zip archive or beside it."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from data_prep import tables
from data_prep.archive import is_zip
from data_prep.labels import number, within
from data_prep.record import Quarantine
from data_prep.tree import Tree

POINTS = 49
MOST_COLUMNS = 8  # of values; the release has five raters
_POINT_BYTES = 64 << 10  # of one frame's landmarks; the release's have about 1 kB
_INTEGER = re.compile(r"\s*-?\d{1,9}(\.0*)?\s*", re.ASCII)


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

    First column the frame, then 1 to 8 of values, with a header or without. Which of them is the fused
    ground truth and which are raters is not settled, so the rule is explicit: the mean of all value columns,
    or one column chosen by its name.

    Parameters
    ----------
    content : str or bytes
        Content of the file.
    column : str
        "mean", or a name in the header.
    first, last : int
        Frames of the segment in its recording.
    what : str
        Name of the dimension, for messages.

    Attributes
    ----------
    names : list of str
        Header, without the name of the first column; empty where there is none.
    width : int
        Number of value columns.

    Raises
    ------
    Quarantine
        ``label_null`` if the content is no such table.
    ValueError
        If no column has the name that was chosen.
    """

    def __init__(self, content: str | bytes, *, column: str, first: int, last: int, what: str):
        header, rows = _table(content, what)
        try:
            numbers = [int(float(row[0])) for row in rows]
        except (ValueError, OverflowError):
            raise Quarantine("label_null", f"{what}: frame numbers are not integers") from None
        self.names, self.width = [name.strip() for name in header[1:]], len(rows[0]) - 1
        self.columns = _columns(self.names, self.width, column, what)
        start = origin(numbers, first, last)
        self._rows = {frame - start: row for frame, row in zip(numbers, rows, strict=True)}
        self._twice = {frame - start for frame, count in Counter(numbers).items() if count > 1}
        self._what = what

    def at(self, index: int) -> float:
        """
        Value at a frame, counted from 0.

        Raises
        ------
        Quarantine
            ``label_null``, ``label_range``, ``dup_key`` if two rows claim the frame, or ``label_nan`` if one
            of the columns has no number: a mean of fewer raters would jump.
        """
        if index not in self._rows:
            raise Quarantine("label_null", f"no {self._what} for this frame")
        if index in self._twice:
            raise Quarantine("dup_key", f"{self._what}: two rows for this frame")
        values = [number(self._rows[index][column], self._what) for column in self.columns]
        return within(sum(values) / len(values), -1.1, 1.1, self._what)


def _table(content: str | bytes, what: str) -> tuple[list[str], list[list[str]]]:
    """Header, or an empty list, and rows of equal width."""
    try:
        rows = list(tables.rows(content))
    except ValueError as error:
        raise Quarantine("label_null", f"{what}: {error}") from None
    header = rows.pop(0) if rows and not _INTEGER.fullmatch(rows[0][0]) else []
    widths = {len(row) for row in (header, *rows) if row}
    if not rows or len(widths) != 1 or not 2 <= min(widths) <= 1 + MOST_COLUMNS:
        raise Quarantine(
            "label_null", f"{what}: no table of frame numbers and 1 to {MOST_COLUMNS} columns of values"
        )
    return header, rows


def _columns(names: list[str], width: int, column: str, what: str) -> list[int]:
    if column == "mean":
        return list(range(1, 1 + width))
    if column not in names:
        raise ValueError(
            f"{what}: no column {column!r}; expected 'mean' or one of {names or 'no names at all'}"
        )
    return [1 + names.index(column)]


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
            members = {member.split("/")[-1]: member for member in reversed(tree.members(path))}
            if name not in members:
                there = ", ".join(sorted(members)[:3])
                raise FileNotFoundError(f"{path}: no {name} in it, but {there or 'nothing'}")
            path = f"{path}/{members[name]}"
        content = tree.read(path, limit=tables.BYTES)
    except (OSError, ValueError) as error:
        raise Quarantine("label_null", str(error)) from None
    return Series(content, **choices)


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
            int(match[1]): name for name in names if (match := re.search(r"(?:^|/)(\d{1,9})\.txt$", name))
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
            ``lnd_missing``, also if the tracker marks a single point as lost (-1, -1), since a box around
            it would reach to the corner of the picture; or ``lnd_count``.
        """
        try:
            path = self._paths[index]
            lines = self._tree.read(path, limit=_POINT_BYTES).decode("ascii").splitlines()
            values = np.array([float(value) for value in lines[2].split()])
        except (KeyError, IndexError, OSError, ValueError) as error:
            raise Quarantine("lnd_missing", f"no landmarks for this frame ({type(error).__name__})") from None
        if len(values) != 2 * POINTS:
            raise Quarantine("lnd_count", f"{len(values)} coordinates, expected {2 * POINTS}")
        points = values.reshape(-1, 2)
        lost = int((points == -1).all(axis=1).sum())
        if 0 < lost < POINTS:  # of all, the crop will say so
            raise Quarantine("lnd_missing", f"the tracker lost {lost} of {POINTS} points")
        return points
