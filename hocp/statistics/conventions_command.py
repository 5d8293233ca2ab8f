"""``python -m hocp conventions``: the same predictions under every convention of metrics."""

import argparse
from pathlib import Path

from hocp.contracts import files, record, trail
from hocp.statistics.conventions import rows
from hocp.statistics.evaluated import Evaluated
from hocp.statistics.tested import gather


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_inputs(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="CSV", help="table to write")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Options that say which runs, and what was to be predicted."""
    parser.add_argument("--runs", required=True, nargs="+", type=Path, metavar="DIR", help="evaluated runs")
    parser.add_argument(
        "--manifests",
        required=True,
        nargs="+",
        type=Path,
        metavar="CSV",
        help="manifest.csv of their data sets",
    )


def run(args: argparse.Namespace) -> None:
    """Score the runs; columns are `hocp.contracts.record.CONVENTIONS`."""
    tests = gather(map(Evaluated.read, args.runs), args.manifests)
    files.write_csv(args.out, record.CONVENTIONS, rows(tests))
    tell(args.out, args)


def tell(table: Path, args: argparse.Namespace) -> None:
    """Write beside a table which records and manifests it was made from."""
    inputs = [*(folder / "record.json" for folder in args.runs), *args.manifests]
    trail.write(trail.place(table), {table.name: table}, inputs, home=table)
