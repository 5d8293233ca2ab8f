"""What the networks see: face crops laid out over the plane of valence and arousal.

``python -m figures.fig_faces --manifests CSV ... --crops H5 ... --out PREFIX``

Each cell shows the crop whose labels are nearest to its centre; a cell that no label falls in stays empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.inputs import read_crops, read_items
from figures.labels import label

CELLS = 7


@dataclass(frozen=True)
class Sheet:
    """Faces of one data set: items with their cells (from `choose`) and crops, (N, side, side, 3) uint8."""

    dataset: str
    data: str
    chosen: pd.DataFrame
    crops: np.ndarray


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


def read(manifest: str | Path, crops: str | Path) -> Sheet:
    """The faces of one data set that are shown."""
    items, facts = read_items(manifest)
    chosen = choose(items)
    return Sheet(facts.dataset, facts.data, chosen, read_crops(crops, chosen["row"]))


def draw(sheets: Sequence[Sheet], *, cells: int = CELLS) -> Figure:
    """One panel a data set, each crop at its cell."""
    sheets = sorted(sheets, key=lambda sheet: label("datasets", sheet.dataset).order)
    width = style.PAGE if len(sheets) > 1 else 4.4
    figure = style.new_figure(width, 0.55 + (width - 0.45) / len(sheets))
    panels = figure.subplots(1, len(sheets), sharey=True, squeeze=False)[0]
    for axes, sheet in zip(panels, sheets, strict=True):
        _plane(axes)
        _faces(axes, sheet, cells)
        axes.set_title(label("datasets", sheet.dataset).name)
    panels[0].set_ylabel(r"arousal: calm $\rightarrow$ excited")
    style.mark_generated(figure, style.one_kind((sheet.data for sheet in sheets), place="manifests"))
    return figure


def _faces(axes: Axes, sheet: Sheet, cells: int) -> None:
    size = 1.92 / cells
    for cell, crop in zip(sheet.chosen.itertuples(), sheet.crops, strict=True):
        left, low = (2 * np.array([cell.column, cell.line]) + 0.04) / cells - 1
        axes.imshow(crop, extent=(left, left + size, low, low + size), interpolation="bilinear", zorder=1)
    axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal")


def _plane(axes: Axes) -> None:
    for line in (axes.axhline, axes.axvline):
        line(0, color=style.RULE, lw=0.8, zorder=0)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.set_yticks([-1, -0.5, 0, 0.5, 1])
    axes.set_xlabel(r"valence: unpleasant $\rightarrow$ pleasant")


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--manifests", required=True, nargs="+", metavar="CSV")
    parser.add_argument(
        "--crops", required=True, nargs="+", metavar="H5", help="in the order of the manifests"
    )
    args = parser.parse_args(argv)
    if len(args.manifests) != len(args.crops):
        parser.error(f"{len(args.manifests)} manifests but {len(args.crops)} crops files; expected pairs")
    sheets = [read(*pair) for pair in zip(args.manifests, args.crops, strict=True)]
    with style.styled():
        style.save(draw(sheets), args.out)


if __name__ == "__main__":
    main()
