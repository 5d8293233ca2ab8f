"""One photograph of one person: what AffectNet is made of."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from data_prep.lookalike.dynamics import PHOTO, act, draw_subject
from data_prep.lookalike.expression import INDEX, add_class, limit
from data_prep.lookalike.faces import draw_shot, render
from data_prep.lookalike.identity import draw_identity
from data_prep.lookalike.scene import backdrop, occlusions

# Codes of the official list. Where each lies on the valence-arousal plane: means, standard deviations.
NONE, UNCERTAIN, NO_FACE = 8, 9, 10
PLANE = (
    ((0.00, -0.05), (0.10, 0.12)),  # neutral
    ((0.66, 0.10), (0.20, 0.30)),  # happy
    ((-0.62, -0.38), (0.18, 0.22)),  # sad
    ((0.15, 0.70), (0.25, 0.16)),  # surprise
    ((-0.42, 0.74), (0.20, 0.14)),  # fear
    ((-0.66, 0.36), (0.16, 0.20)),  # disgust
    ((-0.56, 0.62), (0.18, 0.20)),  # anger
    ((-0.48, 0.10), (0.18, 0.20)),  # contempt
    ((0.05, 0.05), (0.40, 0.35)),  # none of these
    ((0.00, 0.00), (0.30, 0.30)),  # uncertain
)


@dataclass(frozen=True)
class Portrait:
    """
    A photograph and what is true of it.

    Attributes
    ----------
    picture : PIL.Image.Image
        RGB, square.
    valence, arousal : float or None
        True affect in [-1, 1]; None without a face.
    landmarks : numpy.ndarray of shape (68, 2)
        Pixels.
    box : tuple of int
        Left, top, width, height of the face, pixels.
    """

    picture: Image.Image
    valence: float | None
    arousal: float | None
    landmarks: np.ndarray
    box: tuple[int, int, int, int]


def draw_affect(rng: np.random.Generator, code: int) -> tuple[float, float]:
    """Draw valence and arousal that go with an expression."""
    mean, deviation = PLANE[code]
    valence, arousal = np.clip(rng.normal(mean, deviation), -0.98, 0.98)
    return float(valence), float(arousal)


def draw_channels(rng: np.random.Generator, code: int, affect: tuple[float, float]) -> np.ndarray:
    """Draw the face's state, shape (channels,), of somebody with this expression, in mid-speech or not."""
    subject = draw_subject(rng, PHOTO)
    au = act(rng, subject, (np.array(affect[:1]), np.array(affect[1:])), amounts=PHOTO)[0]
    if code < NONE:
        side = rng.choice((-1, 1))
        au = add_class(au, code, strength=float(rng.uniform(0.5, 1.0)))
        au[INDEX["smirk"]] *= side
    au[[INDEX["yaw"], INDEX["pitch"], INDEX["roll"]]] += rng.normal(0, (9, 4, 5))
    return limit(au)


def take(rng: np.random.Generator, code: int, size: int, *, tight: bool = False) -> Portrait:
    """
    Take a photograph.

    Parameters
    ----------
    rng
        Source of everything in it.
    code
        Expression, 0 to 10.
    size
        Pixels of a side.
    tight
        Crop to the landmarks, as in the release of 2021; otherwise 1.3 times the face's box, as in 2017.
    """
    background = backdrop(rng, size, size, busy=1.5)
    side = size / (1.04 if tight else 1.3)
    box = (round(0.5 * (size - side)), round(0.5 * (size - side)), round(side), round(side))
    if code == NO_FACE:
        return Portrait(background, None, None, np.zeros((68, 2)), box)
    scale = side / rng.uniform(1.68, 1.85)
    middle = np.array([0.5, 0.5]) * size + rng.normal(0, 0.02 * size, 2)
    affect = draw_affect(rng, code)
    who, shot = draw_identity(rng), draw_shot(rng)
    picture, landmarks = render(
        background,
        who,
        au=draw_channels(rng, code, affect),
        shot=shot,
        scale=scale,
        centre=(float(middle[0]), float(middle[1] - 0.22 * scale)),
        extra=occlusions(rng, 0.14 if code != UNCERTAIN else 0.8),
    )
    return Portrait(picture, *affect, landmarks, box)
