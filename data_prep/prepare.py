"""From a release to a prepared data set: locate, inventory, parse, validate, crop, split, pack.

Everything comes in the release's order. What was cropped is kept in a work folder until the result is whole,
so a run that was stopped goes on where it was, and a changed file costs that file.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data_prep import afew_va, affectnet, archive, cleaning, pack, policy, room, sewa, splits, splits_list
from data_prep.cropping import Cropper, cropped
from data_prep.crops import Crop
from data_prep.entries import Entries
from data_prep.inventory import Inventory, Traced
from data_prep.record import Face, Plan, Quarantine, Release, Scale
from data_prep.store import Store
from data_prep.tree import Tree
from hocp.contracts import files, locks, manifest

READERS = {"affectnet": affectnet, "sewa": sewa, "afew_va": afew_va}


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
    work: str | Path | None = None,
    keep_work: bool = False,
    verify: bool = False,
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
    work : path, optional
        Folder that keeps what is cropped, by default ``<out>.work``; the result does not depend on it.
    keep_work : bool
        Whether it stays when all is done.
    verify : bool
        Whether to hash every file anew instead of trusting sizes and times.

    Raises
    ------
    ValueError
        If the release is not recognised, incomplete, holds no usable item, or too many with one fault; if
        `out` is something else, another process prepares the same, or the disk is full.
    """
    out = Path(out)
    _leave_alone(out.resolve(), Path(source).resolve())
    work = Path(work) if work else out.with_name(f"{out.name}.work")
    files.check_name(_lock(work), of=out)
    reader, tree = READERS[dataset], Tree(source)
    made = next((path for path in tree.files if path.rsplit("/", 1)[-1] == "lookalike.json"), None)
    if data == "licensed" and made:
        raise ValueError(f"{source}: generated data (it has {made}); expected the licensed release")
    release = reader.locate(tree, options)
    room.check(room.items(tree, release, options), side, out=out, work=work)
    tree.__dict__.pop("files", None)  # names of perhaps half a million files, not needed any more
    with _alone(out, work), room.told(out, work):
        with Store(work) as store, files.publish(out) as scratch:
            inventory = Inventory(source, store, verify=verify)
            sources = _inventoried(release, tree, inventory)
            entries = Entries(store, inventory, dataset=dataset, side=side, options=options)
            cropper = Cropper(Traced(source), options, side, reader.aspect)
            stream = cropped(release.units, cropper, entries, processes=processes)
            found = _stored(stream, reader.repeats(options), scratch, dataset=dataset, side=side)
            _unchanged(sources, inventory, source)
            if all(face.row is None for face in found):
                raise ValueError(f"{source}: {len(found)} items, none usable: {_reasons(found)}")
            facts = _listed(
                found, scratch, release, dataset=dataset, data=data, options=options, limits=limits or {}
            )
            crop = {**Crop.of(options, side).facts(options, found), **release.crop}
            sources |= _pictures(found)
            found.clear()  # half a million faces; what follows reads the files, and needs the memory
            facts = pack.finish(scratch, crop=crop, sources=sources, **facts)
            if keep_work:
                store.prune()
        if not keep_work:
            store.remove()
    _report(entries, dataset, work)
    return facts


@contextmanager
def _alone(out: Path, work: Path) -> Iterator[None]:
    """Keep other processes from the same result and the same work folder."""
    with ExitStack() as stack:
        for place in (out, work):
            stack.enter_context(locks.held(_lock(place), f"{place}: another process is preparing it"))
        yield


def _leave_alone(out: Path, source: Path) -> None:
    """Refuse to put the result in the place of anything but an older result, which it would remove."""
    ours = {pack.CROPS, pack.MANIFEST, pack.FACTS, splits_list.NAME}
    others = out.exists() and (not out.is_dir() or any(path.name not in ours for path in out.iterdir()))
    if others or out == source or out in source.parents:
        raise ValueError(f"{out}: holds other files, which the result would replace; choose another --out")


def _lock(place: Path) -> Path:
    return place.with_name(f".{place.name}.lock")


def _inventoried(release: Release, tree: Tree, inventory: Inventory) -> dict[str, str]:
    """Hashes of archives and lists, compared with `SHA256SUMS` where there is one."""
    known = inventory.digests(release.archives)
    return archive.checksums({path: tree.place(path) for path in release.archives}, known)


def _unchanged(sources: dict[str, str], inventory: Inventory, source: str | Path) -> None:
    """Refuse a release that somebody was still writing to."""
    now = inventory.digests(sources)
    changed = sorted(path for path in sources if now[path] != sources[path])
    if changed:
        raise ValueError(f"{source}: {', '.join(changed)} changed while it was read; run this again")


def _stored(
    stream: Generator[Face, None, None],
    watch: Callable[[Face], None],
    scratch: Path,
    *,
    dataset: str,
    side: int,
) -> list[Face]:
    """Write crops as they come; of repeated content the first stays."""
    found = []
    scratch.mkdir()
    with pack.writing(scratch, side) as crops, closing(stream):
        for face in tqdm(stream, desc=dataset, unit=" items", disable=None):  # silent unless a person watches
            try:
                if face.crop is not None:
                    watch(face)
                    face.row = crops.append(face.crop)
            except Quarantine as reason:
                face.quarantine(reason)
            found.append(face.slimmed())
    return found


def _listed(
    found: Sequence[Face],
    scratch: Path,
    release: Release,
    *,
    dataset: str,
    data: str,
    options: argparse.Namespace,
    limits: Mapping[str, float],
) -> dict[str, Any]:
    """Find the scale, judge the faults, split, write manifest and split; returns facts of all that."""
    reader = READERS[dataset]
    usable = [face for face in found if face.row is not None]
    scale = reader.scale(usable)
    usable = [face for face in usable if _on_scale(face, scale)]
    verdict = policy.checked(release, found, dataset=dataset, data=data, changes=limits)
    plan = splits.plan(usable, options, rule=reader.plan)
    return {
        "dataset": dataset,
        "data": data,
        "release": release.name,
        "scale": _scale_facts(usable, scale),
        "frame_step": getattr(options, "frame_step", 1),
        "fps": reader.fps(options),
        "clean": cleaning.facts(options),
        "split": splits_list.publish(scratch, usable, plan, scale=scale),
        "counts": pack.listed(scratch, (_item(face, dataset, scale, plan) for face in found)),
        **verdict,
    }


def _report(entries: Entries, dataset: str, work: Path) -> None:
    """Say what was spared, if anything was."""
    if entries.taken:
        total = entries.taken + entries.made
        print(f"{dataset}: {entries.taken} of {total} items taken over from {work}", file=sys.stderr)


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
    contents = {face.source: face.content.hex() for face in found if face.content}
    return {f"{len(contents)} pictures": files.sha256_of(contents)} if contents else {}


def _reasons(found: Sequence[Face]) -> str:
    return ", ".join(
        f"{count} {status}" for status, count in Counter(face.status for face in found).most_common()
    )
