"""Painting what moves: eyes, brows, nose, mouth and the folds of the skin."""

import numpy as np

from data_prep.lookalike.brush import Brush, mix
from data_prep.lookalike.expression import INDEX
from data_prep.lookalike.geometry import curve
from data_prep.lookalike.identity import Identity

_DARK = (30, 14, 14)


def paint_eyes(brush: Brush, who: Identity, au: np.ndarray, marks: np.ndarray) -> None:
    """Both eyes: white, iris, pupil, glint, then the lids over them."""
    shade = mix(who.skin, (60, 20, 20), 0.30)
    for first in (36, 42):
        eye = brush.flat(marks[first : first + 6])
        upper, lower = curve(eye[:4], 5), curve(np.vstack([eye[3:6], eye[:1]]), 5)
        open_height = np.linalg.norm(eye[1] - eye[5]) / brush.scale
        if open_height > 0.02:
            brush.area(np.vstack([upper, lower]), (236, 232, 228))
            _paint_iris(brush, who, au, eye)
            _cover(brush, who, upper, lower)
        crease = (upper + np.array(_away(eye)) * (0.05 + 0.02 * who.lines) * brush.scale)[3:-1]
        brush.line(crease, shade, 0.018)
        bag = (lower - np.array(_away(eye)) * 0.04 * brush.scale)[2:-2]
        brush.line(bag, mix(who.skin, shade, 0.35 + 0.6 * au[INDEX["lower_lid"]] * who.lines), 0.02)
        brush.line(lower, mix(who.skin, _DARK, 0.45), 0.014)
        brush.line(upper, mix(_DARK, who.brows, 0.3), 0.04)


def _away(eye: np.ndarray) -> tuple[float, float]:
    """Unit vector from the eye to its brow, on the canvas."""
    along = eye[3] - eye[0]
    up = np.array([along[1], -along[0]]) / (np.linalg.norm(along) + 1e-9)
    return float(up[0]), float(up[1])


def _paint_iris(brush: Brush, who: Identity, au: np.ndarray, eye: np.ndarray) -> None:
    """Iris and pupil, moved by the gaze; they stay at rest height when the lids move."""
    middle = 0.5 * (eye[0] + eye[3]) + np.array(_away(eye)) * 0.028 * brush.scale
    along = (eye[3] - eye[0]) / 2
    middle = (
        middle
        + along * 0.42 * au[INDEX["gaze_x"]]
        - np.array(_away(eye)) * 0.035 * brush.scale * au[INDEX["gaze_y"]]
    )
    radius = 0.083 * brush.scale
    brush.disc(middle, radius, radius, mix(who.iris, _DARK, 0.45))
    brush.disc(middle, radius * 0.8, radius * 0.8, who.iris)
    brush.disc(middle, radius * 0.45, radius * 0.45, (12, 8, 8))
    brush.disc(middle + np.array([-0.3, -0.35]) * radius, radius * 0.2, radius * 0.2, (250, 250, 250))


def _cover(brush: Brush, who: Identity, upper: np.ndarray, lower: np.ndarray) -> None:
    """Skin above the upper and below the lower lid, over what of the iris lies beyond them."""
    reach = 0.12 * brush.scale
    along = upper[-1] - upper[0]
    up = np.array([along[1], -along[0]]) / (np.linalg.norm(along) + 1e-9) * reach
    lid = mix(who.skin, (70, 30, 30), 0.10)
    brush.area(np.vstack([upper, (upper + up)[::-1]]), lid)
    brush.area(np.vstack([lower, (lower - up)[::-1]]), who.skin)


def paint_brows(brush: Brush, who: Identity, au: np.ndarray, marks: np.ndarray) -> None:
    """Both brows, thick inside, thin outside."""
    thick = who.brow_thick * np.array([0.5, 0.85, 1.1, 1.2, 1.1])
    for points, heavy in ((marks[17:22], thick), (marks[22:27], thick[::-1])):
        upper, lower = points.copy(), points.copy()
        upper[:, 1] -= heavy * 0.55
        lower[:, 1] += heavy * 0.55
        outline = np.vstack([curve(brush.flat(upper), 4), curve(brush.flat(lower), 4)[::-1]])
        brush.area(outline, who.brows)


