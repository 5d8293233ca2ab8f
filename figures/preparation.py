"""Numbers of data preparation from its record: rates, shares, lines through sizes, projections."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hocp.contracts import files, record

#: Pictures or video frames of the real releases, and what they are called.
REAL = {
    "affectnet": (450_000, "images"),
    "afew_va": (30_051, "frames"),
    "sewa": (500_153, "frames, every fifth kept"),
}
CORES = (2, 8, 64)
RATES = {"decode": "decoding only", "convert": "decoding to RGB", "crop": "decoding and crop"}
PART = "part: "  # begins the names of stages that are parts of a whole preparation
_NUMBERS = [name for name in record.PREPARATION if name not in ("dataset", "stage")]


class Line(NamedTuple):
    """A straight line through what was measured at several sizes."""

    start: float
    slope: float

    def at(self, count: float) -> float:
        """Value at another size; what a run costs before its first item is not less than nothing."""
        return max(0.0, self.start) + self.slope * count


def read(path: str) -> pd.DataFrame:
    """The record of `python -m tests.prep_bench.run`.

    Raises
    ------
    ValueError
        If a data set has fewer than two sizes: no line goes through one.
    """
    rows = pd.DataFrame(files.read_csv(path, record.PREPARATION))
    rows[_NUMBERS] = rows[_NUMBERS].apply(pd.to_numeric)
    sizes = rows[rows["stage"] == "prepare"].groupby("dataset")["units"].nunique()
    if sizes.empty or sizes.min() < 2:
        raise ValueError(
            f"{path}: sizes a data set {dict(sizes)}, expected at least two to draw a line through"
        )
    return rows


def describe(rows: pd.DataFrame, dataset: str) -> Iterator[dict[str, Any]]:
    """Long form of one data set."""
    mine = rows[rows["dataset"] == dataset]
    rate = {stage: _rate(mine, stage) for stage in RATES if stage in set(mine["stage"])}
    one, two = (mine[(mine["stage"] == "prepare") & (mine["processes"] == p)] for p in (1, 2))
    cpu, wall_one, wall_two = line(one, "cpu_s"), line(one, "wall_s"), line(two, "wall_s")
    serial = max(0.0, line(two, "main_cpu_s").slope)  # of too small sizes noise can make it negative
    work = line(two, "cpu_s").slope - serial
    quantities = [(RATES[stage], 1, found, "1/s", "per core") for stage, found in rate.items()]
    quantities += [
        ("whole", 1, 1 / cpu.slope, "1/s", "per core"),
        ("share of limit", 1, 1 / cpu.slope / rate["decode"], "", ""),
        ("efficiency", 2, wall_one.slope / (2 * wall_two.slope), "", "of two processes"),
        ("serial part", "", 1e3 * serial, "ms", "an item, in the main process"),
    ]
    if "convert" in rate:  # older records lack it
        quantities += [("share of limit in RGB", 1, 1 / cpu.slope / rate["convert"], "", "")]
    if "crop" in rate:
        quantities += [
            ("bound of the share", 1, rate["crop"] / rate["decode"], "", "with nothing but the crop")
        ]
    parts = _parts(mine).items()
    quantities += [(f"{PART}{name}", 1, 1e3 * part, "ms", "an item decoded") for name, part in parts]
    count, what = REAL[dataset]
    quantities += [("real", "", count, what, "")]
    quantities += [
        ("time", cores, (max(0, wall_two.start) + count * (serial + work / cores)) / 3600, "h", "projected")
        for cores in CORES
    ]
    quantities += [
        ("result", "", line(one, "out_bytes").at(count) / 1e9, "GB", "projected"),
        ("work folder", "", line(one, "work_bytes").at(count) / 1e9, "GB", "projected; until the end"),
        ("inodes", "", round(line(one, "inodes").at(count)), "", "projected"),
        ("peak memory", 1, one["peak_bytes"].max() / 1e6, "MB", "measured, one process, largest size"),
    ]
    for quantity, cores, value, unit, note in quantities:
        yield {"dataset": dataset, "quantity": quantity, "cores": cores, "value": f"{value:.6g}",
               "unit": unit, "note": note}  # fmt: skip


def line(rows: pd.DataFrame, column: str) -> Line:
    """Least squares through a column, over pictures or video frames."""
    slope, start = np.polyfit(rows["decoded"], rows[column], 1)
    return Line(float(start), float(slope))


def _rate(rows: pd.DataFrame, stage: str) -> float:
    (found,) = rows[rows["stage"] == stage].to_dict("records")
    return found["decoded"] / found["cpu_s"]


def _parts(rows: pd.DataFrame) -> dict[str, float]:
    """Seconds of CPU by part of a whole preparation, for each picture or frame; empty in older records."""
    parts = rows[rows["stage"].str.startswith(PART)]
    seconds = parts["cpu_s"] / parts["decoded"]
    return dict(zip(parts["stage"].str.removeprefix(PART), seconds, strict=True))


def memory(path: str) -> Iterator[dict[str, Any]]:
    """Peak memory of AffectNet's preparation by rows, bytes a row, and what they say of the real number.

    Raises
    ------
    ValueError
        If fewer than two numbers of rows were measured.
    """
    rows = pd.DataFrame(files.read_csv(path, record.PREPARATION_MEMORY))[["items", "peak_bytes"]]
    rows = rows.apply(pd.to_numeric)
    if rows["items"].nunique() < 2:
        raise ValueError(f"{path}: {len(rows)} rows, expected at least two to draw a line through")
    slope, start = np.polyfit(rows["items"], rows["peak_bytes"], 1)
    count = REAL["affectnet"][0]
    lines = [
        (f"memory of {row.items} rows", row.peak_bytes / 1e6, "MB", "measured") for row in rows.itertuples()
    ]
    lines += [("memory a row", slope, "B", "slope")]
    lines += [("memory of the real rows", (start + slope * count) / 1e6, "MB", "by the slope")]
    for quantity, value, unit, note in lines:
        yield {"dataset": "affectnet", "quantity": quantity, "cores": 1, "value": f"{value:.6g}",
               "unit": unit, "note": note}  # fmt: skip


def reading(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Clips a second that training reads, and that the network takes."""
    for stage in ("read file", "read memory", "train"):
        for row in rows[rows["stage"] == stage].to_dict("records"):
            yield {"dataset": row["dataset"], "quantity": stage, "cores": int(row["processes"]),
                   "value": f"{row['items'] / row['wall_s']:.6g}", "unit": "clips/s", "note": ""}  # fmt: skip
