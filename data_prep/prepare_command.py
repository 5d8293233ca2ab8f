"""``python -m data_prep prepare DATASET``: one release to one prepared data set."""

import argparse
import os
from pathlib import Path

from data_prep import limits, pack
from data_prep.options import positive
from data_prep.prepare import READERS, prepare
from data_prep.summary import summary
from hocp.contracts import manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command a data set, with the options that its reader knows."""
    datasets = parser.add_subparsers(dest="dataset", metavar="DATASET", required=True)
    for name, reader in READERS.items():
        subparser = datasets.add_parser(name, help=reader.__doc__.splitlines()[0])
        subparser.add_argument("--source", type=Path, required=True, help="folder that holds the release")
        subparser.add_argument(
            "--out", type=Path, required=True, help="folder to write; appears whole or not at all"
        )
        subparser.add_argument(
            "--data", choices=("generated", "licensed"), required=True, help="what the release is"
        )
        subparser.add_argument("--side", type=positive, default=56, help="pixels of a crop")
        subparser.add_argument("--processes", type=positive, default=os.cpu_count() or 1)
        limits.add_options(subparser)
        subparser.add_argument(
            "--split-list", "--split_list", type=Path, help="a split.csv to use instead of the rule"
        )
        _add_work(subparser)
        reader.add_options(subparser)


def _add_work(parser: argparse.ArgumentParser) -> None:
    """Options that decide what is made anew, and nothing of the result."""
    work = parser.add_argument_group("work folder", "what is cropped is kept there, so a stopped run goes on")
    work.add_argument("--work", type=Path, help="folder; default: that of --out with .work at its end")
    work.add_argument(
        "--keep-work",
        action="store_true",
        help="keep it when all is done: later runs make anew only what changed",
    )
    work.add_argument(
        "--verify", action="store_true", help="hash every file; default: trust size, inode and times"
    )


def run(args: argparse.Namespace) -> None:
    """Prepare, then say what became of the items."""
    facts = prepare(
        args.dataset,
        args.source,
        out=args.out,
        data=args.data,
        side=args.side,
        options=args,
        processes=args.processes,
        limits=dict(args.limit),
        work=args.work,
        keep_work=args.keep_work,
        verify=args.verify,
    )
    print(summary(facts, manifest.read(args.out / pack.MANIFEST)))
