"""Calibration: mean predictions against mean labels, over the valence-arousal plane and for each alone.

``python -m figures.fig_calibration --predictions RUN/predictions.npz ... --manifests CSV ... --out PREFIX``

Predictions that regress to the mean show as arrows that point inwards and curves flatter than the diagonal.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.fig_va_plane import EDGES as FINE_EDGES
from figures.inputs import read_tests
from figures.labels import HEADLINE, label, labels, ordered

#: Cells of three tenths, each of three levels of AFEW-VA, so that no level falls on an edge.
EDGES = FINE_EDGES[::3]
#: A cell is shown with so many frames or images, of so many clips (or images), or more.
LEAST, LEAST_CLIPS = 10, 2
PLANES = 3
IDENTITY = "identity"
TOO_FEW = "too few items\nin each cell"
SHADES = LinearSegmentedColormap.from_list("items", ["#A9CCE3", "#0072B2", style.INK])


def chosen(dataset: str, methods: Sequence[str]) -> list[str]:
    """Three of the `methods` that were run: those of the headline, then others in reading order."""
    first = [method for method in HEADLINE[dataset] if method in methods]
    others = [method for method in ordered("methods", methods) if method not in first]
    return ordered("methods", (first + others)[:PLANES])


def means(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean labels and predictions in bins of the labels, over all frames and seeds; bins of few are left out.

    Parameters
    ----------
    table : DataFrame
        Columns item, clip, valence, arousal, valence_true, arousal_true: one method, a row a seed and frame.
    by : sequence of str
        Dimensions whose labels are binned: both for cells of the plane, or one.

    Returns
    -------
    DataFrame
        One row a bin: means of the four numbers, and `items`, how many frames or images are in it.
    """
    numbers = [name for dimension in labels("dimensions") for name in (f"{dimension}_true", dimension)]
    units = table["clip"].where(table["clip"] != "", table["item"])
    columns = table[numbers].astype(float).assign(item=table["item"], unit=units)
    bins = columns.groupby([np.digitize(table[f"{dimension}_true"], EDGES) for dimension in by])
    found = bins[numbers].mean().assign(items=bins["item"].nunique(), units=bins["unit"].nunique())
    return found[(found["items"] >= LEAST) & (found["units"] >= LEAST_CLIPS)].reset_index(drop=True)


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """A row a data set: the planes of three methods, then the curves of valence and of arousal.

    Parameters
    ----------
    tables : mapping of data set -> DataFrame
        Columns method, seed, data and those that `means` takes.
    """
    data = style.one_kind(pd.concat([t["data"] for t in tables.values()]).unique(), place="manifests")
    datasets = ordered("datasets", tables)
    of_methods = {dataset: _of_methods(dataset, tables[dataset]) for dataset in datasets}
    norm = _norm(of_methods)
    figure = style.new_figure(style.PAGE, 0.75 + 1.65 * len(datasets))
    figure.get_layout_engine().set(h_pad=0.05)
    columns = PLANES + len(labels("dimensions"))
    grid = figure.subplots(len(datasets), columns, sharex="row", sharey="row", squeeze=False)
    for line, dataset in zip(grid, datasets, strict=True):
        _row(line, of_methods[dataset], norm)
        heading = f"{label('datasets', dataset).name}: {_size(tables[dataset])}"
        line[0].set_title(f"{heading}\n{line[0].get_title(loc='left')}")
    for axes, words in zip(grid[-1], ["valence"] * PLANES + ["mean label"] * 2, strict=True):
        axes.set_xlabel(words)
    bar = figure.colorbar(ScalarMappable(norm, SHADES), ax=list(grid.flat), shrink=0.6, aspect=30, pad=0.015)
    bar.set_label("frames or images in the cell")
    style.log_axis(bar.ax.yaxis, norm.vmin, norm.vmax)
    _legend(figure, of_methods)
    figure.align_ylabels(grid[:, 0])
    figure.align_ylabels(grid[:, PLANES])
    style.mark_generated(figure, data)
    return figure


