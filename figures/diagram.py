"""Pieces of the schematic figures: activations as boxes of pixels, factor matrices, tensor-diagram nodes.

Everything is drawn on one canvas whose units are inches on paper. An activation stands upright and is seen
from the left: its pixels lie on the face spanned by ACROSS and UP, its channels run from left to right.
What is drawn later hides what was drawn before.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle, FancyArrowPatch, FancyBboxPatch, Polygon

from figures import style

#: Edges of the pixel face on paper, inches, for an activation of scale 1.
ACROSS, UP = np.array([0.31, 0.15]), np.array([0.0, 0.54])
PIXELS = 5
SHEET = "#EEF1F4"
LINE = "#9AA5B1"

Point = Sequence[float]
Cells = Mapping[tuple[int, int], str]


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Figure with one bare pair of axes whose units are inches."""
    figure = style.new_figure(width, height, free=True)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.set_axis_off()
    return figure, axes


def tint(colour: str, share: float) -> tuple[float, ...]:
    """`colour` mixed into white; share 1 is the colour itself."""
    return tuple(1 - share * (1 - part) for part in to_rgb(colour))


def text(axes: Axes, place: Point, words: str, **look) -> None:
    """Centred words; any text property can be given."""
    axes.text(*place, words, **{"ha": "center", "va": "center", "fontsize": 8, **look})


def polygon(axes: Axes, corners: Sequence[Point], colour, **look) -> None:
    """Filled outline with thin joined edges."""
    axes.add_patch(
        Polygon(corners, facecolor=colour, **{"edgecolor": LINE, "lw": 0.5, "joinstyle": "round", **look})
    )


def pixel(corner: Point, row: float, column: float, scale: float = 1.0) -> np.ndarray:
    """Point on a pixel face: `row` from its top and `column` from its near edge, in pixels."""
    across, up = ACROSS * scale / PIXELS, UP * scale / PIXELS
    return np.asarray(corner) + column * across + (PIXELS - row) * up


def activation(axes: Axes, corner: Point, *, depth: float = 0.0, scale: float = 1.0) -> None:
    """Box of pixels and channels.

    Parameters
    ----------
    corner : (2,) floats
        Lower near corner of the pixel face, inches.
    depth : float
        Extent of the channels to the left of the pixel face, inches; 0 draws a single sheet.
    """
    face, back = np.asarray(corner, float), np.array([depth, 0.0])
    across, up = ACROSS * scale, UP * scale
    if depth:
        polygon(axes, [face - back, face, face + up, face + up - back], tint("#7B8794", 0.30))
        top = face + up
        polygon(axes, [top - back, top, top + across, top + across - back], tint("#7B8794", 0.18))
    polygon(axes, [face, face + across, face + across + up, face + up], SHEET)
    grid = [(face + across * k / PIXELS, face + across * k / PIXELS + up) for k in range(1, PIXELS)]
    grid += [(face + up * k / PIXELS, face + up * k / PIXELS + across) for k in range(1, PIXELS)]
    axes.add_collection(LineCollection(grid, colors=[tint(LINE, 0.55)], linewidths=0.3, zorder=1))


def outline(corner: Point, row: int, column: int, scale: float = 1.0) -> list[np.ndarray]:
    """Corners of one pixel on a pixel face, from its near upper one on, clockwise."""
    ends = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
    return [pixel(corner, *end, scale) for end in ends]


def pixels(axes: Axes, corner: Point, cells: Cells, scale: float = 1.0) -> None:
    """Colour some pixels, given as (row, column), of an activation's face."""
    for (row, column), colour in cells.items():
        polygon(axes, outline(corner, row, column, scale), colour, edgecolor="white", lw=0.4)


def gather(axes: Axes, starts: Sequence[Point], end: Point, colour: str) -> None:
    """Thin lines from the corners of a kernel to the pixel that it produces."""
    axes.add_collection(
        LineCollection([(start, end) for start in starts], colors=colour, linewidths=0.45, alpha=0.8)
    )


def matrix(axes: Axes, centre: Point, rows: int, columns: int, colour: str, cell: float = 0.05) -> None:
    """Factor matrix as a block of cells, one column a rank component."""
    left, low = centre[0] - columns * cell / 2, centre[1] - rows * cell / 2
    shades = 0.55 + 0.45 * np.random.default_rng(rows * 31 + columns).random((rows, columns))
    for row in range(rows):
        for column in range(columns):
            x, y = left + column * cell, low + row * cell
            square = [(x, y), (x + cell, y), (x + cell, y + cell), (x, y + cell)]
            polygon(axes, square, tint(colour, shades[row, column]), edgecolor="white", lw=0.35)


def arrow(axes: Axes, start: Point, end: Point, **look) -> None:
    """Slim arrow in ink."""
    look = {"color": style.INK, "lw": 0.8, "mutation_scale": 6, "arrowstyle": "-|>", **look}
    axes.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, **look))


def panel(axes: Axes, corner: Point, width: float, height: float, colour=SHEET, **look) -> None:
    """Rounded plate behind or around other pieces."""
    look = {"facecolor": colour, "edgecolor": "none", "boxstyle": "round,pad=0,rounding_size=0.05", **look}
    axes.add_patch(FancyBboxPatch(corner, width, height, **{"zorder": 0, **look}))


def fixed(axes: Axes, place: Point) -> None:
    """Small padlock: this factor does not change."""
    x, y = place
    axes.add_patch(Arc((x, y + 0.012), 0.056, 0.078, theta1=0, theta2=180, color=style.FAINT, lw=1.1))
    panel(
        axes,
        (x - 0.042, y - 0.05),
        0.084,
        0.064,
        style.FAINT,
        zorder=2,
        boxstyle="round,pad=0,rounding_size=0.012",
    )


def trained(axes: Axes, place: Point, colour: str) -> None:
    """Disc with a gradient sign: this factor is trained."""
    axes.add_patch(Circle(place, 0.062, facecolor=colour, edgecolor="none"))
    x, y = place
    axes.add_patch(Polygon([(x - 0.03, y + 0.021), (x + 0.03, y + 0.021), (x, y - 0.036)], facecolor="white"))


def node(axes: Axes, place: Point, words: str, colour: str, radius: float = 0.15) -> None:
    """Tensor of a tensor diagram."""
    axes.add_patch(Circle(place, radius, facecolor=tint(colour, 0.22), edgecolor=colour, lw=0.9, zorder=3))
    text(axes, place, words, fontsize=7.5, zorder=4)


def leg(axes: Axes, start: Point, end: Point, words: str = "", *, shift: Point = (0, 0), **look) -> None:
    """Index of a tensor diagram, named near its middle or, with `shift`, beside it."""
    axes.plot(*zip(start, end, strict=True), **{"color": style.INK, "lw": 0.9, "zorder": 1, **look})
    middle = (np.asarray(start) + np.asarray(end)) / 2 + np.asarray(shift)
    if words:
        text(axes, middle, words, fontsize=7)


def kernel_legs(axes: Axes, place: Point, reach: float, only: Sequence[str] | None = None) -> None:
    """Free indices of a two-dimensional kernel: T left, C right, K0 up, K1 down."""
    ways = {"$T$": (-1, 0), "$C$": (1, 0), "$K_0$": (0, 1), "$K_1$": (0, -1)}
    for words in only or ways:
        way = np.array(ways[words], float)
        end = np.asarray(place) + reach * way
        leg(axes, place, end)
        text(axes, end + 0.085 * way, words, fontsize=7)
