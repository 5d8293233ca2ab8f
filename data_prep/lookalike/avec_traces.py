"""Gold labels as AVEC's: first-order autoregressions at 10 Hz, late as raters are, zero at first."""

from dataclasses import dataclass

import numpy as np

from data_prep.lookalike.dynamics import SPREAD

RATE = 10  # labels a second
PERSISTENCE = 0.996  # correlation of neighbouring labels
ERROR = 0.15  # standard deviation of the fused raters' error, in standard deviations of the label


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of a label, as the published development files have them."""

    mean: float
    deviation: float


SCALES = {
    "DE": {"valence": Scale(0.116, 0.142), "arousal": Scale(0.138, 0.144)},
    "HU": {"valence": Scale(0.105, 0.131), "arousal": Scale(0.121, 0.119)},
}
TOGETHER = {"DE": 0.79, "HU": 0.41}  # correlation of valence and arousal


def wander(rng: np.random.Generator, steps: int) -> np.ndarray:
    """Draw a first-order autoregression of unit variance from its stationary state, shape (steps,)."""
    noise = rng.standard_normal(steps)
    noise[1:] *= np.sqrt(1 - PERSISTENCE**2)
    for now in range(1, steps):
        noise[now] += PERSISTENCE * noise[now - 1]
    return noise


def drift(rng: np.random.Generator, steps: int, together: float) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw what is felt at 10 Hz, in standard deviations.

    Parameters
    ----------
    steps
        Length T.
    together
        Correlation of valence and arousal.

    Returns
    -------
    valence, arousal : numpy.ndarray of shape (T,)
    """
    valence, other = wander(rng, steps), wander(rng, steps)
    return valence, together * valence + np.sqrt(1 - together**2) * other


def felt(course: np.ndarray) -> np.ndarray:
    """Affect in (-1, 1), which the face shows, from standard deviations."""
    return np.tanh(1.08 * SPREAD * course)


def gold(rng: np.random.Generator, course: np.ndarray, scale: Scale, *, lag: int, rest: int) -> np.ndarray:
    """
    Annotate a course as the challenge's fused raters did.

    Parameters
    ----------
    rng
        Source of the error, which is smooth in time as the raters' hands are.
    course : numpy.ndarray of shape (T,)
        Standard deviations.
    scale
        Of the label.
    lag
        Rows by which the raters are late.
    rest
        Rows at the start in which the joystick rests at exactly zero; at least `lag`.

    Returns
    -------
    numpy.ndarray of shape (T,)
        Signed, in [-1, 1].
    """
    late = np.concatenate([np.full(lag, course[0]), course[: len(course) - lag]])
    label = scale.mean + scale.deviation * (late + ERROR * wander(rng, len(course)))
    label[:rest] = 0.0
    return np.clip(label, -1.0, 1.0)
