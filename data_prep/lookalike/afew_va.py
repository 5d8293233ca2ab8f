"""AFEW-VA: 12 zip archives of clips, each a folder of PNG frames and one JSON file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data_prep.lookalike import png
from data_prep.lookalike.actors import actor_names
from data_prep.lookalike.afew_va_faults import ACCENT, KINDS, another_spelling, spoil, spoilt_frames
from data_prep.lookalike.ceilings import ceilings
from data_prep.lookalike.dynamics import act, draw_subject, feel
from data_prep.lookalike.faces import Shot, draw_shot
from data_prep.lookalike.faults import Fault, listed, victims
from data_prep.lookalike.footage import Stage, film
from data_prep.lookalike.identity import draw_identity
from data_prep.lookalike.labels import AFEW_VA, whole_steps
from data_prep.lookalike.release import new_release, spread, write_statement, write_zip
from data_prep.lookalike.scene import backdrop
from data_prep.lookalike.seeds import stream

ARCHIVES = 12
WIDTH, HEIGHT = 960, 576  # in true proportions; stored with a width of 720, so that faces look narrow
CLIPS_PER_ACTOR = 2.5
CONSTANT = 0.2  # share of clips in which nothing changes


@dataclass(frozen=True)
class Clip:
    """One clip to make."""

    number: int  # 1 for folder 001
    actor: int
    name: str
    frames: int
    fault: str = ""

    @property
    def folder(self) -> str:
        """Name of the clip's folder, three digits."""
        return f"{self.number:03d}"

    @property
    def keys(self) -> list[str]:
        """Names of the frames, five digits."""
        first = 0 if self.fault == "frames count from 00000" else 1
        return [f"{first + n:05d}" for n in range(self.frames)]


@dataclass(frozen=True)
class _Task:
    """One archive for one process."""

    seed: int
    path: Path
    clips: tuple[Clip, ...]


def plan(seed: int, clips: int, frames: tuple[int, int], subjects: int | None) -> list[Clip]:
    """Decide on actors, lengths and faults of all clips; the first ones, in order of their folders."""
    if clips < ARCHIVES:
        raise ValueError(f"{clips} clips cannot fill the {ARCHIVES} archives of the release: raise --clips")
    if not 2 <= frames[0] <= frames[1]:
        raise ValueError(
            f"clips of {frames[0]} to {frames[1]} frames, expected 2 <= --frames-min <= --frames-max"
        )
    people = subjects or min(clips, max(10, round(clips / CLIPS_PER_ACTOR)))
    if not 5 <= people <= clips:
        raise ValueError(
            f"{people} actors for {clips} clips, expected 5 (one a fold) to {clips}: see --subjects"
        )
    rng = stream(seed, "afew_va", "plan")
    actors = rng.permutation(np.arange(clips) % people)
    lengths = rng.integers(frames[0], frames[1] + 1, clips)
    chosen = victims(rng, list(range(clips)), list(KINDS), rate=200)
    names = actor_names(stream(seed, "afew_va", "names"), people)
    out = []
    for number in range(clips):
        fault, name = chosen.get(number, ""), names[actors[number]]
        length = 1 if fault == "clip of one frame" else int(lengths[number])
        if fault == "actor spelt in another way":
            name = another_spelling(name)
        out.append(Clip(number + 1, int(actors[number]), name, length, fault))
    return out


def shoot(seed: int, clip: Clip) -> tuple[list[np.ndarray], dict]:
    """
    Make one clip without faults.

    Returns
    -------
    frames : list of numpy.ndarray of shape (576, 720, 3), uint8
    description : dict
        Content of the clip's JSON.
    """
    person = stream(seed, "afew_va", "actor", clip.actor)
    who, subject = draw_identity(person), draw_subject(person)
    rng = stream(seed, "afew_va", "clip", clip.number)
    affect = feel(rng, subject, clip.frames)
    if rng.random() < CONSTANT:
        affect = tuple(np.full(clip.frames, axis.mean()) for axis in affect)
    channels = act(rng, subject, affect)
    labels = [
        whole_steps(rng, AFEW_VA[axis].signed(values), hesitation=0.0 if np.ptp(values) == 0 else 0.045)
        for axis, values in zip(("valence", "arousal"), affect, strict=True)
    ]
    stage, bars = _stage(rng)
    frames, points = [], []
    for picture, landmarks in film(rng, who, channels, stage=stage, shot=_clean(draw_shot(rng))):
        frames.append(_barred(picture, bars))
        points.append(landmarks)
    return frames, _describe(clip, affect, labels, points)


