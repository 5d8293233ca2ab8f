"""
What people feel, and what of it can be seen: trajectories of affect and of the face.

Affect (valence, arousal) moves slowly. The face shows it, each person in a way of their own, but

- speech moves the mouth (3 to 6 Hz) and the brows whatever is felt: one frame is ambiguous in valence, a
  second of frames is not;
- the still face shows only a part of arousal; the whole of it shows in how strongly head and brows move
  (4 to 7 Hz), of which one frame tells nothing, since the movement's sign changes all the time.

Shapes: T frames.
"""

from dataclasses import dataclass

import numpy as np

from data_prep.lookalike.expression import INDEX, express, limit

SPREAD = 0.42  # standard deviation of valence and arousal over a data set of videos


@dataclass(frozen=True)
class Amounts:
    """How much of each disturbance there is; the ceilings of `ceilings.py` follow from them."""

    speech: float = 0.68  # of mouth corners, in units of valence
    prosody: float = 0.50  # of brows that underline speech, in units of valence
    hidden: float = 0.30  # part of arousal that the still face does not show
    motion: float = 1.0  # strength of the movement that shows arousal
    habit: float = 0.22  # resting faces differ between people


VIDEO = Amounts()
PHOTO = Amounts(speech=0.38, prosody=0.28, hidden=0.28, motion=1.0, habit=0.22)


@dataclass(frozen=True)
class Subject:
    """One person's ways."""

    valence: float  # usual valence
    arousal: float
    expressivity: float
    mouth_rest: float
    brow_rest: float
    eye_rest: float
    restless: float
    pose: tuple[float, float, float]  # usual yaw, pitch, roll, degrees


def draw_subject(rng: np.random.Generator, amounts: Amounts = VIDEO) -> Subject:
    """Draw one person's ways."""
    return Subject(
        valence=float(rng.normal(0, 0.4 * SPREAD)),
        arousal=float(rng.normal(0, 0.4 * SPREAD)),
        expressivity=float(np.clip(rng.normal(1.0, 0.15), 0.6, 1.4)),
        mouth_rest=float(rng.normal(0, amounts.habit)),
        brow_rest=float(rng.normal(0, amounts.habit)),
        eye_rest=float(rng.normal(0, 0.8 * amounts.habit)),
        restless=float(np.clip(rng.normal(1.0, 0.1), 0.7, 1.3)),
        pose=(float(rng.normal(0, 8)), float(rng.normal(0, 4)), float(rng.normal(0, 3))),
    )


def smooth(rng: np.random.Generator, frames: int, *, fps: float, seconds: float) -> np.ndarray:
    """
    Draw a smooth stationary process with mean 0 and variance 1.

    A critically damped second-order autoregression, started in its stationary state.

    Parameters
    ----------
    rng
        Source of the draw.
    frames
        Length T.
    fps
        Frames a second.
    seconds
        Time constant.

    Returns
    -------
    numpy.ndarray of shape (T,)
    """
    rho = np.exp(-1.0 / (seconds * fps))
    first, second = 2 * rho, -(rho**2)
    near = first / (1 - second)  # correlation of neighbours
    kick = np.sqrt((1 - rho**2) ** 3 / (1 + rho**2))
    noise = rng.standard_normal(max(frames, 2))
    out = np.empty(max(frames, 2))
    out[0] = noise[0]
    out[1] = near * noise[0] + np.sqrt(1 - near**2) * noise[1]
    for now in range(2, frames):
        out[now] = first * out[now - 1] + second * out[now - 2] + kick * noise[now]
    return out[:frames]


def band(rng: np.random.Generator, frames: int, *, fps: float, low: float, high: float) -> np.ndarray:
    """Draw an oscillation of unit variance with frequencies between `low` and `high` Hz; shape (T,)."""
    frequency, phase = rng.uniform(low, high, 4), rng.uniform(0, 2 * np.pi, 4)
    time = np.arange(frames)[:, None] / fps
    return np.sin(2 * np.pi * frequency * time + phase).sum(axis=1) / np.sqrt(2)


