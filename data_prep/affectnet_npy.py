"""AffectNet 2021: ``<part>_set/images/<id>.jpg``, and four ``.npy`` files each in ``<part>_set/annotations``.

Ids are unique only inside a part. Whether numbers are stored as numbers or as text is open: both are read.
"""

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from data_prep import affectnet_arrays, crops, faces, images, packed
from data_prep.affectnet_labels import checked, code
from data_prep.cleaning import cleaned
from data_prep.record import Box, Face, Matched, Picture, Quarantine, Release
from data_prep.tree import Tree

BATCH = 64
KINDS = ("exp", "val", "aro", "lnd")
PARTS = {"test": "validation", "train": "training"}  # test first, see `affectnet.repeats`
_FILE = re.compile(
    r"(?P<folder>(?:.*/)?(?P<set>train|val|test)_set)/"
    r"(?:annotations/(?P<id>\d+)_(?P<kind>exp|val|aro|lnd)\.npy|images/(?P<image>\d+)\.(?:jpe?g|png))",
    re.IGNORECASE,
)


@dataclass
class Known:
    """What the names in one folder say: id -> image, and ids of each kind of array."""

    images: dict[int, str] = field(default_factory=dict)
    arrays: dict[str, set[int]] = field(default_factory=lambda: {kind: set() for kind in KINDS})

    def add(self, match: re.Match, path: str) -> None:
        """Take note of one file."""
        if match["image"]:
            self.images[int(match["image"])] = f"images/{path.rsplit('/', 1)[-1]}"
        else:
            self.arrays[match["kind"].lower()].add(int(match["id"]))

    @property
    def ids(self) -> list[int]:
        """All ids, in order as numbers."""
        return sorted(set(self.images).union(*self.arrays.values()))

    def units(self, part: str, folder: str) -> "Iterator[Batch]":
        """Yield the images in batches; one that is not there keeps the name that it should have."""
        pictures = [(key, self.images.get(key) or f"images/{key}.jpg") for key in self.ids]
        for start in range(0, len(pictures), BATCH):
            yield Batch(part, folder, tuple(pictures[start : start + BATCH]))

    def gaps(self, folder: str) -> list[str]:
        """Say which kinds of files are missing of how many ids."""
        ids = set(self.ids)
        kinds = {"image": set(self.images), **{f"_{kind}.npy": known for kind, known in self.arrays.items()}}
        lost = {kind: sorted(ids - known) for kind, known in kinds.items() if ids - known}
        return [
            f"{folder}: {len(keys)} of {len(ids)} ids have no {kind}, e.g. {keys[0]}"
            for kind, keys in lost.items()
        ]


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
    Find the parts by the names of their files.

    Returns
    -------
    Release or None
        None if there are no such files.

    Raises
    ------
    ValueError
        If a part is missing, or there twice.
    """
    parts: dict[str, dict[str, Known]] = {part: {} for part in PARTS}
    for path in tree.everything():
        if match := _FILE.fullmatch(path):
            part = "train" if match["set"].lower() == "train" else "test"
            parts[part].setdefault(match["folder"], Known()).add(match, path)
    if not any(parts.values()):
        return None
    for part, folders in parts.items():
        if len(folders) != 1:
            wanted = "train_set" if part == "train" else "val_set"
            remedy = f"; {hint}" if (hint := packed.hint(tree)) else ""
            raise ValueError(
                f"{tree.root}: found {sorted(folders) or 'no ' + wanted}; expected one {wanted}{remedy}"
            )
    only = {part: next(iter(folders.items())) for part, folders in parts.items()}
    units = [unit for part, (folder, known) in only.items() for unit in known.units(part, folder)]
    gaps = [gap for folder, known in only.values() for gap in known.gaps(folder)]
    return Release(
        "AffectNet 2021, 8 labels", units, [], [], matched=_matched(tree, only)._replace(gaps=tuple(gaps))
    )


def _matched(tree: Tree, parts: Mapping[str, tuple[str, Known]]) -> Matched:
    """Report the folders, how many images each has, and whether labels are numbers or text."""
    counts = {f"{PARTS[part]} images": len(known.ids) for part, (_, known) in parts.items()}
    places = {f"{PARTS[part]} set": folder for part, (folder, _) in parts.items()}
    renamed = places["validation set"].lower().endswith("test_set")
    variants = [*(["validation set named test_set"] if renamed else []), *_stored(tree, *parts["train"])]
    return Matched(tuple(variants), places, counts)


def _stored(tree: Tree, folder: str, known: Known) -> list[str]:
    """Say how the first label is stored."""
    try:
        first = min(known.arrays["exp"])
        kind = affectnet_arrays.array(tree, f"{folder}/annotations/{first}_exp.npy", "expression").dtype.kind
    except (ValueError, Quarantine):  # none, or damaged: the item will say so itself
        return []
    return [f"labels stored as {'text' if kind in 'SU' else 'numbers'}"]


def _face(face: Face, tree: Tree, stem: str, options: argparse.Namespace) -> Face:
    face.expression = code(affectnet_arrays.scalar(tree, f"{stem}_exp.npy", "expression"))
    face.valence = affectnet_arrays.scalar(tree, f"{stem}_val.npy", "valence")
    face.arousal = affectnet_arrays.scalar(tree, f"{stem}_aro.npy", "arousal")
    cleaned(checked(face), options)

    def find() -> tuple[Picture, Box]:
        if options.crop in crops.BY_LANDMARKS:
            box = faces.around(affectnet_arrays.points(tree, f"{stem}_lnd.npy"), count=68)
            return images.read(tree, face.source), box
        picture = images.read(tree, face.source)  # cropped by the publisher: the image is the box
        height, width = picture.shape
        return picture, Box(0, 0, width, height)

    face.find = find
    return face
