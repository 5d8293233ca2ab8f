"""Error by clip: how the RMSE of each method is spread over the test clips of the video data sets.

``python -m figures.fig_clips --predictions RUN/predictions.npz ... --manifests CSV ... --out PREFIX``

A clip's error is the mean over its seeds; of folds, each tests other clips, and all stand together. Beside
each method: on what share of the clips the transduced network has the smaller error.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.inputs import read_tests
from figures.labels import label, labels, ordered

REFERENCE = "hocp_transduction"
HEADING = "transduction\nis better on"
NOT_RUN = "not run"
GOLDEN = (np.sqrt(5) - 1) / 2


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """RMSE over the frames of each clip, mean over seeds.

    Parameters
    ----------
    table : DataFrame
        Columns dataset, method, seed, clip, valence, arousal, valence_true, arousal_true: one row a frame.

    Returns
    -------
    DataFrame
        Index method and clip, columns valence and arousal; infinite where a prediction is not finite.

    Raises
    ------
    ValueError
        If there are rows without a clip.
    """
    if (table["clip"] == "").any():
        dataset = table["dataset"].iloc[0]
        raise ValueError(f"{dataset}: predictions of single images; give those of data sets of clips")
    dimensions = list(labels("dimensions"))
    true = table[[f"{dimension}_true" for dimension in dimensions]].to_numpy(float)
    squares = (table[dimensions].astype(float) - true) ** 2
    squares = squares.fillna(np.inf)  # pandas leaves out what is no number, and the rest would pass for all
    of_run = squares.groupby([table["method"], table["seed"], table["clip"]]).mean() ** 0.5
    return of_run.groupby(["method", "clip"]).mean()


def shares(of_clips: pd.Series) -> dict[str, float]:
    """Share of the clips, in per cent, on which the transduced network has a smaller error than each method.

    Parameters
    ----------
    of_clips : Series
        Errors in one dimension, index method and clip.

    Returns
    -------
    dict
        No entry for the network itself, nor where an error is not finite.
    """
    wide = of_clips.unstack("method")
    wide = wide.loc[:, np.isfinite(wide).all()]
    if REFERENCE not in wide:
        return {}
    others = wide.columns.drop(REFERENCE)
    return {method: 100 * float((wide[REFERENCE] < wide[method]).mean()) for method in others}


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """A column of panels a data set, a row a dimension; in a panel one strip a method.

    Parameters
    ----------
    tables : mapping of data set -> DataFrame
        As `errors` takes them, with a column `data`.
    """
    data = style.one_kind(pd.concat([t["data"] for t in tables.values()]).unique(), place="manifests")
    datasets = ordered("datasets", tables)
    methods = ordered("methods", (method for table in tables.values() for method in table["method"].unique()))
    figure = style.new_figure(style.PAGE, 0.8 + 2 * (0.2 + 0.21 * len(methods)))
    grid = figure.subplots(len(labels("dimensions")), len(datasets), sharex="col", sharey=True, squeeze=False)
    for column, dataset in zip(grid.T, datasets, strict=True):
        found = errors(tables[dataset])
        for axes, dimension in zip(column, labels("dimensions"), strict=True):
            _panel(axes, found[dimension], methods)
        column[0].set_title(f"{label('datasets', dataset).name}: {_size(tables[dataset])}")
        column[-1].set_xlabel("RMSE of a clip")
        column[-1].set_xlim(left=0)
    for axes, dimension in zip(grid[:, 0], labels("dimensions").values(), strict=True):
        axes.set_ylabel(dimension.name)
        axes.set_yticks(range(len(methods)), [label("methods", method).short for method in methods])
        axes.set_ylim(len(methods) - 0.5, -0.5)
    figure.align_ylabels()
    style.mark_generated(figure, data)
    return figure


def _size(table: pd.DataFrame) -> str:
    """How many clips, and over how many seeds their errors are means."""
    clips, seeds = table["clip"].nunique(), table["seed"].nunique()
    size = f"{clips} test {'clip' if clips == 1 else 'clips'}"
    return size + (f", mean of {seeds} seeds" if seeds > 1 else "")


def _panel(axes: Axes, of_clips: pd.Series, methods: Sequence[str]) -> None:
    """Strips of all methods in one dimension, and the shares beside them."""
    better = shares(of_clips)
    run = of_clips.index.unique("method")
    for place, method in enumerate(methods):
        if method in run:
            _strip(axes, place, of_clips[method].to_numpy(float), method)
        else:
            _say(axes, place, NOT_RUN)
        if method in better:
            _beside(axes, place, f"{better[method]:.0f} %", va="center", fontsize=7.5)
    if better:
        _beside(axes, -0.55, HEADING, va="bottom", fontsize=6, color=style.FAINT, linespacing=0.95)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def _strip(axes: Axes, place: float, values: np.ndarray, method: str) -> None:
    """Each clip as a point; median and quartiles as a box without whiskers."""
    look = label("methods", method)
    finite = np.sort(values[np.isfinite(values)])
    lost = len(values) - len(finite)
    if lost:
        _say(axes, place, f"no number for {lost} of {len(values)} clips")
    if not len(finite):
        return
    # Neighbours in the order of errors get heights far apart: points that would hide each other do not.
    heights = place + 0.66 * (np.arange(len(finite)) * GOLDEN % 1 - 0.5)
    axes.plot(finite, heights, ls="none", marker="o", ms=2.2 if len(finite) <= 150 else 1.4, mew=0,
              color=look.colour, alpha=0.65, label=f"{method}:clips")  # fmt: skip
    low, middle, high = np.quantile(finite, (0.25, 0.5, 0.75))
    axes.barh(place, high - low, 0.66, left=low, fill=False, ec=style.INK, lw=0.6, zorder=3,
              label=f"{method}:quartiles")  # fmt: skip
    axes.plot([middle] * 2, [place - 0.33, place + 0.33], color=style.INK, lw=1.4, solid_capstyle="butt",
              zorder=4, label=f"{method}:median")  # fmt: skip


def _say(axes: Axes, place: float, words: str) -> None:
    """Words in a strip, at its right end."""
    axes.text(0.99, place, words, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=6.5,
              color=style.FAINT, zorder=5)  # fmt: skip


def _beside(axes: Axes, place: float, words: str, **looks) -> None:
    """Words to the right of a panel, at the height of a strip."""
    axes.text(1.015, place, words, transform=axes.get_yaxis_transform(), ha="left", **looks)


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--predictions", required=True, nargs="+", metavar="NPZ")
    parser.add_argument("--manifests", required=True, nargs="+", metavar="CSV")
    args = parser.parse_args(argv)
    with style.styled():
        style.save(draw(read_tests(args.predictions, args.manifests)), args.out)


if __name__ == "__main__":
    main()
