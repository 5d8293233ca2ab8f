"""From a release to a prepared data set: read, crop, map labels, split, pack; all in the release's order."""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data_prep import afew_va, affectnet, archive, cleaning, faces, pack, policy, sewa, splits, splits_list
from data_prep.crops import Crop
from data_prep.parallel import results
from data_prep.record import Face, Plan, Quarantine, Scale
from data_prep.tree import Tree
from hocp.contracts import files, manifest

READERS = {"affectnet": affectnet, "sewa": sewa, "afew_va": afew_va}


@dataclass(frozen=True)
class Work:
    """What a process needs in order to turn units into cropped faces."""

    dataset: str
    tree: Tree
    options: argparse.Namespace
    side: int

    def __call__(self, unit: Any) -> list[Face]:
        """Read and crop the faces of one unit; each is cropped before the next one is asked for."""
        found = []
        for face in unit.read(self.tree, self.options):
            self._crop(face)
            found.append(face)
        return found

    def _crop(self, face: Face) -> None:
        """Crop a face that has a picture; a fault stays with the face."""
        find, face.find = face.find, None
        if find is None or face.status != "ok":
            return
        try:
            picture, box = find()
            height, width = picture.pixels.shape[:2]
            face.content = picture.content
            inside = faces.inside(box, width, height)
            face.aspect = READERS[self.dataset].aspect(picture.pixels, self.options)
            face.crop = Crop.of(self.options, self.side)(picture.pixels, inside, aspect=face.aspect)
        except Quarantine as reason:
            face.quarantine(reason)
            return
        if picture.note:
            face.status = "img_mode_converted"
            face.remark(picture.note)
        if inside != box:
            face.status = "box_clamped"
            face.remark("box ({:g}, {:g}, {:g}, {:g}) leaves the image".format(*box))


def prepare(
    dataset: str,
    source: str | Path,
    *,
    out: str | Path,
    data: str,
    side: int,
    options: argparse.Namespace,
    processes: int = 1,
    limits: Mapping[str, float] | None = None,
) -> manifest.Facts:
    """
    Prepare one data set.

    Parameters
    ----------
    dataset : str
        One of `READERS`.
    source, out : path
        Folder of the release; folder to appear, whole or not at all.
    data : str
        "generated" or "licensed".
    side : int
        Pixels of a crop.
    options : Namespace
        Options of the reader.
    processes : int
        The result does not depend on it.
    limits : mapping, optional
        Status -> share of the items that may have it, where the default does not suit.

    Raises
    ------
    ValueError
        If the release is not recognised, incomplete, holds no usable item, or too many with one fault; if
        `out` is something else.
    """
    if data == "licensed" and (Path(source) / "lookalike.json").exists():
        raise ValueError(f"{source}: generated data (it has a lookalike.json); expected the licensed release")
    _leave_alone(Path(out).resolve(), Path(source).resolve())
    reader, tree = READERS[dataset], Tree(source)
    release = reader.locate(tree, options)
    sources = archive.checksums({path: tree.place(path) for path in release.archives})
    with files.publish(out) as scratch:
        scratch.mkdir()
        with pack.writing(scratch, side) as crops:
            batches = results(Work(dataset, tree, options, side), release.units, processes=processes)
            stream = _progress(chain.from_iterable(batches), dataset)
            found = _stored(stream, reader.repeats(options), crops)
        usable = [face for face in found if face.row is not None]
        if not usable:
            raise ValueError(f"{source}: {len(found)} items, none usable: {_reasons(found)}")
        scale = reader.scale(usable)
        usable = [face for face in usable if _on_scale(face, scale)]
        verdict = policy.checked(release, found, dataset=dataset, data=data, changes=limits or {})
        plan = splits.plan(usable, options, rule=reader.plan)
        return pack.finish(
            scratch,
            [_item(face, dataset, scale, plan) for face in found],
            dataset=dataset,
            data=data,
            release=release.name,
            scale=_scale_facts(usable, scale),
            frame_step=getattr(options, "frame_step", 1),
            fps=reader.fps(options),
            crop={**Crop.of(options, side).facts(options, found), **release.crop},
            clean=cleaning.facts(options),
            split=splits_list.publish(scratch, usable, plan, scale=scale),
            sources={**sources, **_pictures(found)},
            **verdict,
        )


def _leave_alone(out: Path, source: Path) -> None:
    """Refuse to put the result in the place of anything but an older result, which it would remove."""
    ours = {pack.CROPS, pack.MANIFEST, pack.FACTS}
    others = out.exists() and (not out.is_dir() or any(path.name not in ours for path in out.iterdir()))
    if others or out == source or out in source.parents:
        raise ValueError(f"{out}: holds other files, which the result would replace; choose another --out")


def _progress(stream: Iterable[Face], dataset: str) -> Iterable[Face]:
    return tqdm(stream, desc=dataset, unit=" items", disable=None)  # silent unless a person watches


def _stored(stream: Iterable[Face], watch: Callable[[Face], None], crops: pack.Crops) -> list[Face]:
    """Write crops as they come; of repeated content the first stays."""
    found = []
    for face in stream:
        try:
            if face.crop is not None:
                watch(face)
                face.row = crops.append(face.crop)
        except Quarantine as reason:
            face.quarantine(reason)
        face.crop = None
        found.append(face)
    return found


def _on_scale(face: Face, scale: Scale) -> bool:
    """Whether both labels lie on the signed scale; a face whose labels do not is set aside."""
    for what in ("valence", "arousal"):
        native = getattr(face, what)
        if abs(_signed(native, scale)) > 1:
            note = f"{what} is {native:g}, beyond the scale of the others"
            face.quarantine(Quarantine("label_range", note))
            face.row = None
            return False
    return True


def _signed(native: float, scale: Scale) -> float:
    return round(scale.factor * native + scale.offset, 6)  # what the manifest keeps


def _item(face: Face, dataset: str, scale: Scale, plan: Plan) -> manifest.Item:
    row = {name: getattr(face, name) for name in ("item", "group", "clip", "frame", "row", "status", "note")}
    if face.row is None:
        return manifest.Item(dataset=dataset, **row)
    return manifest.Item(
        dataset=dataset,
        split=plan.split[face.item],
        valence=_signed(face.valence, scale),
        arousal=_signed(face.arousal, scale),
        expression=face.expression,
        **row,
    )


def _scale_facts(usable: Sequence[Face], scale: Scale) -> dict[str, float]:
    values = [value for face in usable for value in (face.valence, face.arousal)]
    return {"native_min": min(values), "native_max": max(values), **scale._asdict()}


def _pictures(found: Iterable[Face]) -> dict[str, str]:
    """One hash over all pictures that were read; a hash of each would outgrow all else in the facts."""
    contents = {face.source: face.content for face in found if face.content}
    return {f"{len(contents)} pictures": files.sha256_of(contents)} if contents else {}


def _reasons(found: Sequence[Face]) -> str:
    return ", ".join(
        f"{count} {status}" for status, count in Counter(face.status for face in found).most_common()
    )
