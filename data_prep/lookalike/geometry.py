"""
The face as points in space, and their picture.

Axes: x to the right of the image, y down, z to the viewer. The origin lies between eyes and nose tip, and
one unit is about two thirds of the width of a face. Landmarks follow the iBUG order: 0-16 jaw, 17-26 brows,
27-35 nose, 36-47 eyes, 48-59 outer and 60-67 inner lips; "left" below is the left of the image.
"""

from functools import cache

import numpy as np

from data_prep.lookalike.expression import INDEX
from data_prep.lookalike.identity import Identity

WITHOUT_JAW_AND_INNER_CORNERS = np.array([*range(17, 60), 61, 62, 63, 65, 66, 67])
PIVOT = np.array([0.0, 0.25, -0.15])  # where the head turns, in the neck

_JAW = np.linspace(0, np.pi, 17)
_EYE_X = np.array([-1.0, -0.42, 0.38, 1.0, 0.38, -0.42])
_EYE_UP = np.array([0.0, 1.0, 0.95, 0.0, 0.0, 0.0])
_EYE_DOWN = np.array([0.0, 0.0, 0.0, 0.0, 0.9, 1.0])
_LIP_X = np.array([-1, -0.62, -0.24, 0, 0.24, 0.62, 1, 0.6, 0.25, 0, -0.25, -0.6])
_LIP_UP = np.array([0, 0.72, 1.0, 0.86, 1.0, 0.72, 0, 0, 0, 0, 0, 0])
_LIP_DOWN = np.array([0, 0, 0, 0, 0, 0, 0, 0.72, 0.97, 1.0, 0.97, 0.72])
_INNER_X = np.array([-0.86, -0.34, 0, 0.34, 0.86, 0.34, 0, -0.34])
_INNER_UP = np.array([0, 0.86, 1.0, 0.86, 0, 0, 0, 0])
_INNER_DOWN = np.array([0, 0, 0, 0, 0, 0.92, 1.0, 0.92])


def depth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance of the face's surface in front of the plane of its outline."""
    return 0.82 * np.sqrt(np.maximum(1 - (x / 0.95) ** 2 - ((y - 0.05) / 1.6) ** 2, 0.0))


def _jaw(who: Identity, au: np.ndarray) -> np.ndarray:
    """Jaw line, 17 points; the chin falls as the mouth opens."""
    sine, cosine = np.sin(_JAW), np.cos(_JAW)
    x = -who.width * np.sign(cosine) * np.abs(cosine) ** who.jaw
    y = -0.18 + (who.chin + 0.18) * sine**0.85 + 0.20 * au[INDEX["open"]] * sine**3
    return np.stack([x, y, 0.05 + 0.32 * sine**2], axis=1)


def _brows(who: Identity, au: np.ndarray) -> np.ndarray:
    """Brows, 5 + 5 points, outer end first on the left, inner end first on the right."""
    along = np.linspace(0, 1, 5)  # 0 outer end, 1 inner end
    furrow, inner = au[INDEX["furrow"]], au[INDEX["inner_brow"]]
    x = -(who.eye_x + 0.23) + along * (0.43 + 0.07 * furrow)
    arch = -0.075 * np.sin(np.pi * along**0.8) * (1 - 0.6 * furrow)
    y = who.brow_y + who.brow_tilt * (along - 0.5) + arch - 0.13 * au[INDEX["brow_raise"]]
    y = y + furrow * (0.17 * along**1.3 - 0.05) + inner * (0.06 - 0.24 * along**1.2)
    left = np.stack([x, y], axis=1)
    right = np.stack([-x[::-1], y[::-1]], axis=1)
    return _lift(np.concatenate([left, right]), 0.05)


def _nose(who: Identity, au: np.ndarray) -> np.ndarray:
    """Bridge, 4 points from the root to the tip, and base, 5 points."""
    tip = who.nose_length - 0.02 - 0.04 * au[INDEX["nose_wrinkle"]]
    bridge = np.stack([np.zeros(4), np.linspace(-0.2, tip, 4)], axis=1)
    raised = np.array([-0.02, 0.035, 0.055, 0.035, -0.02]) - 0.05 * au[INDEX["nose_wrinkle"]]
    wide = who.nose_width * (1 + 0.15 * au[INDEX["nose_wrinkle"]])
    base = np.stack([wide * np.array([-1, -0.5, 0, 0.5, 1]), tip + 0.07 + raised], axis=1)
    bumps = np.array([0.02, 0.10, 0.19, 0.27, 0.06, 0.12, 0.16, 0.12, 0.06])
    return _lift(np.concatenate([bridge, base]), bumps)


