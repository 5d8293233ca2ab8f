"""What the length of training does to a claim: the same differences in several reference runs, on a page.

``python -m figures.training_length --page results/README.md --runs DIR DIR [--check]``

Rewrites what stands on the page between ``<!-- table:training_length -->`` and ``<!-- /table -->``.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from figures.labels import label
from figures.readme import MARKERS
from figures.tab_comparisons import METRIC, difference, p_value
from figures.tables import Block, Column, markdown
from figures.uncertain import UNITS
from hocp.contracts import files, record
from hocp.contracts.published import DIMENSIONS

NAME = "training_length"
#: Question -> the methods whose difference answers it.
FAMILIES = {
    "temporal_vs_static": ("hocp_transduction", "hocp"),
    "transduction_vs_scratch": ("hocp_transduction", "hocp_scratch"),
}
DATASETS = ("sewa", "afew_va")


def main(argv: Sequence[str] | None = None) -> int:
    """Rewrite the page, or with --check only compare; status 1 when it differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--page", required=True, type=Path, metavar="MD")
    parser.add_argument("--runs", required=True, nargs="+", type=Path, metavar="DIR", help="reference runs")
    parser.add_argument("--check", action="store_true", help="change nothing, fail when it is out of date")
    args = parser.parse_args(argv)
    text = args.page.read_text("utf-8")
    made = markdown(table(args.runs), title=False)
    found = [match for match in MARKERS.finditer(text) if match[2] == NAME]
    if not found:
        print(f"{args.page}: no <!-- table:{NAME} --> ... <!-- /table --> in it", file=sys.stderr)
        return 2
    renewed = MARKERS.sub(lambda m: f"{m[1]}{made}{m[4]}" if m[2] == NAME else m[0], text)
    if renewed == text:
        return 0
    if args.check:
        print(f"{args.page}: out of date; run this command without --check")
        return 1
    with files.publish(args.page) as scratch:
        scratch.write_text(renewed, "utf-8")
    return 0


def table(folders: Sequence[Path]) -> Block:
    """A line a question, data set and dimension; three columns a run."""
    runs = [_Run(folder) for folder in folders]
    columns = [Column(name=""), Column(name="")]
    for run, name in product(runs, ("steps", "difference", "p, adjusted")):
        columns.append(
            Column(name=name, group=f"`{run.scenario}`, {run.seeds} seed{'s' * (run.seeds > 1)}", align="r")
        )
    body: list[list[str]] = []
    for family, pair in FAMILIES.items():
        body.append([" minus ".join(label("methods", method).name for method in pair)])
        for dataset, dimension in product(DATASETS, DIMENSIONS):
            names = [label("datasets", dataset).name, label("dimensions", dimension).name]
            body.append(
                names + [cell for run in runs for cell in run.cells(family, pair, dataset, dimension)]
            )
    notes = [
        "Differences of CCC on generated data; in brackets intervals over people and seeds. Steps are those "
        "of the first method; the other takes as many. Empty: the scenario leaves the method out."
    ]
    return Block(title="", columns=columns, rows=body, notes=notes)


class _Run:
    """A reference run: its comparisons, and the steps of each of its trainings."""

    def __init__(self, folder: Path):
        rows = files.read_csv(folder / "tables" / "comparisons.csv", record.COMPARISONS)
        self._rows = [row for row in rows if row["metric"] == METRIC]
        self._specs = [files.read_json(path)["spec"] for path in sorted((folder / "records").glob("*.json"))]
        self.scenario = folder.name.partition(".")[0]
        self.seeds = len({spec["seed"] for spec in self._specs})

    def cells(self, family: str, pair: tuple[str, str], dataset: str, dimension: str) -> list[str]:
        """Steps, difference with its interval, adjusted p; empty where a method was left out."""
        wanted = {"family": family, "dataset": dataset, "dimension": dimension}
        found = [
            row for row in self._rows if _has(row, wanted) and (row["method_a"], row["method_b"]) == pair
        ]
        shown = [row for unit in UNITS for row in found if row["unit"] == unit and row["difference"]]
        if not shown:
            return ["", "", ""]
        steps = {
            spec["training"]["steps"]
            for spec in self._specs
            if _has(spec, {"dataset": dataset, "method": pair[0]})
        }
        return [", ".join(map(str, sorted(steps))), difference(shown[0]), p_value(shown[0]["p_adjusted"])]


def _has(values: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return all(values[name] == value for name, value in wanted.items())


if __name__ == "__main__":
    sys.exit(main())
