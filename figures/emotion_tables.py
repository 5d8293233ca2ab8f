"""What tab_affectnet, tab_sewa and tab_afew_va share: published and our metrics of valence and arousal."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from figures import tables, uncertain, verdicts
from figures.labels import label, ordered
from figures.tables import Block, Column
from figures.uncertain import Interval
from hocp.contracts import files, manifest, published, record
from hocp.contracts.published import DIMENSIONS, METRICS, Cell, Published

COLUMNS = (
    "dataset", "setting", "method", "name", "dimension", "metric", "published", "confidence",
    "ours", "spread", "seeds", "low", "high", "unit", "data", "verdict", "reason",
)  # fmt: skip

#: How metrics are computed in these tables: once, over all test frames together.
CONVENTION = "pooled"
QUOTED = "quoted by the paper, not trained here"
ABSENT = "no run of it in this scenario"
NOT_GIVEN = "the paper gives no number"


class Ours(NamedTuple):
    """One number of ours: mean and standard deviation over seeds, or why there is none."""

    value: float | None
    spread: float | None = None
    seeds: int = 0
    reason: str = ""


def main(dataset: str, doc: str | None, argv: Sequence[str] | None = None) -> None:
    """The command line of one table: read, compare, write."""
    parser = tables.parser(doc)
    parser.add_argument("--runs", required=True, metavar="CSV", help="all runs' metrics (hocp score)")
    parser.add_argument("--published", metavar="YAML", help="default: results/published/paper.yaml")
    parser.add_argument("--facts", metavar="JSON", help="manifest.json of the data set, for a note")
    parser.add_argument("--intervals", metavar="CSV", help="intervals of the numbers (hocp uncertainty)")
    parser.add_argument("--controls", metavar="CSV", help="what needs no network reaches (hocp controls)")
    args = parser.parse_args(argv)
    known = published.load(args.published)
    data, ours = read_runs(args.runs, dataset)
    rows = compare(known.cells(dataset), ours, data=data)
    intervals = uncertain.read_intervals(args.intervals, dataset)
    rows = [_with_interval(row, intervals) for row in rows]
    rows += map(_control, uncertain.read_controls(args.controls, dataset))
    notes = [usable(manifest.read_facts(args.facts))] if args.facts else []
    block = tables.with_notes(wide(rows, dataset, known, list(intervals.values())), *notes)
    tables.write(args.out, COLUMNS, rows, blocks=[block], inputs=tables.inputs_of(args))


def usable(facts: manifest.Facts) -> str:
    """A note on how much of the data set the numbers are made from."""
    wrong = len(facts.deviations or ())
    differ = "count is not the published one" if wrong == 1 else "counts are not the published ones"
    counts = f" {wrong} {differ}: see the table of the data sets." if wrong else ""
    return f"{facts.release}: {facts.usable:,} of {facts.items:,} items are usable.{counts}"


def read_runs(path: str | Path, dataset: str) -> tuple[str, dict[tuple[str, str, str], Ours]]:
    """Our numbers on one data set by method, dimension and metric, and the data they come from.

    Returns
    -------
    str
        "generated" or "licensed"; empty where the file has no run on this data set.
    dict
        Method, dimension, metric -> number, over all seeds.

    Raises
    ------
    ValueError
        If the file mixes generated and licensed data, or several folds of a run were not pooled.
    """
    rows = [row for row in files.read_csv(path, record.RUNS) if row["dataset"] == dataset]
    kinds = sorted({row["data"] for row in rows})
    if len(kinds) > 1:
        raise ValueError(f"{path}: runs on {dataset} say data = {kinds}, expected one of them throughout")
    by_number: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in rows:
        if row["convention"] == CONVENTION:
            by_number.setdefault((row["method"], row["dimension"], row["metric"]), []).append(row)
    if rows and not by_number:
        found = sorted({row["convention"] for row in rows})
        raise ValueError(f"{path}: no row on {dataset} has convention {CONVENTION!r}; found {found}")
    return "".join(kinds), {key: _over_seeds(group, path) for key, group in by_number.items()}


def _over_seeds(rows: Iterable[Mapping[str, str]], path: str | Path) -> Ours:
    """Mean and spread over seeds of one number; a seed that has none leaves it missing."""
    by_seed: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        by_seed.setdefault(row["seed"], []).append(row)
    chosen = [_pooled(group, path) for group in by_seed.values()]
    for row in chosen:
        if not row["value"]:
            return Ours(None, reason=row["reason"] or f"no value and no reason in {path}")
    values = [float(row["value"]) for row in chosen]
    return Ours(fmean(values), stdev(values) if len(values) > 1 else None, len(values))


def _pooled(rows: Sequence[Mapping[str, str]], path: str | Path) -> Mapping[str, str]:
    """The row of all folds together, or the only fold."""
    for row in rows:
        if row["fold"] == "all":
            return row
    if len(rows) != 1:
        places = ", ".join(row["run"] or f"fold {row['fold']}" for row in rows)
        raise ValueError(
            f"{path}: {rows[0]['metric']} of {places}: expected one fold, or a row with fold = all"
        )
    return rows[0]


def compare(
    cells: Sequence[Cell], ours: Mapping[tuple[str, str, str], Ours], *, data: str
) -> list[dict[str, str]]:
    """Long form: one row a number, published methods in the paper's order, then those that only we have."""
    known = {cell.method for cell in cells}
    extra = ordered("methods", (method for method, *_ in ours if method not in known))
    rows = [_row(cell, _find(cell, ours), data) for cell in cells]
    for method in extra:
        for (name, dimension, metric), number in sorted(ours.items()):
            if name == method and metric in METRICS:
                rows.append(_row(_unpublished(cells[0].table, method, dimension, metric), number, data))
    order = {"static": 0, "temporal": 1}
    return sorted(rows, key=lambda row: order[row["setting"]])  # stable: the paper's order within a setting