def paint_folds(brush: Brush, who: Identity, au: np.ndarray, marks: np.ndarray) -> None:
    """Lines that an expression draws into the skin: forehead, glabella, beside nose and mouth."""
    dark = mix(who.skin, (50, 16, 12), 0.42)
    raised = max(au[INDEX["brow_raise"]], 0.8 * au[INDEX["inner_brow"]]) * who.lines
    if raised > 0.2:
        for height in (0.16, 0.28):
            row = np.array([(-0.34, 0.02), (-0.12, 0), (0.12, 0), (0.34, 0.02)]) + (0, marks[19, 1] - height)
            brush.stroke(row, mix(who.skin, dark, 0.8 * raised), 0.02)
    if au[INDEX["furrow"]] > 0.15:
        deep = mix(who.skin, dark, min(1.0, 1.1 * au[INDEX["furrow"]]))
        for side in (-1, 1):
            brush.stroke(np.array([(side * 0.065, -0.5), (side * 0.05, -0.32)]), deep, 0.024)
    pull = max(au[INDEX["smile"]], 0.7 * au[INDEX["nose_wrinkle"]], 0.5 * au[INDEX["upper_lip"]], 0.0)
    if pull > 0.12:
        colour = mix(who.skin, dark, (0.25 + 0.6 * pull) * (0.5 + 0.5 * who.lines))
        for side, nostril, corner in ((-1, 31, 48), (1, 35, 54)):
            start = marks[nostril, :2] + (side * 0.05, -0.06)
            end = marks[corner, :2] + (side * 0.10, -0.03)
            bow = 0.5 * (start + end) + (side * 0.07, -0.02)
            brush.stroke(np.array([start, bow, end]), colour, 0.02)


def paint_nose(brush: Brush, who: Identity, au: np.ndarray, marks: np.ndarray, light_x: float) -> None:
    """Nose: its shadowed side, wings, nostrils."""
    dark = mix(who.skin, (70, 26, 20), 0.26)
    side = -1 if light_x > 0 else 1
    wing = marks[31] if side < 0 else marks[35]
    shadow = np.array(
        [marks[27], marks[29], marks[30], wing, wing * (1, 0.9, 0.95), marks[28] + (side * 0.075, 0, -0.05)]
    )
    brush.area(curve(brush.flat(shadow), 3, closed=True), mix(who.skin, dark, 0.6))
    under = curve(brush.flat(marks[31:36]), 4)
    brush.line(under, mix(who.skin, (60, 20, 16), 0.45), 0.022)
    for wing, sign in ((marks[31], -1), (marks[35], 1)):
        bend = np.array([wing + (0, -0.09, 0), wing + (sign * 0.035, -0.04, -0.02), wing])
        brush.stroke(bend, dark, 0.02)
    for left, right in ((31, 32), (34, 35)):
        spot = brush.flat(0.5 * (marks[left] + marks[right])[None] + (0, -0.012, 0))[0]
        brush.disc(spot, 0.04 * brush.scale, 0.022 * brush.scale, mix(who.skin, (40, 10, 8), 0.75))


def paint_mouth(brush: Brush, who: Identity, au: np.ndarray, marks: np.ndarray) -> None:
    """Lips, the mouth's inside, teeth and tongue."""
    outer, inner = brush.flat(marks[48:60]), brush.flat(marks[60:68])
    top, bottom = curve(outer[:7], 4), curve(np.vstack([outer[6:], outer[:1]]), 4)
    brush.area(np.vstack([top, bottom]), who.lips)
    upper, lower = curve(inner[:5], 4), curve(np.vstack([inner[4:], inner[:1]]), 4)
    gap = np.linalg.norm(inner[2] - inner[6]) / brush.scale
    if gap < 0.025:
        seam = np.vstack([outer[:1], inner[1:4], outer[6:7]])
        brush.line(curve(seam, 4), mix(who.lips, _DARK, 0.72), 0.026)
        return
    brush.area(np.vstack([upper, lower]), (66, 18, 22))
    middle = inner.mean(axis=0)
    if gap > 0.16:
        tongue = np.vstack([lower, lower + (middle - lower) * 0.55])
        brush.area(curve(tongue[::3], 2, closed=True) * 0.94 + middle * 0.06, (172, 78, 84))
    height = min(0.085, gap * 0.72)
    down = (inner[6] - inner[2]) / (gap * brush.scale) * height * brush.scale
    taper = np.sin(np.linspace(0, np.pi, len(upper)))[:, None] ** 0.5
    brush.area(np.vstack([upper, (upper + down * taper)[::-1]]), (240, 236, 226))
    brush.line(np.vstack([outer[:1], inner[:1]]), mix(who.lips, _DARK, 0.6), 0.024)
    brush.line(np.vstack([outer[6:7], inner[4:5]]), mix(who.lips, _DARK, 0.6), 0.024)
