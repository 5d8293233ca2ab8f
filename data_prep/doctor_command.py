"""``python -m data_prep doctor DIR``: which data sets lie here, and in which state."""

import argparse
import os
from pathlib import Path

from data_prep import limits
from data_prep.doctor import examine
from data_prep.doctor_look import Plan
from data_prep.doctor_text import document, text
from data_prep.options import positive
from hocp.contracts import files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a folder, and how closely to look."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of a release, or of several")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON as well")
    parser.add_argument("--thorough", action="store_true", help="decode all pictures, not some")
    parser.add_argument(
        "--units", type=positive, default=24, help="else, decode so many batches of images, clips or segments"
    )
    parser.add_argument("--seed", type=int, default=0, help="of their choice")
    parser.add_argument("--processes", type=positive, default=os.cpu_count() or 1, help="with --thorough")
    limits.add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Look and report; exit status 0 is fine, 1 usable with findings, 2 not usable or not recognised."""
    plan = Plan(args.thorough, args.units, args.seed, args.processes)
    report = examine(args.folder, plan, dict(args.limit))
    if args.json:
        files.write_json(args.json, document(report))
    print(text(report))
    return report.status
