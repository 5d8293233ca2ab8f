"""AffectNet, release of 2021: images of 224 x 224 pixels and four arrays each, for eight expressions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.lookalike.affectnet import TRAIN_SHARES, codes, encode
from data_prep.lookalike.ceilings import photo_ceilings
from data_prep.lookalike.faults import Fault, listed, victims
from data_prep.lookalike.labels import one_rater
from data_prep.lookalike.portrait import take
from data_prep.lookalike.release import new_release, spread, write_statement
from data_prep.lookalike.seeds import stream

SIDE = 224
PARTS = ("train_set", "val_set")
# Kind -> status that the image must end in.
KINDS: dict[str, str] = {
    "no arousal file": "label_null",
    "empty image file": "img_empty",
    "no image file": "img_missing",
    "nan as valence": "label_nan",
    "-2 with a usable expression": "va_missing",
    "landmarks left of the image": "ok",
}
TEXT = "label stored as text"
_CHUNK = 25


@dataclass(frozen=True)
class Photo:
    """One image to make; ids repeat between the parts and have gaps, as in the release."""

    part: str
    id: int
    code: int
    fault: str = ""


@dataclass(frozen=True)
class _Task:
    """Some images for one process."""

    seed: int
    folder: Path
    photos: tuple[Photo, ...]


def plan(seed: int, images: int, validation_share: float = 0.15) -> list[Photo]:
    """Decide on every image: part, id, expression, fault."""
    rng = stream(seed, "affectnet_2021", "plan")
    val = max(8, round(images * validation_share))
    out = []
    for part, count, shares in zip(
        PARTS, (images - val, val), (TRAIN_SHARES[:8], np.full(8, 500.0)), strict=True
    ):
        gaps = rng.choice((1, 1, 1, 2, 3), size=count)
        gaps[0] = 0
        chosen = victims(rng, list(range(count)), list(KINDS), rate=4000) if part == "train_set" else {}
        for place, (number, code) in enumerate(zip(np.cumsum(gaps), codes(rng, count, shares), strict=True)):
            out.append(Photo(part, int(number), int(code), chosen.get(place, "")))
    return out


def _make(task: _Task) -> list[Fault]:
    """Make some images and their arrays; name the sound ones whose label is text."""
    texts = []
    for photo in task.photos:
        rng = stream(task.seed, "affectnet_2021", photo.part, photo.id)
        portrait = take(rng, photo.code, SIDE, tight=True)
        image = task.folder / photo.part / "images" / f"{photo.id}.jpg"
        values = {
            "exp": photo.code,
            "val": one_rater(rng, portrait.valence),
            "aro": one_rater(rng, portrait.arousal),
        }
        # Nobody documents the type of the labels; half of them are text, so that a reader takes both.
        arrays = {
            name: np.array(f"{value}") if rng.random() < 0.5 else np.array(value)
            for name, value in values.items()
        }
        if arrays["val"].dtype.kind == "U" and not photo.fault:
            texts.append(Fault(TEXT, f"{photo.part}/{photo.id}", "ok", "holds for half of all labels"))
        arrays["lnd"] = portrait.landmarks.ravel().round(6)
        content = _spoil(photo.fault, arrays, encode(portrait.picture, ".jpg"))
        if content is not None:
            image.write_bytes(content)
        for name, array in arrays.items():
            np.save(
                task.folder / photo.part / "annotations" / f"{photo.id}_{name}.npy", array, allow_pickle=False
            )
    return texts


def _spoil(fault: str, arrays: dict[str, np.ndarray], image: bytes) -> bytes | None:
    """Plant a fault in the arrays, or give back another image; None for none."""
    match fault:
        case "no arousal file":
            del arrays["aro"]
        case "nan as valence":
            arrays["val"] = np.array("nan")
        case "-2 with a usable expression":
            arrays["val"] = arrays["aro"] = np.array(-2.0)
        case "landmarks left of the image":
            arrays["lnd"][0] = -3.25
        case "empty image file":
            return b""
        case "no image file":
            return None
    return image


def generate(out: Path, *, seed: int, images: int = 4000, processes: int = 1) -> None:
    """
    Write a look-alike of the release of 2021.

    Parameters
    ----------
    out
        Folder to make; it appears when complete.
    seed
        Decides every byte.
    images
        Images in all.
    processes
        How many to use; the files do not depend on it.
    """
    photos = plan(seed, images)
    with new_release(out) as folder:
        for part in PARTS:
            for kind in ("images", "annotations"):
                (folder / part / kind).mkdir(parents=True)
        chunks = [tuple(photos[n : n + _CHUNK]) for n in range(0, len(photos), _CHUNK)]
        made = spread(_make, [_Task(seed, folder, chunk) for chunk in chunks], processes)
        faults = [
            Fault(photo.fault, f"{photo.part}/{photo.id}", KINDS[photo.fault])
            for photo in photos
            if photo.fault
        ]
        faults += [text for texts in made for text in texts][:1]
        write_statement(
            folder,
            "affectnet",
            release="2021",
            seed=seed,
            sizes={part: sum(photo.part == part for photo in photos) for part in PARTS},
            ceilings=photo_ceilings(seed),
            faults=listed(faults),
        )
