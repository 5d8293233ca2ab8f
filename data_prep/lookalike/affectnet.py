"""
AffectNet, release of 2017: folders of images and two lists.

The official archive comes as volumes of a rar archive, which only proprietary software can write; the
stand-in is what unpacking them gives.
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data_prep.lookalike.affectnet_faults import KINDS, RARE_FILES, damage, edit_rows
from data_prep.lookalike.ceilings import photo_ceilings
from data_prep.lookalike.faults import Fault, listed, victims
from data_prep.lookalike.labels import one_rater
from data_prep.lookalike.portrait import UNCERTAIN, take
from data_prep.lookalike.release import new_release, spread, write_statement
from data_prep.lookalike.seeds import stream

COLUMNS = ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks")
COLUMNS += ("expression", "valence", "arousal")
IMAGES, LISTS = "Manually_Annotated_Images", "Manually_Annotated_file_lists"
# Rows of the official lists, by expression; 94,060 rows are uncertain or without a face.
TRAIN_SHARES = np.array([74874, 134416, 25459, 14090, 6378, 3803, 24882, 3750, 33088, 47030, 47030], float)
VALIDATION_SHARES = np.array([500.0] * 11)  # 1,000 rows are uncertain or without a face
EXTENSIONS = {"jpg": 0.910, "png": 0.040, "JPG": 0.026, "jpeg": 0.0215, "bmp": 0.002, "PNG": 0.0005}
_CHUNK = 25


@dataclass(frozen=True)
class Sizes:
    """How much to generate: images in all, share of the official validation list, pixels of a side."""

    images: int = 4000
    validation_share: float = 0.15
    side_min: int = 60
    side_max: int = 300


@dataclass(frozen=True)
class Photo:
    """One image to make."""

    number: int
    path: str
    code: int
    side: int
    fault: str = ""


@dataclass(frozen=True)
class _Task:
    """Some images for one process."""

    seed: int
    folder: Path
    photos: tuple[Photo, ...]


def codes(rng: np.random.Generator, count: int, shares: np.ndarray) -> np.ndarray:
    """Give `count` expressions in the given proportions, in random order, none missing."""
    if count < len(shares):
        raise ValueError(f"{count} images are fewer than the {len(shares)} expressions: raise --images")
    exact = shares / shares.sum() * count
    number = np.maximum(np.floor(exact), 1).astype(int)
    number[np.argmax(number)] += count - number.sum()
    return rng.permutation(np.repeat(np.arange(len(shares)), number))


def plan(seed: int, sizes: Sizes) -> dict[str, list[Photo]]:
    """Decide on every image of "training" and "validation": name, expression, size, fault."""
    if not 32 <= sizes.side_min <= sizes.side_max:
        raise ValueError(f"sides of {sizes.side_min} to {sizes.side_max} pixels, expected 32 <= min <= max")
    rng = stream(seed, "affectnet", "plan")
    counts = {"validation": max(11, round(sizes.images * sizes.validation_share))}
    counts["training"] = sizes.images - counts["validation"]
    photos: dict[str, list[Photo]] = {}
    for part in ("training", "validation"):
        shares = TRAIN_SHARES if part == "training" else VALIDATION_SHARES
        start = 0 if part == "training" else counts["training"]
        classes = codes(rng, counts[part], shares)
        photos[part] = [_photo(rng, seed, start + n, int(code), sizes) for n, code in enumerate(classes)]
    usable = [photo.number for photo in photos["training"] if photo.code < 8]
    chosen = victims(rng, usable, [*KINDS, *RARE_FILES], rate=4000)
    photos["training"] = [_victim(photo, chosen.get(photo.number, "")) for photo in photos["training"]]
    return photos


def _photo(rng: np.random.Generator, seed: int, number: int, code: int, sizes: Sizes) -> Photo:
    """Name an image and choose its size; sizes vary as much as on the web."""
    stem = hashlib.sha224(f"{seed}/{number}".encode()).hexdigest()
    ending = rng.choice(list(EXTENSIONS), p=np.array(list(EXTENSIONS.values())) / sum(EXTENSIONS.values()))
    low, high = np.log(sizes.side_min), np.log(sizes.side_max)
    side = round(float(np.exp(low + (high - low) * rng.beta(1.6, 2.0))))
    return Photo(number, f"{rng.integers(1, 4)}/{stem}.{ending}", code, side)


def _victim(photo: Photo, fault: str) -> Photo:
    """Give an image its fault, and the extension that goes with it."""
    stem = photo.path.rsplit(".", 1)[0]
    ending = RARE_FILES.get(fault) or ("jpg" if fault else photo.path.rsplit(".", 1)[1])
    return Photo(photo.number, f"{stem}.{ending}", photo.code, photo.side, fault)


def _make(task: _Task) -> list[dict[str, str]]:
    """Make some images; give their rows."""
    rows = []
    for photo in task.photos:
        rng = stream(task.seed, "affectnet", photo.number)
        portrait = take(rng, photo.code, photo.side)
        unlabelled = photo.code >= UNCERTAIN
        x, y, width, height = portrait.box
        number = "{}" if rng.random() < 0.5 else "{}.0"  # both spellings occur in the official lists
        row = {
            "subDirectory_filePath": photo.path,
            "face_x": number.format(x),
            "face_y": number.format(y),
            "face_width": str(width),
            "face_height": str(height),
            "facial_landmarks": ";".join(f"{value:.2f}" for value in portrait.landmarks.ravel()),
            "expression": str(photo.code),
            "valence": "-2" if unlabelled else f"{one_rater(rng, portrait.valence):.6f}",
            "arousal": "-2" if unlabelled else f"{one_rater(rng, portrait.arousal):.6f}",
        }
        path = task.folder / photo.path
        content = damage(
            encode(portrait.picture, path.suffix, quality=int(rng.integers(82, 96))), photo.fault
        )
        if content is not None:
            path.write_bytes(content)
        rows.append(row)
    return rows


def encode(picture: Image.Image, suffix: str, *, quality: int = 90) -> bytes:
    """Encode a picture in the format of its extension, whatever the extension's case."""
    buffer = io.BytesIO()
    match suffix.lower():
        case ".png":
            picture.save(buffer, "PNG", compress_level=1)
        case ".bmp":
            picture.save(buffer, "BMP")
        case ".tif":
            picture.save(buffer, "TIFF")
        case _:
            picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def generate(out: Path, *, seed: int, sizes: Sizes, processes: int = 1) -> None:
    """
    Write a look-alike of the release of 2017.

    Parameters
    ----------
    out
        Folder to make; it appears when complete.
    seed
        Decides every byte.
    sizes
        How much to generate.
    processes
        How many to use; the files do not depend on it.
    """
    photos = plan(seed, sizes)
    with new_release(out) as folder:
        for number in range(1, 4):
            (folder / IMAGES / str(number)).mkdir(parents=True)
        (folder / LISTS).mkdir()
        faults: list[Fault] = []
        for part, chosen in photos.items():
            chunks = [tuple(chosen[n : n + _CHUNK]) for n in range(0, len(chosen), _CHUNK)]
            tasks = [_Task(seed, folder / IMAGES, chunk) for chunk in chunks]
            rows = [row for made in spread(_make, tasks, processes) for row in made]
            rows, planted = edit_rows(rows, chosen, folder / IMAGES)
            faults += planted
            _write_list(folder / LISTS / f"{part}.csv", rows, header=part == "training")
        (folder / IMAGES / "1" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
        faults.append(Fault("Thumbs.db among the images", "1/Thumbs.db", None, "left by a file manager"))
        faults.append(
            Fault("list without header", f"{LISTS}/validation.csv", None, "its first row is an item")
        )
        _state(folder, seed, sizes, photos, faults)


def _write_list(path: Path, rows: list[dict[str, str]], *, header: bool) -> None:
    """Write one list in the official columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)


def _state(
    folder: Path, seed: int, sizes: Sizes, photos: dict[str, list[Photo]], faults: list[Fault]
) -> None:
    """Write the statement."""
    write_statement(
        folder,
        "affectnet",
        release="2017",
        seed=seed,
        sizes={part: len(rows) for part, rows in photos.items()}
        | {"side_px": [sizes.side_min, sizes.side_max]},
        packing="plain folders: the official archive is a multi-volume rar, which free software cannot write",
        ceilings=photo_ceilings(seed),
        faults=listed(faults),
    )
