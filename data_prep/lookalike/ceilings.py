"""
How well could anybody do? Ceilings for predictors that read the face without error.

The predictors here get the true channels of the face (expression, gaze, head pose) instead of pixels, of one
frame (static) or of a window around it (temporal), and learn the annotated labels by ridge regression
on rich features: polynomials and random Fourier features. They are trained on some people and scored on
others. Networks that see pixels may come near these values; only chance takes them above.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data_prep.lookalike.dynamics import VIDEO, Amounts, Subject, act, draw_subject, feel
from data_prep.lookalike.labels import one_rater
from data_prep.lookalike.portrait import draw_affect, draw_channels
from data_prep.lookalike.seeds import stream

WINDOW = 16  # frames, 0.64 s at 25 a second
METHOD = (
    "concordance on unseen people of ridge regressions on polynomial and random Fourier features of the true "
    f"state of the face: of one frame (static), of a window of {WINDOW} frames (temporal); 'labels' is the "
    "concordance of the annotations with the true affect"
)
_USABLE = np.array([500.0] * 8)  # the official validation list has as many of each
Annotate = Callable[[np.random.Generator, np.ndarray, str], np.ndarray]
Feel = Callable[[np.random.Generator, Subject, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class People:
    """Frames of simulated people: channels, labels and truth, each with a row for a frame."""

    still: np.ndarray  # (n, static features)
    moving: np.ndarray  # (n, temporal features)
    label: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]


def concordance(first: np.ndarray, second: np.ndarray) -> float:
    """Concordance correlation coefficient (Lin 1989) of two samples of shape (n,)."""
    covariance = np.mean((first - first.mean()) * (second - second.mean()))
    return float(2 * covariance / (first.var() + second.var() + (first.mean() - second.mean()) ** 2))


def window_features(channels: np.ndarray, moments: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """
    Describe the windows around some frames.

    Parameters
    ----------
    channels : numpy.ndarray of shape (T, k)
        True state of the face.
    moments : numpy.ndarray of shape (m,), int
        Frames wanted.
    window
        Frames; a window near an end of the clip is moved inside.

    Returns
    -------
    numpy.ndarray of shape (m, 4 k)
        Mean, standard deviation, root mean square of change, and the frame itself.
    """
    starts = np.clip(moments - window // 2, 0, len(channels) - window)
    parts = channels[starts[:, None] + np.arange(window)]
    change = np.sqrt(np.mean(np.diff(parts, axis=1) ** 2, axis=1))
    return np.hstack([parts.mean(axis=1), parts.std(axis=1), change, channels[moments]])


def simulate(
    seed: int,
    part: str,
    annotate: Annotate,
    *,
    subjects: int,
    amounts: Amounts = VIDEO,
    feel: Feel = feel,
) -> People:
    """Let `subjects` people act three clips of 40 frames each; every fourth frame is kept."""
    still, moving, label, truth = [], [], {"valence": [], "arousal": []}, {"valence": [], "arousal": []}
    for number in range(subjects):
        rng = stream(seed, "ceiling", part, number)
        subject = draw_subject(rng, amounts)
        for _ in range(3):
            affect = feel(rng, subject, 40)
            channels = act(rng, subject, affect, amounts=amounts)
            keep = np.arange(2, 40, 4)
            still.append(channels[keep])
            moving.append(window_features(channels, keep))
            for axis, values in zip(("valence", "arousal"), affect, strict=True):
                label[axis].append(annotate(rng, values, axis)[keep])
                truth[axis].append(values[keep])
    joined = ({axis: np.concatenate(rows) for axis, rows in table.items()} for table in (label, truth))
    return People(np.concatenate(still), np.concatenate(moving), *joined)


def enrich(features: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Standardise features of shape (n, k); add squares, products (of few) and random Fourier features."""
    z = np.clip((features - mean) / deviation, -4, 4)
    count = z.shape[1]
    rng = np.random.default_rng(5)
    weights, phase = rng.normal(0, 0.6 / np.sqrt(count), (count, 150)), rng.uniform(0, 2 * np.pi, 150)
    if count <= 20:
        left, right = np.triu_indices(count)
        second = z[:, left] * z[:, right]
    else:
        second = z**2
    return np.hstack([np.ones((len(z), 1)), z, second, np.cos(z @ weights + phase)])