def feel(
    rng: np.random.Generator, subject: Subject, frames: int, *, fps: float = 25.0
) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw valence and arousal of one clip.

    Returns
    -------
    valence, arousal : numpy.ndarray of shape (T,)
        In (-1, 1): the person's usual value, plus the scene's, plus what happens in it.
    """
    out = []
    for usual in (subject.valence, subject.arousal):
        scene = rng.normal(0, 0.66 * SPREAD)
        flow = 0.70 * SPREAD * smooth(rng, frames, fps=fps, seconds=1.2)
        out.append(np.tanh(1.08 * (usual + scene + flow)))
    return out[0], out[1]


def act(
    rng: np.random.Generator,
    subject: Subject,
    affect: tuple[np.ndarray, np.ndarray],
    *,
    fps: float = 25.0,
    amounts: Amounts = VIDEO,
) -> np.ndarray:
    """
    Show affect on the face.

    Parameters
    ----------
    rng
        Source of speech, gaze, blinks and movement.
    subject
        The person's ways.
    affect : pair of numpy.ndarray of shape (T,)
        Valence and arousal.
    fps
        Frames a second.
    amounts
        How strong the disturbances are.

    Returns
    -------
    numpy.ndarray of shape (T, channels)
        In the order of `expression.CHANNELS`.
    """
    valence, arousal = (np.asarray(x, float) for x in affect)
    frames = len(valence)

    def wave(low: float, high: float) -> np.ndarray:
        return band(rng, frames, fps=fps, low=low, high=high)

    shown = subject.expressivity * valence
    mouth = shown + subject.mouth_rest + amounts.speech * wave(3, 6)
    brow = shown + subject.brow_rest + amounts.prosody * wave(2.5, 5)
    hidden = amounts.hidden * (0.8 * rng.normal() + 0.6 * smooth(rng, frames, fps=fps, seconds=2.0))
    eyes = arousal - hidden + subject.eye_rest + 0.1 * wave(2, 4)
    channels = express(*(np.clip(x, -1.15, 1.15) for x in (mouth, brow, eyes)))
    channels[:, INDEX["open"]] += 0.55 * amounts.speech * np.maximum(0.25 + 0.5 * wave(3, 6), 0)
    channels[:, INDEX["stretch"]] += 0.4 * amounts.speech * wave(3, 6)
    _move(channels, wave, subject, arousal, amounts)
    _look(channels, rng, subject, arousal, fps)
    return limit(channels)


def vigour(arousal: np.ndarray) -> np.ndarray:
    """Strength of the movement that goes with arousal in [-1, 1]: 0 for none, 1 for most."""
    return np.clip(0.5 + 0.5 * arousal, 0.0, 1.0) ** 1.2


def _move(channels: np.ndarray, wave, subject: Subject, arousal: np.ndarray, amounts: Amounts) -> None:
    """Add movement of head and brows, stronger with arousal, its sign free of it."""
    strength = amounts.motion * subject.restless * vigour(arousal)
    for name, size in (("yaw", 7.0), ("pitch", 4.0), ("roll", 5.0), ("brow_raise", 0.30), ("eye_open", 0.12)):
        channels[:, INDEX[name]] += size * strength * wave(4, 7)


def _look(
    channels: np.ndarray, rng: np.random.Generator, subject: Subject, arousal: np.ndarray, fps: float
) -> None:
    """Add the slow course of head pose and gaze, and blinks, which come oftener with arousal."""
    frames = len(channels)
    for name, usual, size in zip(("yaw", "pitch", "roll"), subject.pose, (7.0, 3.5, 3.5), strict=True):
        channels[:, INDEX[name]] += usual + size * smooth(rng, frames, fps=fps, seconds=1.5)
    for name in ("gaze_x", "gaze_y"):
        channels[:, INDEX[name]] += 0.3 * smooth(rng, frames, fps=fps, seconds=0.4)
    chance = (0.1 + 0.5 * vigour(arousal)) / fps
    for start in np.flatnonzero(rng.random(frames) < chance):
        lid = (0.5, 0.05, 0.0, 0.35, 0.75)[: frames - start]
        channels[start : start + len(lid), INDEX["eye_open"]] *= lid
