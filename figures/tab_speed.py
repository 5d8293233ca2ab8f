"""Speed against this project's own targets: ratios with their spread, reached or missed, and why.

``python -m figures.tab_speed --speed SPEED.csv --targets results/targets.yaml --out PREFIX``
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import isnan

import pandas as pd

from figures import speed, speed_notes, tables, targets
from figures.speed import Ratio
from figures.tables import Block, Column
from figures.targets import Target, Targets

COLUMNS = (
    "heading", "target", "bound", "wanted", "device", "dtype", "threads", "allocator", "value", "low", "high",
    "verdict", "share", "note", "reason",
)  # fmt: skip
SIGNS = {"at_least": "≥", "at_most": "≤"}
ROOF = (
    "Share of the roofline: the time for the multiply-adds at the machine's peak (the highest rate of a "
    "matrix product or a dense 3-D convolution in the same run), or that for input, output and parameters at "
    "its copy bandwidth if it is longer, over the time taken. "
    "A target that needs more than 1 of it cannot be reached against this peer."
)


def main(argv: Sequence[str] | None = None) -> None:
    """Read, judge, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--speed", required=True, nargs="+", metavar="CSV", help="timings, one file a device")
    parser.add_argument("--targets", required=True, metavar="YAML")
    args = parser.parse_args(argv)
    rows, wanted = speed.read(*args.speed), targets.read(args.targets)
    found = [row for target in wanted.targets for row in judged(target, wanted, rows)]
    tables.write(args.out, COLUMNS, found, blocks=[wide(found, wanted, rows)], inputs=tables.inputs_of(args))


def judged(target: Target, wanted: Targets, rows: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Long form: a row for each allocator; on a GPU, where it means nothing, one row."""
    on_gpu = target.where["device"] == "gpu"
    for allocator in [""] if on_gpu else [wanted.judged, wanted.shown]:
        finding = targets.find(target, rows, allocator)
        dtypes = target.where["dtype"]
        yield {
            "heading": target.heading, "target": target.name,
            "bound": target.bound, "wanted": f"{target.wanted:g}", "device": target.where["device"],
            "dtype": dtypes if isinstance(dtypes, str) else " ".join(dtypes),
            "threads": "" if on_gpu else str(target.where["threads"]), "allocator": allocator,
            "verdict": targets.verdict(target, finding), "reason": targets.reason(target, finding),
            **({} if finding is None else _numbers(finding)),
        }  # fmt: skip


def _numbers(finding: targets.Finding) -> dict[str, str]:
    numbers = {**finding.value._asdict(), "share": finding.share}
    shown = {name: "" if isnan(number) else f"{number:.6g}" for name, number in numbers.items()}
    return {**shown, "note": finding.note}


def wide(found: Sequence[Mapping[str, str]], wanted: Targets, rows: pd.DataFrame) -> Block:
    """A heading for each section, a line for each target: judged under one allocator, shown under another."""
    first, second = f"Allocator {wanted.judged}", f"Allocator {wanted.shown}"
    columns = [
        Column(name="Quantity"), Column(name="target", align="r"),
        Column(name="measured", group=first, align="r"), Column(name="outcome", group=first),
        Column(name="why missed", group=first), Column(name="measured", group=second, align="r"),
    ]  # fmt: skip
    body: list[list[str]] = []
    for heading, of_heading in groupby(found, key=lambda row: row["heading"]):
        body.append([heading])
        for _, of_target in groupby(of_heading, key=lambda row: row["target"]):
            body.append(_line(*of_target))
    notes = [
        "Targets are this project's own goals, set before these measurements; the paper reports no time. "
        f"{_condition(found)}",
        speed_notes.SPREAD, ROOF,
        *speed_notes.products(rows, "they give what the line would show if ours took as long as they do"),
        speed_notes.sizes(rows),
        f"{speed_notes.machine(rows)} {speed_notes.allocators(rows)}",
    ]  # fmt: skip
    return Block(title="Speed against this project's own targets", columns=columns, rows=body, notes=notes)


def _line(judged: Mapping[str, str], shown: Mapping[str, str] | None = None) -> list[str]:
    """Cells of a target; `shown` is missing on a GPU."""
    number = f"{SIGNS[judged['bound']]} {judged['wanted']}"
    cells = [judged["target"], number, _measured(judged), judged["verdict"], judged["reason"]]
    return [*cells, "" if shown is None else _measured(shown)]


def _measured(row: Mapping[str, str]) -> str:
    return str(Ratio(*(float(row[key]) for key in Ratio._fields))) if row.get("value") else ""


def _condition(found: Sequence[Mapping[str, str]]) -> str:
    """Threads and number format of the CPU's targets."""
    kinds = sorted({(row["threads"], row["dtype"]) for row in found if row["device"] == "cpu"})
    return " ".join(f"On the CPU: {threads} threads, {dtype}." for threads, dtype in kinds)


if __name__ == "__main__":
    main()
