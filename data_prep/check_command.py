"""``python -m data_prep check affectnet=DIR ...``: are the licensed releases where the configuration says?"""

import argparse
import textwrap
from pathlib import Path

from data_prep.access import ACCESS
from data_prep.prepare import READERS
from data_prep.tree import Tree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take data sets and their folders, written ``name=folder``."""
    parser.add_argument(
        "folders", nargs="+", metavar="DATASET=DIR", help=f"DATASET is one of {', '.join(READERS)}"
    )


def run(args: argparse.Namespace) -> None:
    """
    Say nothing where every release is there.

    Raises
    ------
    ValueError
        If one is not: says of each what is missing, where to ask for it, on what conditions, where to put it.
    """
    missing = []
    for text in args.folders:
        dataset, equals, folder = text.partition("=")
        if dataset not in READERS or not equals:
            raise ValueError(f"{text!r}: expected DATASET=DIR with DATASET one of {', '.join(READERS)}")
        fault = _fault(dataset, folder)
        missing += [_help(dataset, folder, fault)] if fault else []
    if missing:
        raise ValueError(
            "\n\n".join([f"{len(missing)} of {len(args.folders)} licensed data sets are missing.", *missing])
        )


def _fault(dataset: str, folder: str) -> str:
    if not folder:
        return "no folder is given"
    defaults = argparse.ArgumentParser()
    READERS[dataset].add_options(defaults)
    try:
        READERS[dataset].locate(Tree(Path(folder)), defaults.parse_args([]))
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    return ""


def _help(dataset: str, folder: str, fault: str) -> str:
    access = ACCESS[dataset]
    lines = {
        "missing": fault,
        "ask at": access.page,
        "terms": access.conditions,
        "put it": f"{folder or 'in a folder of your choice'}: {access.place}",
        "name it": f"data.licensed.{dataset} in config/paper.yaml, or on the command line",
    }
    if folder:
        lines["look"] = f"python -m data_prep doctor {folder}"
    return "\n".join([access.title, *(_entry(name, text) for name, text in lines.items())])


def _entry(name: str, text: str) -> str:
    return textwrap.fill(
        text, 108, initial_indent=f"  {name:<8} ", subsequent_indent=" " * 11, break_on_hyphens=False
    )
