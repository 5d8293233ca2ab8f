"""``python -m hocp trace``: from one cell of a table back to runs, data, code and command, every link verified."""

import argparse
from pathlib import Path

from hocp.audit import tracing
from hocp.contracts import trail


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("table", help="e.g. results/demo/tables/tab_sewa.csv; .csv may be left out")
    parser.add_argument(
        "row", help="values that tell the row from the others, joined by dots: hocp_transduction.valence"
    )
    parser.add_argument(
        "column", nargs="?", default="", help="a column (ours or value if not given), or one more value: ccc"
    )


def run(args: argparse.Namespace) -> None:
    """Print the trail; a link that does not hold is named, and the exit status is 2."""
    table = Path(args.table if args.table.endswith(".csv") else f"{args.table}.csv")
    if not table.is_file():
        near = sorted(path.stem for path in table.parent.glob("*.csv"))
        there = f"; there are {', '.join(near)}" if near else ""
        raise FileNotFoundError(f"{table} is not there{there}")
    links = list(trail.follow(table))  # before anything is believed
    cell = tracing.select(table, args.row, args.column)
    for line in tracing.told(cell, links):
        print(line)
