"""One generated face, painted on a background: geometry, paint, light, camera."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from data_prep.lookalike import features, head
from data_prep.lookalike.brush import Brush
from data_prep.lookalike.geometry import project, solid_landmarks, turn
from data_prep.lookalike.identity import Identity

_GRID = 28  # the light is computed on this many points a side, then enlarged
_NOISE = np.random.default_rng(0).standard_normal(
    (512, 512), dtype=np.float32
)  # grain, shared by all pictures


@dataclass(frozen=True)
class Shot:
    """How a picture is taken: light, lens and sensor."""

    light: tuple[float, float, float]  # direction towards the lamp: x, y, z
    contrast: float  # share of the light that comes from the lamp, 0 to 1
    tint: tuple[float, float, float]  # colour of the light, about 1
    blur: float = 0.0  # radius, in pixels of the final picture
    grain: float = 0.0  # standard deviation, in grey levels
    grain_at: tuple[int, int] = (0, 0)


def draw_shot(rng: np.random.Generator) -> Shot:
    """Draw the conditions of a picture."""
    angle, tilt = rng.uniform(-1.1, 1.1), rng.uniform(-0.7, 0.1)
    direction = (float(np.sin(angle)), float(tilt), float(np.cos(angle)))
    tint = 1 + rng.normal(0, 0.05, 3)
    return Shot(
        light=direction,
        contrast=float(rng.uniform(0.25, 0.75)),
        tint=(float(tint[0]), float(tint[1]), float(tint[2])),
        blur=float(max(0.0, rng.normal(0.25, 0.45))),
        grain=float(rng.gamma(2.0, 1.6)),
        grain_at=(int(rng.integers(256)), int(rng.integers(256))),
    )


def render(
    background: Image.Image,
    who: Identity,
    *,
    au: np.ndarray,
    shot: Shot,
    scale: float,
    centre: tuple[float, float],
    collar: tuple[float, float] | None = None,
    extra: tuple = (),
) -> tuple[Image.Image, np.ndarray]:
    """
    Paint a face over a background.

    Parameters
    ----------
    background
        RGB picture, left as it is.
    who
        The person.
    au : numpy.ndarray of shape (channels,)
        Expression and pose, in the order of `expression.CHANNELS`.
    shot
        Light, lens and sensor.
    scale
        Pixels a unit of the face (the face is about 1.5 units wide and 1.6 from the brows to the chin).
    centre
        Where the origin of the face falls, in pixels.
    collar
        Where the neck meets shoulders that the background shows already, in pixels. Without it,
        shoulders are painted below the head.
    extra
        Painters called last with (brush, who, solid landmarks): things in front of the face.

    Returns
    -------
    picture : PIL.Image.Image
        As large as the background.
    landmarks : numpy.ndarray of shape (68, 2)
        x and y in pixels.
    """
    fine = 3 if scale < 40 else 2
    rotation, marks = turn(au), solid_landmarks(who, au)
    big = background.resize((background.width * fine, background.height * fine), Image.Resampling.BILINEAR)
    brush = Brush(big, rotation, scale * fine, np.array(centre) * fine)
    base = np.array(collar) * fine if collar else brush.centre + head.collar(who) * brush.scale
    if collar is None:
        head.paint_shoulders(brush, who, base)
    _paint(brush, who, au=au, marks=marks, shot=shot, base=base)
    for painter in extra:
        painter(brush, who, marks)
    picture, mask = big.reduce(fine), brush.skin_mask.reduce(fine)
    picture = _light(picture, mask, brush=brush, fine=fine, shot=shot)
    return _expose(picture, shot), project(marks, rotation, scale, np.array(centre))


def _paint(
    brush: Brush, who: Identity, *, au: np.ndarray, marks: np.ndarray, shot: Shot, base: np.ndarray
) -> None:
    """Paint the head from back to front."""
    head.paint_hair_behind(brush, who)
    head.paint_neck(brush, who, base)
    head.paint_skin(brush, who, marks)
    head.paint_beard(brush, who, marks)
    features.paint_folds(brush, who, au, marks)
    features.paint_mouth(brush, who, au, marks)
    features.paint_nose(brush, who, au, marks, shot.light[0])
    features.paint_eyes(brush, who, au, marks)
    features.paint_brows(brush, who, au, marks)
    head.paint_hair_front(brush, who)
    if who.glasses:
        head.paint_glasses(brush, who, marks)


def _light(picture: Image.Image, mask: Image.Image, *, brush: Brush, fine: int, shot: Shot) -> Image.Image:
    """Shade the skin as a smooth solid under the lamp, with soft sockets and warm cheeks."""
    width, height = picture.size
    x, y = np.meshgrid((np.arange(_GRID) + 0.5) * width / _GRID, (np.arange(_GRID) + 0.5) * height / _GRID)
    u, v = (
        (x - brush.centre[0] / fine) * fine / brush.scale,
        (y - brush.centre[1] / fine) * fine / brush.scale,
    )
    # The solid turns with the head: shift its nearest point to where the nose looks.
    ahead = brush.rotation @ np.array([0.0, 0.0, 0.5])
    nx, ny = (u - ahead[0]) / 1.0, (v - ahead[1] - 0.0) / 1.45
    nz = np.sqrt(np.maximum(1.0 - np.minimum(nx**2 + ny**2, 0.97), 0.03))
    lamp = np.array(shot.light) / np.linalg.norm(shot.light)
    facing = np.maximum((nx * lamp[0] + ny * lamp[1] + nz * lamp[2]), 0.0)
    shade = (1 - shot.contrast) * 0.92 + shot.contrast * (0.25 + 0.95 * facing)
    shade = np.repeat(shade[..., None], 3, axis=2) * np.array(shot.tint)
    for spot, radius, colour in _SOFT:
        middle = brush.rotation @ np.array(spot)
        weight = np.exp(-((u - middle[0]) ** 2 + (v - middle[1]) ** 2) / (2 * radius**2))
        shade *= 1 - weight[..., None] * np.array(colour)
    levels = np.clip(shade * 160, 0, 255).astype(np.uint8)
    smooth = Image.fromarray(levels).resize(picture.size, Image.Resampling.BICUBIC)
    gain = np.asarray(smooth, np.float32) / 160
    share = np.asarray(mask, np.float32)[..., None] / 255
    lit = np.asarray(picture, np.float32) * (1 + share * (gain - 1))
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


# Soft darkening (positive) or warming: place on the face, radius, red-green-blue.
_SOFT = (
    ((-0.36, -0.26, 0.6), 0.17, (0.10, 0.14, 0.13)),
    ((0.36, -0.26, 0.6), 0.17, (0.10, 0.14, 0.13)),
    ((-0.42, 0.27, 0.6), 0.18, (-0.05, 0.07, 0.05)),
    ((0.42, 0.27, 0.6), 0.18, (-0.05, 0.07, 0.05)),
    ((0.0, 0.05, 0.9), 0.10, (-0.07, -0.07, -0.07)),
    ((0.0, 0.82, 0.5), 0.12, (0.08, 0.09, 0.09)),
)


def _expose(picture: Image.Image, shot: Shot) -> Image.Image:
    """Lens blur, then grain."""
    if shot.blur > 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(shot.blur))
    if shot.grain < 0.3:
        return picture
    width, height = picture.size
    top, left = shot.grain_at
    grain = np.tile(_NOISE, (-(-(top + height) // 512), -(-(left + width) // 512)))
    noisy = (
        np.asarray(picture, np.float32) + shot.grain * grain[top : top + height, left : left + width, None]
    )
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
