"""Test faces cut again from the release in other ways, to see how much of a score the crop makes."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np

from data_prep import faces
from data_prep.crops import Crop
from data_prep.prepare import READERS
from data_prep.record import Box, Picture, Quarantine
from data_prep.resizers import RESIZERS
from data_prep.tree import Tree
from hocp.contracts import files, manifest, variants
from hocp.contracts.manifest import Item
from hocp.contracts.variants import TRAINED, Variant

MARGINS = (0.8, 0.9, 1.1, 1.25, 1.5)  # times the side of the crops that were trained on


def recrop(
    prepared: str | Path,
    source: str | Path,
    *,
    out: str | Path,
    options: argparse.Namespace,
    fold: int = 0,
    most: int = 400,
) -> variants.Variants:
    """
    Cut test faces of a prepared data set in every way of `changes`.

    Parameters
    ----------
    prepared, source, out : path
        Folder of the prepared data set, of the release that it was made from, and to appear.
    options : Namespace
        Options of the reader, as they were when it was prepared.
    fold : int
        Whose test part.
    most : int
        Items that are cut, evenly taken from the test part.

    Raises
    ------
    ValueError
        If the unchanged crops are not, bit for bit, those of the prepared data set.
    """
    prepared = Path(prepared)
    facts = manifest.read_facts(prepared / "manifest.json")
    chosen = choose(manifest.read(prepared / "manifest.csv"), fold=fold, most=most)
    crop = Crop.of(options, facts.crop["side"])
    kinds = list(changes(crop, options))
    array = np.empty((len(kinds), len(chosen), crop.side, crop.side, 3), np.uint8)
    order = {item.item: place for place, item in enumerate(chosen)}
    reader, seen = READERS[facts.dataset], set()
    for name, picture, box in _found(reader, Tree(source), options, chosen):
        seen.add(name)
        array[:, order[name]] = [cut(picture, box, reader, crop, options, change) for change in kinds]
    _same(array[0], prepared / "crops.h5", chosen, seen, source)
    with files.publish(out) as scratch:
        scratch.mkdir()
        with h5py.File(scratch / variants.CROPS, "w") as file:
            file.create_dataset("crops", data=array, track_times=False)
        made = variants.Variants(
            dataset=facts.dataset,
            data=facts.data,
            manifest_sha256=facts.manifest_sha256,
            crops_sha256=files.sha256(scratch / variants.CROPS),
            trained=_trained(crop, options),
            variants=kinds,
            items=list(order),
        )
        variants.write(scratch / variants.FACTS, made)
    return made


def choose(items: Sequence[Item], *, fold: int, most: int) -> list[Item]:
    """Usable items of the test part of a fold, evenly thinned to `most`."""
    test = [item for item in items if item.usable and manifest.parts(item.split, fold) == "test"]
    return [test[place] for place in np.linspace(0, len(test) - 1, min(most, len(test))).astype(int)]


def changes(crop: Crop, options: argparse.Namespace) -> Iterator[Variant]:
    """Ways of cutting: unchanged first, then one thing changed at a time."""
    yield Variant(TRAINED, "")
    yield from (Variant("margin", f"{factor:g}") for factor in MARGINS)
    yield from (Variant("resize", name) for name in RESIZERS if name != crop.resize)
    yield Variant("colour", "bgr")
    if hasattr(options, "anamorphic"):
        yield Variant("anamorphic", str(not options.anamorphic).lower())


def _trained(crop: Crop, options: argparse.Namespace) -> dict[str, str]:
    """Settings that networks were trained on."""
    stretched = getattr(options, "anamorphic", None)
    known = {} if stretched is None else {"anamorphic": str(stretched).lower()}
    return {"margin": "1", "resize": crop.resize, "colour": "rgb", **known}


def cut(
    picture: Picture, box: Box, reader: ModuleType, crop: Crop, options: argparse.Namespace, change: Variant
) -> np.ndarray:
    """
    Cut a face with one thing changed.

    Parameters
    ----------
    box : Box
        Of the face, inside the picture.

    Returns
    -------
    uint8 array, shape (side, side, 3)
        RGB, or BGR for a network that is told it was RGB.
    """
    kind, setting = change
    if kind == "anamorphic":
        options = argparse.Namespace(**{**vars(options), "anamorphic": setting == "true"})
    region = crop.region(box, picture.shape, aspect=reader.aspect(picture, options))
    if kind == "margin":
        region = _zoomed(region, float(setting))
    made = faces.cut(picture.image, region, crop.side, resizer=setting if kind == "resize" else crop.resize)
    return made[..., ::-1] if kind == "colour" else made


def _zoomed(region: Box, factor: float) -> Box:
    x, y = (region.left + region.right) / 2, (region.top + region.bottom) / 2
    half_width, half_height = factor * (region.right - x), factor * (region.bottom - y)
    return Box(x - half_width, y - half_height, x + half_width, y + half_height)


def _found(
    reader: ModuleType, tree: Tree, options: argparse.Namespace, chosen: Sequence[Item]
) -> Iterator[tuple[str, Picture, Box]]:
    """Read the chosen items again; clips without any are not opened."""
    wanted, clips = {item.item for item in chosen}, {item.clip for item in chosen}
    for unit in reader.locate(tree, options).units:
        name, part = getattr(unit, "name", ""), getattr(unit, "part", "test")  # a clip, or images of a part
        if part != "test" or (name and name not in clips):
            continue
        for face in unit.read(tree, options):
            if face.item in wanted and face.find is not None:
                try:
                    picture, box = face.find()
                    height, width = picture.pixels.shape[:2]
                    yield face.item, picture, faces.inside(box, width, height)
                except Quarantine:  # it is missed below
                    continue


def _same(array: np.ndarray, path: Path, chosen: Sequence[Item], seen: set[str], source: str | Path) -> None:
    """See that unchanged crops are those of the prepared data set."""
    expected = "expected the release that it was prepared from, with the same options"
    missing = [item.item for item in chosen if item.item not in seen]
    if missing:
        raise ValueError(
            f"{source}: {len(missing)} items of {path.parent} not found, e.g. {missing[0]}; {expected}"
        )
    with h5py.File(path, "r") as file:
        wrong = [
            item.item
            for item, crop in zip(chosen, array, strict=True)
            if not np.array_equal(crop, file["crops"][item.row])
        ]
    if wrong:
        raise ValueError(f"{source}: {len(wrong)} crops differ from {path}, e.g. {wrong[0]}; {expected}")
