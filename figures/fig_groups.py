"""Accuracy against the number of groups (people, sessions) trained on, at the same number of steps.

``python -m figures.fig_groups --groups GROUPS.csv --runs RUNS.csv --manifest CSV --out PREFIX``
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.fig_pareto import read as read_runs
from figures.inputs import read_items
from figures.labels import label, labels, ordered
from hocp.contracts import manifest
from hocp.contracts.spec import Run

CONVENTION = "pooled"


def read(groups: str | Path, runs: str | Path, manifest_path: str | Path) -> pd.DataFrame:
    """CCC of all runs on one data set, with the number of groups that each was trained on as column `count`.

    Raises
    ------
    ValueError
        If `groups` holds a run of the whole training part, or of another data set than the manifest's.
    """
    few = read_runs(groups, CONVENTION)
    few = few.assign(count=[Run.parse(name).groups for name in few["run"]])
    items, facts = read_items(manifest_path)
    wrong = few[few["count"].isna() | (few["dataset"] != facts.dataset)]
    if len(wrong):
        raise ValueError(
            f"{groups}: run {wrong['run'].iloc[0]}; expected runs on some groups of {facts.dataset} only"
        )
    part = items["split"].map(lambda split: manifest.parts(split, 0))
    whole = read_runs(runs, CONVENTION)
    whole = whole[(whole["dataset"] == facts.dataset) & whole["method"].isin(few["method"])]
    return pd.concat([few, whole.assign(count=items.loc[part == "train", "group"].nunique())])


def draw(runs: pd.DataFrame) -> Figure:
    """One panel a dimension, one line a method through the means; each run is a point.

    Parameters
    ----------
    runs : DataFrame
        Columns dataset, method, data, seed, count, dimension, value; an empty value is left out.
    """
    methods = ordered("methods", runs["method"])
    figure = style.new_figure(style.PAGE, 2.6)
    panels = figure.subplots(1, len(labels("dimensions")), sharey=True)
    for axes, dimension in zip(panels, labels("dimensions"), strict=True):
        axes.set_title(label("dimensions", dimension).name)
        for method in methods:
            _line(axes, runs[(runs["dimension"] == dimension) & (runs["method"] == method)], method)
        counts = sorted(runs["count"].unique())
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [f"{count:g}" for count in counts], minor=False)
        axes.minorticks_off()
        axes.margins(x=0.08)
        axes.grid(axis="y")
        axes.set_xlabel(f"{_unit(runs)} trained on")
    panels[0].set_ylabel("CCC")
    names = [label("methods", method).name for method in methods]
    handles = [line for line in panels[0].lines if line.get_label() in names]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(methods))
    style.mark_generated(figure, style.one_kind(runs["data"], place="runs"))
    return figure


def _unit(runs: pd.DataFrame) -> str:
    """What a group is: SEWA's are sessions, which two people share."""
    return f"{label('datasets', runs['dataset'].iloc[0]).name} sessions"


def _line(axes: Axes, rows: pd.DataFrame, method: str) -> None:
    look, rows = label("methods", method), rows.dropna(subset=["value"])
    mean = rows.groupby("count")["value"].mean()
    axes.plot(mean.index, mean, color=look.colour, ls=look.line, marker=look.marker, ms=5, label=look.name)
    points = {"ls": "none", "marker": look.marker, "color": look.colour, "ms": 2.6, "alpha": 0.5}
    axes.plot(rows["count"], rows["value"], label=f"{method}:runs", **points)


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--groups", required=True, metavar="CSV", help="runs on some groups only")
    parser.add_argument("--runs", required=True, metavar="CSV", help="runs on the whole training part")
    parser.add_argument("--manifest", required=True, metavar="CSV", help="of the data set that they are on")
    args = parser.parse_args(argv)
    with style.styled():
        style.save(draw(read(args.groups, args.runs, args.manifest)), args.out)


if __name__ == "__main__":
    main()
