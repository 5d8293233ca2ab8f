"""Accuracy against what it costs: CCC by parameters, by multiply-adds and by measured training time.

``python -m figures.fig_pareto --runs RUNS.csv --out PREFIX``
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.labels import label, labels, ordered

COSTS = {
    "parameters": ("parameters", 1),
    "macs": ("multiply-adds a forward pass", 1),
    "seconds": ("training time (s)", 1),
}
METRIC = "ccc"


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


def draw(runs: pd.DataFrame) -> Figure:
    """One row a data set, one column a cost; filled markers are valence, open ones arousal.

    Parameters
    ----------
    runs : DataFrame
        Columns dataset, method, data, seed, parameters, macs, seconds, dimension, value, reason. A missing
        value or cost is counted in the panel, with its reason.
    """
    datasets = ordered("datasets", runs["dataset"])
    methods = ordered("methods", runs["method"])
    figure = style.new_figure(style.PAGE, 0.9 + 1.55 * len(datasets))
    grid = figure.subplots(len(datasets), len(COSTS), sharex="col", sharey="row", squeeze=False)
    for line, dataset in zip(grid, datasets, strict=True):
        rows = runs[runs["dataset"] == dataset]
        for axes, cost in zip(line, COSTS, strict=True):
            _panel(axes, rows, cost)
        line[0].set_ylabel(f"CCC, {label('datasets', dataset).name}")
    for axes, (words, _) in zip(grid[-1], COSTS.values(), strict=True):
        axes.set_xlabel(words)
    _legend(figure, methods)
    style.mark_generated(figure, style.one_kind(runs["data"], place="runs"))
    return figure
