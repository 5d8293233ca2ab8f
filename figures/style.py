"""One look for all figures, as a dictionary: nothing global is touched, callers apply it with `styled()`.

Sizes derive from the page of the paper (CVPR: columns 3.25 in wide, 6.875 in across both), so that a
figure is printed at the size it was drawn and its type is as large as it says.
"""

import argparse
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no display is needed, and the bytes do not depend on one

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, MaxNLocator, NullLocator

from hocp.contracts.files import publish

COLUMN = 3.25
PAGE = 6.875
DPI = 200

INK = "#1F2933"
FAINT = "#8A94A0"
RULE = "#D5DAE0"
PAPER = "#FFFFFF"
WARNING = "#B3430B"
MARK = "generated data"

STYLE: Mapping[str, object] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "figure.titlesize": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlepad": 4,
    "axes.labelpad": 2.5,
    "axes.formatter.use_mathtext": True,
    "grid.color": RULE,
    "grid.linewidth": 0.4,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.5,
    "patch.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "legend.facecolor": PAPER,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "legend.fancybox": False,
    "legend.handlelength": 1.6,
    "legend.borderaxespad": 0.2,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.facecolor": PAPER,
    "pdf.fonttype": 42,  # TrueType: conferences refuse Type 3
    "pdf.compression": 6,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.h_pad": 0.03,
}


def styled() -> AbstractContextManager:
    """Context in which this style holds; draw and save inside it."""
    return plt.rc_context({**matplotlib.rcParamsDefault, "backend": "Agg", **STYLE})


def new_figure(width: float, height: float, *, free: bool = False) -> Figure:
    """Figure of `width` x `height` inches, not in pyplot's registry; `free` switches automatic layout off."""
    return Figure(figsize=(width, height), layout=None if free else "constrained")


def log_ticks(low: float, high: float) -> list[float]:
    """Three to six round places on a logarithmic axis; evenly spaced ones where it spans little."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5)):
        places = [step * decade for decade in decades for step in steps if low <= step * decade <= high]
        if len(places) >= 3:
            return places
    even = MaxNLocator(nbins=4, min_n_ticks=3).tick_values(low, high)
    return [place for place in even if low <= place <= high]


def log_axis(axis: Axis, low: float, high: float, form: str | Formatter = "{x:g}") -> None:
    """Ticks of a logarithmic axis from `low` to `high`: few, at round places."""
    axis.set_minor_locator(NullLocator())
    axis.set_ticks(log_ticks(low, high))
    axis.set_major_formatter(form)


def mark_generated(figure: Figure, data: str) -> None:
    """Say on the figure that it shows generated data; leaves licensed data unmarked.

    Parameters
    ----------
    data : {"generated", "licensed"}
        What the input file says of itself.

    Raises
    ------
    ValueError
        For anything else: a figure must not pass for a result on real data by a slip.
    """
    if data not in ("generated", "licensed"):
        raise ValueError(f"data is {data!r}, expected 'generated' or 'licensed' in the input's `data` column")
    if data == "licensed":
        return
    strip = 0.17 / figure.get_figheight()  # room above the axes for the mark
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, 0, 1, 1 - strip))
    box = {"boxstyle": "round,pad=0.25", "facecolor": "#FFF4EC", "edgecolor": WARNING, "linewidth": 0.6}
    place = (1 - 0.07 / figure.get_figwidth(), 1 - 0.055 / figure.get_figheight())
    figure.text(*place, MARK, ha="right", va="top", fontsize=7, color=WARNING, bbox=box)


def one_kind(values, *, place: str) -> str:
    """The one word, "generated" or "licensed", that all rows of an input carry.

    Raises
    ------
    ValueError
        If rows disagree or there is none: results on generated and on real data never share a figure.
    """
    kinds = sorted({str(value) for value in values})
    if len(kinds) != 1:
        raise ValueError(f"{place}: rows say data = {kinds}, expected one word, 'generated' or 'licensed'")
    return kinds[0]


def save(figure: Figure, prefix: str | Path) -> None:
    """Publish `figure` as PREFIX.pdf (vector) and PREFIX.png, whole or not at all, without time stamps."""
    prefix = Path(prefix)
    for suffix, metadata in {".pdf": {"CreationDate": None}, ".png": {"Software": None}}.items():
        with publish(prefix.with_name(prefix.name + suffix)) as scratch:
            figure.savefig(scratch, metadata=metadata, dpi=DPI)


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Command line that every figure starts from: its docstring's first line and ``--out PREFIX``."""
    result = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    result.add_argument("--out", required=True, metavar="PREFIX", help="writes PREFIX.pdf and PREFIX.png")
    return result
