"""One cell of a table, the rows and runs that it comes from, and the words for them."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from hocp.audit import run_links
from hocp.contracts import files, record, trail
from hocp.contracts.trail import Broken, Link

Row = Mapping[str, str]
#: Columns that hold the number of a row, by preference.
NUMBERS = ("ours", "value", "difference", "times_quicker", "median_ms")
_OTHERS = ("part", "item", "id", "line", "call", "against")  # and of other tables
_SPEED = "scenario:speed.csv"
#: What tells a row of a table of valence and arousal.
_EMOTION = ("dataset", "method", "dimension", "metric")


class Cell(NamedTuple):
    """A cell of a table."""

    table: Path
    row: Row
    column: str

    @property
    def text(self) -> str:
        """What stands in it."""
        return self.row[self.column]


def select(table: Path, wanted: str, column: str = "") -> Cell:
    """The one cell that values of its row, and a column, point to.

    Parameters
    ----------
    table : path
        The long form, a CSV.
    wanted : str
        Values of the row joined by dots; values may hold dots themselves.
    column : str
        Name of a column, or one more value of the row.

    Raises
    ------
    ValueError
        If no row or several have the values; shows the nearest.
    """
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), list(reader.fieldnames or ())
    parts = [wanted]
    if column not in columns:
        parts += [column] if column else []
        column = next((name for name in NUMBERS if name in columns), columns[-1] if columns else "")
    found = [row for row in rows if all(_fits(part, set(row.values())) for part in parts)]
    if len(found) != 1:
        some = "\n  ".join(", ".join(v for v in list(row.values())[:7] if v) for row in (found or rows)[:8])
        raise ValueError(
            f"{table}: {len(found) or 'no'} rows have {' and '.join(parts)}, expected one; give more "
            f"values of it, joined by dots. {'These have' if found else 'Its first rows'}:\n  {some}"
        )
    return Cell(table, found[0], column)


def _fits(text: str, values: set[str]) -> bool:
    """Whether a text is values joined by dots."""
    if text in values:
        return True
    places = [k for k, letter in enumerate(text) if letter == "."]
    return any(text[:k] in values and _fits(text[k + 1 :], values) for k in places)


def told(cell: Cell, links: Sequence[Link]) -> Iterator[str]:
    """The trail in words: table, its inputs, rows that the cell comes from, and their runs."""
    key = ", ".join(value for name, value in cell.row.items() if name in (*_EMOTION, *_OTHERS) and value)
    yield f"{cell.table}: {cell.column} of {key or 'this row'} is {cell.text or 'empty'}"
    if not cell.text and cell.row.get("reason"):
        yield f"  reason: {cell.row['reason']}"
    yield from _links(cell.table, links)
    scenario = trail.scenario_of(cell.table)
    runs = _runs(cell, scenario)
    for row in runs:
        yield (
            f"  row of runs.csv: {row['run']}, {row['convention']} {row['dimension']} {row['metric']} = "
            + (f"{row['value']}, {row['n']} frames" if row["value"] else f"empty: {row['reason']}")
        )
    for line in _counted(cell, scenario):
        yield f"  row of cost.csv: {line}"
    for evidence in filter(None, cell.row.get("evidence", "").split("; ")):
        yield f"  evidence: {evidence}"
        if evidence.startswith("speed.csv#"):
            yield f"    {_timed(evidence, cell.table, scenario)}"
    for run in dict.fromkeys(name for row in runs for name in run_links.names(row, scenario)):
        yield from run_links.told(run, scenario)


def _links(table: Path, links: Sequence[Link]) -> Iterator[str]:
    """Each file with its state and hash, inputs of inputs deeper."""
    for link in links:
        says = f"SHA-256 {link.sha256}"
        said = f"verified, {says}" if link.state == "verified" else f"not kept; its {says}"
        if not link.name.endswith("/record.json"):  # told with their runs
            yield f"  {'  ' * link.depth}{link.name}: {said}"
    code = trail.read(table)["code"]
    yield f"  made by {run_links.code_words(code)}"


def _runs(cell: Cell, scenario: Path) -> list[Row]:
    """Rows of runs.csv that a cell comes from; they must give its number.

    Raises
    ------
    Broken
        If they do not.
    """
    place = trail.locate("scenario:tables/runs.csv", scenario)
    if place is None or not set(_EMOTION) <= set(cell.row):
        return []
    if cell.table.name == place.name:
        return [cell.row]
    rows = [
        row
        for row in files.read_csv(place, record.RUNS)
        if all(row[key] == cell.row[key] for key in _EMOTION) and row["convention"] == "pooled"
    ]
    if any(row["fold"] == "all" for row in rows):
        rows = [row for row in rows if row["fold"] == "all"]
    if rows and cell.column == "ours" and cell.text and not _agrees(cell.text, rows):
        raise Broken(f"{cell.table}: ours is {cell.text}, but its rows of {place.name} do not give it")
    return rows


def _agrees(text: str, rows: Sequence[Row]) -> bool:
    values = [float(row["value"]) for row in rows if row["value"]]
    return bool(values) and abs(fmean(values) - float(text)) <= 0.51 * 10 ** -len(text.partition(".")[2])


def _timed(evidence: str, table: Path, scenario: Path) -> str:
    """The row of speed.csv that a piece of evidence names, in words.

    Raises
    ------
    Broken
        If there is not one.
    """
    wanted = dict(pair.split("=", 1) for pair in evidence.partition("#")[2].split("|"))
    places = [name for name in trail.read(table)["inputs"] if name.endswith("/speed.csv") or name == _SPEED]
    place = trail.locate(places[0], scenario) if places else None
    rows = files.read_csv(place, record.SPEED) if place else []
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    if len(found) != 1:
        raise Broken(f"{table}: {len(found) or 'no'} rows of speed.csv fit {evidence}, expected one")
    return (
        "median {median_ms} ms, quartiles {q25_ms} and {q75_ms}, of {rounds} calls; {processor}, "
        "torch {torch}, commit {commit}".format(**found[0])
    )


def _counted(cell: Cell, scenario: Path) -> Iterator[str]:
    """Rows of cost.csv that a cell of tab_sizes or tab_cifar comes from."""
    place = trail.locate("scenario:bench/cost.csv", scenario)
    if place is None or not {"part", "item"} <= set(cell.row):
        return
    part = "emotion" if cell.row["part"].startswith("sizes") else cell.row["part"]
    for row in files.read_csv(place, record.COST):
        if part.startswith(row["table"]) and cell.row["item"] in (
            row["item"],
            f"{row['item']}.{row['kind']}",
        ):
            yield ", ".join(f"{key} {value}" for key, value in row.items() if value)
