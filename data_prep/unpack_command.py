"""``python -m data_prep unpack PATH --out DIR``: an archive to a folder, safely."""

import argparse
from pathlib import Path

from data_prep.unpack import unpack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which archive, and where to."""
    parser.add_argument("path", type=Path, help="zip, tar, rar or 7z; of several volumes any one")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to appear, whole or not at all"
    )


def run(args: argparse.Namespace) -> None:
    """Unpack, then say how much came out."""
    done = unpack(args.path, args.out)
    print(f"{args.out}: {done.files:,} files, {done.bytes:,} bytes")
