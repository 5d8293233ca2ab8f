"""How input ends in the real readers, in words: statuses of the manifest, or "refused" in words that help."""

import unicodedata
from itertools import chain, combinations
from pathlib import Path

import numpy as np

from data_prep import faces, images
from data_prep.cropping import Cropper
from data_prep.inventory import Traced
from data_prep.prepare import READERS
from data_prep.record import Box, Face, Quarantine
from data_prep.tree import Tree
from hocp.contracts.manifest import STATUSES, USABLE
from tests.data_prep.mini_releases import options, prepared

SIDE = 16  # pixels of the crops
NOTE, MESSAGE = 2000, 5000  # most characters; the help for three missing releases is long


def of_release(dataset: str, folder: Path, *texts: str) -> str:
    """Statuses of all items of a release, alphabetically, joined by +; "refused" where it is not read."""
    chosen = options(dataset, *texts)
    try:
        tree = Tree(folder)
        release = READERS[dataset].locate(tree, chosen)
        crop = Cropper(Traced(folder), chosen, SIDE, READERS[dataset].aspect)
        found = [sound(face) for unit in release.units for face in crop(unit).faces]
    except (ValueError, FileNotFoundError) as error:
        return refused(error)
    return "+".join(sorted({face.status for face in found})) or "nothing"


def of_preparation(dataset: str, folder: Path, *texts: str) -> str:
    """The same of a release that is prepared to its end, beside its folder's content."""
    try:
        items = prepared(dataset, folder, *texts, side=SIDE)
    except (ValueError, FileNotFoundError) as error:
        return refused(error)
    return "+".join(sorted({item.status for item in items.values()}))


def of_image(folder: Path, name: str) -> str:
    """Status of one image, cropped as a whole, as AffectNet's of 2021 are."""
    try:
        picture = images.read(Tree(folder), name)
        height, width = picture.pixels.shape[:2]
        box = faces.inside(Box(0, 0, width, height), width, height)
        crop = faces.cut(picture.pixels, faces.square(box, margin=1.0), SIDE)
    except Quarantine as reason:
        return sound(Face(item="image").quarantine(reason)).status
    assert picture.pixels.dtype == np.uint8 and picture.pixels.shape == (height, width, 3)
    assert crop.dtype == np.uint8 and crop.shape == (SIDE, SIDE, 3)
    return "img_mode_converted" if picture.note else "ok"


def sound(face: Face) -> Face:
    """The face, if the manifest can hold it: known status, short clean texts, a crop where it is usable."""
    assert face.status in STATUSES, face.status
    for text in (face.item, face.group, face.clip, face.note):
        assert len(text) <= NOTE, f"{len(text)} characters in the manifest: {text[:60]!r}"
        odd = {character for character in text if unicodedata.category(character) in ("Cc", "Cs")}
        assert not odd, f"characters {odd} in the manifest: {text[:60]!r}"
    if face.status in USABLE:
        assert face.crop.shape == (SIDE, SIDE, 3) and face.crop.dtype == np.uint8
        assert np.isfinite([face.valence, face.arousal]).all()
    return face


def refused(error: Exception) -> str:
    """The word for a refusal, if a person can read why: not the bare error of a parser."""
    assert type(error) in (ValueError, FileNotFoundError), f"{type(error).__name__}: {error}"
    assert 20 <= len(str(error)) <= MESSAGE, f"{len(str(error))} characters: {str(error)[:200]}"
    return "refused"


def coarse(outcome: str) -> str:
    """For random damage, which may hit anything: "ok", "set aside" where some items were, or "refused"."""
    return outcome if outcome in ("ok", "refused", "nothing") else "set aside"


def mixtures(*statuses: str) -> tuple[str, ...]:
    """All outcomes in which only these statuses occur."""
    ordered = sorted(statuses)
    sets = chain.from_iterable(combinations(ordered, size) for size in range(1, len(ordered) + 1))
    return tuple("+".join(chosen) for chosen in sets)
