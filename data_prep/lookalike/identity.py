"""Who somebody is: the shape and the colours of one generated face."""

from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]

SKIN = np.array(
    [
        (248, 218, 196),
        (236, 195, 165),
        (222, 172, 136),
        (198, 144, 106),
        (160, 110, 78),
        (116, 78, 56),
        (84, 56, 42),
    ]
)
HAIR = np.array(
    [(28, 22, 20), (54, 36, 26), (92, 60, 36), (140, 96, 52), (204, 166, 98), (150, 70, 36), (150, 148, 146)]
)
IRIS = np.array([(62, 38, 24), (96, 62, 34), (84, 108, 70), (70, 110, 150), (106, 124, 136)])
STYLES = ("bald", "short", "parting", "long", "bob", "curly")


@dataclass(frozen=True)
class Identity:
    """Shape (units of about half a face's width) and colours (8-bit RGB) of one person."""

    width: float
    jaw: float  # exponent of the jaw line: small is square, large is pointed
    chin: float
    forehead: float
    brow_y: float
    brow_thick: float
    brow_tilt: float
    eye_x: float
    eye_width: float
    eye_height: float
    nose_length: float
    nose_width: float
    mouth_y: float
    mouth_width: float
    lip: float
    ear: float
    skin: Colour
    lips: Colour
    hair: Colour
    brows: Colour
    iris: Colour
    clothes: Colour
    style: str
    beard: float  # 0 none, to 1 full
    lines: float  # depth of folds and wrinkles, 0 to 1
    glasses: bool
    frame: Colour


def _between(palette: np.ndarray, rng: np.random.Generator, spread: float) -> np.ndarray:
    """Draw a colour between two neighbours of a palette."""
    place = rng.uniform(0, len(palette) - 1)
    low = int(place)
    high = min(low + 1, len(palette) - 1)
    colour = palette[low] + (place - low) * (palette[high] - palette[low])
    return np.clip(colour + rng.normal(0, spread, 3), 0, 255)


def rgb(colour: np.ndarray) -> Colour:
    """Round a colour to 8 bits."""
    red, green, blue = np.clip(colour, 0, 255).round().astype(int)
    return int(red), int(green), int(blue)


def draw_identity(rng: np.random.Generator) -> Identity:
    """Draw a person."""
    skin = _between(SKIN, rng, 4)
    hair = _between(HAIR, rng, 6)
    style = STYLES[rng.choice(len(STYLES), p=(0.08, 0.26, 0.2, 0.2, 0.14, 0.12))]
    bearded = style not in ("long", "bob") and rng.random() < 0.4
    darkness = 1 - skin.mean() / 255
    lips = skin * (0.80, 0.56, 0.58) + rng.uniform(0, 26) * np.array([1, 0, 0.1])
    return Identity(
        width=rng.uniform(0.70, 0.82),
        jaw=rng.uniform(0.62, 0.92),
        chin=rng.uniform(0.96, 1.12),
        forehead=rng.uniform(1.05, 1.22),
        brow_y=rng.uniform(-0.50, -0.43),
        brow_thick=rng.uniform(0.035, 0.07),
        brow_tilt=rng.uniform(-0.03, 0.03),
        eye_x=rng.uniform(0.33, 0.385),
        eye_width=rng.uniform(0.145, 0.175),
        eye_height=rng.uniform(0.85, 1.15),
        nose_length=rng.uniform(0.24, 0.34),
        nose_width=rng.uniform(0.12, 0.175),
        mouth_y=rng.uniform(0.56, 0.64),
        mouth_width=rng.uniform(0.27, 0.34),
        lip=rng.uniform(0.75, 1.3),
        ear=rng.uniform(0.8, 1.2),
        skin=rgb(skin),
        lips=rgb(lips),
        hair=rgb(hair),
        brows=rgb(np.minimum(hair * 0.75, skin * 0.55)),
        iris=rgb(_between(IRIS, rng, 5) * (1 - 0.6 * (darkness > 0.5))),
        clothes=rgb(rng.uniform(25, 215, 3)),
        style=style,
        beard=float(rng.uniform(0.25, 0.9)) if bearded else 0.0,
        lines=rng.uniform(0.25, 1.0),
        glasses=bool(rng.random() < 0.14),
        frame=rgb(rng.uniform(10, 90, 3)),
    )
