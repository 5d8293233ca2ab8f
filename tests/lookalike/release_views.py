"""Reading the generated releases as a person would who has only the description of the official ones."""

import csv
import io
import json
import zipfile
from pathlib import Path

import av
import numpy as np


def affectnet_rows(folder: Path) -> list[dict[str, str]]:
    """Rows of both lists, with the columns named by hand and the place of each."""
    columns = ["path", "x", "y", "width", "height", "landmarks", "expression", "valence", "arousal"]
    out = []
    for part in ("training", "validation"):
        with (folder / "Manually_Annotated_file_lists" / f"{part}.csv").open(newline="") as file:
            lines = list(csv.reader(file))
        for line in lines[1:] if part == "training" else lines:
            out.append(dict(zip(columns, line, strict=True)) | {"part": part})
    return out


def afew_clips(folder: Path) -> dict[str, tuple[dict, dict[str, bytes]]]:
    """Clip -> (content of its JSON file, PNG files by key)."""
    out = {}
    for archive in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(archive) as file:
            names = file.namelist()
            for name in (name for name in names if name.endswith(".json")):
                clip = name.split("/")[0]
                frames = {
                    n.split("/")[1][:-4]: file.read(n)
                    for n in names
                    if n.startswith(clip) and n.endswith(".png")
                }
                out[clip] = json.loads(file.read(name)), frames
    return out


def sewa_segments(folder: Path) -> dict[str, Path]:
    """Segment -> its folder."""
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}


def zipped(path: Path) -> dict[str, bytes]:
    """Content of an archive."""
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def table(content: bytes) -> np.ndarray:
    """Numbers of a csv file with one header line, shape (rows, columns)."""
    return np.genfromtxt(io.BytesIO(content), delimiter=",", skip_header=1)


def video(path: Path) -> tuple[np.ndarray, float]:
    """Frames of a video, shape (frames, height, width, 3), and the rate that its container states."""
    with av.open(str(path)) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
        return frames, float(container.streams.video[0].average_rate)


def content(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def gold_rows(content: bytes) -> np.ndarray:
    """Time, arousal, valence and liking of a table of AVEC, shape (rows, 4); a header is skipped."""
    lines = [line.split(";") for line in content.decode().splitlines()]
    return np.array([line[1:] for line in lines if line[1][0].isdigit()], float)
