"""Speed of layers under the roofline: operations a second against operations a byte, forward at rank C.

``python -m figures.fig_roofline --speed SPEED.csv --out PREFIX``
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from figures import speed, style
from figures.labels import label, ordered
from figures.speed import Condition, Limits

ORDERS = (2, 3)
#: Whose share of the roofline stands beside the point.
MARKED = ("dense", "tltorch factorized", "hocp auto")
#: Distances on the logarithmic axis: below SAME two columns are one to the eye, below NEAR no number fits in.
SAME, NEAR = 0.05, 0.4
#: These compute more than the multiply-adds of their formula, which alone are counted, or another layer.
LEFT_OUT = ("tltorch reconstructed", "hocp auto recompute", *speed.PRODUCTS)


def read(path: str | Path) -> tuple[pd.DataFrame, Condition, Limits]:
    """Layers at the largest batch, each in its faster layout; their condition; limits of the same run."""
    rows = speed.read(path)
    chosen = speed.condition(rows)
    rows = speed.where(speed.under(rows, chosen), suite="layers", call="forward", rank_of="C")
    rows = rows[~rows["peer"].isin(LEFT_OUT)].dropna(subset=["macs", "bytes", "median_ms"])
    rows = rows[rows["batch"] == rows.groupby(["order", "channels"])["batch"].transform("max")]
    best = rows.sort_values("median_ms").drop_duplicates(["subject", "peer"])
    roofs = best[best["peer"] == "hocp auto"].set_index("subject")["roof_ms"]
    best["roof_ms"] = best["roof_ms"].fillna(best["subject"].map(roofs))  # others compute the same layer
    return best, chosen, speed.limits(path, chosen)


def draw(rows: pd.DataFrame, condition: Condition, limits: Limits) -> Figure:
    """A panel for images and one for videos, under the same roof.

    Parameters
    ----------
    rows : DataFrame
        Columns order, channels, peer, macs, bytes, median_ms, q25_ms, q75_ms, roof_ms; one row a layer and
        peer.
    condition : Condition
    limits : Limits
    """
    points = rows.assign(intensity=2 * rows["macs"] / rows["bytes"])
    for name, column in (("gflops", "median_ms"), ("low", "q75_ms"), ("high", "q25_ms")):
        points[name] = 2e-6 * rows["macs"] / rows[column]
    figure = style.new_figure(style.PAGE, 3.5)
    grid = figure.subplots(1, len(ORDERS), sharex=True, sharey=True)
    for axes, order in zip(grid, ORDERS, strict=True):
        _frame(axes, points, limits)
        _points(axes, points[points["order"] == order])
        axes.set_title(f"{order}-D layers")
        axes.set_xlabel("operations a byte of input, output and parameters")
    grid[0].set_ylabel("GFLOP/s")
    grid[1].set_title(str(condition), loc="right", fontsize=7, color=style.FAINT)
    _legend(figure, points)
    return figure


def _frame(axes: Axes, points: pd.DataFrame, limits: Limits) -> None:
    """Logarithmic axes and what bandwidth and peak allow in them."""
    ridge = limits.peak / limits.copy
    low, high = ridge / 1.7, 1.7 * points["intensity"].max()
    axes.set(
        xscale="log", yscale="log", xlim=(low, high), ylim=(points["low"].min() / 1.5, 1.4 * limits.peak)
    )
    style.log_axis(axes.xaxis, *axes.get_xlim())
    style.log_axis(axes.yaxis, *axes.get_ylim())
    axes.grid()
    allowed = [limits.copy * low / 10, limits.peak, limits.peak]
    axes.plot([low / 10, ridge, high], allowed, color=style.INK, lw=1.2, label="roof")
    axes.annotate(f"peak {limits.peak:.0f} GFLOP/s", (ridge, limits.peak), (0, 2),
                  textcoords="offset points", fontsize=7)  # fmt: skip
    axes.annotate(f"copy {limits.copy:.0f} GB/s", (ridge / 1.5, limits.peak / 1.5), (5, 0),
                  textcoords="offset points", va="center", fontsize=7)  # fmt: skip


def _points(axes: Axes, points: pd.DataFrame) -> None:
    if points.empty:
        axes.text(0.5, 0.5, "not timed", transform=axes.transAxes, ha="center", color=style.FAINT)
    for peer, of_peer in points.groupby("peer"):
        look = label("peers", peer)
        for row in of_peer.itertuples():
            spread = [[row.gflops - row.low], [row.high - row.gflops]]
            axes.errorbar([row.intensity], [row.gflops], spread, ls="none", marker=look.marker,
                          color=look.colour, ms=size(row.channels), elinewidth=0.6,
                          zorder=3 + (peer in MARKED), label=peer)  # fmt: skip
        if peer in MARKED:
            _shares(axes, of_peer.sort_values("intensity"), peer)


def size(channels: float) -> float:
    """Marker size: a step for each doubling of the channels."""
    return max(2.5, 3 + 0.9 * np.log2(channels / 64))


def _shares(axes: Axes, points: pd.DataFrame, peer: str) -> None:
    """Shares of the roofline left of their points, right of them where another stands there."""
    gaps = np.diff(np.log(points["intensity"]), prepend=-np.inf)
    for _, column in points.assign(gap=gaps).groupby((gaps > SAME).cumsum()):
        shift, ha = ((5, 0), "left") if column["gap"].iloc[0] < NEAR else ((-5, 0), "right")
        column = column.sort_values("gflops", ascending=False)
        shares = "\n".join(f"{share:.2f}" for share in column["roof_ms"] / column["median_ms"])
        middle = column["intensity"].mean(), np.exp(np.log(column["gflops"]).mean())
        axes.annotate(shares, middle, shift, ha=ha, va="center", textcoords="offset points", fontsize=6.5,
                      color=label("peers", peer).colour, zorder=2, linespacing=0.95,
                      path_effects=[withStroke(linewidth=1.5, foreground=style.PAPER)])  # fmt: skip


def _legend(figure: Figure, points: pd.DataFrame) -> None:
    handles = [
        Line2D([], [], ls="none", marker=look.marker, color=look.colour, label=look.name)
        for look in (label("peers", peer) for peer in ordered("peers", points["peer"]))
    ]
    channels = ", ".join(f"{number:.0f}" for number in sorted(points["channels"].unique()))
    words = f"small to large: {channels} channels"
    handles.append(Line2D([], [], ls="none", marker="", label=words))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, handletextpad=0.3)


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--speed", required=True, metavar="CSV")
    args = parser.parse_args(argv)
    with style.styled():
        style.save(draw(*read(args.speed)), args.out)


if __name__ == "__main__":
    main()
