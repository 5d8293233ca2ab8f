"""AffectNet 2021: ``<part>_set/images/<id>.jpg``, and four ``.npy`` files each in ``<part>_set/annotations``.

Ids are unique only inside a part. Whether numbers are stored as numbers or as text is open: both are read.
"""

import argparse
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from data_prep import faces, images
from data_prep.affectnet_labels import checked
from data_prep.labels import number
from data_prep.record import Box, Face, Picture, Quarantine, Release
from data_prep.tree import Tree

BATCH = 64
ARRAY_BYTES = 1 << 20
_FILE = re.compile(
    r"(?P<folder>(?:.*/)?(?P<set>train|val|test)_set)/"
    r"(?:annotations/(?P<id>\d+)_(?:exp|val|aro|lnd)\.npy|images/(?P<image>\d+)\.(?:jpe?g|png))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Batch:
    """Some images of one part."""

    part: str
    folder: str
    images: tuple[tuple[int, str], ...]  # id, and path of the image in the folder

    def pieces(self) -> list["Batch"]:
        """One image each: what is made anew when one picture changes."""
        return [replace(self, images=(image,)) for image in self.images]

    def read(self, tree: Tree, options: argparse.Namespace) -> Iterator[Face]:
        """Yield one face an image."""
        for key, path in self.images:
            face = Face(
                item=f"{self.folder.rsplit('/', 1)[-1]}/{key}", part=self.part, source=f"{self.folder}/{path}"
            )
            try:
                yield _face(face, tree, f"{self.folder}/annotations/{key}", options)
            except Quarantine as reason:
                yield face.quarantine(reason)


def locate(tree: Tree, options: argparse.Namespace) -> Release | None:
    """
    Find the parts by their annotation files.

    Returns
    -------
    Release or None
        None if there are no such files.

    Raises
    ------
    ValueError
        If a part is missing, or there twice.
    """
    parts: dict[str, dict[str, dict[int, str]]] = {
        "test": {},
        "train": {},
    }  # test first, see `affectnet.repeats`
    for path in tree.everything():
        if match := _FILE.fullmatch(path):
            part = "train" if match["set"].lower() == "train" else "test"
            ids = parts[part].setdefault(match["folder"], {})
            name = f"images/{path.rsplit('/', 1)[-1]}" if match["image"] else None
            key = int(match["id"] or match["image"])
            ids[key] = name or ids.get(key) or f"images/{key}.jpg"
    if not any(parts.values()):
        return None
    for part, folders in parts.items():
        if len(folders) != 1:
            wanted = "train_set" if part == "train" else "val_set"
            raise ValueError(f"{tree.root}: found {sorted(folders) or 'no ' + wanted}; expected one {wanted}")
    units = [batch for part, folders in parts.items() for batch in _batches(part, folders)]
    return Release("AffectNet 2021, 8 labels", units, [], [])


def _batches(part: str, folders: dict[str, dict[int, str]]) -> Iterator[Batch]:
    for folder, ids in folders.items():
        pictures = sorted(ids.items())
        for start in range(0, len(pictures), BATCH):
            yield Batch(part, folder, tuple(pictures[start : start + BATCH]))


def _face(face: Face, tree: Tree, stem: str, options: argparse.Namespace) -> Face:
    face.expression = int(_scalar(tree, f"{stem}_exp.npy", "expression"))
    face.stratum = str(face.expression)
    face.valence = _scalar(tree, f"{stem}_val.npy", "valence")
    face.arousal = _scalar(tree, f"{stem}_aro.npy", "arousal")
    checked(face)

    def find() -> tuple[Picture, Box]:
        if options.crop == "landmarks":
            box = faces.around(_points(tree, f"{stem}_lnd.npy"), count=68)
            return images.read(tree, face.source), box
        picture = images.read(tree, face.source)  # cropped by the publisher: the image is the box
        height, width = picture.shape
        return picture, Box(0, 0, width, height)

    face.find = find
    return face


def _scalar(tree: Tree, path: str, what: str) -> float:
    array = _array(tree, path, what)
    if array.size != 1:
        raise Quarantine("label_nan", f"{what}: {array.size} values, expected one")
    return number(array.item(), what)


def _points(tree: Tree, path: str) -> np.ndarray:
    try:
        values = np.array([float(value) for value in _array(tree, path, "landmarks").ravel()])
    except (Quarantine, TypeError, ValueError):
        raise Quarantine("lnd_missing", f"{path}: no landmarks") from None
    if len(values) % 2:
        raise Quarantine("lnd_count", f"{len(values)} numbers are no pairs of coordinates")
    return values.reshape(-1, 2)


def _array(tree: Tree, path: str, what: str) -> np.ndarray:
    """Read an array, after a look at whether its header promises what the file holds."""
    try:
        file = io.BytesIO(tree.read(path, limit=ARRAY_BYTES))
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = readers[version](file)
        if math.prod(shape) * dtype.itemsize > ARRAY_BYTES:
            raise ValueError(f"header promises {shape} values")
        file.seek(0)
        return np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise Quarantine("label_null", f"no {what}: {path} is missing") from None
    except Exception as error:  # the parser of headers meets hostile bytes with every kind of exception
        raise Quarantine("label_nan", f"{path}: no array of numbers: {error}") from None
