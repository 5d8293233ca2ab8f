"""``python -m data_prep acquire DATASET --out DIR``: files or addresses of a person to one folder."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from data_prep import acquire, acquire_sources
from data_prep.access import ACCESS
from data_prep.acquire import Acquired
from data_prep.acquire_sources import variable
from data_prep.options import positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where from, where to, and the consent that only a person can give."""
    add = parser.add_argument
    add("dataset", choices=ACCESS, metavar="DATASET", help=", ".join(ACCESS))
    add("--out", type=Path, metavar="DIR", help="folder for the archives")
    add("--from", type=Path, nargs="+", dest="places", metavar="PATH", help="files or folders that you have")
    add("--in-place", action="store_true", help="leave files of --from where they are, and check them")
    add("--offline", action="store_true", help="fetch nothing; check what is in DIR")
    add("--accept-terms", action="store_true", help="you have read and met the conditions shown")
    add("--max-gb", type=positive, default=256, help="largest file to fetch, in GB")


def run(args: argparse.Namespace) -> None:
    """
    Show the conditions, then bring the files together.

    Raises
    ------
    ValueError
        Without consent, without files or addresses, or if a file does not come or is not what it was.
    """
    print(conditions(args.dataset))
    _consent(args)
    if not args.out and not args.in_place:
        raise ValueError("--out DIR is missing: the folder for the archives")
    print("\n" + table(_acquired(args)))


def conditions(dataset: str) -> str:
    """What a person has to know before anything is fetched."""
    access = ACCESS[dataset]
    return "\n".join([
        access.title,
        f"  ask at      {access.page}",
        f"  conditions  {access.conditions}",
        f"  layout      {access.place}",
    ])  # fmt: skip


def _consent(args: argparse.Namespace) -> None:
    if args.accept_terms:
        return
    if sys.stdin.isatty() and input("Have you met these conditions? Type yes: ").strip().lower() == "yes":
        return
    raise ValueError("nothing was done. Once you have met these conditions, run again with --accept-terms")


def _acquired(args: argparse.Namespace) -> Sequence[Acquired]:
    if args.places:
        if args.in_place:
            return acquire.in_place(args.dataset, args.places)
        return acquire.gather(args.dataset, args.places, args.out)
    if args.in_place:
        raise ValueError("--in-place needs --from PATH: the files to check")
    sources = [] if args.offline else acquire_sources.sources(args.dataset, os.environ)
    if sources:
        from data_prep.acquire_connection import Patience

        return acquire.fetch(args.dataset, sources, args.out, patience=Patience(limit=args.max_gb * 10**9))
    if not args.offline:
        raise ValueError(
            f"no files and no addresses: give files with --from, or set {variable(args.dataset, 'URLS')} "
            f"to the links that you were given (and, where the server asks, {variable(args.dataset, 'USER')} "
            f"and {variable(args.dataset, 'PASSWORD')}, or {variable(args.dataset, 'TOKEN')}). "
            "With --offline what is in DIR is checked"
        )
    return acquire.in_place(args.dataset, [args.out])


def table(found: Sequence[Acquired]) -> str:
    """Files for a person."""
    width = max(len(item.name) for item in found)
    rows = [f"{item.how:<7}  {item.name:<{width}}  {item.bytes:>15,}  {item.sha256[:16]}" for item in found]
    return "\n".join([f"{'':<7}  {'file':<{width}}  {'bytes':>15}  SHA-256", *rows])
