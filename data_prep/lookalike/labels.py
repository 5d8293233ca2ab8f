"""From true affect to what the annotators of each release wrote down."""

from dataclasses import dataclass

import numpy as np

from data_prep.lookalike.dynamics import smooth


@dataclass(frozen=True)
class Scale:
    """How one axis of affect, in (-1, 1), is used by the annotators of a release: ``mean + gain * value``."""

    mean: float
    gain: float

    def signed(self, value: np.ndarray) -> np.ndarray:
        """Give the ideal annotation on the signed scale [-1, 1]."""
        return np.clip(self.mean + self.gain * value, -1.0, 1.0)


# Means and spreads after the histogram of the AFEW-VA paper and the normalisation of the SEWA paper.
AFEW_VA = {"valence": Scale(-0.10, 0.72), "arousal": Scale(0.14, 0.66)}
SEWA = {"valence": Scale(0.05, 0.85), "arousal": Scale(0.02, 0.80)}


def whole_steps(rng: np.random.Generator, ideal: np.ndarray, *, hesitation: float = 0.045) -> np.ndarray:
    """
    Annotate as AFEW-VA's pair of raters did: whole numbers that change by at most one a frame.

    Parameters
    ----------
    rng
        Source of the raters' error, which is smooth in time.
    ideal : numpy.ndarray of shape (T,)
        On the signed scale [-1, 1].
    hesitation
        Standard deviation of the error, signed scale.

    Returns
    -------
    numpy.ndarray of shape (T,)
        Integers from -10 to 10, as floats.
    """
    error = hesitation * (0.8 * rng.normal() + 0.6 * smooth(rng, len(ideal), fps=25, seconds=1.0))
    wanted = 10 * np.clip(ideal + error, -1, 1)
    out = np.empty(len(wanted))
    level = np.round(wanted[0])
    for frame, value in enumerate(wanted):
        # Raters press a key once the face has clearly left the level: a dead zone instead of rounding.
        if abs(value - level) > 0.6:
            level += np.sign(value - level)
        out[frame] = level
    return np.clip(out, -10, 10)


def five_raters(
    rng: np.random.Generator, ideal: np.ndarray, *, fps: float = 50.0, error: float = 0.11
) -> np.ndarray:
    """
    Annotate as SEWA's five raters did: joystick traces, normalised to [0, 1].

    Parameters
    ----------
    rng
        Source of the raters' errors: an offset, a gain and a smooth drift each.
    ideal : numpy.ndarray of shape (T,)
        On the signed scale [-1, 1].
    fps
        Rows a second.
    error
        Standard deviation of a rater's drift, signed scale.

    Returns
    -------
    numpy.ndarray of shape (T, 5)
        Within [0, 1]; their mean is the best estimate of ``(ideal + 1) / 2``.
    """
    traces = []
    for _ in range(5):
        drift = error * smooth(rng, len(ideal), fps=fps, seconds=0.8)
        traces.append(rng.normal(1, 0.08) * ideal + rng.normal(0, error) + drift)
    return np.clip((np.stack(traces, axis=1) + 1) / 2, 0.0, 1.0)


def one_rater(rng: np.random.Generator, ideal: float, *, error: float = 0.08) -> float:
    """Annotate as AffectNet's rater did: one number in [-1, 1]."""
    return float(np.clip(ideal + rng.normal(0, error), -1, 1))
