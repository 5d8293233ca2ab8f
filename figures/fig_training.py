"""Training curves: loss and validation CCC against the step, one column a data set.

``python -m figures.fig_training --histories RUN/history.csv ... --manifests CSV ... --out PREFIX``
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures import style
from figures.inputs import data_of, kind_of, run_of
from figures.labels import label, ordered

ROWS = {
    "loss": "training loss",
    "val_valence_ccc": "validation\nvalence CCC",
    "val_arousal_ccc": "validation\narousal CCC",
}
NOT_EVALUATED = "not evaluated\nduring training"
SHADE = 0.15


def read(paths: Sequence[str | Path], manifests: Sequence[str | Path]) -> pd.DataFrame:
    """Histories of several runs, one row a logged step, with columns `dataset` and `method`, and `data`.

    `data` is what the manifest of the data set says: "generated" or "licensed".

    Raises
    ------
    ValueError
        If a run's data set has no manifest among `manifests`.
    """
    data = data_of(manifests)
    tables = []
    for path in paths:
        run = run_of(path)
        facts = {"run": str(run), "dataset": run.dataset, "method": run.method, "data": kind_of(path, data)}
        tables.append(pd.read_csv(path).assign(**facts))
    return pd.concat(tables, ignore_index=True)


def draw(histories: pd.DataFrame) -> Figure:
    """One line a method: its run, or the mean of several with a band between their quartiles.

    Parameters
    ----------
    histories : DataFrame
        Columns run, dataset, method, data, stage, step, loss, val_valence_ccc, val_arousal_ccc; a validation
        cell is empty where nothing was evaluated.
    """
    datasets = ordered("datasets", histories["dataset"])
    methods = ordered("methods", histories["method"])
    figure = style.new_figure(style.PAGE, 4.2)
    grid = figure.subplots(len(ROWS), len(datasets), sharex="col", squeeze=False)
    _share_scores(grid)
    for column, dataset in zip(grid.T, datasets, strict=True):
        rows = histories[histories["dataset"] == dataset]
        column[0].set_title(label("datasets", dataset).name + _size(rows))
        column[-1].set_xlabel("step")
        for axes, quantity in zip(column, ROWS, strict=True):
            _curves(axes, rows, quantity)
    for axes, words in zip(grid[:, 0], ROWS.values(), strict=True):
        axes.set_ylabel(words, linespacing=1.0)
    _legend(figure, methods, several=histories.groupby(["dataset", "method"])["run"].nunique().max() > 1)
    figure.align_ylabels()
    style.mark_generated(figure, style.one_kind(histories["data"], place="histories"))
    return figure


def _curves(axes: Axes, rows: pd.DataFrame, quantity: str) -> None:
    """Every method of one data set; where nothing was evaluated, words instead of a line."""
    if rows[quantity].isna().all():
        axes.text(
            0.5, 0.5, NOT_EVALUATED, transform=axes.transAxes, ha="center", va="center", color=style.FAINT
        )
    for method in ordered("methods", rows["method"]):
        look, runs = label("methods", method), rows[rows["method"] == method]
        several = runs["run"].nunique() > 1
        curve = band(runs, quantity)
        if curve.empty:
            continue
        if several:
            axes.fill_between(curve["step"], curve["low"], curve["high"], color=look.colour, alpha=SHADE,
                              lw=0, zorder=1, label=f"{method}:band")  # fmt: skip
        axes.plot(curve["step"], curve["mean"], color=look.colour, ls=look.line, ms=4,
                  marker="" if quantity == "loss" else ".",
                  label=f"{method}:mean" if several else runs["run"].iloc[0])  # fmt: skip
        if quantity == "loss":
            _stages(axes, curve, look.colour)
    axes.grid(axis="y")


def band(runs: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Mean and quartiles over the runs of one method, at the steps at which all of them have a value.

    Returns
    -------
    DataFrame
        Columns step, mean, low and high (lower and upper quartile), stage (that of the first run).
    """
    steps = runs.groupby("step")
    values = steps[quantity]
    low, high = values.quantile(0.25), values.quantile(0.75)
    table = pd.DataFrame({"mean": values.mean(), "low": low, "high": high, "stage": steps["stage"].first()})
    return table[values.count() == runs["run"].nunique()].reset_index()


def _share_scores(grid: np.ndarray) -> None:
    """One scale for the CCC of all data sets; losses keep their own, since they are not the same sums."""
    for line in grid[1:]:
        for axes in line[1:]:
            axes.sharey(line[0])
            axes.tick_params(labelleft=False)


def _stages(axes: Axes, curve: pd.DataFrame, colour: str) -> None:
    """A dot where a later stage of training begins."""
    starts = curve[curve["stage"].ne(curve["stage"].shift())].iloc[1:]
    axes.plot(starts["step"], starts["mean"], "o", color=colour, ms=3.2, mec="white", mew=0.5)


def _size(rows: pd.DataFrame) -> str:
    """How many runs stand behind each line, where they are several."""
    counts = sorted(set(rows.groupby("method")["run"].nunique()))
    if counts[-1] == 1:
        return ""
    return f": {' to '.join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))} runs a method"


def _legend(figure: Figure, methods: Sequence[str], *, several: bool) -> None:
    handles = [
        Line2D([], [], color=look.colour, ls=look.line, label=look.name)
        for look in (label("methods", method) for method in methods)
    ]
    if several:
        handles.append(Patch(color=style.FAINT, alpha=2 * SHADE, lw=0, label="middle half of the runs"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--histories", required=True, nargs="+", metavar="CSV")
    parser.add_argument("--manifests", required=True, nargs="+", metavar="CSV")
    args = parser.parse_args(argv)
    with style.styled():
        style.save(draw(read(args.histories, args.manifests)), args.out)


if __name__ == "__main__":
    main()
