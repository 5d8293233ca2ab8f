"""Training curves: loss and validation CCC against the step, one column a data set.

``python -m figures.fig_training --histories RUN/history.csv ... --manifests CSV ... --out PREFIX``
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.inputs import data_of, run_of
from figures.labels import label, labels, ordered

ROWS = {
    "loss": "training loss",
    "val_valence_ccc": "validation CCC,\nvalence",
    "val_arousal_ccc": "validation CCC,\narousal",
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
    """One thin line a run; the colour tells the method.

    Parameters
    ----------
    histories : DataFrame
        Columns run, dataset, method, data, stage, step, loss, val_valence_ccc, val_arousal_ccc; a validation
        cell is empty where nothing was evaluated.
    """
    datasets = ordered("datasets", histories["dataset"])
    methods = ordered("methods", histories["method"])
    figure = style.new_figure(style.PAGE, 4.2)
    grid = figure.subplots(len(ROWS), len(datasets), sharex="col", sharey="row", squeeze=False)
    for column, dataset in zip(grid.T, datasets, strict=True):
        rows = histories[histories["dataset"] == dataset]
        column[0].set_title(label("datasets", dataset).name)
        column[-1].set_xlabel("step")
        for axes, quantity in zip(column, ROWS, strict=True):
            _curves(axes, rows, quantity)
    for axes, words in zip(grid[:, 0], ROWS.values(), strict=True):
        axes.set_ylabel(words)
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
    for run, curve in drawn.groupby("run", sort=True):
        look = label("methods", curve["method"].iloc[0])
        runs = drawn.loc[drawn["method"] == look.machine, "run"].nunique()
        faint = {"alpha": 0.55, "lw": 0.7} if runs > 1 else {"lw": 1.1}
        axes.plot(curve["step"], curve[quantity], color=look.colour, ls=look.line, label=str(run), **faint)
        if quantity == "loss":
            _stages(axes, curve, look.colour)
    axes.grid(axis="y")


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