def held_out_concordance(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, wanted: np.ndarray
) -> float:
    """
    Train a ridge regression on some people, score it on others.

    The prediction is given the mean and the spread of the training labels, as a network trained for the
    concordance does; least squares alone would shrink it and score lower.
    """
    mean, deviation = train.mean(0), train.std(0) + 1e-6
    rich, other = enrich(train, mean, deviation), enrich(test, mean, deviation)
    penalty = 0.003 * len(rich) * np.eye(rich.shape[1])
    penalty[0, 0] = 0.0
    weights = np.linalg.solve(rich.T @ rich + penalty, rich.T @ labels)
    fitted, predicted = rich @ weights, other @ weights
    return concordance((predicted - fitted.mean()) / fitted.std() * labels.std() + labels.mean(), wanted)


def ceilings(
    seed: int, annotate: Annotate, *, amounts: Amounts = VIDEO, subjects: int = 160, feel: Feel = feel
) -> dict:
    """
    Compute the ceilings of a data set of videos.

    Parameters
    ----------
    seed
        Seed of the release.
    annotate
        Gives labels, shape (T,), from (rng, true affect of shape (T,), axis).
    amounts
        Disturbances of the release.
    subjects
        People to train on, and as many to score on.
    feel
        Gives true valence and arousal of a clip from (rng, subject, frames at 25 a second).

    Returns
    -------
    dict
        ``{"valence": {"static": ..., "temporal": ..., "labels": ...}, "arousal": ..., "method": ...}``:
        concordance on unseen people of the best static and temporal predictor, and of labels with truth.
    """
    train = simulate(seed, "train", annotate, subjects=subjects, amounts=amounts, feel=feel)
    test = simulate(seed, "test", annotate, subjects=subjects, amounts=amounts, feel=feel)
    out: dict = {}
    for axis in ("valence", "arousal"):
        out[axis] = {
            "static": held_out_concordance(train.still, train.label[axis], test.still, test.label[axis]),
            "temporal": held_out_concordance(train.moving, train.label[axis], test.moving, test.label[axis]),
            "labels": concordance(_scaled(test.truth[axis], test.label[axis]), test.label[axis]),
        }
    return out | {"method": METHOD}


def photo_ceilings(seed: int, *, photos: int = 2500) -> dict:
    """
    Compute the ceilings of AffectNet: one photograph a person, so there is no temporal one.

    Returns
    -------
    dict
        As `ceilings`; ``temporal`` is None, with the reason.
    """
    sets = [_photos(seed, part, photos) for part in ("train", "test")]
    (still, label, _), (other, wanted, truth) = sets
    out: dict = {}
    for axis in ("valence", "arousal"):
        out[axis] = {
            "static": held_out_concordance(still, label[axis], other, wanted[axis]),
            "temporal": None,
            "labels": concordance(truth[axis], wanted[axis]),
        }
    return out | {"no_temporal": "single images", "method": METHOD}


def _photos(seed: int, part: str, count: int) -> tuple[np.ndarray, dict, dict]:
    """Channels (n, k), labels and truth of photographs of the eight usable expressions."""
    rng = stream(seed, "ceiling", "photo", part)
    codes = rng.choice(8, size=count, p=_USABLE / _USABLE.sum())
    truth = np.array([draw_affect(rng, code) for code in codes])
    still = np.array(
        [draw_channels(rng, code, tuple(affect)) for code, affect in zip(codes, truth, strict=True)]
    )
    label = np.array([[one_rater(rng, value) for value in affect] for affect in truth])
    axes = ("valence", "arousal")
    return still, dict(zip(axes, label.T, strict=True)), dict(zip(axes, truth.T, strict=True))


def _scaled(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Give `values` the mean and spread of `like`: truth and labels use different units."""
    return (values - values.mean()) / values.std() * like.std() + like.mean()