def _find(cell: Cell, ours: Mapping[tuple[str, str, str], Ours]) -> Ours:
    """Our number for a published cell, or why there is none."""
    missing = Ours(None, reason=QUOTED if cell.name else ABSENT)
    return ours.get((cell.method, cell.dimension, cell.metric), missing)


def _unpublished(table: str, method: str, dimension: str, metric: str) -> Cell:
    """A cell for a method of ours that the paper does not have."""
    setting = label("methods", method).setting
    return Cell(table=table, method=method, setting=setting, dimension=dimension, metric=metric, value=None,
                confidence="recall", sources=())  # fmt: skip


def _row(cell: Cell, ours: Ours, data: str) -> dict[str, str]:
    tolerance = verdicts.TOLERANCES[cell.metric]
    found = verdicts.verdict(cell.value, ours.value, data=data or "licensed", tolerance=tolerance,
                             why=ours.reason)  # fmt: skip
    return {
        "dataset": cell.table,
        "setting": cell.setting,
        "method": cell.method,
        "name": cell.name or label("methods", cell.method).name,
        "dimension": cell.dimension,
        "metric": cell.metric,
        "published": cell.printed,
        "confidence": cell.confidence if cell.printed else "",
        "ours": tables.number(ours.value),
        "spread": tables.number(ours.spread),
        "seeds": str(ours.seeds or ""),
        "data": data,
        "verdict": found.word,
        "reason": found.reason or NOT_GIVEN,
    }


def _with_interval(row: dict[str, str], intervals: Mapping[tuple[str, str, str], Interval]) -> dict[str, str]:
    """The row with the ends of its interval, where there is one."""
    found = intervals.get((row["method"], row["dimension"], row["metric"]))
    if found is None or not row["ours"]:
        return row
    return row | {"low": tables.number(found.low), "high": tables.number(found.high), "unit": found.unit}


def _control(row: Mapping[str, str]) -> dict[str, str]:
    """A row of ``controls.csv`` as one of this table: a method without a published number."""
    return {
        **{key: row[key] for key in ("dataset", "method", "dimension", "metric", "data")},
        "setting": CONTROL,
        "name": label("controls", row["method"]).name,
        "published": "",
        "confidence": "",
        "ours": tables.number(float(row["value"])) if row["value"] else "",
        "verdict": verdicts.NOT_PUBLISHED if row["value"] else verdicts.NOT_RUN,
        "reason": row["reason"] or row["note"],
    }


