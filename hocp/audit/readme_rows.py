"""Which cell of which blessed table a line of the README shows."""

import csv
import re
from pathlib import Path

from hocp.contracts import trail


def cell(page: Path, line: str, column: str) -> tuple[Path, str, str]:
    """Table, row and column behind a line of the README's tables.

    Parameters
    ----------
    page : path
        The README; it says which scenario its numbers are of.
    line : str
        First cell of the line, e.g. "SEWA, HO-CPConv, transduction", or the name of a claim.
    column : str
        "valence" or "arousal"; of speed call and peer, "inference.dense"; nothing for sizes and claims.

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
    for table in sorted(trail.REFERENCE.glob("speed.*/tables/tab_speed_claim.csv"), reverse=True):
        if any(row["line"] == line for row in _rows(table)):
            return table, f"{line}.{column}" if column else line, "times_quicker"
    claims = tables / "tab_claims.csv"
    for row in _rows(claims):
        if row["short"] == line:
            return claims, row["id"], "verdict"
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
    """Rows of a table; none where the scenario does not have it."""
    if not table.is_file():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