def _of_methods(dataset: str, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of the methods that are shown, in their order."""
    methods = chosen(dataset, list(table["method"].unique()))
    return {method: table[table["method"] == method] for method in methods}


def _norm(of_methods: Mapping[str, Mapping[str, pd.DataFrame]]) -> LogNorm:
    """One scale for the number of items in a cell, from the fewest that are shown to the most."""
    dimensions = list(labels("dimensions"))
    most = [means(table, dimensions)["items"].max() for row in of_methods.values() for table in row.values()]
    return LogNorm(LEAST, np.nanmax([*most, 4 * LEAST]))


def _size(table: pd.DataFrame) -> str:
    """How many images, or frames of how many clips; and of how many seeds all are taken."""
    items, clips, seeds = table["item"].nunique(), table["clip"].nunique(), table["seed"].nunique()
    size = f"{items:,} images" if (table["clip"] == "").all() else f"{items:,} frames of {clips} clips"
    return size + (f", {seeds} seeds" if seeds > 1 else "")


def _row(line: Sequence[Axes], of_methods: Mapping[str, pd.DataFrame], norm: LogNorm) -> None:
    """All panels of one data set, on one scale that holds what is shown."""
    planes, curves = line[:PLANES], line[PLANES:]
    for axes, (method, table) in zip(planes, of_methods.items(), strict=False):
        axes.set_title(label("methods", method).short)
        _plane(axes, table, norm)
    for axes in planes[len(of_methods) :]:
        axes.set_axis_off()
    for axes, dimension in zip(curves, labels("dimensions"), strict=True):
        axes.set_title(label("dimensions", dimension).name)
        _curves(axes, of_methods, dimension)
    planes[0].set_ylabel("arousal")
    curves[0].set_ylabel("mean prediction")
    extent = _extent(of_methods)
    tick = max(tick for tick in (0.4, 0.5, 1.0) if tick < extent)
    for axes in line:
        axes.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal")
        axes.set_xticks([-tick, 0, tick])
        axes.set_yticks([-tick, 0, tick])


def _extent(of_methods: Mapping[str, pd.DataFrame]) -> float:
    """The nearest edge beyond all means that are shown: the second from the middle, or a later one."""
    shown = [[dimension] for dimension in labels("dimensions")] + [list(labels("dimensions"))]
    ends = [
        means(table, by)[[name for one in by for name in (one, f"{one}_true")]].abs().max(axis=None)
        for table in of_methods.values() for by in shown
    ]  # fmt: skip
    widest = np.clip(max([end for end in ends if np.isfinite(end)], default=1), 0.2, 1)
    return float(EDGES[np.searchsorted(EDGES, widest)])


def _not_finite(table: pd.DataFrame) -> str:
    """Why a method has no means; empty if it has."""
    lost = (~np.isfinite(table[list(labels("dimensions"))].to_numpy(float))).any(axis=1).sum()
    return f"{lost} predictions\nare not finite" if lost else ""


def _plane(axes: Axes, table: pd.DataFrame, norm: LogNorm) -> None:
    """In each cell an arrow from the mean label to the mean prediction of its frames."""
    for edge in EDGES:
        axes.axvline(edge, color=style.RULE, lw=0.4, zorder=0)
        axes.axhline(edge, color=style.RULE, lw=0.4, zorder=0)
    centre = table[["valence_true", "arousal_true"]].astype(float).mean()
    axes.plot(*centre, "+", color=style.WARNING, ms=6, mew=1.0, zorder=4, label="centre")
    cells = means(table, list(labels("dimensions")))
    reason = _not_finite(table) or (TOO_FEW if cells.empty else "")
    if reason:
        axes.text(0.5, 0.1, reason, transform=axes.transAxes, ha="center", color=style.FAINT, fontsize=7,
                  linespacing=1.0)  # fmt: skip
        return
    tails, ends = cells[["valence_true", "arousal_true"]], cells[["valence", "arousal"]]
    moves = ends.to_numpy() - tails.to_numpy()
    axes.plot(*tails.to_numpy().T, ".", color=style.FAINT, ms=2.5, mew=0, zorder=2, label="labels")
    axes.quiver(*tails.to_numpy().T, *moves.T, cells["items"], cmap=SHADES, norm=norm, angles="xy",
                scale_units="xy", scale=1, width=0.011, headwidth=4, headlength=4.5, headaxislength=4,
                minlength=0.5, zorder=3)  # fmt: skip


def _curves(axes: Axes, of_methods: Mapping[str, pd.DataFrame], dimension: str) -> None:
    """Mean prediction against mean label by bin of the label, and the diagonal that they should lie on."""
    axes.plot(EDGES[[0, -1]], EDGES[[0, -1]], color=style.FAINT, ls="--", lw=0.7, zorder=1, label=IDENTITY)
    for method, table in of_methods.items():
        if not _not_finite(table):
            look, bins = label("methods", method), means(table, [dimension])
            axes.plot(bins[f"{dimension}_true"], bins[dimension], color=look.colour, ls=look.line,
                      marker=look.marker, ms=3, lw=0.9, label=method)  # fmt: skip


def _legend(figure: Figure, of_methods: Mapping[str, Mapping[str, pd.DataFrame]]) -> None:
    methods = ordered("methods", (method for row in of_methods.values() for method in row))
    handles = [
        Line2D([], [], color=look.colour, ls=look.line, marker=look.marker, ms=4, label=look.name)
        for look in (label("methods", method) for method in methods)
    ]
    handles += [
        Line2D([], [], color=style.FAINT, ls="--", lw=0.7, label="prediction equals label"),
        Line2D([], [], color=style.WARNING, ls="none", marker="+", ms=6, label="mean of all labels"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


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
