"""The files of one SEWA segment, byte by byte as the release has them."""

import io
from collections.abc import Iterable
from configparser import ConfigParser
from itertools import islice
from pathlib import Path

import av
import numpy as np
from PIL import Image

from data_prep.lookalike.geometry import WITHOUT_JAW_AND_INNER_CORNERS
from data_prep.lookalike.release import write_zip

WIDTH, HEIGHT = 320, 240
FPS = 50  # of the container
CAMERA = FPS // 2  # pictures a second
RATERS = 5
MODALITIES = ("A", "V", "AV")  # what the annotators were given: sound, picture, both


def write_video(
    path: Path, pictures: Iterable[Image.Image], *, frames: int, rate: int = FPS, bit_rate: int = 700_000
) -> None:
    """Write an AVI file of MPEG-4 part 2 under Xvid's mark; at 50 frames a second, every picture twice."""
    with av.open(str(path), "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=rate, options={"flags": "+bitexact"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", bit_rate
        stream.codec_context.codec_tag = "XVID"
        stream.codec_context.thread_count = 1  # threads could change the bytes
        repeated = (again for picture in pictures for again in [picture] * (rate // CAMERA))
        for shown in islice(repeated, frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(shown), format="rgb24")))
        container.mux(stream.encode())


def landmark_text(points: np.ndarray, pose: np.ndarray) -> bytes:
    """
    Compose one landmark file: head pose, 10 eye points, 49 face points.

    Parameters
    ----------
    points : numpy.ndarray of shape (68, 2)
        Pixels.
    pose : numpy.ndarray of shape (3,)
        Pitch, yaw, roll, degrees.
    """
    eyes = np.concatenate([_eye(points[36:42]), _eye(points[42:48])])
    rows = (pose, eyes.ravel(), points[WITHOUT_JAW_AND_INNER_CORNERS].ravel())
    return "".join(" ".join(f"{value:.3f}" for value in row.tolist()) + "\n" for row in rows).encode()


def _eye(lids: np.ndarray) -> np.ndarray:
    """Centre of an eye and four points around it, shape (5, 2)."""
    middle = lids.mean(axis=0)
    around = np.stack([lids[[1, 2]].mean(0), lids[3], lids[[4, 5]].mean(0), lids[0]])
    return np.vstack([middle, middle + 0.5 * (around - middle)])


LOST = b"0.000 0.000 0.000\n" + b" ".join([b"-1.000"] * 20) + b"\n" + b" ".join([b"-1.000"] * 98) + b"\n"


def write_landmarks(folder: Path, name: str, texts: list[bytes]) -> None:
    """Write `<name>-Landmarks.zip`: one text file a frame, counted from 1."""
    inside = f"{name}-Landmarks"
    members = ((f"{inside}/{number:06d}.txt", text) for number, text in enumerate(texts, start=1))
    write_zip(folder / f"{inside}.zip", members)


def write_traces(folder: Path, name: str, axis: str, traces: dict[str, np.ndarray]) -> None:
    """Write `<name>-<axis>.zip`: a table a modality, a row a video frame, a column a rater."""
    members = []
    for modality, values in traces.items():
        assert values.shape[1] == RATERS
        text = io.StringIO()
        text.write(",".join(["frame_idx", *(f"annotator_{n}" for n in range(1, RATERS + 1))]) + "\n")
        for number, row in enumerate(values.tolist(), start=1):
            text.write(
                f"{number}," + ",".join("NaN" if value != value else f"{value:.6f}" for value in row) + "\n"
            )
        members.append((f"{name}_{axis}_{modality}_Aligned.csv", text.getvalue().encode()))
    write_zip(folder / f"{name}-{axis}.zip", members)


def write_metadata(folder: Path, sections: dict[str, dict[str, object]]) -> None:
    """Write `metadata.ini`."""
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # keep the case of the keys
    for section, entries in sections.items():
        parser[section] = {key: str(value) for key, value in entries.items()}
    with (folder / "metadata.ini").open("w", encoding="utf-8", newline="\n") as file:
        parser.write(file)
