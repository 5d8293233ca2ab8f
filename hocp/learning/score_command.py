"""``python -m hocp score``: the metrics of all runs in one tidy table."""

import argparse
from pathlib import Path

from hocp.contracts import files, record, trail
from hocp.learning.scoring import Evaluated, rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--runs", required=True, nargs="+", type=Path, metavar="DIR", help="evaluated runs")
    parser.add_argument("--out", required=True, type=Path, metavar="CSV", help="table to write")


def run(args: argparse.Namespace) -> None:
    """Score the runs; columns are `hocp.contracts.record.RUNS`, and the trail beside names the records."""
    files.write_csv(args.out, record.RUNS, rows(Evaluated.read(folder) for folder in args.runs))
    records = [folder / "record.json" for folder in args.runs]
    trail.write(trail.place(args.out), {args.out.name: args.out}, records, home=args.out)
