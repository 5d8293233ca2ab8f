"""How sure the concordances are: seeds as points, intervals over people or clips, chance and ceilings.

``python -m figures.fig_intervals --runs RUNS.csv --intervals INTERVALS.csv --controls CONTROLS.csv
--out PREFIX``
"""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures import style, uncertain
from figures.fig_pareto import METRIC, read
from figures.labels import label, labels, ordered
from figures.uncertain import UNITS, Interval
from hocp.contracts import published

LINES = ("permuted", "ceiling_static", "ceiling_temporal")
PUBLISHED = "published"

#: Data set -> its intervals; data set -> rows of its controls; data set, method, dimension -> published.
Intervals = Mapping[str, Mapping[uncertain.Key, Interval]]
Controls = Mapping[str, Sequence[Mapping[str, str]]]
Printed = Mapping[tuple[str, str, str], float]


def draw(runs: pd.DataFrame, intervals: Intervals, controls: Controls, printed: Printed) -> Figure:
    """A column of panels a data set, a row a dimension; a line a method.

    Parameters
    ----------
    runs : DataFrame
        Columns dataset, method, data, seed, dimension, value: one row a seed.
    intervals, controls, printed : mappings
        See the module. Published values are drawn beside licensed data only.
    """
    data = style.one_kind(runs["data"], place="runs")
    datasets = ordered("datasets", runs["dataset"])
    methods = ordered("methods", runs["method"])
    figure = style.new_figure(style.PAGE, 1.15 + 2 * (0.22 + 0.155 * len(methods)))
    grid = figure.subplots(len(labels("dimensions")), len(datasets), sharex="col", sharey=True, squeeze=False)
    for line, dimension in zip(grid, labels("dimensions"), strict=True):
        for axes, dataset in zip(line, datasets, strict=True):
            rows = runs[(runs["dataset"] == dataset) & (runs["dimension"] == dimension)]
            _controls(axes, controls[dataset], dimension)
            for place, method in enumerate(methods):
                found = intervals[dataset].get((method, dimension, METRIC))
                _method(axes, place, method, rows[rows["method"] == method], found)
                if data == "licensed":
                    _published(axes, place, printed.get((dataset, method, dimension)))
            axes.grid(axis="x")
            axes.xaxis.set_major_locator(MaxNLocator(4))
        line[0].set_ylabel(label("dimensions", dimension).name)
    grid[0][0].set_yticks(range(len(methods)), [label("methods", m).short for m in methods])
    grid[0][0].set_ylim(len(methods) - 0.5, -0.5)
    for axes, dataset in zip(grid[0], datasets, strict=True):
        axes.set_title(label("datasets", dataset).name + _unit(intervals[dataset]))
    for axes in grid[-1]:
        axes.set_xlabel("CCC")
    _legend(figure, runs, controls, data)
    style.mark_generated(figure, data)
    return figure


def _unit(intervals: Mapping[uncertain.Key, Interval]) -> str:
    """What was resampled, for the title."""
    first = next(iter(intervals.values()), None)
    return f", {first.clusters} {UNITS[first.unit]}" if first else ""


def _method(axes: Axes, place: int, method: str, rows: pd.DataFrame, found: Interval | None) -> None:
    """Interval and mean of one method, and its seeds where they are several."""
    values = rows["value"].dropna()
    if values.empty:
        return
    look = label("methods", method)
    if found:
        axes.plot([found.low, found.high], [place] * 2, color=look.colour, lw=1.4, solid_capstyle="butt",
                  label=f"{method}:interval")  # fmt: skip
    if len(values) > 1:
        axes.plot(
            values,
            [place] * len(values),
            ls="none",
            marker="|",
            color=style.INK,
            ms=5,
            mew=0.6,
            zorder=4,
            label=f"{method}:seeds",
        )
    axes.plot([values.mean()], [place], ls="none", marker=look.marker, color=look.colour, ms=5, zorder=3,
              label=f"{method}:mean")  # fmt: skip


def _published(axes: Axes, place: int, value: float | None) -> None:
    if value is not None:
        axes.plot([value], [place], ls="none", marker="D", mfc=style.PAPER, mec=style.INK, mew=0.9, ms=4.5,
                  zorder=5, label=PUBLISHED)  # fmt: skip


def _controls(axes: Axes, rows: Sequence[Mapping[str, str]], dimension: str) -> None:
    """Chance and ceilings as vertical lines."""
    for row in rows:
        if (
            row["method"] in LINES
            and (row["dimension"], row["metric"]) == (dimension, METRIC)
            and row["value"]
        ):
            axes.axvline(
                float(row["value"]),
                color=style.FAINT,
                lw=0.8,
                ls=label("controls", row["method"]).line,
                zorder=0,
                label=row["method"],
            )


def _legend(figure: Figure, runs: pd.DataFrame, controls: Controls, data: str) -> None:
    grey = style.FAINT
    handles = [Line2D([], [], color=grey, lw=1.4, marker="o", label="mean and interval")]
    if runs["seed"].nunique() > 1:
        handles.append(Line2D([], [], ls="none", marker="|", color=style.INK, label="one seed"))
    if data == "licensed":
        handles.append(
            Line2D([], [], ls="none", marker="D", mfc=style.PAPER, mec=style.INK, ms=4.5, label="published")
        )
    present = {
        row["method"]
        for rows in controls.values()
        for row in rows
        if row["value"] and row["metric"] == METRIC
    }
    handles += [
        Line2D(
            [], [], color=grey, lw=0.8, ls=label("controls", name).line, label=label("controls", name).short
        )
        for name in LINES
        if name in present
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def read_printed(path: str, datasets: Sequence[str]) -> dict[tuple[str, str, str], float]:
    """Published concordances of the methods that the paper trained."""
    known = published.load(path)
    return {
        (dataset, cell.method, cell.dimension): cell.value
        for dataset in datasets for cell in known.cells(dataset)
        if cell.metric == METRIC and cell.value is not None
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    for name in ("runs", "intervals", "controls"):
        parser.add_argument(f"--{name}", required=True, metavar="CSV")
    parser.add_argument("--published", metavar="YAML", default=published.PAPER)
    args = parser.parse_args(argv)
    runs = read(args.runs, "pooled")
    datasets = ordered("datasets", runs["dataset"])
    intervals = {dataset: uncertain.read_intervals(args.intervals, dataset) for dataset in datasets}
    controls = {dataset: uncertain.read_controls(args.controls, dataset) for dataset in datasets}
    with style.styled():
        style.save(draw(runs, intervals, controls, read_printed(args.published, datasets)), args.out)


if __name__ == "__main__":
    main()