def wide(
    rows: Sequence[Mapping[str, str]], dataset: str, known: Published, intervals: Sequence[Interval] = ()
) -> Block:
    """A line for each method and dimension; published and our numbers in column groups of their own."""
    data = rows[0]["data"]
    names = [label("metrics", metric).name for metric in METRICS]
    heading = f"Ours, {data} data" if data else "Ours"
    columns = [Column(name="Method"), Column(name="")]
    columns += [Column(name=name, group="Published, real data", align="r") for name in names]
    columns += [Column(name=name, group=heading, align="r") for name in names]
    columns += [Column(name="Verdict")]
    body: list[list[str]] = []
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    for setting in settings:
        body += [[f"{setting.capitalize()}: {_SETTINGS[setting]}"]] * (len(settings) > 1)
        of_setting = [row for row in rows if row["setting"] == setting]
        for method in dict.fromkeys(row["method"] for row in of_setting):
            body += _lines([row for row in of_setting if row["method"] == method])
    title = f"{label('datasets', dataset).name}: valence and arousal"
    return Block(
        title=title, columns=columns, rows=body, notes=_notes(rows, known, uncertain.said(intervals))
    )


CONTROL = "control"
_SETTINGS = {"static": "single frames", "temporal": "clips", CONTROL: "what needs no network"}
_FRAMES = {"affectnet": "images", "sewa": "frames", "afew_va": "frames of all folds together"}


def _lines(rows: Sequence[Mapping[str, str]]) -> list[list[str]]:
    """The two lines of one method, valence and arousal."""
    lines = []
    for index, dimension in enumerate(DIMENSIONS):
        by_metric = {row["metric"]: row for row in rows if row["dimension"] == dimension}
        line = [by_metric.get(metric, {}) for metric in METRICS]
        found = [verdicts.Verdict(row["verdict"], row["reason"]) for row in line if row]
        lines.append([
            rows[0]["name"] if index == 0 else "",
            dimension,
            *(verdicts.marked(row.get("published", ""), row.get("confidence", "")) for row in line),
            *(_ours(row) for row in line),
            "" if rows[0]["setting"] == CONTROL else verdicts.summary(found),
        ])  # fmt: skip
    return lines


def _ours(row: Mapping[str, str]) -> str:
    value, spread = row.get("ours", ""), row.get("spread", "")
    if row.get("low"):
        return f"{value} [{float(row['low']):.2f}, {float(row['high']):.2f}]"
    return f"{value} ± {spread}" if spread else value


def _notes(rows: Sequence[Mapping[str, str]], known: Published, intervals: str) -> list[str]:
    """Legend of the marks, and how ours are computed."""
    notes = [verdicts.legend((row["confidence"] for row in rows if row["confidence"]), known.levels)]
    notes.append(
        "An empty published cell: the paper gives no number. Ours: computed once over all test "
        + _FRAMES[rows[0]["dataset"]]
        + _seeds_note(rows, intervals)
    )
    if rows[0]["data"] == "generated":
        notes.append(
            "Ours come from generated look-alike data: they show that the pipeline works and how the methods "
            "rank there, not whether the paper's numbers hold. No verdict is given."
        )
    elif rows[0]["data"] == "licensed":
        limits = ", ".join(f"{label('metrics', m).name} {t:g}" for m, t in verdicts.TOLERANCES.items())
        notes.append(f"Reproduced: no further from the published number than {limits}.")
    return notes


def _seeds_note(rows: Sequence[Mapping[str, str]], intervals: str) -> str:
    most = max((int(row["seeds"]) for row in rows if row.get("seeds")), default=0)
    spread = "" if intervals else " ± standard deviation"
    seeds = f"; mean{spread} over {most} seeds." if most > 1 else ", one seed."
    return f"{seeds} {intervals}".rstrip()
