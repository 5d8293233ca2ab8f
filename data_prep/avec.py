"""AVEC 2017, 2018 and 2019: the subsets of SEWA that the challenges gave out, with gold labels at 10 Hz.

Source: guidelines of the challenges, Ringeval et al. 2019 (arXiv 1907.11510), and public loaders; README.md.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from data_prep import avec_report, splits
from data_prep.archive import split
from data_prep.avec_layout import Found
from data_prep.avec_recording import GAP, Recording
from data_prep.record import Face, Plan, Quarantine, Release, Scale
from data_prep.tree import Tree
from hocp.contracts import files as hashing

_RESCALED = 0.35  # mean of labels without a negative one; the published ones have means of at most 0.14


def locate(tree: Tree, options: argparse.Namespace, releases: Found, year: int) -> Release:
    """
    Take the recordings of one year.

    Raises
    ------
    ValueError
        If the options do not fit recordings with labels every 0.1 s, or boxes are wanted and not there.
    """
    _check(options)
    boxes = _boxes(options.boxes, releases[year])
    recordings = [
        Recording(name, kinds | ({"boxes": boxes[name]} if name in boxes else {}))
        for name, kinds in sorted(releases[year].items())
    ]
    archives = {
        split(path)[0]
        for recording in recordings
        for kind, path in recording.files.items()
        if kind == "labels" or (kind == "video" and split(path)[1])
    }
    moved = f", labels {options.label_delay:g} s earlier" if options.label_delay else ""
    dropped = ", zeros at the start dropped" if options.drop_leading_zeros else ""
    return Release(
        f"AVEC {year} (SEWA subset){moved}{dropped}",
        recordings,
        sorted(archives),
        avec_report.notes(tree, year, recordings, boxes=bool(options.boxes)),
        {"crop": "landmarks of OpenFace"} if options.boxes else {"crop": "whole", "margin": 1.0},
    )


def _check(options: argparse.Namespace) -> None:
    if options.frame_step % GAP:
        raise ValueError(
            f"frame step {options.frame_step}: AVEC has a label every {GAP} frames of 1/50 s; expected a "
            f"multiple of {GAP} (--frame-step, data.prepare.sewa.frame_step)"
        )
    if options.margin < 1 and not options.boxes:
        raise ValueError(f"margin {options.margin:g}: expected 1 or more where there are no boxes (--boxes)")


def _boxes(folder: str, recordings: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Recording -> its table of OpenFace, for those that have one."""
    if not folder:
        return {}
    stems = {path.split("/")[-1].removesuffix(".csv"): path for path in Tree(folder).files}
    boxes = {name: path for name, path in stems.items() if name in recordings}
    if not boxes:
        raise ValueError(f"{folder}: no table of OpenFace for any recording, expected e.g. Train_DE_01.csv")
    return boxes


def repeats() -> Callable[[Face], None]:
    """Watch for one video under two names; by name, Devel comes before Train and stays."""
    first: dict[bytes, str] = {}

    def watch(face: Face) -> None:
        if (other := first.setdefault(face.content, face.clip)) != face.clip:
            raise Quarantine("dup_content", f"the same video as {other}")

    return watch


def scale(faces: Sequence[Face]) -> Scale:
    """
    Signed, as the organisers publish them; what was measured is recorded beside it.

    Raises
    ------
    ValueError
        If the labels look like a copy that somebody mapped to [0, 1].
    """
    values = [value for face in faces for value in (face.valence, face.arousal)]
    if min(values) >= 0 and float(np.mean(values)) > _RESCALED:
        raise ValueError(
            f"labels from {min(values):.3f} to {max(values):.3f} with a mean of {np.mean(values):.3f}: the "
            "gold labels of AVEC are signed and near zero; is the folder a rescaled copy?"
        )
    return Scale(1.0, 0.0)


def plan(faces: Sequence[Face], options: argparse.Namespace) -> Plan:
    """
    Official parts: Train, of which some speakers are for validation, and Devel as the test part.

    The labels of Test are withheld. Of 3:1:1 and 8:1:1 the first two numbers divide Train.

    Raises
    ------
    ValueError
        If there are not two usable speakers of Train and one of Devel.
    """
    speakers = {face.group: face.stratum for face in faces if face.part == "train"}
    tested = {face.group for face in faces if face.part == "test"}
    if len(speakers) < 2 or not tested:
        raise ValueError(
            f"usable recordings: {len(speakers)} of Train, {len(tested)} of Devel; expected at least 2 and 1"
        )
    ratio = splits.RATIOS[options.split] - 1  # parts of which one is for validation
    watched = _watched(speakers, ratio, options.seed)
    sides = {
        face.item: "test" if face.part == "test" else "val" if face.group in watched else "train"
        for face in faces
    }
    splits.check((face.group, sides[face.item]) for face in faces)
    rule = {
        "rule": f"official; 1 in {ratio} speakers of Train for validation, Devel is tested",
        "seed": options.seed,
        "sha256": hashing.sha256_of({face.clip: sides[face.item] for face in faces}),
    }
    return Plan(sides, rule)


def _watched(speakers: Mapping[str, str], ratio: int, seed: int) -> set[str]:
    """One in `ratio` speakers of each culture, at least one in all."""
    rng = np.random.default_rng(seed)
    order = [sorted(speakers)[place] for place in rng.permutation(len(speakers))]
    chosen = set()
    for culture in sorted(set(speakers.values())):
        own = [name for name in order if speakers[name] == culture]
        chosen.update(own[: round(len(own) / ratio)])
    return chosen or set(order[:1])
