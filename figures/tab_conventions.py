"""How far the same predictions move under other conventions of metrics: the paper's method on each data set.

``python -m figures.tab_conventions --conventions CONVENTIONS.csv --out PREFIX``
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from figures import tables
from figures.labels import label, labels, ordered
from figures.tables import Block, Column
from hocp.contracts import files, record
from hocp.contracts.published import DIMENSIONS, METRICS

COLUMNS = (
    "dataset",
    "method",
    "section",
    "convention",
    "dimension",
    "metric",
    "value",
    "seeds",
    "units",
    "undefined",
    "missing",
    "data",
    "reason",
)

#: The method that is shown: the first of these that was run.
METHODS = ("hocp_transduction", "hocp")
CORRELATIONS = ("pcc", "ccc")


class Choice(NamedTuple):
    """One convention: a value for each axis; axes that a metric does not have are ignored."""

    aggregation: str = "pooled"
    variance: str = "population"
    sign: str = "strict"
    processing: str = "raw"
    policy: str = "excluded"

    def key(self, metric: str, dimension: str) -> tuple[str, ...]:
        """How rows of this number read in ``conventions.csv``."""
        return (
            dimension, metric, self.aggregation, self.processing,
            self.variance if metric in CORRELATIONS else "",
            self.sign if metric == "sagr" else "",
            "" if self.aggregation == "pooled" else self.policy,
        )  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line of a table: its heading, its words, its convention, and the metrics that can move."""

    section: str
    words: str
    choice: Choice
    metrics: Sequence[str] = METRICS
    instead: Mapping[str, str] = field(default_factory=dict)


Index = Mapping[tuple[str, ...], Sequence[Mapping[str, str]]]


def main(argv: Sequence[str] | None = None) -> None:
    """Read, choose, write."""
    parser = tables.parser(__doc__)
    parser.add_argument(
        "--conventions", required=True, metavar="CSV", help="all conventions (hocp conventions)"
    )
    args = parser.parse_args(argv)
    shown = list(read(args.conventions))
    rows = [row for group in shown for row in long(group)]
    tables.write(
        args.out, COLUMNS, rows, blocks=[wide(group) for group in shown], inputs=tables.inputs_of(args)
    )


def read(path: str | Path) -> Iterator[list[dict[str, str]]]:
    """Rows of the method that is shown, one list a data set."""
    rows = files.read_csv(path, record.CONVENTIONS)
    for dataset in ordered("datasets", (row["dataset"] for row in rows)):
        here = [row for row in rows if row["dataset"] == dataset]
        method = next((m for m in METHODS if any(row["method"] == m for row in here)), here[0]["method"])
        yield [row for row in here if row["method"] == method]


def lines(aggregations: Sequence[str]) -> Iterator[Line]:
    """Lines for a data set whose means can be taken over `aggregations`: one axis at a time; short units."""
    yield Line("As in the other tables", "all frames together, over n, zero a sign, as predicted", Choice())
    yield Line(
        "As in the other tables", "mean squared error, without the root", Choice(), ["rmse"], {"rmse": "mse"}
    )
    for name in _others("variances"):
        yield Line("Variance", _name("variances", name), Choice(variance=name), CORRELATIONS)
    means = [name for name in labels("aggregations") if name in aggregations and name != "pooled"]
    for name in means:
        yield Line("Average", _name("aggregations", name), Choice(aggregation=name))
    short = next(name for name in ("window16_mean", "batch32_mean") if name in aggregations)
    for name in _others("variances"):
        yield Line(
            f"Variance, {_name('aggregations', short)}",
            _name("variances", name),
            Choice(aggregation=short, variance=name),
            CORRELATIONS,
        )
    for name in _others("policies"):
        yield Line(
            f"Units without a value, {_name('aggregations', short)}",
            _name("policies", name),
            Choice(aggregation=short, policy=name),
            CORRELATIONS,
        )
    for name in _others("signs"):
        yield Line("Sign agreement", _name("signs", name), Choice(sign=name), ["sagr"])
    for name in _others("processing"):
        yield Line("Predictions", _name("processing", name), Choice(processing=name))


def _name(kind: str, machine: str) -> str:
    return label(kind, machine).name


def _others(kind: str) -> list[str]:
    """All but the first, which is the default."""
    return list(labels(kind))[1:]


