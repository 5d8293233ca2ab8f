"""Which cell of which blessed table a line of the README shows."""

import csv
import re
from pathlib import Path

from hocp.contracts import trail


def cell(page: Path, line: str, column: str) -> tuple[Path, str, str]:
    """Table, row and column behind a line of the README's first tables.

    Parameters
    ----------
    page : path
        The README; it says which scenario its numbers are of.
    line : str
        First cell of the line, e.g. "SEWA, HO-CPConv, transduction".
    column : str
        "valence" or "arousal"; nothing for sizes.

    Raises
    ------
    ValueError
        If the page names no blessed scenario, or no table has the line.
    """
    tables = _scenario(page) / "tables"
    dataset, _, name = line.partition(", ")
    table = tables / f"tab_{dataset.lower().replace('-', '_')}.csv"
    if table.is_file():
        methods = dict.fromkeys(row["method"] for row in _rows(table) if row["name"] == name)
        if len(methods) == 1 and column in ("valence", "arousal"):
            return table, f"{next(iter(methods))}.{column}", "ccc"
        given = f"{line!r} with {column or 'no column'!r}"
        raise ValueError(f"{page}: {given}: give a line's first cell, and valence or arousal")
    for table in (tables / "tab_sizes.csv", tables / "tab_cifar.csv"):
        for row in _rows(table):
            if f"{row['name']}, {row['quantity']}" == line and row["part"] in ("sizes", "cifar"):
                return table, f"{row['part']}.{row['item']}", "ours"
    raise ValueError(
        f"{page}: no table below {tables} has the line {line!r}; give the first cell of a line, as it stands"
    )


def _scenario(page: Path) -> Path:
    """The blessed scenario that the page shows."""
    named = re.search(r"Ours: scenario `([\w-]+)`", page.read_text("utf-8"))
    found = sorted(trail.REFERENCE.glob(f"{named[1]}.*/tables")) if named else []
    if not found:
        raise ValueError(f"{page}: names no scenario that results/reference/ holds")
    return found[-1].parent


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
