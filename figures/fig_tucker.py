"""Tucker convolution: as a tensor diagram and as a sequence of convolutions.

``python -m figures.fig_tucker --out PREFIX``
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import diagram, style
from figures.blocks import POINT, SQUARE, Block, plate, sequence
from figures.labels import label

HEIGHT = 1.75
CHAIN = (
    Block(0.34, "$C$", POINT, "channel", (r"$1 \times 1$", r"$\mathbf{U}^{(C)}$", r"$C R_C$")),
    Block(
        0.14, "$R_C$", SQUARE, "weights", (r"$K_0 \times K_1$, dense", r"$\mathcal{G}$", r"$R_C R_T K_0 K_1$")
    ),
    Block(0.14, "$R_T$", POINT, "channel", (r"$1 \times 1$", r"$\mathbf{U}^{(T)}$", r"$R_T T$")),
    Block(0.34, "$T$"),
)


def draw() -> Figure:
    """Kernel as a tensor network on the left, activations and convolutions on the right."""
    figure, axes = diagram.canvas(style.PAGE, HEIGHT)
    plate(axes, (0.05, 0.04), (2.98, HEIGHT - 0.3), "a", "Kernel as a Tucker tensor")
    plate(
        axes, (3.13, 0.04), (3.695, HEIGHT - 0.3), "b", "The same as three convolutions: ResNet's bottleneck"
    )
    _network(axes, 0.765)
    sequence(axes, (3.3, 0.62), CHAIN, 0.93)
    return figure


def _network(axes: Axes, y: float) -> None:
    """W = core with two channel factors; the spatial factors are absorbed in the core."""
    grey, core = (label("parts", part).colour for part in ("channel", "weights"))
    dense, centre = (0.5, y), (2.06, y)
    diagram.kernel_legs(axes, dense, reach=0.29)
    diagram.node(axes, dense, r"$\mathcal{W}$", style.INK)
    diagram.text(axes, (1.05, y), "$=$", fontsize=10)
    diagram.kernel_legs(axes, centre, reach=0.34, only=("$K_0$", "$K_1$"))
    for side, name, index, rank in ((-1, "T", "$T$", "$R_T$"), (1, "C", "$C$", "$R_C$")):
        factor = (centre[0] + side * 0.47, y)
        diagram.leg(axes, centre, factor, rank, shift=(0, 0.08))
        diagram.leg(axes, factor, (factor[0] + side * 0.3, y), index, shift=(side * 0.21, 0))
        diagram.node(axes, factor, rf"$\mathbf{{U}}^{{({name})}}$", grey, radius=0.145)
    diagram.node(axes, centre, r"$\mathcal{G}$", core)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw, save."""
    args = style.parser(__doc__).parse_args(argv)
    with style.styled():
        style.save(draw(), args.out)


if __name__ == "__main__":
    main()