def _index(rows: Sequence[Mapping[str, str]]) -> Index:
    found: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    names = ("dimension", "metric", "aggregation", "processing", "variance", "sign", "policy")
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def _cell(index: Index, line: Line, dimension: str, metric: str) -> dict[str, str] | None:
    """Mean over seeds of one number; None where the convention changes nothing of the metric."""
    if metric not in line.metrics:
        return None
    rows = _rows(index, line.choice, line.instead.get(metric, metric), dimension)
    if not rows:
        return None
    lost = next((row for row in rows if not row["value"]), None)
    first = rows[0]
    return {
        **{name: first[name] for name in ("dataset", "method", "units", "missing", "data", "n")},
        "value": "" if lost else tables.number(fmean(float(row["value"]) for row in rows)),
        "undefined": str(max(int(row["undefined"]) for row in rows)),
        "seeds": str(len(rows)),
        "reason": lost["reason"] if lost else "",
    }


def _rows(index: Index, choice: Choice, metric: str, dimension: str) -> Sequence[Mapping[str, str]]:
    """One row a seed; none where every unit of every seed has a value, so that the policy changes nothing."""
    rows = index.get(choice.key(metric, dimension), [])
    usual = index[choice._replace(policy="excluded").key(metric, dimension)] if rows else []
    treated = {row["seed"]: row for row in rows}
    return [treated.get(row["seed"], row) for row in usual]


def long(rows: Sequence[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    """One row a number that the table shows."""
    index = _index(rows)
    for line in lines(_aggregations(rows)):
        for dimension in DIMENSIONS:
            for metric in METRICS:
                cell = _cell(index, line, dimension, metric)
                if cell:
                    del cell["n"]
                    yield {"section": line.section, "convention": line.words, "dimension": dimension,
                           "metric": line.instead.get(metric, metric), **cell}  # fmt: skip


def _aggregations(rows: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(row["aggregation"] for row in rows))


def wide(rows: Sequence[Mapping[str, str]]) -> Block:
    """One data set: a line a convention, a column a metric of each dimension."""
    index, first = _index(rows), rows[0]
    columns = [Column(name="Convention")]
    columns += [
        Column(name=label("metrics", metric).name, group=label("dimensions", d).name, align="r")
        for d in DIMENSIONS for metric in METRICS
    ]  # fmt: skip
    columns += [Column(name="Units", align="r"), Column(name="without value", align="r")]
    body, section = [], ""
    for line in lines(_aggregations(rows)):
        cells = [_cell(index, line, d, metric) for d in DIMENSIONS for metric in METRICS]
        present = [cell for cell in cells if cell]
        if not present:
            continue
        body += [[line.section]] * (line.section != section)
        section = line.section
        body.append([line.words, *(_shown(cell) for cell in cells), *_units(line, present)])
    names = label("datasets", first["dataset"]).name, label("methods", first["method"]).name
    title = f"{', '.join(names)}, {first['data']} data"
    return Block(title=title, columns=columns, rows=body, notes=_notes(index, rows))


def _shown(cell: Mapping[str, str] | None) -> str:
    return "" if cell is None else cell["value"] or cell["reason"]


def _units(line: Line, cells: Sequence[Mapping[str, str]]) -> list[str]:
    """How many units the mean is over, and how many had constant predictions or labels."""
    if line.choice.aggregation == "pooled":
        return ["", ""]
    return [cells[0]["units"], str(max(int(cell["undefined"]) for cell in cells))]


def _notes(index: Index, rows: Sequence[Mapping[str, str]]) -> list[str]:
    notes = []
    for dimension in DIMENSIONS:
        strict, dropped = (
            int(index[Choice(sign=sign).key("sagr", dimension)][0]["n"])
            for sign in ("strict", "zeros_dropped")
        )
        notes.append(f"{100 * (strict - dropped) / strict:.1f} % of the labels of {dimension} are exactly 0")
    missing = max(int(row["missing"]) for row in rows)
    seeds = len({row["seed"] for row in rows})
    return [
        f"The same predictions in every line. {'; '.join(notes)}. "
        f"Items without a prediction, scored with the mean of the training labels: {missing} of {strict}.",
        "Units without a value: predictions or labels do not vary in them; unless a line says otherwise they "
        "are left out of PCC and CCC. An empty cell: the convention does not touch that metric."
        + (f" Means over {seeds} seeds." if seeds > 1 else ""),
    ]


if __name__ == "__main__":
    main()