def _stage(rng: np.random.Generator) -> tuple[Stage, int]:
    """Draw the film set, in true proportions, and the height of the black bars."""
    bars = int(rng.choice((0, 0, 48, 72)))
    scale = float(rng.uniform(46, 82))
    x = rng.uniform(1.9 * scale, WIDTH - 1.9 * scale)
    y = rng.uniform(bars + 1.5 * scale, HEIGHT - bars - 1.5 * scale)
    return Stage(backdrop(rng, WIDTH, HEIGHT), scale, (float(x), float(y)), squeeze=True), bars


def _clean(shot: Shot) -> Shot:
    """Leave out the grain: it would make every PNG file as large as the bare pixels."""
    return Shot(shot.light, shot.contrast, shot.tint, blur=min(shot.blur, 1.0))


def _barred(picture: Image.Image, bars: int) -> np.ndarray:
    """Put black bars above and below."""
    pixels = np.array(picture)
    if bars:
        pixels[:bars] = pixels[-bars:] = 0
    return pixels


def _describe(clip: Clip, affect: tuple, labels: list[np.ndarray], points: list[np.ndarray]) -> dict:
    """Give the content of the clip's JSON file."""
    frames = {
        key: {
            "valence": float(labels[0][n]),
            "arousal": float(labels[1][n]),
            "landmarks": [[round(float(x), 4), round(float(y), 4)] for x, y in points[n]],
        }
        for n, key in enumerate(clip.keys)
    }
    emotion = _emotion(float(np.mean(affect[0])), float(np.mean(affect[1])))
    return {"video_id": clip.folder, "actor": clip.name, "emotion": emotion, "frames": frames}


def _emotion(valence: float, arousal: float) -> str:
    """Name the scene as the film list did."""
    if np.hypot(valence, arousal) < 0.2:
        return "Neutral"
    if valence > 0:
        return "Surprise" if arousal > 1.5 * valence else "Happy"
    if arousal < 0:
        return "Sad"
    return "Fear" if arousal > -1.5 * valence else "Anger"


def members(seed: int, clip: Clip) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of one clip's files, spoilt as its fault says."""
    frames, description = shoot(seed, clip)
    files = {f"{key}.png": png.encode(frame) for key, frame in zip(clip.keys, frames, strict=True)}
    files[f"{clip.folder}.json"] = description
    for name, content in spoil(clip.fault, files, clip.keys).items():
        data = (
            content
            if isinstance(content, bytes)
            else json.dumps(content, indent=2, ensure_ascii=False).encode()
        )
        yield f"{clip.folder}/{name}", data


def _pack(task: _Task) -> None:
    """Write one archive."""
    write_zip(task.path, (member for clip in task.clips for member in members(task.seed, clip)), level=0)


def generate(
    out: Path, *, seed: int, clips: int = 60, frames: tuple[int, int] = (15, 45), subjects: int | None = None,
    processes: int = 1,
) -> None:  # fmt: skip
    """
    Write a look-alike of AFEW-VA.

    Parameters
    ----------
    out
        Folder to make; it appears when complete.
    seed
        Decides every byte.
    clips, frames, subjects
        Clips, range of their lengths, and actors (default: about 2.5 clips each, at least 10 actors).
    processes
        How many to use; the files do not depend on it.
    """
    chosen = plan(seed, clips, frames, subjects)
    with new_release(out) as folder:
        parts = np.array_split(np.arange(clips), ARCHIVES)
        tasks = [
            _Task(seed, folder / f"{number:02d}.zip", tuple(chosen[n] for n in part))
            for number, part in enumerate(parts, start=1)
        ]
        spread(_pack, tasks, processes)
        write_statement(
            folder,
            "afew_va",
            release="12 archives",
            seed=seed,
            sizes={
                "clips": clips,
                "frames": sum(clip.frames for clip in chosen),
                "actors": len({clip.actor for clip in chosen}),
            },
            ceilings=ceilings(seed, annotate),
            faults=listed([*_accented(chosen), *(fault for clip in chosen for fault in _listed(clip))]),
        )


def annotate(rng: np.random.Generator, values: np.ndarray, axis: str) -> np.ndarray:
    """Annotate true affect, shape (T,), as this release does."""
    return whole_steps(rng, AFEW_VA[axis].signed(values))


def _listed(clip: Clip) -> list[Fault]:
    """List what was planted in a clip, frame by frame."""
    if not clip.fault:
        return []
    _, status, note = KINDS[clip.fault]
    places = spoilt_frames(clip.fault, clip.frames)
    items = [f"{clip.folder}/{clip.keys[place]}" for place in places] or [clip.folder]
    return [Fault(clip.fault, item, status, note) for item in items]


def _accented(clips: list[Clip]) -> list[Fault]:
    """Name one of the many clips whose actor has an accent, as in films."""
    sound = [clip for clip in clips if KINDS.get(clip.fault, (0, "ok"))[1] == "ok"]
    named = [clip.folder for clip in sound if not clip.name.isascii()]
    return [Fault(ACCENT, folder, "ok", "holds for most actors") for folder in named[:1]]
