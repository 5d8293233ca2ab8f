"""SEWA: 538 segments of video chats (Basic), or a subset that the AVEC challenges of 2017 to 2019 gave out.

Source: Kossaifi et al. 2019 (arXiv 1901.02839) and the layouts that public loaders read; see README.md.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from data_prep import avec, labels, sewa_report, splits
from data_prep.options import delay, flag, margin, positive
from data_prep.record import Face, Plan, Quarantine, Release, Scale
from data_prep.sewa_segment import DIMENSIONS, NAME, RATE, Segment
from data_prep.tree import Tree

RELEASES = ("auto", "basic", "avec2019", "avec2018", "avec2017")
_FILE = re.compile(rf"(?P<folder>(?:.*/)?)(?P<name>{NAME.pattern})(?P<rest>[-./_].*)")
_KINDS = (
    (r"\.avi|\.mp4|-Video\.zip", "video"),
    (r"-Landmarks\.zip", "landmarks"),
    (r"(?P<folder>-Landmarks)/\d+\.txt", "landmarks"),
    (r"-Valence\.zip|_Valence_{modality}_Aligned\.csv", "valence"),
    (r"-Arousal\.zip|_Arousal_{modality}_Aligned\.csv", "arousal"),
    (r"-Liking\.zip|_Liking_{modality}_Aligned\.csv", "liking"),
    (r"/metadata\.ini", "metadata"),
)
_UNREAD = {"metadata", "liking"}  # what alone makes no segment


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options named as in the configuration's ``data.prepare.sewa``; the last three concern AVEC alone."""
    parser.add_argument("--release", choices=RELEASES, default="auto", help="which, if several are there")
    parser.add_argument(
        "--modality", choices=("V", "A", "AV"), default="V", help="what the raters saw and heard"
    )
    parser.add_argument("--column", default="mean", help="mean of the value columns, or the name of one")
    parser.add_argument(
        "--frame-step", "--frame_step", type=positive, default=5, help="keep every n-th frame of 1/50 s"
    )
    parser.add_argument(
        "--margin", type=margin, default=1.4, help="side of the crop over that of the landmarks' box"
    )
    parser.add_argument("--split", choices=tuple(splits.RATIOS), default="3:1:1", help="train : val : test")
    parser.add_argument("--seed", type=int, default=0, help="of the split")
    parser.add_argument(
        "--label-delay", type=delay, default=0.0, help="seconds by which labels come late; they are moved back"
    )
    parser.add_argument(
        "--drop-leading-zeros", type=flag, default=False, help="leave out where the joystick rests at zero"
    )
    parser.add_argument("--boxes", default="", help="folder with a table of OpenFace for each recording")


def locate(tree: Tree, options: argparse.Namespace) -> Release:
    """
    Find segments, or recordings of the challenges, by the names of their files.

    Raises
    ------
    ValueError
        If there is neither with a video, or not the release that was asked for.
    """
    segments, archives = _segments(tree, options.modality)
    challenges = avec.found(tree)
    there = ["basic"] * bool(segments) + [f"avec{year}" for year in sorted(challenges, reverse=True)]
    chosen = _chosen(tree, there, options.release)
    unread = [f"{name} is here too and was not read (--release)" for name in there if name != chosen]
    if chosen != "basic":
        release = avec.locate(tree, options, challenges, int(chosen.removeprefix("avec")))
        return release._replace(notes=[*release.notes, *unread])
    rule = "mean of the value columns" if options.column == "mean" else f"column {options.column}"
    name = f"SEWA Basic, annotations {options.modality}, {rule}"
    return Release(name, segments, archives, [*sewa_report.notes(tree, segments, options), *unread])


def _chosen(tree: Tree, there: Sequence[str], wanted: str) -> str:
    """Of several releases Basic comes first, then the newest, which holds what the older ones have."""
    if not there:
        raise ValueError(
            f"{tree.root}: no segment of SEWA Basic recognised, and no recording of AVEC. Expected files such as "
            "SAH_C1_S001_P001_VC1_003857_004977.avi, -Landmarks.zip, -Valence.zip and -Arousal.zip in "
            "folders of that name, or AVEC2019_SEWA/video/Train_DE_01.avi and AVEC2019_SEWA/labels/Train_DE_01.csv"
        )
    if wanted not in ("auto", *there):
        raise ValueError(f"{tree.root}: no {wanted} there; expected --release auto or {', '.join(there)}")
    return there[0] if wanted == "auto" else wanted


def _segments(tree: Tree, modality: str) -> tuple[list[Segment], list[str]]:
    """Segments, unless none has a video, and the archives and tables that hold their data."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    archives = set()
    for path in tree.files:
        if match := _FILE.fullmatch(path):
            kind, place = _kind(path, match["rest"], modality)
            home = re.sub(rf"(?:{match['name']}(?:-\w+)?/)+$", "", match["folder"])
            if kind:
                found[match["name"], home].setdefault(kind, place)
                archives |= {path} if place == path and kind != "liking" else set()
    found = {key: files for key, files in found.items() if set(files) - _UNREAD}
    filmed = any("video" in files for files in found.values())
    return (_in_order(found), sorted(archives)) if filmed else ([], [])


def _kind(path: str, rest: str, modality: str) -> tuple[str, str]:
    """What a file is, by what follows the segment's name, and its place; empty for all others."""
    for pattern, kind in _KINDS:
        if match := re.fullmatch(pattern.replace("{modality}", modality), rest, re.IGNORECASE):
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
    """Kept frames a second; recordings of AVEC are counted on the same grid of 50 a second."""
    return RATE / options.frame_step


def repeats(options: argparse.Namespace) -> Callable[[Face], None]:
    """Watch for footage under two names: by time in Basic, by content in AVEC, where faces have parts."""
    basic, challenge = _overlaps(options.frame_step), avec.repeats()
    return lambda face: (challenge if face.part else basic)(face)


def _overlaps(step: int) -> Callable[[Face], None]:
    """
    Watch for the same time of a subject: two criteria chose the same scene, or parts of it.

    The first segment stays. Kept frames of two segments need not fall on the same numbers; nearer than
    a step is the same moment.
    """
    covered: dict[str, dict[int, str]] = defaultdict(dict)

    def watch(face: Face) -> None:
        seen = covered[NAME.fullmatch(face.clip)["subject"]]
        for position in range(face.position - step + 1, face.position + step):
            if seen.get(position, face.clip) != face.clip:
                raise Quarantine("dup_content", f"the same footage as in {seen[position]}")
        seen[face.position] = face.clip

    return watch


def scale(faces: Sequence[Face]) -> Scale:
    """Scale of the labels, measured: the paper says [0, 1], other fusions are signed, as AVEC's are."""
    if faces[0].part:
        return avec.scale(faces)
    ranges = {}
    for what in DIMENSIONS:
        values = [getattr(face, what) for face in faces]
        ranges[what] = min(values), max(values)
    return labels.unit_or_signed(ranges)


def plan(faces: Sequence[Face], options: argparse.Namespace) -> Plan:
    """Basic by session, as partners share noise and topic, and its authors' lists are not out; AVEC officially."""
    if faces[0].part:
        return avec.plan(faces, options)
    return splits.by_ratio(faces, ratio=options.split, seed=options.seed)
