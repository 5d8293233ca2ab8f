"""The files of one AVEC recording as the challenges gave them out, and OpenFace's table beside them."""

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from data_prep.lookalike.avec_traces import RATE

HEADER = "name;timestamp;arousal;valence;liking"  # in 2019; older tables have none
_AUDIO = 8000  # samples a second


def write_labels(
    path: Path, rows: Iterable[tuple[int, tuple[float, float, float]]], *, titled: bool, quoted: bool
) -> None:
    """
    Write a table of gold labels.

    Parameters
    ----------
    rows
        Number of the label, arousal, valence and liking of each row.
    titled, quoted
        Whether there is a header, and whether the name stands in single quotes.
    """
    name = f"'{path.stem}'" if quoted else path.stem
    lines = [HEADER] * titled
    for step, values in rows:
        fields = ("NaN" if value != value else f"{value:.6f}" for value in values)
        lines.append(";".join([name, f"{step / RATE:.6f}", *fields]))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def write_turns(path: Path, rng: np.random.Generator, seconds: float) -> None:
    """Write when the speaker talks: start and end in seconds, no header."""
    edges = np.sort(rng.uniform(0, seconds, 2 * max(1, round(seconds / 4)))).reshape(-1, 2)
    path.write_text("".join(f"{start:.3f};{end:.3f}\n" for start, end in edges.tolist()), "utf-8")


def write_words(path: Path, seconds: float) -> None:
    """Write a transcription that says nothing."""
    path.write_text(f"0.000;{seconds:.3f};(not transcribed)\n", "utf-8")


def write_silence(path: Path, seconds: float) -> None:
    """Write the sound: silence, 8 kHz, 8 bit."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(_AUDIO)
        sound.writeframes(b"\x80" * round(seconds * _AUDIO))


def write_openface(path: Path, points: list[np.ndarray], rate: int) -> None:
    """Write a table as OpenFace does: blanks after commas, frames from 1, 68 points, all x before all y."""
    columns = ["frame", "timestamp", "confidence", "success"]
    columns += [f"{axis}_{point}" for axis in "xy" for point in range(68)]
    lines = [", ".join(columns)]
    for number, marks in enumerate(points):
        head = [f"{number + 1}", f"{number / rate:.3f}", "0.98", "1"]
        lines.append(", ".join([*head, *(f"{value:.1f}" for value in marks.T.ravel().tolist())]))
    path.write_text("\n".join(lines) + "\n", "utf-8")
