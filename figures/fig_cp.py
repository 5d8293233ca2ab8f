"""CP convolution of any order, and its reading as a MobileNet-v2 block: tensor diagrams and convolutions.

``python -m figures.fig_cp --out PREFIX``
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import diagram, style
from figures.blocks import COLUMN, POINT, ROW, SQUARE, Block, plate, sequence
from figures.labels import label

HEIGHT = 3.5
SPLIT = 2.42  # where the right-hand panels begin, inches
FIRST = Block(0.1, "$C$", POINT, "channel", (r"$1 \times 1$, then $\Psi$", r"$\mathbf{U}^{(C)}$", r"$CR$"))
LAST = Block(0.3, "$R$", POINT, "channel", (r"$1 \times 1$", r"$\lambda,\ \mathbf{U}^{(T)}$", r"$R + RT$"))
END = Block(0.1, "$T$")
SEPARABLE = (
    FIRST,
    Block(0.3, "$R$", COLUMN, "height", ("vertical", r"$\mathbf{U}^{(K_0)}$", r"$K_0 R$")),
    Block(0.3, "$R$", ROW, "width", ("horizontal", r"$\mathbf{U}^{(K_1)}$", r"$K_1 R$")),
    LAST,
    END,
)
MOBILE = (
    Block(0.1, "$C$", POINT, "channel", (r"$1 \times 1$, expand", r"$\mathbf{U}^{(C)}$", r"$CR$")),
    Block(0.3, "$R$", SQUARE, "merged", ("depth-wise", r"$\mathcal{U}^{(K)}$", r"$K_0 K_1 R$")),
    Block(0.3, "$R$", POINT, "channel", (r"$1 \times 1$, project", r"$\mathbf{U}^{(T)}$", r"$RT$")),
    END,
)


def draw() -> Figure:
    """Two rows: the CP convolution, and the same with its spatial factors merged."""
    figure, axes = diagram.canvas(style.PAGE, HEIGHT)
    tall, left, right = HEIGHT / 2 - 0.3, SPLIT - 0.15, style.PAGE - SPLIT - 0.05
    upper, lower = HEIGHT / 2 + 0.04, 0.04
    plate(axes, (0.05, upper), (left, tall), "a", "Kernel as a Kruskal (CP) tensor")
    plate(axes, (SPLIT, upper), (right, tall), "b", "The same as convolutions: HO-CPConv")
    plate(axes, (0.05, lower), (left, tall), "c", "Kernel with its spatial factors merged")
    plate(axes, (SPLIT, lower), (right, tall), "d", "The same as convolutions: MobileNet-v2's block")
    _kruskal(axes, (1.22, upper + 0.82))
    _merged(axes, (1.22, lower + 0.72))
    sequence(axes, (SPLIT + 0.25, upper + 0.58), SEPARABLE, 0.86)
    sequence(axes, (SPLIT + 0.25, lower + 0.58), MOBILE, 1.15)
    return figure


def _kruskal(axes: Axes, centre: diagram.Point) -> None:
    """One factor an index, all joined in the rank r by the weights; the temporal factor is the one to add."""
    spokes = (
        (150, "T", "$T$", "channel", "-"),
        (30, "C", "$C$", "channel", "-"),
        (215, "K_0", "$K_0$", "height", "-"),
        (270, "K_1", "$K_1$", "width", "-"),
        (325, "K_2", "$K_2$", "time", (0, (2.2, 1.4))),
    )
    for angle, name, index, part, line in spokes:
        _spoke(axes, centre, angle, rf"$\mathbf{{U}}^{{({name})}}$", index, part, line)
    look = {"fontsize": 6.8, "linespacing": 1.0, "color": label("parts", "time").colour}
    diagram.text(axes, np.add(centre, (0.78, -0.63)), "added by\ntransduction", **look)
    _weights(axes, centre)


def _merged(axes: Axes, centre: diagram.Point) -> None:
    """Vertical and horizontal factor as one order-3 tensor."""
    for angle, name, index in ((150, "T", "$T$"), (30, "C", "$C$")):
        _spoke(axes, centre, angle, rf"$\mathbf{{U}}^{{({name})}}$", index, "channel", "-")
    place = np.add(centre, (0, -0.4))
    diagram.leg(axes, centre, place)
    for side, index in ((-1, "$K_0$"), (1, "$K_1$")):
        diagram.leg(axes, place, place + (side * 0.36, 0), index, shift=(side * 0.27, 0))
    diagram.node(axes, place, r"$\mathcal{U}^{(K)}$", label("parts", "merged").colour)
    _weights(axes, centre)


def _spoke(axes: Axes, centre: diagram.Point, angle: float, words: str, index: str, part: str, line) -> None:
    """Bond, factor and free index in one direction; `angle` in degrees."""
    way = np.array([1.32 * np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    factor, end = np.asarray(centre) + 0.43 * way, np.asarray(centre) + 0.655 * way
    diagram.leg(axes, centre, factor, ls=line)
    diagram.leg(axes, factor, end, ls=line)
    diagram.text(axes, end + 0.07 * way, index, fontsize=7)
    diagram.node(axes, factor, words, label("parts", part).colour)


def _weights(axes: Axes, centre: diagram.Point) -> None:
    diagram.node(axes, centre, r"$\lambda$", label("parts", "weights").colour, radius=0.1)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw, save."""
    args = style.parser(__doc__).parse_args(argv)
    with style.styled():
        style.save(draw(), args.out)


if __name__ == "__main__":
    main()
