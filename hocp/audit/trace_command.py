"""``python -m hocp trace``: from a cell of a table back to runs, data and code, every link verified."""

import argparse
from pathlib import Path

from hocp.audit import readme_rows, tracing
from hocp.contracts import trail


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "table",
        help="e.g. results/demo/tables/tab_sewa.csv (.csv may be left out), or README.md for its numbers",
    )
    parser.add_argument(
        "row",
        help="values that tell the row, joined by dots: hocp_transduction.valence; of README.md its first",
    )
    parser.add_argument(
        "column", nargs="?", default="", help="a column (ours or value if not given), or one more value: ccc"
    )


def run(args: argparse.Namespace) -> None:
    """Print the trail; a link that does not hold is named, and the exit status is 2."""
    table, row, column = Path(args.table), args.row, args.column
    if table.suffix == ".md" and table.is_file():
        table, row, column = readme_rows.cell(table, row, column)
    table = table if table.suffix == ".csv" else table.with_name(f"{table.name}.csv")
    if not table.is_file():
        near = sorted(path.stem for path in table.parent.glob("*.csv"))
        there = f"; there are {', '.join(near)}" if near else ""
        raise FileNotFoundError(f"{table} is not there{there}")
    links = list(trail.follow(table))  # before anything is believed
    # All of it first: of a trail that breaks, nothing is shown.
    print("\n".join(list(tracing.told(tracing.select(table, row, column), links))))
