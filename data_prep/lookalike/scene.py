"""What is behind the face, and what comes in front of it."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from data_prep.lookalike.brush import Brush, mix
from data_prep.lookalike.identity import Identity, rgb

Painter = Callable[[Brush, Identity, np.ndarray], None]


def backdrop(rng: np.random.Generator, width: int, height: int, *, busy: float = 1.0) -> Image.Image:
    """
    Draw a background: a smooth wall of colours and a few flat things.

    Parameters
    ----------
    rng
        Source of the picture.
    width, height
        Pixels.
    busy
        0 for a plain wall, 1 for many things.
    """
    base = rng.uniform(40, 215) + rng.normal(0, 24, 3)
    cells = base + rng.normal(0, 9, (4, 5, 3)) + rng.normal(0, 26, (4, 5, 1))
    wall = Image.fromarray(np.clip(cells, 0, 255).astype(np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    draw = ImageDraw.Draw(wall)
    for _ in range(rng.poisson(3 * busy)):
        x, y = rng.uniform(-0.2, 1.0, 2) * (width, height)
        w, h = rng.uniform(0.08, 0.6, 2) * (width, height)
        colour = rgb(base + rng.normal(0, 22, 3) + rng.normal(0, 38))
        shape = draw.rectangle if rng.random() < 0.65 else draw.ellipse
        shape((x, y, x + w, y + h), fill=colour)
    return wall


def hand(rng: np.random.Generator) -> Painter:
    """Draw a hand that covers a part of the lower face or of a cheek."""
    side = rng.choice((-1, 1))
    reach, height, spread = rng.uniform(0.35, 0.62), rng.uniform(0.55, 0.95), rng.uniform(0.09, 0.12)

    def paint(brush: Brush, who: Identity, marks: np.ndarray) -> None:
        skin, edge = who.skin, mix(who.skin, (60, 20, 16), 0.4)
        palm = np.array([(0.95, 0.7), (0.6, 0.75), (0.55, 1.1), (0.7, 1.5), (1.15, 1.6), (1.3, 1.0)])
        brush.area((palm * (side, 1) + (0, height - 0.75)) * brush.scale + brush.centre, skin, lit=True)
        for finger in range(4):
            start = np.array([side * 0.75, height + 0.1 + finger * 2 * spread])
            end = np.array(
                [side * (0.75 - reach * (1 - 0.13 * abs(finger - 1))), height - 0.05 + finger * 1.7 * spread]
            )
            line = np.array([start, end]) * brush.scale + brush.centre
            brush.line(line, edge, 2.3 * spread)
            brush.disc(line[1], 1.15 * spread * brush.scale, 1.15 * spread * brush.scale, edge)
            brush.line(line, skin, 1.9 * spread)
            brush.disc(line[1], 0.95 * spread * brush.scale, 0.95 * spread * brush.scale, skin)

    return paint


def hair_lock(rng: np.random.Generator) -> Painter:
    """Draw a lock of hair that falls over one eye or the forehead."""
    side, inner, low = rng.choice((-1, 1)), rng.uniform(0.0, 0.4), rng.uniform(-0.35, 0.25)

    def paint(brush: Brush, who: Identity, marks: np.ndarray) -> None:
        points = np.array([(0.1, -1.1), (inner, -0.6), (0.72, low), (0.8, -0.5), (0.55, -1.05)]) * (side, 1)
        brush.blob(points, mix(who.hair, (0, 0, 0), 0.1))

    return paint


def occlusions(rng: np.random.Generator, share: float = 0.12) -> tuple[Painter, ...]:
    """Draw what is in front of the face; mostly nothing."""
    chance = rng.random()
    if chance < share / 2:
        return (hand(rng),)
    return (hair_lock(rng),) if chance < share else ()
