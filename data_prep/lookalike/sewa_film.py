"""A person in a video chat: the camera, the room and the face of one SEWA recording."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from data_prep.lookalike.faces import Shot, draw_shot
from data_prep.lookalike.footage import Stage, film
from data_prep.lookalike.identity import draw_identity
from data_prep.lookalike.scene import backdrop
from data_prep.lookalike.sewa_files import CAMERA, HEIGHT, WIDTH


def chat(
    person: np.random.Generator, rng: np.random.Generator, channels: np.ndarray
) -> Iterator[tuple[Image.Image, np.ndarray]]:
    """
    Film a person before a webcam.

    Parameters
    ----------
    person
        Source of face and room, the same for all recordings of a person.
    rng
        Source of all else.
    channels : numpy.ndarray of shape (T, channels)
        Expression and pose of every picture.

    Yields
    ------
    picture : PIL.Image.Image
        320 x 240 pixels.
    landmarks : numpy.ndarray of shape (68, 2)
        x and y in pixels.
    """
    who, background = draw_identity(person), backdrop(person, WIDTH, HEIGHT)
    scale = float(rng.uniform(46, 58))
    centre = (float(rng.normal(WIDTH / 2, 14)), float(rng.normal(104, 6)))
    shot = draw_shot(rng)
    shot = Shot(shot.light, shot.contrast, shot.tint, blur=min(shot.blur, 0.9))
    yield from film(rng, who, channels, stage=Stage(background, scale, centre), shot=shot, fps=CAMERA)
