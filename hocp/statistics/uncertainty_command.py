"""``python -m hocp uncertainty``: intervals of all numbers, and tests of the differences between methods."""

import argparse
from pathlib import Path

from hocp.contracts import files, record
from hocp.statistics import uncertainty
from hocp.statistics.conventions_command import add_inputs, tell
from hocp.statistics.evaluated import Evaluated
from hocp.statistics.panel import Options
from hocp.statistics.tested import gather


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    default = Options()
    add_inputs(parser)
    parser.add_argument(
        "--intervals", required=True, type=Path, metavar="CSV", help="table of intervals to write"
    )
    parser.add_argument(
        "--comparisons", required=True, type=Path, metavar="CSV", help="table of differences to write"
    )
    parser.add_argument("--resamples", type=int, default=default.resamples, metavar="N", help="(%(default)s)")
    parser.add_argument(
        "--permutations", type=int, default=default.permutations, metavar="N", help="(%(default)s)"
    )
    parser.add_argument("--level", type=float, default=default.level, help="coverage aimed at (%(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="of the resamples (%(default)s)")


def run(args: argparse.Namespace) -> None:
    """Resample and test; columns are `hocp.contracts.record.INTERVALS` and ``COMPARISONS``."""
    if not 0 < args.level < 1 or min(args.resamples, args.permutations) < 100:
        raise ValueError(
            f"--level {args.level}, --resamples {args.resamples}, --permutations {args.permutations}: "
            "expected a level between 0 and 1, and 100 of the others or more"
        )
    tests = list(gather(map(Evaluated.read, args.runs), args.manifests))
    options = Options(args.resamples, args.permutations, args.level, args.seed)
    differences = list(uncertainty.comparisons(tests, options))
    files.write_csv(args.intervals, record.INTERVALS, uncertainty.intervals(tests, options))
    files.write_csv(args.comparisons, record.COMPARISONS, differences)
    for table in (args.intervals, args.comparisons):
        tell(table, args)
