"""`python -m data_prep lookalike ...`: generate a stand-in for a licensed release, or a sheet of faces."""

import argparse
import os
import time
from pathlib import Path

# The first is the default.
RELEASES = {"affectnet": ("2017", "2021")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument(
        "dataset", choices=("affectnet", "sewa", "afew_va", "sheet"), help="release, or picture of faces"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the release (or PNG file of the sheet) to make"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides every byte (default 0)")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="does not change the result"
    )
    parser.add_argument(
        "--release", choices=RELEASES["affectnet"], default="2017", help="of AffectNet (default 2017)"
    )
    sizes = parser.add_argument_group("sizes")
    sizes.add_argument("--images", type=int, default=4000, help="AffectNet: images in all (default 4000)")
    sizes.add_argument(
        "--side-min", type=int, default=60, help="AffectNet 2017: smallest side, pixels (default 60)"
    )
    sizes.add_argument(
        "--side-max", type=int, default=300, help="AffectNet 2017: largest side, pixels (default 300)"
    )
    sizes.add_argument("--clips", type=int, default=60, help="AFEW-VA: clips, in 12 archives (default 60)")
    sizes.add_argument(
        "--frames-min", type=int, default=15, help="AFEW-VA: frames of the shortest clip (default 15)"
    )
    sizes.add_argument(
        "--frames-max", type=int, default=45, help="AFEW-VA: frames of the longest clip (default 45)"
    )
    sizes.add_argument("--segments", type=int, default=60, help="SEWA: segments (default 60)")
    sizes.add_argument(
        "--seconds", type=float, default=4.0, help="SEWA: mean length of a segment (default 4)"
    )
    sizes.add_argument(
        "--subjects", type=int, default=None, help="people in the videos (default: as in the release)"
    )


def run(args: argparse.Namespace) -> None:
    """Generate what was asked for, and say where it is."""
    start = time.monotonic()
    _generate(args)
    print(f"{args.dataset}: generated data in {args.out} ({time.monotonic() - start:.0f} s)")


def _generate(args: argparse.Namespace) -> None:
    """Call the writer of the release, imported only here."""
    common = {"seed": args.seed, "processes": args.processes}
    if args.dataset == "sheet":
        from data_prep.lookalike.sheet import write_sheet

        write_sheet(args.out, seed=args.seed)
    elif args.dataset == "affectnet" and args.release == "2021":
        from data_prep.lookalike import affectnet_2021

        affectnet_2021.generate(args.out, images=args.images, **common)
    elif args.dataset == "affectnet":
        from data_prep.lookalike import affectnet

        sizes = affectnet.Sizes(images=args.images, side_min=args.side_min, side_max=args.side_max)
        affectnet.generate(args.out, sizes=sizes, **common)
    elif args.dataset == "afew_va":
        from data_prep.lookalike import afew_va

        frames = (args.frames_min, args.frames_max)
        afew_va.generate(args.out, clips=args.clips, frames=frames, subjects=args.subjects, **common)
    else:
        from data_prep.lookalike import sewa

        sewa.generate(
            args.out, segments=args.segments, seconds=args.seconds, subjects=args.subjects, **common
        )
