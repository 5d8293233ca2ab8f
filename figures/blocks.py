"""A convolution drawn as a row of activations, each with the kernel that is applied to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from figures import diagram, style
from figures.labels import label

POINT = ((2, 2),)
COLUMN = ((1, 2), (2, 2), (3, 2))
ROW = ((2, 1), (2, 2), (2, 3))
SQUARE = tuple((row, column) for row in (1, 2, 3) for column in (1, 2, 3))


@dataclass(frozen=True)
class Block:
    """One activation and the convolution applied to it.

    Attributes
    ----------
    depth : float
        Channels of the activation, inches on paper.
    shape : str
        Channels of the activation, as a formula.
    kernel : tuple of (row, column)
        Pixels that the convolution covers; empty for the last activation.
    part : str
        Which factor does it: a key of `parts` in labels.yaml.
    words : tuple of str
        Lines below the activation: kind of convolution, factor, number of parameters.
    """

    depth: float
    shape: str
    kernel: tuple[tuple[int, int], ...] = ()
    part: str = "channel"
    words: tuple[str, ...] = ()


def sequence(
    axes: Axes, corner: diagram.Point, blocks: Sequence[Block], pitch: float, scale: float = 0.9
) -> None:
    """Draw `blocks` from left to right; `corner` is the lower left of the first, `pitch` their distance."""
    faces = [np.add(corner, (index * pitch + block.depth, 0)) for index, block in enumerate(blocks)]
    for index, (face, block) in enumerate(zip(faces, blocks, strict=True)):
        colour = label("parts", block.part).colour
        diagram.activation(axes, face, depth=block.depth, scale=scale)
        cells = dict.fromkeys(block.kernel, colour) if block.kernel else {POINT[0]: style.INK}
        diagram.pixels(axes, face, cells, scale=scale)
        if block.kernel:
            following = faces[index + 1] - (blocks[index + 1].depth, -0.5 * scale * diagram.UP[1])
            diagram.gather(axes, _outer(face, block.kernel, scale), following, colour)
        _words(axes, face, block, colour, scale)


def _outer(face: diagram.Point, kernel: Sequence[tuple[int, int]], scale: float) -> list[np.ndarray]:
    """The two far corners of a kernel on a pixel face."""
    rows, columns = zip(*kernel, strict=True)
    ends = ((min(rows), max(columns) + 1), (max(rows) + 1, max(columns) + 1))
    return [diagram.pixel(face, *end, scale) for end in ends]


def _words(axes: Axes, face: np.ndarray, block: Block, colour: str, scale: float) -> None:
    """The channels above, the lines about the convolution below."""
    middle = face[0] + (scale * diagram.ACROSS[0] - block.depth) / 2
    top = face[1] + scale * (diagram.UP[1] + diagram.ACROSS[1]) + 0.08
    diagram.text(axes, (middle, top), block.shape, fontsize=7.5)
    looks = (
        {"color": colour, "fontsize": 7.4},
        {"color": colour, "fontsize": 8.2},
        {"color": style.FAINT, "fontsize": 6.8},
    )
    for line, (words, look) in enumerate(zip(block.words, looks, strict=False)):
        diagram.text(axes, (middle, face[1] - 0.11 - 0.145 * line), words, **look)


def plate(axes: Axes, corner: diagram.Point, size: diagram.Point, letter: str, title: str) -> None:
    """Pale plate for one panel, its letter and title above it."""
    diagram.panel(axes, corner, *size, diagram.tint(diagram.SHEET, 0.6))
    place = (corner[0] + 0.02, corner[1] + size[1] + 0.12)
    axes.text(*place, letter, fontsize=9.5, fontweight="bold", va="center")
    axes.text(place[0] + 0.12, place[1], title, fontsize=8.8, va="center")
