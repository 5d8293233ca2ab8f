"""``python -m hocp controls``: what predictors that learn nothing reach, and the best possible one."""

import argparse
from pathlib import Path

from hocp.contracts import files, manifest, record, trail
from hocp.statistics.controls import rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--manifests",
        required=True,
        nargs="+",
        type=Path,
        metavar="CSV",
        help="manifest.csv of each data set",
    )
    parser.add_argument(
        "--lookalike", nargs="*", default=[], type=Path, metavar="DIR", help="generated releases, if any"
    )
    parser.add_argument(
        "--folds",
        nargs="+",
        type=int,
        default=list(range(manifest.FOLDS)),
        metavar="K",
        help="folds of AFEW-VA",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="CSV", help="table to write")


def run(args: argparse.Namespace) -> None:
    """Score the controls; columns are `hocp.contracts.record.CONTROLS`."""
    files.write_csv(args.out, record.CONTROLS, rows(args.manifests, args.lookalike, folds=args.folds))
    inputs = [*args.manifests, *(folder / "lookalike.json" for folder in args.lookalike)]
    trail.write(trail.place(args.out), {args.out.name: args.out}, inputs, home=args.out)
