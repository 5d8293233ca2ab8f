"""Where the labels of each data set lie in the plane of valence and arousal.

``python -m figures.fig_va_plane --manifests CSV ... --out PREFIX``
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter

from figures import style
from figures.inputs import read_items
from figures.labels import label, ordered

#: Cells of a tenth, centred on the 21 levels of AFEW-VA, so that no level falls on an edge.
EDGES = np.linspace(-1.05, 1.05, 22)


def read(manifests: Sequence[str | Path]) -> tuple[dict[str, pd.DataFrame], str]:
    """Usable items by data set, and the one word, "generated" or "licensed", for all of them."""
    both = [read_items(path) for path in manifests]
    data = style.one_kind((facts.data for _, facts in both), place="manifests")
    return {facts.dataset: items for items, facts in both}, data


def share(items: pd.DataFrame) -> np.ndarray:
    """Share of the items in each cell of the plane, in per cent.

    Returns
    -------
    ndarray, shape (21, 21)
        First axis valence, second arousal; empty cells are 0.
    """
    counts, _, _ = np.histogram2d(items["valence"], items["arousal"], bins=EDGES)
    return 100 * counts / len(items)


def draw(items: Mapping[str, pd.DataFrame], *, data: str) -> Figure:
    """One panel a data set, all on one colour scale, with the share of each label alone at the edges.

    Parameters
    ----------
    items : mapping of data set -> DataFrame with columns clip, valence, arousal
        Labels on the signed scale [-1, 1].
    data : {"generated", "licensed"}
    """
    datasets = ordered("datasets", items)
    shares = {dataset: share(items[dataset]) for dataset in datasets}
    positive = np.concatenate([cells[cells > 0] for cells in shares.values()])
    norm = LogNorm(positive.min(), positive.max())
    figure = style.new_figure(style.PAGE, 2.75)
    panels = figure.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
    for axes, dataset in zip(panels, datasets, strict=True):
        image = _plane(axes, shares[dataset], norm)
        _edges(axes, shares[dataset])
        axes.set_title(f"{label('datasets', dataset).name}: {_size(items[dataset])}", pad=14)
    panels[0].set_ylabel("arousal")
    bar = figure.colorbar(image, ax=list(panels), shrink=0.8, pad=0.02, label="items in the cell (%)")
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    style.mark_generated(figure, data)
    return figure


def _size(items: pd.DataFrame) -> str:
    """How many images, or frames of how many clips."""
    count = f"{len(items):,}"
    clips = items.loc[items["clip"] != "", "clip"].nunique()
    return f"{count} frames, {clips} clips" if clips else f"{count} images"


def _plane(axes: Axes, cells: np.ndarray, norm: LogNorm) -> AxesImage:
    filled = np.ma.masked_equal(cells.T, 0)
    image = axes.imshow(filled, origin="lower", extent=(EDGES[0], EDGES[-1]) * 2, cmap="viridis_r", norm=norm)
    for line in (axes.axhline, axes.axvline):
        line(0, color=style.INK, lw=0.4, alpha=0.5)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.set_yticks([-1, -0.5, 0, 0.5, 1])
    axes.set_xlabel("valence")
    return image


def _edges(axes: Axes, cells: np.ndarray) -> None:
    """Share of each label by itself: valence along the top, arousal along the right."""
    for total, place, bars in (
        (cells.sum(1), (0, 1.015, 1, 0.11), "bar"),
        (cells.sum(0), (1.015, 0, 0.11, 1), "barh"),
    ):
        edge = axes.inset_axes(place)
        getattr(edge, bars)((EDGES[1:] + EDGES[:-1]) / 2, total, 0.1, color=style.FAINT, lw=0)
        edge.set_axis_off()
        (edge.set_xlim if bars == "bar" else edge.set_ylim)(EDGES[0], EDGES[-1])


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--manifests", required=True, nargs="+", metavar="CSV")
    args = parser.parse_args(argv)
    items, data = read(args.manifests)
    with style.styled():
        style.save(draw(items, data=data), args.out)


if __name__ == "__main__":
    main()
