"""``python -m data_prep recrop DATASET``: test faces cut again with other margins, resizers, colour order."""

import argparse
from pathlib import Path

from data_prep.options import positive
from data_prep.prepare import READERS
from data_prep.recrop import recrop
from hocp.contracts import manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command a data set, with the options that its reader knows."""
    datasets = parser.add_subparsers(dest="dataset", metavar="DATASET", required=True)
    for name, reader in READERS.items():
        subparser = datasets.add_parser(name, help=reader.__doc__.splitlines()[0])
        subparser.add_argument("--source", type=Path, required=True, help="folder that holds the release")
        subparser.add_argument("--prepared", type=Path, required=True, help="folder that was made from it")
        subparser.add_argument(
            "--out", type=Path, required=True, help="folder to write; appears whole or not at all"
        )
        subparser.add_argument("--fold", type=int, default=0, help="whose test part")
        subparser.add_argument("--most", type=positive, default=400, help="items that are cut")
        subparser.add_argument(
            "--split-list", "--split_list", type=Path, help="taken as prepare takes it; not needed here"
        )
        reader.add_options(subparser)


def run(args: argparse.Namespace) -> None:
    """Cut, then say how many ways there are."""
    found = manifest.read_facts(args.prepared / "manifest.json").dataset
    if found != args.dataset:
        raise ValueError(f"{args.prepared}: holds {found}, expected {args.dataset}")
    made = recrop(args.prepared, args.source, out=args.out, options=args, fold=args.fold, most=args.most)
    print(f"{len(made.items)} test items of {made.dataset}, each cut in {len(made.variants)} ways")
