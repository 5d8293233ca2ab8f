"""Face boxes of a recording, from the table that OpenFace writes: 68 points of every frame of the video."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from data_prep import faces, tables
from data_prep.record import Box, Quarantine

POINTS = 68
BYTES = 256 << 20  # all columns of OpenFace, for three minutes at 50 frames a second, are 50 MB
_LINE, _FIELDS = 64 << 10, 2000


class _Columns(NamedTuple):
    """Places of what is read; the optional ones may be None."""

    frame: int
    points: list[int]  # x of all, then y of all
    success: int | None
    confidence: int | None


class Tracked:
    """
    Boxes around tracked faces.

    Parameters
    ----------
    content : bytes
        Table with the columns ``frame, confidence, success, x_0 ... x_67, y_0 ... y_67`` among others;
        blanks may follow the commas. OpenFace counts frames from 1; a table that has a frame 0 counts from
        there. Of several faces in a frame the one of highest confidence is taken.

    Raises
    ------
    Quarantine
        ``lnd_missing`` if the content is no such table.
    """

    def __init__(self, content: bytes):
        self._boxes: dict[int, tuple[float, Box]] = {}
        self._origin = 1
        try:
            rows = tables.rows(content, line=_LINE, fields=_FIELDS)
            columns = _columns(next(rows, []))
            for row in rows:
                self._take(dict(enumerate(row)), columns)
        except ValueError as error:
            raise Quarantine("lnd_missing", f"no table of OpenFace: {error}") from None

    def _take(self, cells: Mapping[int, str], columns: _Columns) -> None:
        """Keep the box of a row, if it has one."""
        number = _float(cells, columns.frame)
        if not number.is_integer():
            return
        self._origin = min(self._origin, int(number))
        if columns.success is not None and _float(cells, columns.success) != 1:
            return
        trust = 0.0 if columns.confidence is None else _float(cells, columns.confidence)
        points = np.array([_float(cells, place) for place in columns.points]).reshape(2, -1).T
        try:
            box = faces.around(points, count=POINTS)
        except Quarantine:
            return
        self._boxes[int(number)] = max(self._boxes.get(int(number), (trust, box)), (trust, box))

    def at(self, index: int) -> Box:
        """
        Box in a frame of the video, counted from 0.

        Raises
        ------
        Quarantine
            ``lnd_missing``.
        """
        number = index + self._origin
        if number not in self._boxes:
            raise Quarantine("lnd_missing", "no face tracked in this frame")
        return self._boxes[number][1]


def _columns(header: Sequence[str]) -> _Columns:
    names = {field.strip().lower(): place for place, field in enumerate(header)}
    wanted = ["frame", *(f"{axis}_{point}" for axis in "xy" for point in range(POINTS))]
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ValueError(f"{len(missing)} of its columns are missing, e.g. {missing[0]}")
    frame, *points = (names[name] for name in wanted)
    return _Columns(frame, points, names.get("success"), names.get("confidence"))


def _float(cells: Mapping[int, str], place: int) -> float:
    """Read a number; NaN where there is none, which no point of a face is."""
    try:
        value = float(cells[place])
    except (KeyError, ValueError):
        return float("nan")
    return value
