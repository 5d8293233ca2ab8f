"""Automatic rank selection: share of the CP weights of each layer that the lasso drove to zero.

``python -m figures.fig_sparsity --published results/published/paper.yaml --ranks RANKS.csv --out PREFIX``
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.labels import label
from hocp.contracts import published as published_numbers

ALL = "all layers"


def read_ranks(path: str | Path) -> pd.DataFrame:
    """Rows of one run, one a layer.

    Raises
    ------
    ValueError
        If the file has no row, or rows of several runs.
    """
    ranks = pd.read_csv(path)
    if ranks["run"].nunique() != 1:
        raise ValueError(f"{path}: rows of runs {sorted(ranks['run'].unique())}, expected exactly one run")
    return ranks


def read_claim(path: str | Path) -> tuple[tuple[float, float], str]:
    """Published range in per cent, and its confidence level."""
    claim = published_numbers.load(path).document["rank_selection"]
    low, high = claim["zeroed_percent"]
    return (low, high), claim["confidence"]


def draw(ranks: pd.DataFrame, claim: tuple[float, float], *, confidence: str) -> Figure:
    """One bar a layer and one for all, with the published range as a band.

    Parameters
    ----------
    ranks : DataFrame, columns layer, rank, zeroed, gamma, data
        `rank` weights before selection, `zeroed` of them exactly zero after it.
    claim : (low, high)
        Published share in per cent.
    confidence : str
        Confidence level of the published range.
    """
    figure = style.new_figure(style.COLUMN, 0.75 + 0.135 * (len(ranks) + 1))
    axes = figure.add_subplot()
    total = {"layer": ALL, "rank": ranks["rank"].sum(), "zeroed": ranks["zeroed"].sum()}
    table = pd.concat([ranks[["layer", "rank", "zeroed"]], pd.DataFrame([total])], ignore_index=True)
    _band(axes, claim, confidence)
    _bars(axes, table)
    axes.set_xlabel(rf"CP weights driven to zero (%), $\gamma = {_gamma(ranks)}$")
    style.mark_generated(figure, style.one_kind(ranks["data"], place="ranks"))
    return figure


def _gamma(ranks: pd.DataFrame) -> str:
    """Strength of the lasso, as a formula."""
    mantissa, _, exponent = f"{ranks['gamma'].iloc[0]:g}".partition("e")
    return mantissa + (rf" \times 10^{{{int(exponent)}}}" if exponent else "")


def _band(axes: Axes, claim: tuple[float, float], confidence: str) -> None:
    known = label("confidence", confidence).name
    words = f"published: {claim[0]:g} to {claim[1]:g} % ({known})"
    axes.axvspan(*claim, color=style.RULE, alpha=0.75, lw=0, zorder=0, label=words)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), handlelength=1.2)


def _bars(axes: Axes, table: pd.DataFrame) -> None:
    share = 100 * table["zeroed"] / table["rank"]
    lasso, ink = label("methods", "hocp_lasso").colour, style.INK
    colours = [ink if layer == ALL else lasso for layer in table["layer"]]
    axes.barh(range(len(table)), share, height=0.62, color=colours)
    for place, row in enumerate(table.itertuples()):
        words = f"{row.zeroed} of {row.rank}"
        axes.text(1.02, place, words, transform=axes.get_yaxis_transform(), fontsize=6.5, va="center")
    axes.set_yticks(range(len(table)), table["layer"], fontsize=7)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, min(100, max(20, 1.05 * share.max())))


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--published", required=True, metavar="YAML")
    parser.add_argument("--ranks", required=True, metavar="CSV")
    args = parser.parse_args(argv)
    claim, confidence = read_claim(args.published)
    with style.styled():
        style.save(draw(read_ranks(args.ranks), claim, confidence=confidence), args.out)


if __name__ == "__main__":
    main()
