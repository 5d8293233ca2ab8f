"""Moving pictures of one face before a still background."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from data_prep.lookalike import head
from data_prep.lookalike.brush import Brush
from data_prep.lookalike.dynamics import smooth
from data_prep.lookalike.faces import Shot, render
from data_prep.lookalike.identity import Identity

_REACH = np.array([-1.5, -1.65, 1.5, 1.75])  # box around the head that is painted anew in every frame, units


@dataclass(frozen=True)
class Stage:
    """Where a clip is filmed."""

    background: Image.Image  # still, without the person
    scale: float  # pixels a unit of the face
    centre: tuple[float, float]  # usual place of the face's origin, pixels
    sway: float = 0.05  # how far the head wanders, units
    squeeze: bool = False  # store 3 pixels for every 4 in a row, as PAL does for pictures of 4:3


def film(
    rng: np.random.Generator,
    who: Identity,
    channels: np.ndarray,
    *,
    stage: Stage,
    shot: Shot,
    fps: float = 25.0,
) -> Iterator[tuple[Image.Image, np.ndarray]]:
    """
    Film one clip.

    Parameters
    ----------
    rng
        Source of the head's wandering.
    who
        The person.
    channels : numpy.ndarray of shape (T, channels)
        Expression and pose of every frame.
    stage, shot
        Place and conditions.

    Yields
    ------
    picture : PIL.Image.Image
        As large as the stage's background, or squeezed.
    landmarks : numpy.ndarray of shape (68, 2)
        x and y in pixels.
    """
    still, collar = _with_shoulders(who, stage, shot)
    wander = [stage.sway * stage.scale * smooth(rng, len(channels), fps=fps, seconds=1.0) for _ in "xy"]
    stored = _squeezed(still) if stage.squeeze else still
    for frame, au in enumerate(channels):
        centre = np.array(stage.centre) + (wander[0][frame], 0.5 * wander[1][frame])
        piece, corner, marks = _head(still, who, au=au, stage=stage, shot=shot, centre=centre, collar=collar)
        if stage.squeeze:
            piece, corner, marks = _squeezed(piece), (corner[0] * 3 // 4, corner[1]), marks * (0.75, 1)
        picture = stored.copy()
        picture.paste(piece, corner)
        yield picture, marks


def _squeezed(picture: Image.Image) -> Image.Image:
    """Squeeze a picture whose width is a multiple of 4."""
    assert picture.width % 4 == 0, picture.size
    return picture.resize((picture.width * 3 // 4, picture.height), Image.Resampling.BILINEAR)


def _with_shoulders(who: Identity, stage: Stage, shot: Shot) -> tuple[Image.Image, np.ndarray]:
    """Paint the shoulders once, since they keep still; give picture and collar."""
    collar = np.array(stage.centre) + head.collar(who) * stage.scale
    big = stage.background.resize((stage.background.width * 2, stage.background.height * 2))
    head.paint_shoulders(Brush(big, np.eye(3), stage.scale * 2, collar * 2), who, collar * 2)
    still = big.reduce(2)
    return (still.filter(ImageFilter.GaussianBlur(shot.blur)) if shot.blur > 0.2 else still), collar


def _head(
    still: Image.Image,
    who: Identity,
    *,
    au: np.ndarray,
    stage: Stage,
    shot: Shot,
    centre: np.ndarray,
    collar: np.ndarray,
) -> tuple[Image.Image, tuple[int, int], np.ndarray]:
    """Paint the box around the head anew; give it, its corner and the landmarks in the whole picture."""
    box = _REACH * stage.scale + np.tile(centre, 2)
    left, top = (max(int(edge), 0) // 4 * 4 for edge in box[:2])  # so that a squeezed box fits in
    right, bottom = min(int(box[2]) // 4 * 4 + 4, still.width), min(int(box[3]), still.height)
    corner = np.array([left, top])
    piece, marks = render(
        still.crop((left, top, right, bottom)),
        who,
        au=au,
        shot=shot,
        scale=stage.scale,
        centre=tuple(centre - corner),
        collar=tuple(collar - corner),
    )
    return piece, (left, top), marks + corner
