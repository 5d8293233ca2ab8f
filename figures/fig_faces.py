"""What the networks see: face crops laid out over the plane of valence and arousal.

``python -m figures.fig_faces --manifest CSV --crops H5 --out PREFIX``

Each cell shows the crop whose labels are nearest to its centre; a cell that no label falls in stays empty.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.inputs import read_crops, read_items
from figures.labels import label

CELLS = 9


def choose(items: pd.DataFrame, cells: int = CELLS) -> pd.DataFrame:
    """One item a cell: the nearest to the cell's centre, ties to the first name.

    Parameters
    ----------
    items : DataFrame, columns item, row, valence, arousal
        Labels on the signed scale [-1, 1].

    Returns
    -------
    DataFrame
        The chosen items with the columns `column` and `line`, counted from the lower left cell.
    """
    place = ((items[["valence", "arousal"]] + 1) / 2 * cells).to_numpy()
    cell = np.clip(np.floor(place), 0, cells - 1).astype(int)
    distance = np.hypot(*(place - cell - 0.5).T)
    table = items.assign(column=cell[:, 0], line=cell[:, 1], distance=distance)
    return table.sort_values(["distance", "item"]).drop_duplicates(["column", "line"]).reset_index(drop=True)


def draw(chosen: pd.DataFrame, crops: np.ndarray, *, dataset: str, data: str, cells: int = CELLS) -> Figure:
    """Crops at their cells.

    Parameters
    ----------
    chosen : DataFrame, columns column, line
        From `choose`.
    crops : ndarray of uint8, shape (len(chosen), side, side, 3)
    dataset : str
    data : {"generated", "licensed"}
    """
    figure = style.new_figure(4.6, 4.75)
    axes = figure.add_subplot()
    _plane(axes, cells)
    for cell, crop in zip(chosen.itertuples(), crops, strict=True):
        left, low = (2 * np.array([cell.column, cell.line]) + 0.05) / cells - 1
        size = 1.9 / cells
        axes.imshow(crop, extent=(left, left + size, low, low + size), interpolation="bilinear", zorder=1)
    axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes.set_title(label("datasets", dataset).name)
    style.mark_generated(figure, data)
    return figure


def _plane(axes: Axes, cells: int) -> None:
    edges = np.linspace(-1, 1, cells + 1)
    for line in (axes.axhline, axes.axvline):
        line(0, color=style.RULE, lw=0.8, zorder=0)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.set_yticks([-1, -0.5, 0, 0.5, 1])
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel(r"valence: unpleasant $\rightarrow$ pleasant")
    axes.set_ylabel(r"arousal: calm $\rightarrow$ excited")


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--manifest", required=True, type=Path, metavar="CSV")
    parser.add_argument("--crops", required=True, type=Path, metavar="H5")
    args = parser.parse_args(argv)
    items, facts = read_items(args.manifest)
    chosen = choose(items)
    crops = read_crops(args.crops, chosen["row"])
    with style.styled():
        style.save(draw(chosen, crops, dataset=facts.dataset, data=facts.data), args.out)


if __name__ == "__main__":
    main()
