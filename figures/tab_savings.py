"""Layer by layer and for whole networks: how many times fewer multiply-adds, and how many times less time.

``python -m figures.tab_savings --speed SPEED.csv --out PREFIX``
"""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from figures import speed, speed_notes, tables
from figures.labels import label
from figures.speed import Ratio
from figures.tables import Block, Column

COLUMNS = (
    "suite", "subject", "batch", "rank_of", "call", "against", "parameter_share", "macs_saved", "time_saved",
    "low", "high",
)  # fmt: skip
#: Machine name of who is compared with -> peers, of which the fastest counts.
AGAINST = {"dense": ["dense"], "tltorch": speed.TLTORCH, "tucker": ["tucker"], "r2plus1d": ["r2plus1d"]}
TITLES = {"layers": "Layers: multiply-adds saved and time saved", "networks": "Networks: the same"}


def main(argv: Sequence[str] | None = None) -> None:
    """Read, compare, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--speed", required=True, metavar="CSV")
    args = parser.parse_args(argv)
    rows = speed.read(args.speed)
    shown = speed.under(rows, speed.condition(rows))
    found = list(compare(shown))
    suites = [suite for suite in TITLES if suite in set(shown["suite"])]
    blocks = [wide([row for row in found if row["suite"] == suite], TITLES[suite]) for suite in suites]
    blocks[-1] = tables.with_notes(blocks[-1], *notes(rows))
    tables.write(args.out, COLUMNS, found, blocks=blocks, inputs=tables.inputs_of(args))


def compare(rows: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Long form: a row for each case and peer that was timed."""
    for case, found in speed.cases(rows):
        ours, share = speed.fastest(found, speed.OURS), speed_notes.parameter_share(found)
        for against, peers in AGAINST.items():
            ratio, theirs = speed.quicker(found, speed.OURS, peers), speed.fastest(found, peers)
            if ratio is not None:
                yield {
                    "suite": case.suite, "subject": case.subject, "batch": f"{case.batch:g}",
                    "rank_of": case.rank_of, "call": case.call, "against": against,
                    "parameter_share": "" if share is None else f"{share:.4f}",
                    "macs_saved": f"{theirs['macs'] / ours['macs']:.6g}", "time_saved": f"{ratio.value:.6g}",
                    "low": f"{ratio.low:.6g}", "high": f"{ratio.high:.6g}",
                }  # fmt: skip


def wide(found: Sequence[Mapping[str, str]], title: str) -> Block:
    """A heading for each subject, a line for each rank, a group of columns for each call."""
    calls = list(dict.fromkeys(row["call"] for row in found))
    against = [name for name in AGAINST if any(row["against"] == name for row in found)]
    columns = [Column(name="R"), Column(name="parameters", group="Of dense", align="r"),
               Column(name="fewer multiply-adds", group="Of dense", align="r")]  # fmt: skip
    for call in calls:
        columns += [Column(name=label("peers", a).short, group=call.capitalize(), align="r") for a in against]
    body: list[list[str]] = []
    for subject, batch in dict.fromkeys((row["subject"], row["batch"]) for row in found):
        of_subject = [row for row in found if (row["subject"], row["batch"]) == (subject, batch)]
        body.append([f"{subject}, batch {batch}"])
        for rank_of in dict.fromkeys(row["rank_of"] for row in of_subject):
            cells = {(row["call"], row["against"]): row for row in of_subject if row["rank_of"] == rank_of}
            body.append(_line(rank_of, cells, [(call, a) for call in calls for a in against]))
    return Block(title=title, columns=columns, rows=body)


def _line(
    rank_of: str, cells: Mapping[tuple[str, str], Mapping[str, str]], keys: Sequence[tuple[str, str]]
) -> list[str]:
    size = ["", ""]
    for (_, against), row in cells.items():
        if against == "dense":
            size = [f"{100 * float(row['parameter_share']):.0f} %", f"{float(row['macs_saved']):.1f}"]
    return [rank_of, *size, *(_ratio(cells[key]) if key in cells else "" for key in keys)]


def _ratio(row: Mapping[str, str]) -> str:
    return str(Ratio(float(row["time_saved"]), float(row["low"]), float(row["high"])))


def notes(rows: pd.DataFrame) -> list[str]:
    """How to read the numbers, and where they come from."""
    return [
        "How many times less time ours takes, in the form that is chosen; below 1 it is slower. "
        "TensorLy-Torch: the fastest of its three forms. Tucker: as many parameters as ours. "
        f"R = matched: the parameters of a dense 2-D layer. {speed_notes.SPREAD}",
        f"{speed_notes.machine(rows)} {speed.condition(rows)}. {speed_notes.sizes(rows)}",
    ]


if __name__ == "__main__":
    main()
