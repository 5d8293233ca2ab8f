"""The method in one picture: a separable image network becomes a spatio-temporal one by one factor more.

``python -m figures.fig_overview --out PREFIX``
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import diagram, style
from figures.labels import label

WIDTH, HEIGHT = style.PAGE, 2.95
SCALE = 0.9
STEP = 0.085  # between consecutive frames of a clip, inches
PITCH = 0.545  # between consecutive convolutions, inches
CENTRE = (2, 2)  # the pixel that is followed
SMILES = (-0.35, 0.3, 1.0)  # mouth of the face drawn on the frames of a clip; an image has the last
RANK = 6  # columns drawn for a factor matrix
SHEETS, FACTORS, FIRST_PLAN, SECOND_PLAN = 1.80, 1.21, 0.50, 0.17  # heights of the rows on paper, inches


@dataclass(frozen=True)
class Step:
    """One convolution: its factor, the pixels that its kernel covers, and what is written to it."""

    part: str
    kernel: tuple[tuple[int, int], ...]
    title: str
    factor: str
    shape: str
    rows: int

    @property
    def colour(self) -> str:
        """Colour of the factor."""
        return label("parts", self.part).colour


INPUT = Step("channel", (CENTRE,), r"$1 \times 1$", r"$\mathbf{U}^{(C)}$", r"$C \times R$", 7)
VERTICAL = Step("height", ((1, 2), CENTRE, (3, 2)), "vertical", r"$\mathbf{U}^{(K_0)}$", r"$K_0 \times R$", 3)
HORIZONTAL = Step(
    "width", ((2, 1), CENTRE, (2, 3)), "horizontal", r"$\mathbf{U}^{(K_1)}$", r"$K_1 \times R$", 3
)
TEMPORAL = Step("time", (CENTRE,), "temporal", r"$\mathbf{U}^{(K_2)}$", r"$K_2 \times R$", 3)
OUTPUT = Step("channel", (CENTRE,), r"$1 \times 1$", r"$\mathbf{U}^{(T)}$", r"$T \times R$", 7)
SPATIAL = (INPUT, VERTICAL, HORIZONTAL, OUTPUT)


@dataclass(frozen=True)
class Chain:
    """Convolutions in a row, applied to every one of `frames` frames."""

    left: float
    steps: tuple[Step, ...]
    frames: int

    def corner(self, index: int, frame: int = -1) -> np.ndarray:
        """Lower near corner of one frame of one activation; the last frame is nearest to the reader."""
        return np.array([self.left + index * PITCH + STEP * (frame % self.frames), SHEETS])

    def middle(self, index: int) -> float:
        """Horizontal centre of one activation."""
        depth = STEP * (self.frames - 1)
        return self.left + index * PITCH + (diagram.ACROSS[0] * SCALE + depth) / 2


def draw() -> Figure:
    """Two chains of convolutions, their factors below, and what is trained when below these."""
    figure, axes = diagram.canvas(WIDTH, HEIGHT)
    images = Chain(0.17, SPATIAL, 1)
    clips = Chain(3.46, (INPUT, VERTICAL, HORIZONTAL, TEMPORAL, OUTPUT), 3)
    _plate(axes, (0.05, 2.66), "a", "Image network: each convolution is separable")
    _plate(axes, (3.335, 3.49), "b", "Video network: the same factors, and one for time")
    for chain in (images, clips):
        _activations(axes, chain)
        _factors(axes, chain)
    _plan(axes, images, FIRST_PLAN, "on images: all factors are trained", images.steps)
    _plan(axes, clips, FIRST_PLAN, "stage one: only the temporal factors are trained", (TEMPORAL,))
    _plan(axes, clips, SECOND_PLAN, "stage two: all factors are trained jointly", clips.steps)
    _key(axes)
    _transduction(axes)
    return figure


def _plate(axes: Axes, span: tuple[float, float], letter: str, title: str) -> None:
    left, width = span
    diagram.panel(axes, (left, 0.04), width, HEIGHT - 0.3, diagram.tint(diagram.SHEET, 0.6))
    axes.text(left + 0.02, HEIGHT - 0.13, letter, fontsize=9.5, fontweight="bold", va="center")
    axes.text(left + 0.14, HEIGHT - 0.13, title, fontsize=8.8, va="center")


def _activations(axes: Axes, chain: Chain) -> None:
    for index in range(len(chain.steps) + 1):
        step = chain.steps[index] if index < len(chain.steps) else None
        for frame in range(chain.frames):
            cells = dict.fromkeys(step.kernel, step.colour) if step else {CENTRE: style.INK}
            seen = cells if frame == chain.frames - 1 else {}  # the nearest frame stands for all
            diagram.activation(axes, chain.corner(index, frame), scale=SCALE)
            if index == 0:
                _face(axes, chain.corner(index, frame), smile=SMILES[frame - chain.frames])
            diagram.pixels(axes, chain.corner(index, frame), seen, scale=SCALE)
        if step is TEMPORAL:
            _rod(axes, chain, index)
        if step:
            _gather(axes, chain, index)
            place = (chain.middle(index), SHEETS - 0.1)
            diagram.text(axes, place, step.title, fontsize=7.4, color=step.colour)
    _names(axes, chain)


def _face(axes: Axes, corner: np.ndarray, smile: float) -> None:
    """A face on the pixels: outline, eyes, and a mouth bent by `smile` in [-1, 1]."""
    turn, bend = np.linspace(0, 2 * np.pi, 60), np.linspace(-1, 1, 20)
    middle = diagram.PIXELS / 2
    strokes = [(middle + 2.1 * np.sin(turn), middle + 1.75 * np.cos(turn))]
    for side in (-0.75, 0.75):
        strokes.append((middle - 0.75 + 0.18 * np.sin(turn), middle + side + 0.18 * np.cos(turn)))
    strokes.append((middle + 1.05 + 0.45 * smile * (0.5 - bend**2), middle + 0.9 * bend))
    for rows, columns in strokes:
        points = [diagram.pixel(corner, *place, SCALE) for place in zip(rows, columns, strict=True)]
        axes.plot(*np.transpose(points), color="#77828E", lw=0.7, zorder=1)


def _rod(axes: Axes, chain: Chain, index: int) -> None:
    """Temporal kernel: the followed pixel through all frames, in front of them."""
    colour = TEMPORAL.colour
    far, near = (diagram.outline(chain.corner(index, frame), *CENTRE, SCALE) for frame in (0, -1))
    top, side = [far[0], near[0], near[1], far[1]], [far[3], near[3], near[0], far[0]]
    diagram.polygon(axes, side, diagram.tint(colour, 0.75), edgecolor="white", lw=0.4)
    diagram.polygon(axes, top, diagram.tint(colour, 0.5), edgecolor="white", lw=0.4)
    for share in (1 / 3, 2 / 3):  # one third a frame
        seam = [
            np.add(start, share * np.subtract(end, start))
            for start, end in ((far[3], near[3]), (far[0], near[0]), (far[1], near[1]))
        ]
        axes.plot(*np.transpose(seam), color="white", lw=0.4, zorder=1)
    diagram.polygon(axes, near, colour, edgecolor="white", lw=0.4)


def _gather(axes: Axes, chain: Chain, index: int) -> None:
    step = chain.steps[index]
    rows, columns = zip(*step.kernel, strict=True)
    outer = [(min(rows), max(columns) + 1), (max(rows) + 1, max(columns) + 1)]
    starts = [diagram.pixel(chain.corner(index), *corner, SCALE) for corner in outer]
    end = diagram.pixel(chain.corner(index + 1, 0), CENTRE[0] + 0.5, 0, SCALE)
    diagram.gather(axes, starts, end, step.colour)


def _names(axes: Axes, chain: Chain) -> None:
    """What goes in, what comes out, and the non-linearity after the first convolution."""
    top = SHEETS + SCALE * (diagram.UP[1] + diagram.ACROSS[1]) + 0.07
    diagram.text(axes, (chain.middle(0), top), "image" if chain.frames == 1 else "clip", fontsize=7.4)
    diagram.text(axes, (chain.middle(len(chain.steps)), top), "output", fontsize=7.4)
    between = (chain.middle(0) + chain.middle(1)) / 2
    diagram.text(axes, (between - 0.01, SHEETS + 0.01), r"$\Psi$", fontsize=8)


def _factors(axes: Axes, chain: Chain) -> None:
    for index, step in enumerate(chain.steps):
        x = chain.middle(index)
        diagram.matrix(axes, (x, FACTORS), step.rows, RANK, step.colour)
        if step is OUTPUT:
            weights = label("parts", "weights").colour
            diagram.matrix(axes, (x, FACTORS + 0.245), 1, RANK, weights)
            diagram.text(axes, (x + 0.2, FACTORS + 0.245), r"$\lambda$", fontsize=7.5, color=weights)
        diagram.text(axes, (x, FACTORS - 0.265), step.factor, fontsize=8, color=step.colour)
        diagram.text(axes, (x, FACTORS - 0.39), step.shape, fontsize=6.5, color=style.FAINT)


def _plan(axes: Axes, chain: Chain, height: float, words: str, trained: Sequence[Step]) -> None:
    """What is trained and what is fixed in one stage, an icon under each factor."""
    left, right = chain.middle(0) - 0.2, chain.middle(len(chain.steps) - 1) + 0.2
    diagram.panel(axes, (left, height - 0.085), right - left, 0.17, "white", zorder=1)
    diagram.text(axes, (left, height + 0.145), words, fontsize=7.4, ha="left")
    for index, step in enumerate(chain.steps):
        place = (chain.middle(index), height)
        if step in trained:
            diagram.trained(axes, place, step.colour)
        else:
            diagram.fixed(axes, place)


def _key(axes: Axes) -> None:
    x, y = 0.42, SECOND_PLAN
    diagram.trained(axes, (x, y), style.FAINT)
    diagram.text(axes, (x + 0.12, y), "trained by gradient", fontsize=7.4, ha="left")
    diagram.fixed(axes, (x + 1.22, y))
    diagram.text(axes, (x + 1.32, y), "fixed", fontsize=7.4, ha="left")


def _transduction(axes: Axes) -> None:
    x, look = 3.02, {"lw": 1.6, "mutation_scale": 10}
    for y, colour in ((SHEETS + 0.3, TEMPORAL.colour), (FACTORS, style.FAINT)):
        diagram.arrow(axes, (x - 0.24, y), (x + 0.26, y), color=colour, **look)
    diagram.text(axes, (x, SHEETS + 0.42), "higher-order", fontsize=7.4)
    diagram.text(axes, (x, SHEETS + 0.19), "transduction", fontsize=7.4)
    diagram.text(axes, (x, FACTORS - 0.11), "carried over", fontsize=7.4)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw, save."""
    args = style.parser(__doc__).parse_args(argv)
    with style.styled():
        style.save(draw(), args.out)


if __name__ == "__main__":
    main()
