"""Multiply-adds saved against time saved, for single layers: ours, and TensorLy-Torch's for contrast.

``python -m figures.fig_latency --speed SPEED.csv --out PREFIX``
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures import speed, style
from figures.labels import label, ordered
from figures.speed import Condition

CALLS = ("forward", "forward + backward")
RANKS = ("C", "2C", "3C", "6C")
#: Who is compared with dense -> its peers, of which the fastest counts.
SIDES = {"tltorch": speed.TLTORCH, "hocp auto": speed.OURS}


def read(path: str | Path) -> tuple[pd.DataFrame, Condition]:
    """Savings over the dense layer at the largest batch, one row a layer, rank, call and side.

    Returns
    -------
    savings : DataFrame
        Columns order, channels, rank_of, call, side; size, the parameters of CP over those of dense; macs
        and time with its spread low, high, those of dense over those of CP.
    condition : Condition
    """
    rows = speed.read(path)
    chosen = speed.condition(rows)
    rows = speed.where(speed.under(rows, chosen), suite="layers", call=CALLS, rank_of=RANKS)
    rows = rows[rows["batch"] == rows.groupby(["order", "channels"])["batch"].transform("max")]
    columns = ["order", "channels", "rank_of", "call", "side", "size", "macs", "time", "low", "high"]
    return pd.DataFrame(_savings(rows), columns=columns), chosen


def _savings(rows: pd.DataFrame) -> Iterator[tuple]:
    for case, found in speed.cases(rows):
        for side, peers in SIDES.items():
            ratio = speed.quicker(found, peers, ["dense"])
            if ratio is not None:
                dense, other = speed.fastest(found, ["dense"]), speed.fastest(found, peers)
                key = (case.order, case.channels, case.rank_of, case.call, side)
                yield *key, other["parameters"] / dense["parameters"], dense["macs"] / other["macs"], *ratio


def draw(savings: pd.DataFrame, condition: Condition) -> Figure:
    """Above: all layers and ranks, and the line on which time is saved like multiply-adds. Below: rank C."""
    figure = style.new_figure(style.PAGE, 5.6)
    grid = figure.subplots(2, len(CALLS), sharex="row", sharey="row", height_ratios=(1.5, 1))
    at_c = savings[savings["rank_of"] == "C"]
    for (above, below), call in zip(grid.T, CALLS, strict=True):
        _plane(above, savings[savings["call"] == call], ends(savings))
        _layers(below, at_c[at_c["call"] == call], ends(at_c))
        above.set_title(call[0].upper() + call[1:])
        above.set_xlabel("times fewer multiply-adds than dense")
        below.set_xlabel("times less than dense, equal channels, $R = C$")
    grid[0, 0].set_ylabel("times less time than dense")
    grid[0, 1].set_title(str(condition), loc="right", fontsize=7, color=style.FAINT)
    grid[1, 0].set_ylabel("layer (its share of dense parameters)")
    _legend(figure, savings)
    return figure


def ends(savings: pd.DataFrame) -> tuple[float, float]:
    """Of an axis that shows all savings, and 1."""
    values = savings[["macs", "low", "high"]].to_numpy()
    return min(values.min(initial=1) / 1.1, 0.95), 1.15 * values.max(initial=2)


def _plane(axes: Axes, savings: pd.DataFrame, limits: tuple[float, float]) -> None:
    """A line for each layer through its ranks, C at its right end."""
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    for axis in (axes.xaxis, axes.yaxis):
        style.log_axis(axis, *limits)
    axes.grid()
    axes.plot(limits, limits, color=style.INK, lw=0.8, label="saving = time")
    axes.axhline(1, color=style.INK, lw=0.8, ls=":", label="dense")
    for (side, _, _), layer in savings.groupby(["side", "order", "channels"]):
        look = label("peers", side)
        axes.plot(layer["macs"], layer["time"], color=look.colour, lw=0.5, ls=look.line, label=side)
    for row in savings.itertuples():
        look = label("peers", row.side)
        face = look.colour if row.order == 3 else style.PAPER
        axes.errorbar([row.macs], [row.time], [[row.time - row.low], [row.high - row.time]], ls="none",
                      marker=label("ranks", row.rank_of).marker, mfc=face, color=look.colour, ms=4, mew=0.8,
                      elinewidth=0.6, label=f"{row.side}:{row.rank_of}")  # fmt: skip


def _layers(axes: Axes, savings: pd.DataFrame, limits: tuple[float, float]) -> None:
    """A line for each layer: bar for the multiply-adds saved, points for the time saved."""
    names = []
    for place, ((order, channels), rows) in enumerate(savings.groupby(["order", "channels"])):
        names.append(f"{order:.0f}-D, {channels:.0f} channels ({100 * rows['size'].iloc[0]:.0f} %)")
        axes.barh(place, rows["macs"].max() - 1, left=1, height=0.7, color=style.RULE, label="macs")
        for row in rows.itertuples():
            look = label("peers", row.side)
            axes.errorbar([row.time], [place], xerr=[[row.time - row.low], [row.high - row.time]], ls="none",
                          marker=look.marker, color=look.colour, elinewidth=0.9, label=row.side)  # fmt: skip
    axes.set(xscale="log", xlim=limits, ylim=(len(names) - 0.4, -0.6))
    style.log_axis(axes.xaxis, *limits)
    axes.set_yticks(range(len(names)), names)
    axes.axvline(1, color=style.INK, lw=0.8, ls=":")
    axes.tick_params(axis="y", length=0)


def _legend(figure: Figure, savings: pd.DataFrame) -> None:
    looks = [label("peers", side) for side in ordered("peers", savings["side"])]
    handles = [
        Line2D([], [], ls=k.line, lw=0.7, marker=k.marker, color=k.colour, label=k.name) for k in looks
    ]
    ranks = [label("ranks", rank) for rank in ordered("ranks", savings["rank_of"])]
    handles += [Line2D([], [], ls="none", marker=k.marker, color=style.FAINT, label=k.name) for k in ranks]
    for order, face in ((3, style.FAINT), (2, style.PAPER)):
        handles.append(Line2D([], [], ls="none", marker="o", color=style.FAINT, mfc=face, label=f"{order}-D"))
    handles += [Line2D([], [], color=style.INK, lw=0.8, label="time saved = multiply-adds saved"),
                Patch(color=style.RULE, label="multiply-adds saved")]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=5, handletextpad=0.4, columnspacing=1.4)


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--speed", required=True, metavar="CSV")
    args = parser.parse_args(argv)
    with style.styled():
        style.save(draw(*read(args.speed)), args.out)


if __name__ == "__main__":
    main()
