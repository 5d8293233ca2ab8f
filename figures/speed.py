"""Timings of layers and networks: read from speed.csv, and compared only where they may be.

A ratio is a quotient of medians. Its spread goes from the lower quartile of the slow timing over the upper
quartile of the quick one to the reverse: wider than either scatters alone, with no distribution assumed.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import exp, fsum, log
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from hocp.contracts import files, record

#: Machine and run, and all that timings must agree in to be compared.
RUN = ("device", "processor", "torch", "commit")
ALIKE = (*record.SPEED_ALIKE, "commit")
OURS = ("hocp auto",)
OURS_ON_GPU = ("hocp auto", "hocp triton")
TLTORCH = ("tltorch factorized", "tltorch mobilenet", "tltorch reconstructed")
PRODUCTS = ("products conv", "products linear")
NUMBERS = (
    "order", "batch", "channels", "rank", "threads", "rounds", "median_ms", "q25_ms", "q75_ms", "parameters",
    "macs", "bytes", "saved_bytes", "peak_bytes", "roof_ms", "error",
)  # fmt: skip


class Ratio(NamedTuple):
    """A quotient of timings, with the range of its spread."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """To two or three digits that mean something; no spread where there is none."""
        digits = 2 if self.value < 2 else 1 if self.value < 20 else 0
        spread = "" if self.low == self.high else f" ({self.low:.{digits}f}–{self.high:.{digits}f})"
        return f"{self.value:.{digits}f}{spread}"


class Condition(NamedTuple):
    """What a timing was taken under, beside machine and run."""

    device: str
    dtype: str
    threads: int
    allocator: str

    def __str__(self) -> str:
        if self.device != "cpu":
            return f"{self.device}, {self.dtype}"
        many = "" if self.threads == 1 else "s"
        return f"{self.threads} thread{many}, {self.dtype}, allocator {self.allocator}"


class Limits(NamedTuple):
    """Of the machine: GFLOP/s of its fastest product or dense 3-D convolution, GB/s of a copy (both ways)."""

    peak: float
    copy: float


class Case(NamedTuple):
    """What is compared in one place: everything but the peer and its memory layout."""

    suite: str
    subject: str
    order: int
    batch: int
    channels: float
    rank_of: str
    call: str

    def __str__(self) -> str:
        return f"{self.subject}, batch {self.batch:g}, R = {self.rank_of}"


def read(*paths: str | Path) -> pd.DataFrame:
    """Rows of speed.csv: numbers where a column holds them (NaN: not measured), text elsewhere.

    Raises
    ------
    ValueError
        If columns are not those of `record.SPEED`, there is no row, or one thing was timed twice.
    """
    place = ", ".join(map(str, paths))
    rows = pd.DataFrame([row for path in paths for row in files.read_csv(path, record.SPEED)])
    if rows.empty:
        raise ValueError(f"{place}: no timing in it; make it with the `bench` target")
    for column in NUMBERS:
        rows[column] = pd.to_numeric(rows[column])
    twice = rows.duplicated([*ALIKE, "peer", "layout"])
    if twice.any():
        row = rows[twice].iloc[0]
        what = ", ".join(str(row[column]) for column in ("subject", "call", "peer", "layout", "rank_of"))
        raise ValueError(f"{place}: {what} stands twice under one condition, expected once")
    return rows


def limits(path: str | Path, condition: Condition) -> Limits:
    """The highest limits that the run saw on as many threads: speed.json beside speed.csv.

    Raises
    ------
    ValueError
        If no part ran on so many.
    """
    path = Path(path).with_suffix(".json")
    found = files.read_json(path)["limits"].get(str(condition.threads))
    if found is None:
        raise ValueError(
            f"{path}: no part ran with {condition}; take the file that was written beside speed.csv"
        )
    return Limits(found["peak_gflops"], found["copy_gbs"])


def condition(rows: pd.DataFrame) -> Condition:
    """The condition that figures show: the CPU, kept allocator, the most threads that were timed."""
    found = {Condition(*key) for key, _ in rows.groupby([*Condition._fields])}
    best = max(
        found, key=lambda c: (c.device == "cpu", c.allocator == "kept", c.dtype == "float32", c.threads)
    )
    return best._replace(threads=int(best.threads))


def under(rows: pd.DataFrame, condition: Condition) -> pd.DataFrame:
    """Rows that were timed under one condition, of one run on one machine.

    Raises
    ------
    ValueError
        If they are of several.
    """
    found = where(rows, **condition._asdict())
    refuse_unlike(found, RUN)
    return found


def where(rows: pd.DataFrame, **wanted: Any) -> pd.DataFrame:
    """Rows whose columns have the wanted value, or one of several."""
    for column, value in wanted.items():
        rows = rows[rows[column].isin(value if pd.api.types.is_list_like(value) else [value])]
    return rows


def cases(rows: pd.DataFrame) -> Iterator[tuple[Case, pd.DataFrame]]:
    """Each case in the order of the file, with its rows."""
    for key, found in rows.groupby([*Case._fields], sort=False, dropna=False):
        yield Case(*key), found


def fastest(rows: pd.DataFrame, peers: Sequence[str]) -> pd.Series | None:
    """The row of the smallest median among these peers, in whichever layout; None where none was timed."""
    found = where(rows, peer=peers).dropna(subset=["median_ms"])
    return None if found.empty else found.loc[found["median_ms"].idxmin()]


def quicker(rows: pd.DataFrame, ours: Sequence[str], against: Sequence[str]) -> Ratio | None:
    """How many times quicker the fastest of `ours` is than the fastest of `against`; None: one is missing.

    Raises
    ------
    ValueError
        If timings of different machines, runs, conditions or subjects would be compared.
    """
    refuse_unlike(where(rows, peer=[*ours, *against]), ALIKE)
    quick, slow = fastest(rows, ours), fastest(rows, against)
    if quick is None or slow is None:
        return None
    return quotient(slow, quick)


def refuse_unlike(rows: pd.DataFrame, columns: Sequence[str]) -> None:
    """ValueError that names the columns in which timings to be compared differ, and what stands there."""
    values = {column: sorted(rows[column].map(str).unique()) for column in columns}
    unlike = [f"{column}: {', '.join(found)}" for column, found in values.items() if len(found) > 1]
    if unlike:
        raise ValueError(f"timings differ in {'; '.join(unlike)}; compare rows of one run, timed alike")


def quotient(above: pd.Series, below: pd.Series) -> Ratio:
    """Median over median, and quartile over opposite quartile."""
    return Ratio(
        above["median_ms"] / below["median_ms"],
        above["q25_ms"] / below["q75_ms"],
        above["q75_ms"] / below["q25_ms"],
    )


def roof_fraction(row: pd.Series) -> Ratio:
    """Share of the roofline: the least time that peak and bandwidth allow, over the measured."""
    return Ratio(*(row["roof_ms"] / row[column] for column in ("median_ms", "q75_ms", "q25_ms")))


def geometric_mean(ratios: Iterable[Ratio]) -> Ratio:
    """Mean of ratios; its spread is that of all of them going the same way."""
    return Ratio(*(exp(fsum(map(log, values)) / len(values)) for values in zip(*ratios, strict=True)))
