"""Gold labels of AVEC: one table a recording, one row every 0.1 s.

Columns: name; time; **arousal; valence**; liking. Reading valence first is the classic mistake with these
files, so where there is a header its names decide, and where there is none the order is the organisers'.
"""

import math
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from data_prep import tables
from data_prep.labels import number, within
from data_prep.record import Quarantine

RATE = 10  # labels a second
LONGEST = 36_000  # labels: an hour; the longest known recording has 1,768
ORDER = ("name", "time", "arousal", "valence", "liking")
_ALIASES = {"timestamp": "time", "frametime": "time"}
_SLACK = 0.01  # of a step: times are written with one to six decimals


def unquoted(field: str) -> str:
    """Content of a field; the releases put some names in single quotes, which no CSV reader strips."""
    return field.strip().strip("'\"").strip()


def header(row: Sequence[str]) -> dict[str, int] | None:
    """Name -> column, if a table's first row is a header: its second field is no number."""
    if len(row) < 2 or _is_number(row[1]):
        return None
    names = [unquoted(field).lower() for field in row]
    return {_ALIASES.get(name, name): place for place, name in enumerate(names)}


class Gold:
    """
    Valence and arousal of a recording at every tenth of a second.

    Parameters
    ----------
    content : str or bytes
        Content of the table.
    name : str
        Recording that the rows must name.

    Attributes
    ----------
    first, last : int
        Numbers of the first and the last row; row k holds for the time k / 10 s.

    Raises
    ------
    Quarantine
        ``label_null`` if the content is no such table, or that of another recording.
    """

    def __init__(self, content: str | bytes, *, name: str):
        try:
            rows = list(tables.rows(content))
        except ValueError as error:
            raise Quarantine("label_null", f"labels: {error}") from None
        columns = _columns(rows)
        strangers = {unquoted(row[columns["name"]]) for row in rows if "name" in columns} - {name}
        if strangers:
            raise Quarantine("label_null", f"labels: rows of {min(strangers)[:40]!r}, expected {name!r}")
        steps = [_step(row[columns["time"]]) for row in rows]
        self._rows = {
            step: (row[columns["valence"]], row[columns["arousal"]])
            for step, row in zip(steps, rows, strict=True)
        }
        self._twice = {step for step, count in Counter(steps).items() if count > 1}
        self.first, self.last = min(steps), max(steps)

    def at(self, step: int) -> tuple[float, float]:
        """
        Valence and arousal at ``step / 10`` s.

        Raises
        ------
        Quarantine
            ``frame_gap`` if the row is missing between others, ``dup_key`` if it stands twice, ``label_null``
            if it lies outside the table; this, ``label_nan`` or ``label_range`` for what it holds.
        """
        if step in self._twice:
            raise Quarantine("dup_key", f"labels: two rows at {step / RATE:g} s")
        if step not in self._rows:
            inside = self.first < step < self.last
            raise Quarantine("frame_gap" if inside else "label_null", f"no labels at {step / RATE:g} s")
        fields = zip(self._rows[step], ("valence", "arousal"), strict=True)
        valence, arousal = (within(number(unquoted(text), what), -1, 1, what) for text, what in fields)
        return valence, arousal

    @cached_property
    def start_up(self) -> int:
        """First row at which both traces have left the zero that they start with: the joystick moves."""
        rows = sorted(self._rows.items())
        moved = (
            next((step for step, values in rows if not _is_zero(values[axis])), self.last + 1)
            for axis in (0, 1)
        )
        return max(moved)


def _columns(rows: list[list[str]]) -> dict[str, int]:
    """Place of each column; takes the header off the rows."""
    found = header(rows[0]) if rows else None
    if found is not None:
        del rows[0]
    columns = dict(zip(ORDER, range(len(ORDER)), strict=True)) if found is None else found
    widths = {len(row) for row in rows}
    needed = max(columns.get(what, tables.FIELDS) for what in ("time", "arousal", "valence"))
    if len(widths) != 1 or min(widths) <= needed or (found is None and not 4 <= min(widths) <= len(ORDER)):
        raise Quarantine("label_null", f"no table of {'; '.join(ORDER)}")
    return columns


def _step(text: str) -> int:
    """Number of the row by its time."""
    seconds = float(unquoted(text)) if _is_number(text) else math.nan
    step = round(seconds * RATE) if 0 <= seconds <= LONGEST / RATE else -1
    if step < 0 or abs(seconds * RATE - step) > _SLACK:
        raise Quarantine(
            "label_null", f"labels: time {text[:40]!r}, expected multiples of {1 / RATE:g} s up to an hour"
        )
    return step


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(unquoted(text)))
    except ValueError:
        return False


def _is_zero(text: str) -> bool:
    return _is_number(text) and float(unquoted(text)) == 0
