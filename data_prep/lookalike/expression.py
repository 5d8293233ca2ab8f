"""From affect to the face's movable parts: a small set of action-unit-like channels."""

import numpy as np

CHANNELS = (
    "smile",  # mouth corners, -1 down to 1 up
    "open",  # mouth opening, 0 to 1
    "stretch",  # mouth width, -1 pursed to 1 wide
    "upper_lip",  # upper lip raised, shows teeth, 0 to 1
    "brow_raise",  # both brows, -1 lowered to 1 raised
    "inner_brow",  # inner ends up (sadness, fear), 0 to 1
    "furrow",  # inner ends down and together (anger), 0 to 1
    "eye_open",  # 0 closed, 1 at rest, 1.7 wide
    "lower_lid",  # lower lid and cheek raised, 0 to 1
    "nose_wrinkle",  # 0 to 1
    "smirk",  # one corner up, signed side, -1 to 1
    "gaze_x",  # -1 to 1
    "gaze_y",  # -1 to 1
    "yaw",  # degrees, positive: the head turns to the right of the image
    "pitch",  # degrees, positive: the head nods down
    "roll",  # degrees, positive: clockwise in the image
)
INDEX = {name: position for position, name in enumerate(CHANNELS)}
LOW = np.array([-1.2, 0, -1, 0, -1.2, 0, 0, 0, 0, 0, -1, -1, -1, -38, -25, -30], float)
HIGH = np.array([1.2, 1, 1, 1, 1.2, 1.1, 1.2, 1.7, 1.1, 1, 1, 1, 1, 38, 25, 30], float)

# What the eight expressions of AffectNet add to the face that their valence and arousal alone would give.
CLASS_EXTRAS: tuple[dict[str, float], ...] = (
    {},
    {"smile": 0.25, "lower_lid": 0.2},
    {"inner_brow": 0.4, "smile": -0.15, "eye_open": -0.15, "gaze_y": 0.4},
    {"brow_raise": 0.5, "open": 0.35, "eye_open": 0.2, "stretch": -0.5, "furrow": -0.4},
    {"inner_brow": 0.7, "brow_raise": 0.5, "eye_open": 0.25, "stretch": 0.4, "furrow": -0.5, "open": 0.1},
    {"nose_wrinkle": 0.9, "upper_lip": 0.5, "eye_open": -0.45, "lower_lid": 0.4, "open": -0.1},
    {"furrow": 0.35, "brow_raise": -0.4, "upper_lip": 0.2, "inner_brow": -0.4},
    {"smirk": 0.9, "eye_open": -0.25, "smile": 0.1, "brow_raise": -0.1},
)


def _up(value: np.ndarray) -> np.ndarray:
    """Positive part."""
    return np.maximum(value, 0.0)


def express(mouth: np.ndarray, brow: np.ndarray, arousal: np.ndarray) -> np.ndarray:
    """
    Turn the affect shown by the mouth, the brows and the eyes into channels.

    Parameters
    ----------
    mouth, brow
        Valence as shown by the lower and by the upper face, in [-1, 1]; shape (...). They differ when
        someone talks: speech moves the mouth whatever is felt.
    arousal
        Arousal as shown by the still face, in [-1, 1]; shape (...).

    Returns
    -------
    numpy.ndarray of shape (..., channels)
        In the order of `CHANNELS`, within `LOW` and `HIGH`; gaze and head pose are left at 0.
    """
    mouth, brow, arousal = np.broadcast_arrays(*(np.asarray(x, float) for x in (mouth, brow, arousal)))
    high, low = _up(arousal), _up(-arousal)
    glad, sore = _up(mouth), _up(-mouth)
    bright, dark = _up(brow), _up(-brow)
    out = np.zeros((*mouth.shape, len(CHANNELS)))
    out[..., INDEX["smile"]] = 1.05 * mouth
    out[..., INDEX["open"]] = high * (0.45 + 0.4 * high) + 0.12 * glad
    out[..., INDEX["stretch"]] = 0.45 * glad - 0.35 * high * (1 - np.abs(mouth)) + 0.25 * sore * high
    out[..., INDEX["upper_lip"]] = 0.55 * glad + 0.75 * sore * high
    out[..., INDEX["brow_raise"]] = high * (0.95 - 1.7 * dark) + 0.1 * bright - 0.3 * low
    out[..., INDEX["inner_brow"]] = dark * (0.15 + 1.1 * low)
    out[..., INDEX["furrow"]] = dark * (0.2 + 1.1 * high)
    out[..., INDEX["eye_open"]] = 1.0 + 0.55 * high - 0.62 * low - 0.2 * bright
    out[..., INDEX["lower_lid"]] = 0.8 * bright + 0.3 * dark * high
    out[..., INDEX["nose_wrinkle"]] = 0.35 * dark * high
    return limit(out)


def add_class(channels: np.ndarray, code: int, strength: float = 1.0) -> np.ndarray:
    """Add what expression `code` (0 neutral ... 7 contempt) adds; `channels` has shape (channels,)."""
    out = channels.copy()
    for name, value in CLASS_EXTRAS[code].items():
        out[INDEX[name]] += strength * value
    return limit(out)


def limit(channels: np.ndarray) -> np.ndarray:
    """Keep every channel, shape (..., channels), in the range that the face can show."""
    return np.clip(channels, LOW, HIGH)