def _eyes(who: Identity, au: np.ndarray) -> np.ndarray:
    """Eyes, 6 + 6 points."""
    lower_lid = au[INDEX["lower_lid"]]
    opening = 0.098 * who.eye_height * au[INDEX["eye_open"]]
    falls = 0.06 * who.eye_height * (1 - 0.75 * lower_lid) * min(1.0, au[INDEX["eye_open"]] * 1.5)
    drop = 0.05 * max(0.0, 0.5 - au[INDEX["eye_open"]])
    x = who.eye_width * _EYE_X
    y = -0.2 - opening * _EYE_UP + falls * _EYE_DOWN + drop * (_EYE_UP + _EYE_DOWN) - 0.015 * (_EYE_X == -1)
    left = np.stack([x - who.eye_x, y], axis=1)
    right = np.stack([who.eye_x - x, y], axis=1)[[3, 2, 1, 0, 5, 4]]
    return _lift(np.concatenate([left, right]), -0.04)


def _mouth(who: Identity, au: np.ndarray) -> np.ndarray:
    """Outer lips, 12 points, and inner lips, 8 points."""
    smile, opening = au[INDEX["smile"]], au[INDEX["open"]]
    wide = who.mouth_width * (1 + 0.24 * au[INDEX["stretch"]] + 0.14 * max(smile, 0.0) - 0.06 * opening)
    up = 0.115 * who.lip * 0.5 + 0.05 * au[INDEX["upper_lip"]] + 0.07 * opening
    down = 0.13 * who.lip * 0.5 + 0.29 * opening
    gap_up = 0.05 * au[INDEX["upper_lip"]] + 0.075 * opening
    gap_down = 0.25 * opening + 0.02 * au[INDEX["upper_lip"]]
    outer = _bow(_LIP_X, wide, smile, au[INDEX["smirk"]])
    inner = _bow(_INNER_X, wide, smile, au[INDEX["smirk"]])
    outer[:, 1] += who.mouth_y - up * _LIP_UP + down * _LIP_DOWN
    inner[:, 1] += who.mouth_y - gap_up * _INNER_UP + gap_down * _INNER_DOWN
    return _lift(np.concatenate([outer, inner]), 0.08)


def _bow(along: np.ndarray, wide: float, smile: float, smirk: float) -> np.ndarray:
    """Bend the mouth: corners up or down by the smile, one corner by the smirk."""
    bend = np.abs(along) ** 1.8 - 0.35
    one_sided = np.maximum(along * np.sign(smirk), 0.0) ** 1.5 * abs(smirk)
    y = -0.19 * smile * bend - 0.13 * one_sided
    return np.stack([wide * along * (1 + 0.1 * one_sided), y], axis=1)


def _lift(plane: np.ndarray, extra: np.ndarray | float) -> np.ndarray:
    """Put points of the plane, shape (n, 2), on the face's surface, `extra` in front of it."""
    return np.column_stack([plane, depth(plane[:, 0], plane[:, 1]) + extra])


def solid_landmarks(who: Identity, au: np.ndarray) -> np.ndarray:
    """
    Place the 68 landmarks of a face that looks straight ahead.

    Parameters
    ----------
    who
        Shape of the face.
    au : numpy.ndarray of shape (channels,)
        Expression, in the order of `expression.CHANNELS`.

    Returns
    -------
    numpy.ndarray of shape (68, 3)
        In the units of this module, iBUG order.
    """
    return np.concatenate([_jaw(who, au), _brows(who, au), _nose(who, au), _eyes(who, au), _mouth(who, au)])


def turn(au: np.ndarray) -> np.ndarray:
    """Give the rotation, shape (3, 3), of the head pose in `au` (yaw, then pitch, then roll)."""
    yaw, pitch, roll = np.deg2rad(au[[INDEX["yaw"], INDEX["pitch"], INDEX["roll"]]])
    cy, sy, cp, sp, cr, sr = (
        np.cos(yaw),
        np.sin(yaw),
        np.cos(pitch),
        np.sin(pitch),
        np.cos(roll),
        np.sin(roll),
    )
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def project(points: np.ndarray, rotation: np.ndarray, scale: float, centre: np.ndarray) -> np.ndarray:
    """
    Picture points by parallel projection.

    Parameters
    ----------
    points : numpy.ndarray of shape (n, 3)
    rotation : numpy.ndarray of shape (3, 3)
    scale
        Pixels a unit.
    centre : numpy.ndarray of shape (2,)
        Where the origin of an unturned face falls, in pixels.

    Returns
    -------
    numpy.ndarray of shape (n, 2)
        x and y in pixels.
    """
    return ((points - PIVOT) @ rotation.T + PIVOT)[:, :2] * scale + centre


@cache
def _catmull_rom(count: int, steps: int, closed: bool) -> np.ndarray:
    """Matrix that takes `count` control points to a smooth curve through them."""
    spans = count if closed else count - 1
    rows = []
    for span in range(spans):
        index = np.arange(span - 1, span + 3)
        index = index % count if closed else np.clip(index, 0, count - 1)
        for t in np.arange(steps) / steps:
            weights = 0.5 * np.array(
                [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
            )
            row = np.zeros(count)
            np.add.at(row, index, weights)
            rows.append(row)
    if not closed:
        rows.append(np.eye(count)[-1])
    return np.array(rows)


def curve(points: np.ndarray, steps: int = 4, closed: bool = False) -> np.ndarray:
    """Draw a smooth curve (Catmull-Rom spline) through points of shape (n, d)."""
    return _catmull_rom(len(points), steps, closed) @ points
