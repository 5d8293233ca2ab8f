"""What the crop makes of a score: CCC of an image network on test faces that were cut in other ways.

``python -m figures.fig_crops --sensitivity sensitivity.csv --out PREFIX``
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.labels import label, labels, ordered
from hocp.contracts import files, record

MARKERS = {"valence": "o", "arousal": "s"}
ABSENT = "does not apply"


def read(path: str | Path) -> pd.DataFrame:
    """
    CCC of each setting, one row a data set, kind, setting and dimension; `value` and `change` are NaN where
    there is no number, with the `reason`.

    Raises
    ------
    ValueError
        If there is no CCC in the file.
    """
    table = pd.DataFrame(files.read_csv(path, record.SENSITIVITY))
    table = table[table["metric"] == "ccc"] if len(table) else table
    if table.empty:
        raise ValueError(f"{path}: no row with metric ccc; make it with `python -m hocp sensitivity`")
    numbers = {name: pd.to_numeric(table[name]) for name in ("trained", "value", "change", "n")}
    return table.assign(**numbers).reset_index(drop=True)


def draw(table: pd.DataFrame) -> Figure:
    """
    Above: CCC against the side of the crop. Below: the change of CCC by all else that was changed.

    Parameters
    ----------
    table : DataFrame
        From `read`.
    """
    datasets = ordered("datasets", table["dataset"])
    changed = table[(table["kind"] != "margin") & (table["trained"] == 0)]
    names = changed["kind"] + "." + changed["setting"]
    changed, lines = changed.assign(line=names), ordered("crops", names)
    figure = style.new_figure(style.PAGE, 2.5 + 0.2 * len(lines))
    grid = figure.subplots(
        2, len(datasets), sharex="row", sharey="row", squeeze=False,
        height_ratios=(1.5, 0.25 + 0.2 * len(lines)),
    )  # fmt: skip
    for dataset, above, below in zip(datasets, *grid, strict=True):
        rows = table[table["dataset"] == dataset]
        above.set_title(f"{label('datasets', dataset).name} ({rows['n'].iloc[0]} faces)")
        _margins(above, rows[rows["kind"] == "margin"])
        _changes(below, changed[changed["dataset"] == dataset], lines)
    grid[0, 0].set_ylabel("CCC")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    style.mark_generated(figure, style.one_kind(table["data"], place="sensitivity"))
    return figure


def _margins(axes: Axes, rows: pd.DataFrame) -> None:
    """One line a dimension; the setting of training is marked."""
    rows = rows.assign(factor=pd.to_numeric(rows["setting"])).sort_values("factor")
    for dimension, look in labels("dimensions").items():
        curve = rows[rows["dimension"] == dimension]
        axes.plot(
            curve["factor"],
            curve["value"],
            color=look.colour,
            marker=MARKERS[dimension],
            ms=3.5,
            label=look.name,
        )
    trained = rows.loc[rows["trained"] == 1, "factor"].iloc[0]
    axes.axvline(trained, color=style.FAINT, lw=0.8, ls=":", zorder=0, label="as in training")
    axes.set_xscale("log")
    style.log_axis(axes.xaxis, rows["factor"].min(), rows["factor"].max())
    axes.set_xticks(rows["factor"].unique())
    axes.set_xlabel("side of the crop / that in training")
    axes.grid(axis="y")
    _reason(axes, rows)


def _changes(axes: Axes, rows: pd.DataFrame, lines: Sequence[str]) -> None:
    """One line a setting, a dot a dimension; words where the data set has no such setting."""
    axes.axvline(0, color=style.FAINT, lw=0.8, ls=":", zorder=0)
    for place, line in enumerate(lines):
        found = rows[rows["line"] == line]
        if found.empty:
            box = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 1}
            axes.text(0, place, ABSENT, ha="center", va="center", color=style.FAINT, fontsize=7, bbox=box)
        for dimension, value in zip(found["dimension"], found["change"], strict=True):
            look = label("dimensions", dimension)
            offset = 0.13 if dimension == "arousal" else -0.13
            axes.plot(value, place + offset, MARKERS[dimension], color=look.colour, ms=4)
    axes.set_yticks(range(len(lines)), [label("crops", line).name for line in lines])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlabel("change of CCC")
    axes.grid(axis="x")
    _reason(axes, rows)


def _reason(axes: Axes, rows: pd.DataFrame) -> None:
    """Say why there is no number, where there is none at all."""
    if len(rows) and rows["value"].isna().all():
        words = rows["reason"].iloc[0]
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=style.FAINT)


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--sensitivity", required=True, metavar="CSV")
    args = parser.parse_args(argv)
    with style.styled():
        style.save(draw(read(args.sensitivity)), args.out)


if __name__ == "__main__":
    main()
