"""Arithmetic of dense and factorized 3-D convolutions: the published bars beside ours.

``python -m figures.fig_flops --published results/published/paper.yaml --cost COST.csv --out PREFIX``
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from figures import style
from figures.labels import label, labels
from hocp.contracts import published as published_numbers

KINDS = tuple(labels("convolutions"))
WIDTH = 0.27


def read_published(path: str | Path) -> tuple[pd.DataFrame, str]:
    """Published bars in GFLOPs (columns c_in, c_out, dense, hocp3, hocp6) and their confidence level."""
    paper = published_numbers.load(path)
    bars = pd.Series(paper.bars()).unstack()[list(KINDS)]
    bars.index.names = ["c_in", "c_out"]
    return bars.reset_index(), paper.document["flop_figure"]["confidence"]


def read_cost(path: str | Path) -> pd.DataFrame:
    """Our costs of the same layers, one row a channel pair and kind.

    Raises
    ------
    ValueError
        If the file has no row for this figure.
    """
    cost = pd.read_csv(path)
    cost = cost[cost["table"] == "flop_figure"]
    if cost.empty:
        raise ValueError(f"{path}: no row with table = flop_figure; make it with the `bench` target")
    return cost[["c_in", "c_out", "kind", "macs", "gflops_paper_convention"]]


def draw(published: pd.DataFrame, cost: pd.DataFrame, *, confidence: str) -> Figure:
    """Bars above, and below them how far our counts are from the published ones, in per cent.

    Parameters
    ----------
    published : DataFrame, columns c_in, c_out, dense, hocp3, hocp6
        GFLOPs as plotted in the paper.
    cost : DataFrame, columns c_in, c_out, kind, macs, gflops_paper_convention
        Ours; a pair or kind that is absent leaves a gap that says so.
    confidence : str
        Confidence level of the published numbers.
    """
    pairs = list(published[["c_in", "c_out"]].itertuples(index=False, name=None))
    ours = {kind: _align(cost, kind, pairs) for kind in KINDS}
    figure = style.new_figure(style.PAGE, 3.0)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    _bars(top, published, {kind: table["gflops_paper_convention"] for kind, table in ours.items()})
    _ratios(top, published)
    _legend(top, confidence)
    _deviations(below, published, ours)
    below.set_xticks(range(len(pairs)), [f"{c} $\\times$ {t}" for c, t in pairs])
    below.set_xlabel("input channels $C$ $\\times$ output channels $T$")
    figure.align_ylabels()
    return figure


def _align(cost: pd.DataFrame, kind: str, pairs: Sequence[tuple[int, int]]) -> pd.DataFrame:
    """Rows of one kind in the order of `pairs`; absent ones stay empty."""
    return cost[cost["kind"] == kind].set_index(["c_in", "c_out"]).reindex(pairs)


def _places(count: int, kind: str) -> np.ndarray:
    """Horizontal centres of the bars of one kind."""
    return np.arange(count) + (KINDS.index(kind) - 1) * WIDTH


def _bars(axes: Axes, published: pd.DataFrame, ours: Mapping[str, pd.Series]) -> None:
    for kind in KINDS:
        places, look = _places(len(published), kind), label("convolutions", kind)
        for place, value in zip(places, ours[kind], strict=True):
            if np.isnan(value):
                axes.annotate(
                    "not in cost.csv",
                    (place, 0),
                    (0, 2),
                    textcoords="offset points",
                    rotation=90,
                    ha="center",
                    fontsize=6,
                    color=style.FAINT,
                )
        axes.bar(places, ours[kind], WIDTH * 0.72, color=look.colour, label=f"ours:{kind}")
        axes.bar(
            places,
            published[kind],
            WIDTH * 0.94,
            facecolor="none",
            edgecolor=style.INK,
            linewidth=0.7,
            label=f"published:{kind}",
        )
    axes.set_ylabel("GFLOPs")
    axes.set_ylim(0, 1.06 * published[list(KINDS)].max().max())
    axes.grid(axis="y")
    axes.tick_params(axis="x", length=0)


def _ratios(axes: Axes, published: pd.DataFrame) -> None:
    """Over each factorized bar: by what the dense layer's operations are divided, as published."""
    for kind in KINDS[1:]:
        for place, height, dense in zip(
            _places(len(published), kind), published[kind], published["dense"], strict=True
        ):
            axes.annotate(
                f"\N{DIVISION SIGN}{dense / height:.1f}",
                (place, height),
                (0, 1.5),
                fontsize=7,
                textcoords="offset points",
                ha="center",
                va="bottom",
            )


def _legend(axes: Axes, confidence: str) -> None:
    handles = [
        Patch(facecolor=label("convolutions", kind).colour, label=label("convolutions", kind).name)
        for kind in KINDS
    ]
    known = label("confidence", confidence).name
    handles.append(Patch(facecolor="none", edgecolor=style.INK, label=f"published ({known})"))
    meaning = "\N{DIVISION SIGN}$n$: $n$ times fewer than dense"
    handles.append(Patch(facecolor="none", edgecolor="none", label=meaning))
    axes.legend(handles=handles, loc="upper left")


def _deviations(axes: Axes, published: pd.DataFrame, ours: Mapping[str, pd.DataFrame]) -> None:
    """Ours against published: counted as the paper does (filled), and 2 x multiply-adds alone (open)."""
    for kind in KINDS:
        places, reference = _places(len(published), kind), published[kind].to_numpy()
        colour = label("convolutions", kind).colour
        exact = 100 * (ours[kind]["gflops_paper_convention"].to_numpy() / reference - 1)
        plain = 100 * (2e-9 * ours[kind]["macs"].to_numpy() / reference - 1)
        axes.plot(places, plain, "o", mfc="white", mec=colour, ms=4, label=f"macs:{kind}")
        axes.plot(places, exact, "o", color=colour, ms=4, label=f"paper:{kind}")
    axes.axhline(0, color=style.INK, linewidth=0.6, zorder=0)
    axes.grid(axis="y")
    axes.set_ylim(-5, 1)
    axes.set_yticks([-4, -2, 0])
    axes.set_ylabel("difference (%)")
    keys = [
        axes.plot([], [], "o", color=style.FAINT, ms=4, label="paper's counting")[0],
        axes.plot([], [], "o", mfc="white", mec=style.FAINT, ms=4, label="multiply-adds only")[0],
    ]
    axes.legend(handles=keys, loc="lower right", ncols=2, columnspacing=1.2, handletextpad=0.2)


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--published", required=True, metavar="YAML")
    parser.add_argument("--cost", required=True, metavar="CSV")
    args = parser.parse_args(argv)
    published, confidence = read_published(args.published)
    with style.styled():
        style.save(draw(published, read_cost(args.cost), confidence=confidence), args.out)


if __name__ == "__main__":
    main()
