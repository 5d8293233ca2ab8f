"""SEWA DB Basic: one folder a segment with video, landmarks and the traces of five raters."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.lookalike import sewa_files
from data_prep.lookalike.ceilings import ceilings
from data_prep.lookalike.dynamics import act, draw_subject, feel
from data_prep.lookalike.expression import INDEX
from data_prep.lookalike.faults import Fault, listed, victims
from data_prep.lookalike.labels import SEWA, five_raters
from data_prep.lookalike.release import new_release, spread, write_statement
from data_prep.lookalike.seeds import stream
from data_prep.lookalike.sewa_faults import (
    KINDS,
    NO_LIKING,
    REPEATED,
    spoil_texts,
    spoil_traces,
    spoilt_frames,
    video_frames,
)
from data_prep.lookalike.sewa_files import CAMERA
from data_prep.lookalike.sewa_film import chat
from data_prep.lookalike.sewa_names import Person, cast, prefix, segment_name

_POSE = [INDEX["pitch"], INDEX["yaw"], INDEX["roll"]]


@dataclass(frozen=True)
class Segment:
    """One segment to make. Segments of equal `number` show the same footage."""

    number: int
    person: Person
    name: str
    frames: int  # of the container, even
    fault: str = ""

    @property
    def liking(self) -> bool:
        """Whether it comes with a trace of liking: only those chosen for it do."""
        return self.name.startswith("SS")


@dataclass(frozen=True)
class _Task:
    """One segment for one process."""

    seed: int
    folder: Path
    segment: Segment


@dataclass(frozen=True)
class Take:
    """What happens in a segment: true affect at the camera's rate, (T,), and the face, (T, channels)."""

    valence: np.ndarray
    arousal: np.ndarray
    liking: np.ndarray
    channels: np.ndarray


def plan(seed: int, segments: int, seconds: float, subjects: int | None) -> list[Segment]:
    """Decide on people, lengths, names and faults of all segments; one further segment repeats another."""
    if seconds < 0.6:
        raise ValueError(f"segments of {seconds} s, expected at least 0.6: raise --seconds")
    rng = stream(seed, "sewa", "plan")
    people = [person for person in cast(rng, segments - 1, subjects) for _ in range(person.segments)]
    chosen = victims(rng, list(range(segments - 1)), list(KINDS), rate=400)
    out, ends = [], {}
    for number, person in enumerate(people):
        frames = 2 * round(CAMERA * seconds * rng.uniform(0.8, 1.2))
        first = ends.get(person.subject, 0) + int(rng.integers(1, 900))
        ends[person.subject] = first + frames - 1
        take = perform(seed, number, person, frames)
        kind = prefix(*(float(np.mean(trace)) for trace in (take.valence, take.arousal, take.liking)))
        name = segment_name(kind, person, first, first + frames - 1)
        out.append(Segment(number, person, name, frames, chosen.get(number, "")))
    return [*out, _repeat(out)]


def _repeat(segments: list[Segment]) -> Segment:
    """Give the footage of a sound segment a second name, as if chosen for another trait as well."""
    sound = next(segment for segment in segments if not segment.fault and not segment.name.startswith("SVL"))
    return Segment(sound.number, sound.person, "SVL" + sound.name[3:], sound.frames, REPEATED)


