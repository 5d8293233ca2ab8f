"""The README's claim of speed: how many times quicker layers and networks are, in a few lines.

``python -m figures.tab_speed_claim --speed SPEED.csv --out PREFIX``
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from figures import speed, speed_notes, tables
from figures.speed import Condition
from figures.tables import Block, Column
from figures.verdicts import NOT_RUN

COLUMNS = (
    "line", "call", "against", "share_low", "share_high", "times_quicker", "low", "high", "reason",
    "evidence",
)  # fmt: skip
#: Line -> suite and order of what it tells of.
LINES = {
    "3-D layers of a ResNet-18": ("layers", 3),
    "2-D layers of a ResNet-18": ("layers", 2),
    "R3D-18": ("networks", 3),
    "ResNet-18": ("networks", 2),
}
#: Who is compared with -> peers, of which the fastest counts.
AGAINST = {"dense": ["dense"], "TensorLy-Torch": speed.TLTORCH, "two products alone": speed.PRODUCTS}
#: Column -> what it is called for layers and for networks.
CALLS = {"inference": ("forward", "inference"), "training": ("forward + backward", "training step")}
RANK_OF = "C"
GPU_DTYPES = ("bfloat16", "float32")
GPU_TIMING = "Layers as CUDA graphs, networks as launched; dense are cuDNN's convolutions, tuned."


def main(argv: Sequence[str] | None = None) -> None:
    """Read, compare, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--speed", required=True, metavar="CSV")
    args = parser.parse_args(argv)
    rows = speed.read(args.speed)
    tables.write(args.out, COLUMNS, list(compare(rows)), blocks=[claim(rows)], inputs=tables.inputs_of(args))


def conditions(rows: pd.DataFrame) -> list[Condition]:
    """What the table shows: one condition of a CPU, each number format of a GPU."""
    chosen = speed.condition(rows)
    if chosen.device == "cpu":
        return [chosen]
    kinds = {Condition(*key) for key, _ in rows.groupby([*Condition._fields])}
    return sorted((kind for kind in kinds if kind.dtype in GPU_DTYPES), key=lambda kind: kind.dtype)


def compare(rows: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Long form: a row a line, call and peer; of layers the geometric mean, at their largest batch."""
    for chosen in conditions(rows):
        shown = speed.where(speed.under(rows, chosen), rank_of=RANK_OF)
        for name, (suite, order) in LINES.items():
            timed = shown[(shown["suite"] == suite) & (shown["order"] == order)]
            timed = timed[timed["batch"] == timed.groupby("channels", dropna=False)["batch"].transform("max")]
            if chosen.device != "cpu" and timed["median_ms"].isna().all():
                continue
            for against, peers in _against(rows).items():
                for call, calls in CALLS.items():
                    of_call = speed.where(timed, call=list(calls))
                    yield {
                        "line": _label(name, chosen), "call": call, "against": against,
                        **_numbers(of_call, peers, chosen),
                        "evidence": "; ".join(_evidence(of_call, peers, chosen)),
                    }  # fmt: skip


def _label(name: str, chosen: Condition) -> str:
    return name if chosen.device == "cpu" else f"{name}, {chosen.dtype}"


def _against(rows: pd.DataFrame) -> dict[str, Sequence[str]]:
    """Whom the table compares with; on a GPU with the products alone only where they were timed."""
    shown = speed_notes.on_cpu(rows) or rows["peer"].isin(speed.PRODUCTS).any()
    return {name: peers for name, peers in AGAINST.items() if shown or peers != speed.PRODUCTS}


def _ours(chosen: Condition) -> Sequence[str]:
    return speed.OURS if chosen.device == "cpu" else speed.OURS_ON_GPU


def _numbers(timed: pd.DataFrame, peers: Sequence[str], chosen: Condition) -> dict[str, str]:
    """Size beside dense, and how many times quicker; the reason where it was not timed."""
    cases = [found for _, found in speed.cases(timed)]
    shares = [share for found in cases if (share := speed_notes.parameter_share(found)) is not None]
    found = [speed.quicker(case, _ours(chosen), peers) for case in cases]
    ratios = [ratio for ratio in found if ratio is not None]
    size = {"share_low": f"{min(shares):.4f}", "share_high": f"{max(shares):.4f}"} if shares else {}
    if not ratios:
        return {**size, "reason": f"{NOT_RUN}: no timing of both"}
    if chosen.device != "cpu" and len(ratios) < len(found):  # its time is limited: a mean of what came first
        return {**size, "reason": f"{NOT_RUN}: only {len(ratios)} of {len(found)} sizes were timed"}
    mean = zip(("times_quicker", "low", "high"), speed.geometric_mean(ratios), strict=True)
    return size | {name: f"{value:.6g}" for name, value in mean}


def _evidence(timed: pd.DataFrame, peers: Sequence[str], chosen: speed.Condition) -> Iterator[str]:
    """The rows of speed.csv that a number comes from, each told by values that stand in it."""
    of_gpu = "" if chosen.device == "cpu" else f"|dtype={chosen.dtype}"
    for case, found in speed.cases(timed):
        for who in (_ours(chosen), peers):
            if (row := speed.fastest(found, who)) is not None:
                yield (
                    f"speed.csv#subject={case.subject}|batch={case.batch:g}|rank_of={case.rank_of}"
                    f"|call={case.call}|threads={chosen.threads}|allocator={chosen.allocator}"
                    f"|peer={row['peer']}|layout={row['layout']}{of_gpu}"
                )


def claim(rows: pd.DataFrame) -> Block:
    """Wide form: a line for layers and networks, a group of columns for each peer."""
    columns = [
        Column(name="Times quicker, equal channels, R = C"),
        Column(name="parameters, of dense", align="r"),
    ]
    chosen = conditions(rows)
    columns += [
        Column(name=call, group=f"Than {peer}", align="r") for peer in _against(rows) for call in CALLS
    ]
    found = list(compare(rows))
    body = [
        _line([row for row in found if row["line"] == name])
        for name in dict.fromkeys(row["line"] for row in found)
    ]
    said = f"{chosen[0]}." if chosen[0].device == "cpu" else GPU_TIMING
    notes = [f"{speed_notes.machine(rows)} {said} {speed_notes.SPREAD}"]
    notes += speed_notes.products(rows, "1 means that ours computes its convolutions in no additional time")
    return Block(title="Times quicker than dense layers and TensorLy-Torch's", columns=columns, rows=body,
                 notes=notes)  # fmt: skip


def _line(found: Sequence[dict[str, str]]) -> list[str]:
    sized = next((row for row in found if "share_low" in row), {})
    shares = [float(sized[name]) for name in ("share_low", "share_high") if sized]
    ratios = [
        str(speed.Ratio(*(float(row[name]) for name in ("times_quicker", "low", "high"))))
        if "times_quicker" in row
        else NOT_RUN
        for row in found
    ]
    return [found[0]["line"], speed_notes.per_cent(shares) if shares else NOT_RUN, *ratios]


if __name__ == "__main__":
    main()
