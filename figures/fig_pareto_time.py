"""Time of whole networks, by that of the dense one beside them, against parameters and multiply-adds.

``python -m figures.fig_pareto_time --speed SPEED.csv --out PREFIX``
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from figures import speed, style
from figures.labels import label, ordered
from figures.speed import Condition

COSTS = {"parameters": "parameters", "macs": "multiply-adds of a forward call"}
CALLS = {"inference": "full", "training step": "none"}
ITEMS = {2: "image", 3: "clip"}
#: Who is shown -> its peers, of which the fastest counts; the first two have no rank, and stand once.
SIDES = {"dense": ["dense"], "r2plus1d": ["r2plus1d"], "tucker": ["tucker"], "tltorch": speed.TLTORCH,
         "hocp auto": speed.OURS}  # fmt: skip
RANKLESS = ("dense", "r2plus1d")


def read(path: str | Path) -> tuple[pd.DataFrame, Condition]:
    """Networks at the largest batch, each in its faster layout.

    Returns
    -------
    networks : DataFrame
        One row a network, rank and call: subject, order, call, side, rank_of, parameters; macs and dense_ms
        of one item, the latter the time of the dense network; and time over that of the dense network timed
        in turns with it, with the ends low, high of its spread.
    condition : Condition
    """
    rows = speed.read(path)
    chosen = speed.condition(rows)
    rows = speed.where(speed.under(rows, chosen), suite="networks", call=CALLS)
    rows = rows[rows["batch"] == rows.groupby("subject")["batch"].transform("max")]
    columns = ["subject", "order", "call", "side", "rank_of", "parameters", "macs", "dense_ms"]
    return pd.DataFrame(_networks(rows), columns=[*columns, "time", "low", "high"]), chosen


def _networks(rows: pd.DataFrame) -> Iterator[tuple]:
    """Only what was timed in turns is compared: between cases the machine may have changed its pace."""
    for (subject, order, call), found in rows.groupby(["subject", "order", "call"], sort=False):
        shown = set()
        for rank_of, of_rank in found.groupby("rank_of", sort=False):
            dense = speed.fastest(of_rank, ["dense"])
            for side, peers in SIDES.items():
                row = speed.fastest(of_rank, peers)
                if dense is None or row is None or side in shown:
                    continue
                if side in RANKLESS:
                    shown.add(side)
                costs = row["parameters"], row["macs"] / row["batch"], dense["median_ms"] / row["batch"]
                time = speed.Ratio(1, 1, 1) if side == "dense" else speed.quotient(row, dense)
                yield subject, order, call, side, "" if side in RANKLESS else rank_of, *costs, *time


def draw(networks: pd.DataFrame, condition: Condition) -> Figure:
    """One row a network, one column a cost; filled markers are inference, open ones a training step."""
    subjects = list(dict.fromkeys(networks["subject"]))
    if not subjects:
        return _nothing()
    figure = style.new_figure(style.PAGE, 0.95 + 1.85 * len(subjects))
    grid = figure.subplots(len(subjects), len(COSTS), sharey="row", squeeze=False)
    for line, subject in zip(grid, subjects, strict=True):
        rows = networks[networks["subject"] == subject]
        for axes, cost in zip(line, COSTS, strict=True):
            _panel(axes, rows, cost)
        line[0].set_title(subject.replace(" x ", " × "))
        line[0].set_ylabel("time, dense = 1")
        line[-1].set_title(_dense(rows), loc="right", fontsize=7, color=style.FAINT)
    for axes, words in zip(grid[-1], COSTS.values(), strict=True):
        axes.set_xlabel(words)
    _legend(figure, networks, condition)
    return figure


def _dense(rows: pd.DataFrame) -> str:
    """How long the dense network takes."""
    item, of_dense = ITEMS[rows["order"].iloc[0]], rows[rows["side"] == "dense"]
    times = [f"{row.call} {row.dense_ms:.3g} ms" for row in of_dense.itertuples()]
    return f"dense, per {item}: {', '.join(times)}" if times else ""


def _nothing() -> Figure:
    """What a record without networks gives."""
    figure = style.new_figure(style.PAGE, 1)
    figure.text(0.5, 0.5, "no network was timed", ha="center", color=style.FAINT)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, cost: str) -> None:
    axes.set(xscale="log", yscale="log")
    shown = rows.dropna(subset=[cost, "time"])
    for (side, call), points in shown.groupby(["side", "call"], sort=False):
        look = label("peers", side)
        points = points.sort_values(cost)
        face = look.colour if CALLS[call] == "full" else style.PAPER
        spread = [points["time"] - points["low"], points["high"] - points["time"]]
        axes.errorbar(points[cost], points["time"], spread, marker=look.marker, mfc=face, color=look.colour,
                      ms=5.5, lw=0.6, elinewidth=0.8, label=f"{side}:{call}")  # fmt: skip
        if side == "hocp auto" and call == "inference":  # a training step's points lie close above or below
            _ranks(axes, points, cost)
    axes.margins(0.2, 0.16)
    axes.grid()
    style.log_axis(axes.xaxis, *axes.get_xlim(), EngFormatter(sep=" "))
    style.log_axis(axes.yaxis, *axes.get_ylim())


def _ranks(axes: Axes, points: pd.DataFrame, cost: str) -> None:
    """Rank beside each point of ours, where no line goes: left of the cheapest, right under the others."""
    for place, row in enumerate(points.itertuples()):
        name, colour = label("ranks", row.rank_of).name, label("peers", row.side).colour
        shift, ha, va = ((5, -5), "left", "top") if place else ((-6, 0), "right", "center")
        axes.annotate(name, (getattr(row, cost), row.time), shift, fontsize=6.5, color=colour,
                      textcoords="offset points", ha=ha, va=va)  # fmt: skip


def _legend(figure: Figure, networks: pd.DataFrame, condition: Condition) -> None:
    handles = [
        Line2D([], [], ls="none", marker=look.marker, color=look.colour, label=look.name)
        for look in (label("peers", side) for side in ordered("peers", networks["side"]))
    ]
    for call, fill in CALLS.items():
        handles.append(Line2D([], [], ls="none", marker="o", color=style.FAINT, fillstyle=fill, label=call))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=4, title=str(condition), title_fontsize=8
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--speed", required=True, metavar="CSV")
    args = parser.parse_args(argv)
    with style.styled():
        style.save(draw(*read(args.speed)), args.out)


if __name__ == "__main__":
    main()
