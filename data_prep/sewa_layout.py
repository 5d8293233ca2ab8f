"""Where the files of SEWA Basic lie: recognised by their names, in folders or not, packed or not."""

import re
from collections import defaultdict
from collections.abc import Mapping

from data_prep.sewa_segment import NAME, Segment
from data_prep.tree import Tree

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


def segments(tree: Tree, modality: str) -> tuple[list[Segment], list[str]]:
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
