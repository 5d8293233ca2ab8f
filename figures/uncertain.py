"""How sure our numbers are, and what they lie between: intervals and controls, for tables and figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hocp.contracts import files, record

#: Units of resampling, the one that is shown first: people are alike in all their clips.
UNITS = {"subject": "people", "clip": "clips", "image": "images"}

Key = tuple[str, str, str]


class Interval(NamedTuple):
    """One number with its interval; `low` and `high` are None where there is none."""

    value: float
    low: float | None
    high: float | None
    unit: str
    clusters: str
    seeds: int
    level: float

    def __str__(self) -> str:
        return "" if self.low is None else f"[{self.low:.2f}, {self.high:.2f}]"


def read_intervals(path: str | Path | None, dataset: str) -> dict[Key, Interval]:
    """Method, dimension, metric -> interval over people; over clips or images where they are not known."""
    rows = files.read_csv(path, record.INTERVALS) if path else []
    found: dict[Key, Interval] = {}
    for unit in reversed(UNITS):  # later ones win
        for row in rows:
            if row["dataset"] == dataset and row["unit"] == unit and row["low"]:
                key = (row["method"], row["dimension"], row["metric"])
                found[key] = Interval(
                    *(float(row[name]) for name in ("value", "low", "high")),
                    unit,
                    row["clusters"],
                    int(row["seeds"]),
                    float(row["level"]),
                )
    return found


def read_controls(path: str | Path | None, dataset: str) -> list[Mapping[str, str]]:
    """Rows of the controls of one data set, in their order."""
    rows = files.read_csv(path, record.CONTROLS) if path else []
    return [row for row in rows if row["dataset"] == dataset]


def said(intervals: Sequence[Interval]) -> str:
    """A sentence on how intervals were made; nothing where there are none."""
    if not intervals:
        return ""
    first = intervals[0]
    kinds = sorted({f"{each.clusters} {UNITS[each.unit]}" for each in intervals})
    seeds = " and seeds are" if min(each.seeds for each in intervals) > 1 else " are"
    drawn = ", ".join(kinds) + seeds
    return (
        f"In brackets: intervals of {100 * first.level:g} %, for which {drawn} drawn anew with replacement."
    )
