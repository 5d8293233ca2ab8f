"""Painting what surrounds the features: shoulders, hair, ears, skin, beard, glasses."""

import numpy as np

from data_prep.lookalike.brush import Brush, mix
from data_prep.lookalike.geometry import curve
from data_prep.lookalike.identity import Identity

_TOP = np.linspace(0, np.pi, 11)


def crown(who: Identity, grow: float = 1.0, lift: float = 0.0) -> np.ndarray:
    """Outline of the skull from the right ear over the top to the left ear, shape (11, 3)."""
    x = who.width * grow * np.cos(_TOP)
    y = -0.18 - (who.forehead + lift) * np.sin(_TOP) ** 0.85
    return np.column_stack([x, y, np.full(11, 0.02)])


def collar(who: Identity) -> np.ndarray:
    """Where the neck meets the shoulders, shape (2,), in units of the face from its origin."""
    return np.array([0.0, who.chin + 0.42])


def paint_shoulders(brush: Brush, who: Identity, base: np.ndarray) -> None:
    """Shoulders; `base` is the collar, in pixels of the canvas. They do not turn with the head."""
    wide = who.width * 0.57
    top = curve(
        np.array(
            [(-1.75, 1.2), (-1.5, 0.24), (-wide, -0.1), (0, 0.16), (wide, -0.1), (1.5, 0.24), (1.75, 1.2)]
        ),
        5,
    )
    points = (
        np.vstack([top, [(1.85, 30.0), (-1.85, 30.0)]]) * brush.scale + base
    )  # down and out of the picture
    brush.area(points, who.clothes)
    brush.line(points[10:21], mix(who.clothes, (0, 0, 0), 0.3), 0.06)


def paint_neck(brush: Brush, who: Identity, base: np.ndarray) -> None:
    """Neck, from the head wherever it is down to the collar at `base`, in pixels of the canvas."""
    wide = who.width * 0.52 * brush.scale
    top = brush.flat(np.array([(0.0, 0.55, -0.2)]))[0]
    collar = np.array([(1.05, -0.1), (0.7, 0.04), (0, 0.13), (-0.7, 0.04), (-1.05, -0.1)])
    low = curve(collar * (wide, brush.scale) + base, 3)
    skin = np.vstack([top + (-wide, 0), top + (wide, 0), low])
    brush.area(skin, mix(who.skin, (40, 20, 20), 0.28), lit=True)


def paint_hair_behind(brush: Brush, who: Identity) -> None:
    """The part of the hair that hangs behind the face."""
    if who.style == "curly":
        brush.blob(
            np.vstack([crown(who, 1.28, 0.2), [(-who.width * 1.2, 0.2, -0.2), (who.width * 1.2, 0.2, -0.2)]]),
            who.hair,
        )
    if who.style not in ("long", "bob"):
        return
    end = 1.35 if who.style == "long" else 0.75
    wide = who.width * (1.22 if who.style == "long" else 1.32)
    low = [
        (-wide, 0.2, -0.2),
        (-wide, end, -0.2),
        (-wide * 0.5, end + 0.08, -0.3),
        (wide * 0.5, end + 0.08, -0.3),
    ]
    low += [(wide, end, -0.2), (wide, 0.2, -0.2)]
    brush.blob(np.vstack([crown(who, 1.1, 0.1), low]), mix(who.hair, (0, 0, 0), 0.18))


def paint_skin(brush: Brush, who: Identity, marks: np.ndarray) -> None:
    """Ears and the skin of head and face; `marks` are the solid landmarks."""
    for side in (-1, 1):
        x = side * who.width
        ear = np.array([(0.96, -0.3), (1.1, -0.32), (1.14, -0.1), (1.05, 0.16), (0.95, 0.12)])
        points = np.column_stack([x + side * (ear[:, 0] - 1) * who.ear, ear[:, 1], np.full(5, -0.1)])
        brush.blob(points, mix(who.skin, (120, 50, 40), 0.15), lit=True)
    outline = np.vstack([marks[:17], crown(who)[1:-1]])
    brush.blob(outline, who.skin, lit=True)


def paint_beard(brush: Brush, who: Identity, marks: np.ndarray) -> None:
    """Beard around the mouth and along the jaw."""
    if who.beard <= 0:
        return
    upper = [(-who.mouth_width * 1.25, who.mouth_y - 0.1), (0, who.mouth_y - 0.17)]
    upper.append((who.mouth_width * 1.25, who.mouth_y - 0.1))
    inside = np.array(upper)
    rim = marks[2:15] * (0.99, 0.99, 1)
    colour = mix(who.skin, who.brows, 0.2 + 0.55 * who.beard)
    brush.area(
        curve(np.vstack([brush.flat(rim), brush.flat(inside)[::-1]]), 3, closed=True), colour, lit=True
    )


def paint_hair_front(brush: Brush, who: Identity) -> None:
    """The hair line over the forehead."""
    if who.style == "bald":
        return
    top = crown(who, 1.06, 0.1 if who.style != "curly" else 0.22)
    line = {
        "short": [(-0.97, -0.35), (-0.86, -0.8), (-0.4, -0.98), (0.4, -0.98), (0.86, -0.8), (0.97, -0.35)],
        "parting": [(-0.99, -0.3), (-0.85, -0.72), (-0.35, -1.05), (0.2, -0.86), (0.8, -0.72), (0.99, -0.3)],
        "long": [(-1.0, 0.1), (-0.9, -0.55), (-0.3, -1.02), (0.3, -1.02), (0.9, -0.55), (1.0, 0.1)],
        "bob": [(-1.0, 0.1), (-0.92, -0.5), (-0.5, -0.74), (0.5, -0.74), (0.92, -0.5), (1.0, 0.1)],
        "curly": [(-1.02, -0.2), (-0.86, -0.74), (-0.4, -0.92), (0.4, -0.92), (0.86, -0.74), (1.02, -0.2)],
    }[who.style]
    edge = np.array(line) * (who.width, who.forehead / 1.12)
    edge = np.column_stack([edge, 0.55 * np.sqrt(np.maximum(1 - np.abs(edge[:, 0] / who.width) ** 2, 0))])
    outline = np.vstack([brush.flat(top), curve(brush.flat(edge), 3)])
    brush.area(outline, who.hair)
    shine = curve(brush.flat(crown(who, 0.8, -0.02)[3:7]), 3)
    brush.line(shine, mix(who.hair, (255, 250, 240), 0.14), 0.07)


def paint_glasses(brush: Brush, who: Identity, marks: np.ndarray) -> None:
    """Frames around both eyes; the lenses are clear."""
    ring = np.linspace(0, 2 * np.pi, 20)
    for eye in (marks[36:42], marks[42:48]):
        middle = eye.mean(axis=0)
        middle[1] = -0.18
        x = middle[0] + 0.235 * np.cos(ring)
        y = middle[1] + 0.175 * np.sign(np.sin(ring)) * np.abs(np.sin(ring)) ** 0.8
        brush.line(brush.flat(np.column_stack([x, y, np.full(20, middle[2] + 0.08)])), who.frame, 0.03)
    inner = np.array([(-0.13, -0.22), (0, -0.25), (0.13, -0.22)])
    brush.stroke(np.column_stack([inner, np.full(3, 0.85)]), who.frame, 0.03)
    for side in (-1, 1):
        arm = np.array([(side * (who.eye_x + 0.23), -0.24, 0.62), (side * who.width * 1.02, -0.28, 0.0)])
        brush.line(brush.flat(arm), who.frame, 0.03)
