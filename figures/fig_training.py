"""Training curves: loss and validation CCC against the step, one column a data set.

``python -m figures.fig_training --histories RUN/history.csv ... --manifests CSV ... --out PREFIX``
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.inputs import data_of, run_of
from figures.labels import label, labels, ordered

ROWS = {
    "loss": "training loss",
    "val_valence_ccc": "validation\nvalence CCC",
    "val_arousal_ccc": "validation\narousal CCC",
}
NOT_EVALUATED = "not evaluated\nduring training"


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
        if run.dataset not in data:
            raise ValueError(
                f"{path}: a run on {run.dataset}, but manifests are given of {', '.join(data)} only"
            )
        facts = {"run": str(run), "dataset": run.dataset, "method": run.method, "data": data[run.dataset]}
        tables.append(pd.read_csv(path).assign(**facts))
    return pd.concat(tables, ignore_index=True)


def draw(histories: pd.DataFrame) -> Figure:
    """One line a run; where a method has several, they are faint and their mean is drawn over them.

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
        column[0].set_title(label("datasets", dataset).name)
        column[-1].set_xlabel("step")
        for axes, quantity in zip(column, ROWS, strict=True):
            _curves(axes, rows, quantity)
    for axes, words in zip(grid[:, 0], ROWS.values(), strict=True):
        axes.set_ylabel(words, linespacing=1.0)
    _legend(figure, grid[0, 0], methods)
    figure.align_ylabels()
    style.mark_generated(figure, style.one_kind(histories["data"], place="histories"))
    return figure


def _curves(axes: Axes, rows: pd.DataFrame, quantity: str) -> None:
    """Every run of one data set; where nothing was evaluated, words instead of a line."""
    drawn = rows.dropna(subset=[quantity])
    if drawn.empty:
        axes.text(
            0.5, 0.5, NOT_EVALUATED, transform=axes.transAxes, ha="center", va="center", color=style.FAINT
        )
    for method in ordered("methods", drawn["method"]):
        look, runs = label("methods", method), drawn[drawn["method"] == method]
        style_of_line = {"color": look.colour, "ls": look.line, "marker": "" if quantity == "loss" else "."}
        several = runs["run"].nunique() > 1
        for run, curve in runs.groupby("run", sort=True):
            faint = {"alpha": 0.3, "lw": 0.5, "ms": 2} if several else {"ms": 4}
            axes.plot(curve["step"], curve[quantity], label=str(run), **style_of_line, **faint)
        mean = mean_curve(runs, quantity)
        if several:
            axes.plot(mean["step"], mean[quantity], label=f"{method}:mean", ms=4, **style_of_line)
        if quantity == "loss":
            _stages(axes, mean, look.colour)
    axes.grid(axis="y")


def mean_curve(runs: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Mean over the runs of one method, at the steps that all of them logged.

    Returns
    -------
    DataFrame
        Columns step, `quantity` and stage (that of the first run).
    """
    table = runs.groupby("step").agg({quantity: ["mean", "count"], "stage": "first"})
    table.columns = [quantity, "count", "stage"]
    return table[table["count"] == runs["run"].nunique()].reset_index()


def _share_scores(grid: np.ndarray) -> None:
    """One scale for the CCC of all data sets; losses keep their own, since they are not the same sums."""
    for line in grid[1:]:
        for axes in line[1:]:
            axes.sharey(line[0])
            axes.tick_params(labelleft=False)


def _stages(axes: Axes, curve: pd.DataFrame, colour: str) -> None:
    """A dot where a later stage of training begins."""
    starts = curve[curve["stage"].ne(curve["stage"].shift())].iloc[1:]
    axes.plot(starts["step"], starts["loss"], "o", color=colour, ms=3.2, mec="white", mew=0.5)


def _legend(figure: Figure, axes: Axes, methods: Sequence[str]) -> None:
    handles = [
        axes.plot([], [], color=look.colour, ls=look.line, label=look.name)[0]
        for look in (labels("methods")[method] for method in methods)
    ]
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
