"""AffectNet: still images from the web, one face each; releases of 2017 (lists) and 2021 (npy files).

Sources: Mollahosseini et al. 2017 (arXiv 1708.03985) and the layouts that public loaders read; see README.md.
"""

import argparse
import hashlib
import re
from collections.abc import Callable, Sequence

from data_prep import affectnet_lists, affectnet_npy, cleaning, crops, packed, splits
from data_prep.numbers import Numbers
from data_prep.options import margin
from data_prep.record import Face, Picture, Plan, Quarantine, Release, Scale, Unrecognised
from data_prep.tree import Tree

#: Options that read another release of the same data set; `doctor` tries each.
ALTERNATIVES = ({"part": "manual"}, {"part": "automatic"})


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options named as in the configuration's ``data.prepare.affectnet``."""
    parser.add_argument(
        "--part",
        choices=tuple(affectnet_lists.LISTS),
        default="manual",
        help="of the release of 2017; the automatic part has labels of a network, and no test part",
    )
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
    Unrecognised
        If neither layout is there.
    ValueError
        If both are, or what is there is incomplete or still packed.
    """
    layouts = (affectnet_lists, affectnet_npy) if options.part == "manual" else (affectnet_lists,)
    found = [release for layout in layouts if (release := layout.locate(tree, options))]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"{tree.root}: holds both {' and '.join(r.name for r in found)}; give one folder a release"
        )
    if stems := _volumes(tree, options.part):
        known = any(re.search("manual|automat", stem, re.IGNORECASE) for stem in stems)
        error = ValueError if known else Unrecognised
        raise error(f"{tree.root}: AffectNet 2017, {options.part} part, {packed.hint(tree)}")
    expected = {
        "manual": "training.csv and validation.csv (2017), or train_set/annotations/*_exp.npy and "
        "val_set/annotations/*_exp.npy (2021); automatically_annotated.csv alone needs --part automatic",
        "automatic": "automatically_annotated.csv and the folder Automatically_Annotated_Images",
    }[options.part]
    raise Unrecognised(f"{tree.root}: no AffectNet release recognised. Expected {expected}")


def _volumes(tree: Tree, part: str) -> list[str]:
    """Rar archives of a part of the release of 2017."""
    return [
        stem for stem in packed.archives(tree.files) if ("automat" in stem.lower()) == (part == "automatic")
    ]


def aspect(picture: Picture, options: argparse.Namespace) -> float:
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
    faces: list[Face] = []
    places = Numbers()  # hash of content -> the first of `faces` that has it

    def watch(face: Face) -> None:
        faces.append(face)
        known = {"file content": face.content}
        if face.crop is not None:  # `doctor` cuts none
            known["crop"] = hashlib.sha256(face.crop.ravel()).digest()
        for what, content in known.items():
            place = places.add(int.from_bytes(content[:8]) >> 1, len(faces) - 1)
            seen = face if place is None else faces[place]
            if (seen.source, seen.part) != (face.source, face.part):
                raise Quarantine("dup_content", f"the same {what} as {seen.item}")

    return watch


def scale(faces: Sequence[Face]) -> Scale:
    """Labels are signed already."""
    return Scale(1.0, 0.0)


def plan(faces: Sequence[Face], options: argparse.Namespace) -> Plan:
    """
    Official validation part as test, since the official test part is not out; a share of train as val.

    The automatic part has no official parts: all of it is train, with the same share as val and no test.
    """
    found = splits.official(faces, share=options.validation_share, seed=options.seed)
    if options.part == "automatic":
        rule = f"no official parts: all train, {options.validation_share:g} of it, by class, val; no test"
        return Plan(found.split, {**found.rule, "rule": rule})
    return found
