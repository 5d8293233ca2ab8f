"""Compare a fresh run with a reference by ratios, never by seconds: has ours grown slower against its peers?

    python -m tests.bench.gate --fresh results/demo/bench/gate/speed.csv \
        --reference results/reference/speed.cpu.torch2.13.0/speed.csv

A ratio has grown only if its whole interval (`tests.bench.ratios`) lies beyond that of the reference by more
than the margin. Ours has grown slower only where more than half of a case's ratios have: one alone tells of
the peer. Exit status: 0 ours has nowhere, 1 it has, 2 the runs cannot be compared.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hocp.contracts import files, record
from tests.bench.collect import refuse_unlike
from tests.bench.ratios import Ratio, ratios

#: What has to be alike in two runs, beside what names a row.
MACHINE = ("processor", "torch", "device", "dtype")
COLUMNS = (
    *record.SPEED_ALIKE, "peer", "ratio", "low", "high", "reference_ratio", "reference_low", "reference_high",
)  # fmt: skip
MARGIN = 0.15  # ratios of one machine differ by up to this much between runs


def main(argv: Sequence[str] | None = None) -> int:
    """Read, compare, print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gate", description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", required=True, metavar="CSV")
    parser.add_argument("--reference", required=True, metavar="CSV")
    parser.add_argument("--out", metavar="CSV", help="both ratios of every place, with their intervals")
    parser.add_argument("--margin", type=float, default=MARGIN, help="share of the reference's ratio")
    args = parser.parse_args(argv)
    try:
        found = compare(*(files.read_csv(path, record.SPEED) for path in (args.fresh, args.reference)))
    except ValueError as error:
        print(f"gate: {error}", file=sys.stderr)
        return 2
    grown = [place for place, both in found.items() if has_grown(*both, args.margin)]
    slower = ours_slower(found, grown)
    print(table(found, grown, slower))
    if args.out and not slower:
        files.write_csv(args.out, COLUMNS, rows(found))
    print(f"{len(found)} ratios compared, {len(grown)} grown by more than {args.margin:.0%} beyond the noise")
    print(f"{len({place[:-1] for place in found})} cases, ours has grown slower in {len(slower)}")
    return 1 if slower else 0


def compare(
    fresh: Sequence[Mapping[str, str]], reference: Sequence[Mapping[str, str]]
) -> dict[tuple[str, ...], tuple[Ratio, Ratio]]:
    """Ratios that both runs have, fresh and reference.

    Raises
    ------
    ValueError
        If the runs are of unlike machines, or no ratio is in both.
    """
    machines = [{name: _values(rows, name) for name in MACHINE} for rows in (fresh, reference)]
    refuse_unlike(*machines, MACHINE, place="the fresh run and the reference")
    now, then = ratios(fresh), ratios(reference)
    both = {place: (now[place], then[place]) for place in now if place in then}
    if not both:
        raise ValueError("the fresh run and the reference have no case in common; measure the size 'gate'")
    return both


def _values(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    return ", ".join(sorted({row[name] for row in rows}))


def has_grown(fresh: Ratio, reference: Ratio, margin: float) -> bool:
    """Whether even the best pass is worse than the reference's worst by more than the margin."""
    return fresh.low > reference.high * (1 + margin)


def ours_slower(found: Iterable[tuple[str, ...]], grown: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Cases, which are places without their peer, of which more than half of the ratios have grown."""
    compared, worse = (Counter(place[:-1] for place in places) for places in (found, grown))
    return {case for case, count in worse.items() if 2 * count > compared[case]}


def rows(found: Mapping[tuple[str, ...], tuple[Ratio, Ratio]]) -> Iterator[dict[str, Any]]:
    """A row for each ratio, in the columns of `COLUMNS`."""
    for place, both in found.items():
        values = [f"{number:.4f}" for ratio in both for number in (ratio.middle, ratio.low, ratio.high)]
        yield dict(zip(COLUMNS, (*place, *values), strict=True))


def table(
    found: Mapping[tuple[str, ...], tuple[Ratio, Ratio]],
    grown: Sequence[tuple[str, ...]],
    slower: Container[tuple[str, ...]],
) -> str:
    """A line for each ratio: where, against whom, before and now with their intervals, grown or not."""
    lines = []
    for place, (fresh, reference) in found.items():
        named = dict(zip((*record.SPEED_ALIKE, "peer"), place, strict=True))
        where = f"{named['subject']}, batch {named['batch']}, R = {named['rank_of']}, {named['call']}"
        mark = "" if place not in grown else "GROWN" if place[:-1] in slower else "against few"
        lines.append(f"{where:70}{named['peer']:24}{_cell(reference):>20}{_cell(fresh):>20}  {mark}".rstrip())
    return "\n".join([f"{'time over that of':70}{'':24}{'reference':>20}{'now':>20}", *lines])


def _cell(ratio: Ratio) -> str:
    return f"{ratio.middle:.2f} ({ratio.low:.2f}-{ratio.high:.2f})"


if __name__ == "__main__":
    sys.exit(main())
