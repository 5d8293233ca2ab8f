"""AVEC 2017, 2018 and 2019: recordings of SEWA as the challenges gave them out, with gold labels at 10 Hz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.lookalike import avec_faults, avec_files
from data_prep.lookalike.avec_names import recordings
from data_prep.lookalike.avec_traces import ERROR, RATE, SCALES, TOGETHER, drift, felt, gold, wander
from data_prep.lookalike.ceilings import ceilings
from data_prep.lookalike.dynamics import SPREAD, Subject, act, draw_subject
from data_prep.lookalike.faults import Fault, listed, victims
from data_prep.lookalike.release import new_release, spread, write_statement
from data_prep.lookalike.seeds import stream
from data_prep.lookalike.sewa_files import CAMERA, FPS, write_video
from data_prep.lookalike.sewa_film import chat

FOLDERS = ("audio", "video", "labels", "turns", "transcriptions")
LAG = 2.0  # seconds by which the raters are late, in recordings long enough for it


@dataclass(frozen=True)
class Recording:
    """One recording to make; each is of another speaker."""

    name: str
    steps: int  # labels, even
    lag: int  # labels by which the raters are late
    fault: str = ""

    @property
    def culture(self) -> str:
        """``DE``, ``HU`` or ``CN``."""
        return self.name.split("_")[1] if self.name.count("_") == 2 else "DE"

    @property
    def rate(self) -> int:
        """Frames a second of the container: readers have to look."""
        return FPS if self.culture == "DE" else CAMERA

    @property
    def labelled(self) -> bool:
        """Whether its labels are given out."""
        return not self.name.startswith("Test")


@dataclass(frozen=True)
class _Task:
    """One recording for one process."""

    seed: int
    year: int
    folder: Path
    recording: Recording


def plan(seed: int, year: int, count: int, seconds: float) -> list[Recording]:
    """Decide on names, lengths and faults of all recordings."""
    if seconds < 1:
        raise ValueError(f"recordings of {seconds} s, expected at least 1: raise --seconds")
    rng = stream(seed, "avec", year, "plan")
    names = recordings(year, count)
    train = [place for place, name in enumerate(names) if name.startswith("Train")]
    chosen = victims(rng, train[1:], list(avec_faults.LOSSES), rate=400)
    rest = [place for place, name in enumerate(names) if not name.startswith("Test") and place not in chosen]
    chosen |= victims(rng, rest, list(avec_faults.KINDS), rate=400)
    lag = round(RATE * min(LAG, seconds / 5))
    return [
        Recording(name, 2 * round(RATE * seconds * rng.uniform(0.8, 1.2) / 2), lag, chosen.get(place, ""))
        for place, name in enumerate(names)
    ]


def _make(task: _Task) -> None:
    """Write the files of one recording."""
    recording, name = task.recording, task.recording.name
    home, seconds = task.folder / f"AVEC{task.year}_SEWA", recording.steps / RATE
    rng = stream(task.seed, "avec", task.year, "take", name)
    course = drift(rng, recording.steps, TOGETHER.get(recording.culture, 0.6))
    points = _film(task, course, home / "video" / f"{name}.avi")
    avec_files.write_openface(task.folder / "openface" / f"{name}.csv", points, recording.rate)
    if recording.labelled:
        _label(task, course, home / "labels" / f"{name}.csv")
    avec_files.write_turns(home / "turns" / f"{name}.csv", rng, seconds)
    avec_files.write_words(home / "transcriptions" / f"{name}.csv", seconds)
    avec_files.write_silence(home / "audio" / f"{name}.wav", seconds)


def _film(task: _Task, course: tuple[np.ndarray, np.ndarray], path: Path) -> list[np.ndarray]:
    """Film a recording; give the landmarks in each frame of the container."""
    recording = task.recording
    keys = (task.seed, "avec", task.year)
    subject = draw_subject(stream(*keys, "subject", recording.name))
    rng = stream(*keys, "film", recording.name)
    channels = act(rng, subject, _seen(course, recording.steps * CAMERA // RATE), fps=CAMERA)
    marks: list[np.ndarray] = []

    def pictures():
        for picture, landmarks in chat(stream(*keys, "face", recording.name), rng, channels):
            marks.extend([landmarks] * (recording.rate // CAMERA))
            yield picture

    frames = avec_faults.video_frames(recording.fault, recording.steps, recording.rate)
    write_video(path, pictures(), frames=frames, rate=recording.rate)
    if recording.fault == "video without bytes":
        path.write_bytes(b"")
    if recording.fault == "no video file":
        path.unlink()
    return marks[:frames]


def _seen(course: tuple[np.ndarray, np.ndarray], pictures: int) -> tuple[np.ndarray, np.ndarray]:
    """Affect that the face shows in each picture of the camera, from the course at 10 Hz."""
    times = np.arange(pictures) * RATE / CAMERA
    valence, arousal = (felt(np.interp(times, np.arange(len(axis)), axis)) for axis in course)
    return valence, arousal


def _label(task: _Task, course: tuple[np.ndarray, np.ndarray], path: Path) -> None:
    """Write the table of labels, with its fault."""
    recording, year = task.recording, task.year
    rng = stream(task.seed, "avec", year, "raters", recording.name)
    rest = recording.lag + int(rng.integers(0, recording.lag + 1))
    scales = SCALES[recording.culture]
    valence, arousal = (
        gold(rng, axis, scales[what], lag=recording.lag, rest=rest)
        for what, axis in zip(("valence", "arousal"), course, strict=True)
    )
    spoilt = avec_faults.spoilt_steps(recording.fault, recording.steps, recording.rate)
    if recording.fault == "NaN as valence":
        valence[spoilt] = np.nan
    if recording.fault == "arousal beyond 1":
        arousal[spoilt] = 1.25
    order = list(range(recording.steps))
    if recording.fault in ("row left out", "row twice"):
        order[spoilt[0] : spoilt[0] + 1] = spoilt * (2 if recording.fault == "row twice" else 0)
    rows = ((k, (float(arousal[k]), float(valence[k]), 0.0 - 0.3 * float(valence[k]))) for k in order)
    avec_files.write_labels(
        path,
        rows,
        titled=(year == 2019) != recording.fault.startswith("header"),
        quoted=(year == 2019) != recording.fault.startswith("quotes"),
    )


def generate(
    out: Path, *, seed: int, year: int = 2019, segments: int = 24, seconds: float = 4.0, processes: int = 1
) -> None:
    """
    Write a look-alike of a challenge's release.

    Parameters
    ----------
    out
        Folder to make; it appears when complete. Beside the release it gets a folder ``openface``, as a user
        would make it: the release has no landmarks.
    seed
        Decides every byte.
    year
        2017, 2018 or 2019.
    segments, seconds
        Recordings, each of another speaker, and their mean length.
    processes
        How many to use; the files do not depend on it.
    """
    chosen = plan(seed, year, segments, seconds)
    with new_release(out) as folder:
        for name in FOLDERS:
            (folder / f"AVEC{year}_SEWA" / name).mkdir(parents=True)
        (folder / "openface").mkdir()
        spread(_make, [_Task(seed, year, folder, recording) for recording in chosen], processes)
        write_statement(
            folder,
            "sewa",
            release=f"AVEC {year} (SEWA subset)",
            seed=seed,
            sizes={
                "recordings": len(chosen),
                "labels": sum(recording.steps for recording in chosen if recording.labelled),
                "subjects": len(chosen),
            },
            lag_seconds=chosen[0].lag / RATE,
            ceilings=ceilings(seed, annotate, feel=_feel),
            faults=listed([_decoy(year, chosen), *(fault for one in chosen for fault in _listed(one))]),
        )


def _feel(rng: np.random.Generator, subject: Subject, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Give what a German speaker feels in each picture of a clip."""
    return _seen(drift(rng, frames * RATE // CAMERA + 1, TOGETHER["DE"]), frames)


def annotate(rng: np.random.Generator, values: np.ndarray, axis: str) -> np.ndarray:
    """Annotate true affect, shape (T,), as this release does, were the raters not late."""
    scale = SCALES["DE"][axis]
    course = np.arctanh(values) / (1.08 * SPREAD)
    return np.clip(scale.mean + scale.deviation * (course + ERROR * wander(rng, len(course))), -1.0, 1.0)


def _listed(recording: Recording) -> list[Fault]:
    """List what was planted in a recording; spoilt labels one by one."""
    if not recording.labelled:
        return [Fault(avec_faults.WITHHELD, recording.name, "label_null", "as all labels of Test")]
    if not recording.fault:
        return []
    status, note = (avec_faults.LOSSES | avec_faults.KINDS)[recording.fault]
    steps = avec_faults.spoilt_steps(recording.fault, recording.steps, recording.rate)
    items = [avec_faults.item(recording.name, step) for step in steps] or [recording.name]
    return [Fault(recording.fault, item, status, note) for item in items]


def _decoy(year: int, chosen: list[Recording]) -> Fault:
    """Name one of the tables that have a recording's name and are no labels."""
    return Fault(avec_faults.DECOY, f"AVEC{year}_SEWA/turns/{chosen[0].name}.csv", None)