def perform(seed: int, number: int, person: Person, frames: int) -> Take:
    """Let a person act a segment of `frames` container frames."""
    subject = draw_subject(stream(seed, "sewa", "subject", person.subject))
    rng = stream(seed, "sewa", "take", number)
    # Partly one picture more than the segment has: see "one frame more than the name says".
    affect = feel(rng, subject, frames // 2 + 1, fps=CAMERA)
    liking = 0.6 * feel(rng, subject, frames // 2 + 1, fps=CAMERA)[0]
    return Take(*affect, liking, act(rng, subject, affect, fps=CAMERA))


def _make(task: _Task) -> None:
    """Write the folder of one segment."""
    segment, name = task.segment, task.segment.name
    folder = task.folder / name
    folder.mkdir()
    take = perform(task.seed, segment.number, segment.person, segment.frames)
    texts = _video(task.seed, segment, take, folder / f"{name}.avi")
    sewa_files.write_landmarks(folder, name, spoil_texts(segment.fault, texts))
    axes = {"Valence": take.valence, "Arousal": take.arousal} | (
        {"Liking": take.liking} if segment.liking else {}
    )
    for axis, truth in axes.items():
        rng = stream(task.seed, "sewa", "raters", segment.number, axis)
        ideal = np.repeat(SEWA["arousal" if axis == "Arousal" else "valence"].signed(truth), 2)[
            : segment.frames
        ]
        traces = {
            mode: spoil_traces(segment.fault, five_raters(rng, ideal)) for mode in sewa_files.MODALITIES
        }
        sewa_files.write_traces(folder, name, axis, traces)
    sewa_files.write_metadata(
        folder, _metadata(task.seed, segment, sorted(file.name for file in folder.iterdir()))
    )


def _video(seed: int, segment: Segment, take: Take, path: Path) -> list[bytes]:
    """Film a segment; give the landmark texts of its container frames."""
    person = stream(seed, "sewa", "face", segment.person.subject)
    footage = chat(person, stream(seed, "sewa", "film", segment.number), take.channels)
    texts: list[bytes] = []

    def pictures():
        for (picture, landmarks), au in zip(footage, take.channels, strict=True):
            text = sewa_files.landmark_text(landmarks, au[_POSE])
            texts.extend((text, text))
            yield picture

    shown = pictures()
    sewa_files.write_video(path, shown, frames=video_frames(segment.fault, segment.frames))
    for _ in shown:  # the tracker saw the whole recording, also what a short video lacks
        pass
    if segment.fault == "video without bytes":
        path.write_bytes(b"")
    return texts[: segment.frames]


def _metadata(seed: int, segment: Segment, files: list[str]) -> dict[str, dict[str, object]]:
    """Give the entries of `metadata.ini`."""
    rng = stream(seed, "sewa", "person", segment.person.subject)
    first, last = segment.name.split("_")[-2:]
    return {
        "Recording": {
            "Name": segment.name,
            "Session": segment.person.session,
            "Category": "Video chat 1",
            "FirstFrame": int(first),
            "LastFrame": int(last),
            "FrameRate": sewa_files.FPS,
        },
        "Subject": {
            "ID": segment.person.subject,
            "Culture": segment.person.culture,
            "Gender": rng.choice(("Female", "Male")),
            "Age": int(rng.integers(18, 66)),
        },
        "Files": {f"File{number}": name for number, name in enumerate(files, start=1)},
    }


def generate(
    out: Path,
    *,
    seed: int,
    segments: int = 60,
    seconds: float = 4.0,
    subjects: int | None = None,
    processes: int = 1,
) -> None:
    """
    Write a look-alike of SEWA Basic.

    Parameters
    ----------
    out
        Folder to make; it appears when complete.
    seed
        Decides every byte.
    segments, seconds, subjects
        Segments, their mean length, and people (default: as many segments each as in the release).
    processes
        How many to use; the files do not depend on it.
    """
    chosen = plan(seed, segments, seconds, subjects)
    with new_release(out) as folder:
        spread(_make, [_Task(seed, folder, segment) for segment in chosen], processes)
        write_statement(
            folder,
            "sewa",
            release="SEWA DB Basic",
            seed=seed,
            sizes={
                "segments": len(chosen),
                "frames": sum(segment.frames for segment in chosen),
                "subjects": len({segment.person.subject for segment in chosen}),
                "sessions": len({segment.person.session for segment in chosen}),
            },
            ceilings=ceilings(seed, annotate),
            faults=listed(
                [_without_liking(chosen), *(fault for segment in chosen for fault in _listed(segment))]
            ),
        )


def annotate(rng: np.random.Generator, values: np.ndarray, axis: str) -> np.ndarray:
    """Annotate true affect, shape (T,), as this release does: mean of the five raters."""
    return five_raters(rng, SEWA[axis].signed(values), fps=CAMERA).mean(axis=1)


def _listed(segment: Segment) -> list[Fault]:
    """List what was planted in a segment; spoilt frames one by one, counted from 0."""
    if segment.fault == REPEATED:
        return [
            Fault(REPEATED, segment.name, "dup_content", "its frames stand in the release under another name")
        ]
    if not segment.fault:
        return []
    status, note = KINDS[segment.fault]
    places = spoilt_frames(segment.fault, segment.frames)
    items = [f"{segment.name}/{place:06d}" for place in places] or [segment.name]
    return [Fault(segment.fault, item, status, note) for item in items]


def _without_liking(segments: list[Segment]) -> Fault:
    """Name one of the many segments that have no trace of liking, as in the release."""
    name = next(segment.name for segment in segments if not segment.liking and not segment.fault)
    return Fault(NO_LIKING, name, "ok", "holds for all segments chosen by arousal or valence")
