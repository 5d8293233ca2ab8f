"""SEWA Basic: 538 segments of video chats; video, landmarks and annotations of each in a folder of its name.

Source: Kossaifi et al. 2019 (arXiv 1901.02839) and the layouts that public loaders read; see README.md.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from data_prep import crops, labels, sewa_files, splits
from data_prep.options import margin, positive
from data_prep.record import Face, Plan, Quarantine, Release, Scale
from data_prep.sewa_segment import DIMENSIONS, NAME, RATE, Segment
from data_prep.tree import Tree

_FILE = re.compile(rf"(?P<folder>(?:.*/)?)(?P<name>{NAME.pattern})(?P<rest>[-./_].*)")
_KINDS = (
    (r"\.avi|-Video\.zip", "video"),
    (r"-Landmarks\.zip", "landmarks"),
    (r"(?P<folder>-Landmarks)/\d+\.txt", "landmarks"),
    (r"-Valence\.zip|_Valence_{modality}_Aligned\.csv", "valence"),
    (r"-Arousal\.zip|_Arousal_{modality}_Aligned\.csv", "arousal"),
    (r"/metadata\.ini", "metadata"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options named as in the configuration's ``data.prepare.sewa``."""
    parser.add_argument(
        "--modality", choices=("V", "A", "AV"), default="V", help="what the raters saw and heard"
    )
    parser.add_argument("--column", default="mean", help="mean of the value columns, or the name of one")
    parser.add_argument(
        "--frame-step", "--frame_step", type=positive, default=5, help="keep every n-th frame"
    )
    parser.add_argument(
        "--margin", type=margin, default=1.4, help="side of the crop over that of the landmarks' box"
    )
    parser.add_argument("--split", choices=tuple(splits.RATIOS), default="3:1:1", help="train : val : test")
    parser.add_argument("--seed", type=int, default=0, help="of the split")
    crops.add_options(parser, presets=("landmarks", "emonet", "none"), points=sewa_files.POINTS)


def locate(tree: Tree, options: argparse.Namespace) -> Release:
    """
    Find segments by the names of their files.

    Raises
    ------
    ValueError
        If there is no segment with a video.
    """
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    archives = set()
    for path in tree.files:
        if match := _FILE.fullmatch(path):
            kind, place = _kind(path, match["rest"], options.modality)
            home = re.sub(rf"(?:{match['name']}(?:-\w+)?/)+$", "", match["folder"])
            if kind:
                found[match["name"], home].setdefault(kind, place)
                archives |= {path} if place == path else set()
    found = {key: files for key, files in found.items() if set(files) != {"metadata"}}
    if not any("video" in files for files in found.values()):
        raise ValueError(
            f"{tree.root}: no segment of SEWA Basic recognised. Expected files such as "
            "SAH_C1_S001_P001_VC1_003857_004977.avi, -Landmarks.zip, -Valence.zip and -Arousal.zip in "
            "folders of that name"
        )
    rule = "mean of the value columns" if options.column == "mean" else f"column {options.column}"
    name = f"SEWA Basic, annotations {options.modality}, {rule}"
    return Release(name, _in_order(found), sorted(archives), [])


def _kind(path: str, rest: str, modality: str) -> tuple[str, str]:
    """What a file is, by what follows the segment's name, and its place; empty for all others."""
    for pattern, kind in _KINDS:
        if match := re.fullmatch(pattern.replace("{modality}", modality), rest):
            return kind, path.rsplit("/", 1)[0] if "folder" in match.groupdict() else path
    return "", ""


def _in_order(found: Mapping[tuple[str, str], Mapping[str, str]]) -> list[Segment]:
    """Segments by name; of one that is there twice the first stays."""
    segments: list[Segment] = []
    first: dict[str, str] = {}
    for (name, home), files in sorted(found.items()):
        segments.append(Segment(name, files, repeated=(home or "./") if name in first else ""))
        first.setdefault(name, home)
    return segments


def aspect(pixels: np.ndarray, options: argparse.Namespace) -> float:
    """Width of a stored pixel in heights."""
    return 1.0


def fps(options: argparse.Namespace) -> float | None:
    """Kept frames a second."""
    return RATE / options.frame_step


def repeats(options: argparse.Namespace) -> Callable[[Face], None]:
    """
    Watch for footage under two names: two criteria chose the same scene of a subject, or parts of it.

    The first segment stays. Kept frames of two segments need not fall on the same numbers; nearer than
    a step is the same moment.
    """
    covered: dict[str, dict[int, str]] = defaultdict(dict)

    def watch(face: Face) -> None:
        seen = covered[NAME.fullmatch(face.clip)["subject"]]
        step = options.frame_step
        for position in range(face.position - step + 1, face.position + step):
            if seen.get(position, face.clip) != face.clip:
                raise Quarantine("dup_content", f"the same footage as in {seen[position]}")
        seen[face.position] = face.clip

    return watch


def scale(faces: Sequence[Face]) -> Scale:
    """Scale of the labels, measured: the paper says [0, 1], other fusions are signed."""
    ranges = {}
    for what in DIMENSIONS:
        values = [getattr(face, what) for face in faces]
        ranges[what] = min(values), max(values)
    return labels.unit_or_signed(ranges)


def plan(faces: Sequence[Face], options: argparse.Namespace) -> Plan:
    """Train, val and test by session, as partners share noise and topic; the authors' lists are not out."""
    return splits.by_ratio(faces, ratio=options.split, seed=options.seed)
