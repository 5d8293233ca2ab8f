"""Releases of any size with the proportions of the real ones: a few generated pictures, many times over.

Copies have other bytes where a hash looks and the same where a decoder does, and their faces are marked a
little aside, since equal crops would be taken for repetitions. Pictures have grain, without
which they would be half as large as real ones and decode twice as fast. Mean sizes aimed at: JPEG 425 x 425
pixels and 131 kB, PNG 720 x 576 and 240 kB, video 320 x 240 at 0.7 Mbit/s.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from PIL import Image

from data_prep.lookalike import afew_va as films
from data_prep.lookalike import sewa as chats
from data_prep.lookalike.affectnet import COLUMNS, IMAGES, LISTS
from data_prep.lookalike.portrait import Portrait, take
from data_prep.lookalike.release import write_zip
from tests.prep_bench.sizes import DISTINCT, FRAMES

SMALLEST, LARGEST = 60, 1200  # pixels of AffectNet's pictures
SKEW = 0.825  # makes the mean side of 96 pictures 425 pixels
HELD = 50  # every so many pictures one is in the validation list
FOLDER = 320  # pictures of a folder
STEP = 0.0625  # pixels from the face of one copy to that of the next
JPEG_GRAIN, PNG_GRAIN = 20.0, 1.2  # standard deviations, of 255


def make(dataset: str, folder: Path, count: int, size: str) -> None:
    """Write a release of so many images, clips or segments."""
    {"affectnet": affectnet, "afew_va": afew_va, "sewa": sewa}[dataset](folder, count, size)


def affectnet(folder: Path, count: int, size: str) -> None:
    """The release of 2017: JPEG files and two lists."""
    pictures(folder, count, portraits(DISTINCT[size]["affectnet"]))


def pictures(
    folder: Path, count: int, base: Sequence[tuple[bytes, Portrait, int]], *, step: float = STEP
) -> None:
    """The same of given portraits, each copy of a face `step` pixels further aside."""
    (folder / LISTS).mkdir(parents=True)
    with (
        (folder / LISTS / "training.csv").open("w", newline="") as train,
        (folder / LISTS / "validation.csv").open("w", newline="") as held,
    ):
        writers = [csv.DictWriter(file, COLUMNS, lineterminator="\n") for file in (train, held)]
        writers[0].writeheader()
        for number in range(count):
            data, portrait, code = base[number % len(base)]
            path = f"{number // FOLDER + 1}/{number:056x}.jpg"
            place = folder / IMAGES / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(marked(data, number))
            aside = step * (number // len(base))
            writers[number % HELD == 0].writerow(_row(path, portrait, code, aside))


def marked(jpeg: bytes, number: int) -> bytes:
    """The same picture with a comment after its first marker (segment COM of the JPEG specification)."""
    text = str(number).encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2) + text + jpeg[2:]


def _row(path: str, portrait: Portrait, code: int, aside: float) -> dict[str, str]:
    x, y, width, height = portrait.box
    x += aside
    points = ";".join(f"{value:.2f}" for value in portrait.landmarks.ravel())
    values = (path, x, y, width, height, points, code, portrait.valence, portrait.arousal)
    return dict(zip(COLUMNS, map(str, values), strict=True))


@cache
def portraits(count: int) -> list[tuple[bytes, Portrait, int]]:
    """JPEG file, what is true of it, expression."""
    rng = np.random.default_rng(0)
    share = np.linspace(0, 1, count) ** SKEW
    sides = np.round(np.exp(np.log(SMALLEST) + share * np.log(LARGEST / SMALLEST))).astype(int)
    found = []
    for number, side in enumerate(rng.permutation(sides).tolist()):
        portrait = take(np.random.default_rng(number), number % 8, side)
        data = io.BytesIO()
        grainy(portrait.picture, rng, JPEG_GRAIN).save(data, "JPEG", quality=int(rng.integers(85, 96)))
        found.append((data.getvalue(), portrait, number % 8))
    return found


def grainy(picture: Image.Image, rng: np.random.Generator, deviation: float) -> Image.Image:
    """A picture with the grain of a camera, coarser than its pixels as after a lossy format."""
    height, width = picture.height, picture.width
    noise = rng.normal(0, deviation, (height // 2 + 1, width // 2 + 1))
    coarse = np.asarray(Image.fromarray(noise.astype(np.float32)).resize((width, height)))
    pixels = np.asarray(picture, np.float32) + coarse[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def afew_va(folder: Path, count: int, size: str) -> None:
    """Archives of 50 clips, or fewer so that there are at least two."""
    folder.mkdir(parents=True)
    base = _films(DISTINCT[size]["afew_va"], FRAMES[size]["afew_va"])
    share = min(50, -(-count // 2))
    for start in range(0, count, share):
        numbers = range(start, min(start + share, count))
        members = (
            member
            for number in numbers
            for member in _clip(number, *base[number % len(base)], STEP * (number // len(base)))
        )
        write_zip(folder / f"{start // share + 1:02d}.zip", members, level=0)


def _clip(
    number: int, pictures: dict[str, bytes], description: dict, aside: float
) -> Iterator[tuple[str, bytes]]:
    name = f"{number + 1:03d}"
    frames = {
        key: {**frame, "landmarks": [[x + aside, y] for x, y in frame["landmarks"]]}
        for key, frame in description["frames"].items()
    }
    described = {
        **description,
        "frames": frames,
        "video_id": name,
        "actor": f"Actor {number % max(5, number // 3)}",
    }
    yield f"{name}/{name}.json", json.dumps(described, indent=2).encode()
    yield from ((f"{name}/{key}.png", data) for key, data in pictures.items())


@cache
def _films(count: int, frames: int) -> list[tuple[dict[str, bytes], dict]]:
    """PNG files by their keys, and the description of each clip."""
    rng, found = np.random.default_rng(0), []
    for planned in films.plan(0, films.ARCHIVES, (frames, frames), None)[:count]:
        clip = replace(planned, frames=frames, fault="")
        pictures, description = films.shoot(0, clip)
        files = {}
        for key, pixels in zip(clip.keys, pictures, strict=True):
            data = io.BytesIO()
            grainy(Image.fromarray(pixels), rng, PNG_GRAIN).save(data, "PNG")
            files[key] = data.getvalue()
        found.append((files, description))
    return found


def sewa(folder: Path, count: int, size: str) -> None:
    """Segments of as many subjects, two a session; the files of a few under other names."""
    folder.mkdir(parents=True)
    base = _chats(folder.with_name(f"{folder.name}.base"), DISTINCT[size]["sewa"], FRAMES[size]["sewa"])
    for number in range(count):
        source = base[number % len(base)]
        limits = "_".join(source.name.split("_")[-2:])
        name = f"SAH_C{number % 6 + 1}_S{number % 199 + 1:03d}_P{number + 1:03d}_VC1_{limits}"
        (folder / name).mkdir()
        for file in source.iterdir():
            target = folder / name / file.name.replace(source.name, name)
            _copied(file, target, source.name, name, STEP * (number // len(base)))
    shutil.rmtree(base[0].parent)


def _copied(file: Path, target: Path, old: str, new: str, aside: float) -> None:
    """Copy a file; tables in archives carry the name of their segment, and landmarks are moved aside."""
    if file.suffix != ".zip":
        shutil.copy(file, target)
        return
    with ZipFile(file) as archive:
        members = [(name.replace(old, new), archive.read(name)) for name in archive.namelist()]
    if "Landmarks" in file.name:
        members = [(name, _moved(text.decode(), aside)) for name, text in members]
    write_zip(target, members)


def _moved(text: str, aside: float) -> bytes:
    """Landmarks of a frame, the x of its face points moved: the third line of three."""
    *others, points = text.splitlines()
    values = [float(value) for value in points.split()]
    values[::2] = [x + aside for x in values[::2]]
    return "\n".join([*others, " ".join(f"{value:.4f}" for value in values)]).encode()


def _chats(folder: Path, count: int, frames: int) -> list[Path]:
    """Folders of a few generated segments."""
    folder.mkdir()
    for planned in chats.plan(0, 12, frames / chats.sewa_files.FPS, None)[:count]:
        chats._make(chats._Task(0, folder, replace(planned, fault="")))
    return sorted(folder.iterdir())
