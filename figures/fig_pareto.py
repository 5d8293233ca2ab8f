"""Accuracy against what it costs: CCC by parameters, by multiply-adds and by measured training time.

``python -m figures.fig_pareto --runs RUNS.csv --intervals INTERVALS.csv --out PREFIX``
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from figures import style, uncertain
from figures.labels import label, labels, ordered
from figures.uncertain import Interval

COSTS = {"parameters": "parameters", "macs": "multiply-adds a frame", "seconds": "training time (s)"}
FRONTS = {"valence": "-", "arousal": ":"}
METRIC = "ccc"
Intervals = Mapping[str, Mapping[uncertain.Key, Interval]]


def read(path: str | Path, convention: str) -> pd.DataFrame:
    """Rows of the metric, one a run and dimension; where folds were pooled, the pooled row alone.

    Raises
    ------
    ValueError
        If no row follows the convention; lists those that are there.
    """
    runs = pd.read_csv(path, dtype={"fold": str})
    chosen = runs[(runs["convention"] == convention) & (runs["metric"] == METRIC)]
    if chosen.empty:
        known = ", ".join(sorted(runs["convention"].dropna().unique()))
        raise ValueError(f"{path}: no {METRIC} under convention {convention!r}; the file has {known}")
    pooled = chosen.groupby(["dataset", "method", "seed"])["fold"].transform(
        lambda fold: (fold == "all").any()
    )
    return chosen[~pooled | (chosen["fold"] == "all")]


def draw(runs: pd.DataFrame, intervals: Intervals = MappingProxyType({})) -> Figure:
    """One row a data set, one column a cost; filled markers are valence, open ones arousal.

    Parameters
    ----------
    runs : DataFrame
        Columns dataset, method, data, seed, parameters, macs, seconds, dimension, value, reason. A missing
        value or cost is counted in the panel, with its reason.
    intervals : mapping
        Data set -> its intervals, drawn as thin lines through the means.
    """
    datasets = ordered("datasets", runs["dataset"])
    methods = ordered("methods", runs["method"])
    figure = style.new_figure(style.PAGE, 0.9 + 1.55 * len(datasets))
    grid = figure.subplots(len(datasets), len(COSTS), sharex="col", sharey="row", squeeze=False)
    for line, dataset in zip(grid, datasets, strict=True):
        rows = runs[runs["dataset"] == dataset]
        for axes, cost in zip(line, COSTS, strict=True):
            _panel(axes, rows, cost)
            _intervals(axes, rows, cost, intervals.get(dataset, {}))
        line[0].set_ylabel(f"CCC, {label('datasets', dataset).name}")
    for axes, (cost, words) in zip(grid[-1], COSTS.items(), strict=True):
        axes.set_xlabel(words)
        form = "{x:g}" if cost == "seconds" else EngFormatter(sep=" ")
        style.log_axis(axes.xaxis, *axes.get_xlim(), form)
    _legend(figure, methods)
    style.mark_generated(figure, style.one_kind(runs["data"], place="runs"))
    return figure


def front(costs: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Places of the points that no other beats in both cost and value, from cheap to dear."""
    order = np.lexsort((-values, costs))
    best = np.maximum.accumulate(values[order])
    return order[np.concatenate([[True], best[1:] > best[:-1]])]


def _panel(axes: Axes, rows: pd.DataFrame, cost: str) -> None:
    """Means of every method, its seeds where they are several, and the front of each dimension."""
    there = rows[["value", cost]].notna().all(axis=1)
    shown = rows[there.groupby([rows["method"], rows["dimension"]]).transform("all")]
    for dimension in labels("dimensions"):
        part = shown[shown["dimension"] == dimension]
        means = part.groupby("method")[[cost, "value"]].mean()
        _front(axes, means, cost, dimension)
        for method, mean in means.iterrows():
            look = label("methods", method)
            marker = {"ls": "none", "marker": look.marker, "mec": look.colour,
                      "mfc": look.colour if dimension == "valence" else style.PAPER}  # fmt: skip
            seeds = part[part["method"] == method]
            if len(seeds) > 1:
                axes.plot(seeds[cost], seeds["value"], **marker, ms=2.2, mew=0.5, alpha=0.6, zorder=1.8,
                          label=f"{method}:{dimension}:seeds")  # fmt: skip
            axes.plot([mean[cost]], [mean["value"]], **marker, ms=5.5, mew=1.0, label=f"{method}:{dimension}")
    axes.set_xscale("log")
    axes.margins(0.14)
    axes.grid(axis="y")
    _missing(axes, rows[~there], cost)


def _intervals(axes: Axes, rows: pd.DataFrame, cost: str, found: Mapping[uncertain.Key, Interval]) -> None:
    """Intervals of each method and dimension, at the mean cost of its seeds."""
    for (method, dimension), points in rows.groupby(["method", "dimension"]):
        interval = found.get((method, dimension, METRIC))
        if interval:
            axes.plot([points[cost].mean()] * 2, [interval.low, interval.high], lw=0.7, alpha=0.6, zorder=1.5,
                      color=label("methods", method).colour, ls=FRONTS[dimension],
                      label=f"{method}:{dimension}:interval")  # fmt: skip


def _front(axes: Axes, means: pd.DataFrame, cost: str, dimension: str) -> None:
    """Of means: the best of many seeds is luck."""
    if means.empty:
        return
    points = means.iloc[front(means[cost].to_numpy(float), means["value"].to_numpy(float))]
    axes.step(points[cost], points["value"], where="post", color=style.FAINT, lw=0.8, zorder=1,
              ls=FRONTS[dimension])  # fmt: skip


def _missing(axes: Axes, lost: pd.DataFrame, cost: str) -> None:
    """Say which methods have no point here, and why."""
    if lost.empty:
        return
    reasons = lost["reason"].fillna(f"no {cost}").replace("", f"no {cost}")
    names = lost["method"].map(lambda method: label("methods", method).short)
    words = sorted({f"{name}: {reason}" for name, reason in zip(names, reasons, strict=True)})
    axes.set_title(f"missing: {'; '.join(words)}", fontsize=6.5, color=style.FAINT, loc="right")


def _legend(figure: Figure, methods: Sequence[str]) -> None:
    handles = [
        Line2D([], [], ls="none", marker=look.marker, color=look.colour, label=look.name)
        for look in (label("methods", method) for method in methods)
    ]
    for dimension, face in (("valence", style.FAINT), ("arousal", style.PAPER)):
        words = f"{dimension} and its front"
        handles.append(
            Line2D([], [], ls=FRONTS[dimension], lw=0.8, marker="o", color=style.FAINT, mfc=face, label=words)
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--runs", required=True, metavar="CSV")
    parser.add_argument("--intervals", metavar="CSV", help="intervals of the numbers (hocp uncertainty)")
    parser.add_argument(
        "--convention", default="pooled", help="how frames were gathered (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    runs = read(args.runs, args.convention)
    intervals = {d: uncertain.read_intervals(args.intervals, d) for d in runs["dataset"].unique()}
    with style.styled():
        style.save(draw(runs, intervals), args.out)


if __name__ == "__main__":
    main()
