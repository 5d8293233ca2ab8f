"""AffectNet: still images from the web, one face each; releases of 2017 (lists) and 2021 (npy files).

Sources: Mollahosseini et al. 2017 (arXiv 1708.03985) and the layouts that public loaders read; see README.md.
"""

import argparse
import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from data_prep import affectnet_lists, affectnet_npy, cleaning, crops, splits
from data_prep.options import margin
from data_prep.record import Face, Plan, Quarantine, Release, Scale
from data_prep.tree import Tree


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options named as in the configuration's ``data.prepare.affectnet``."""
    crops.add_options(parser, presets=("box", "landmarks", "emonet", "none"), points=68)
    parser.add_argument("--margin", type=margin, default=1.0, help="side of the crop over that of the box")
    parser.add_argument(
        "--validation-share",
        "--validation_share",
        type=float,
        default=0.1,
        help="share of train to choose models on",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of that share")
    cleaning.add_options(parser)


def locate(tree: Tree, options: argparse.Namespace) -> Release:
    """
    Recognise the release by its files.

    Raises
    ------
    ValueError
        If neither layout is there, or both.
    """
    found = [
        release for layout in (affectnet_lists, affectnet_npy) if (release := layout.locate(tree, options))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"{tree.root}: holds both {' and '.join(r.name for r in found)}; give one folder a release"
        )
    volumes = [path for path in tree.files if path.lower().endswith(".rar")]
    if volumes:
        raise ValueError(
            f"{tree.root}: {len(volumes)} rar volumes, beginning with {volumes[0]}. Unpack them with "
            f"`unrar x {volumes[0]}` or `7z x {volumes[0]}`, all volumes in one folder, then run this again"
        )
    raise ValueError(
        f"{tree.root}: no AffectNet release recognised. Expected training.csv and validation.csv (2017), or "
        "train_set/annotations/*_exp.npy and val_set/annotations/*_exp.npy (2021)"
    )


def aspect(pixels: np.ndarray, options: argparse.Namespace) -> float:
    """Width of a stored pixel in heights."""
    return 1.0


def fps(options: argparse.Namespace) -> float | None:
    """Frames a second: none, these are single images."""
    return None


def repeats(options: argparse.Namespace) -> Callable[[Face], None]:
    """
    Watch for one picture under two names, or in two official parts; several faces in one picture are fine.

    The same picture is the same file, or another file that gives the same crop.

    The first one stays. Readers yield the official validation part first, so that it is the training part
    that yields.
    """
    first: dict[str, Face] = {}

    def watch(face: Face) -> None:
        crop = hashlib.sha256(face.crop.tobytes()).hexdigest()
        for what, content in (("file content", face.content), ("crop", crop)):
            seen = first.setdefault(content, face)
            if (seen.source, seen.part) != (face.source, face.part):
                raise Quarantine("dup_content", f"the same {what} as {seen.item}")

    return watch


def scale(faces: Sequence[Face]) -> Scale:
    """Labels are signed already."""
    return Scale(1.0, 0.0)


def plan(faces: Sequence[Face], options: argparse.Namespace) -> Plan:
    """Official validation part as test, since the official test part is not out; a share of train as val."""
    return splits.official(faces, share=options.validation_share, seed=options.seed)
