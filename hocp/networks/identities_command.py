"""``python -m hocp identities``: the identities of the paper, measured in float64."""

from __future__ import annotations

import argparse

from hocp.contracts import files, record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", required=True, metavar="CSV", help="file to write")


def run(args: argparse.Namespace) -> None:
    """Measure and write; columns are `hocp.contracts.record.IDENTITIES`."""
    from hocp.networks.identities import rows

    found = list(rows())
    files.write_csv(args.out, record.IDENTITIES, found)
    worst = max(found, key=lambda row: float(row["relative"]))
    print(f"{args.out}: {len(found)} rows, largest relative error {worst['relative']} ({worst['identity']})")
