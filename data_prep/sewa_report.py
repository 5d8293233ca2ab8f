"""What was recognised of SEWA Basic: the forms of its files, and how it differs from the official list."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from data_prep import sewa_files, video
from data_prep.archive import is_zip
from data_prep.record import Quarantine
from data_prep.sewa_segment import RATE, Segment
from data_prep.tree import Tree

SEGMENTS = 538  # in the official list
RATERS = 5
_NEEDED = ("video", "landmarks", "valence", "arousal", "metadata")


def notes(tree: Tree, segments: Sequence[Segment], options: argparse.Namespace) -> list[str]:
    """Variants with their counts, then deviations; each a line."""
    variants = _variants(segments)
    rates = video.rates(tree, [segment.files["video"] for segment in segments if "video" in segment.files])
    variants |= {f"container of {rate} frames a second": count for rate, count in rates.items()}
    lines = [f"{name}: {count}" for name, count in sorted(variants.items())]
    return [*lines, *_missing(segments), *_rates(rates), *_columns(tree, segments, options)]


def _variants(segments: Sequence[Segment]) -> dict[str, int]:
    return Counter(_form(kind, path) for segment in segments for kind, path in segment.files.items())


def _form(kind: str, path: str) -> str:
    """Kind of a file and how it lies: in an archive, as a folder, or as itself."""
    suffix = PurePosixPath(path).suffix.lower() or "folder"
    return f"{kind} as {'archive' if is_zip(path) else suffix}"


def _missing(segments: Sequence[Segment]) -> list[str]:
    names = {segment.name for segment in segments}
    lines = [f"{len(names)} segments, expected {SEGMENTS}"] if len(names) != SEGMENTS else []
    for kind in _NEEDED:
        without = sorted(segment.name for segment in segments if kind not in segment.files)
        if without:
            lines.append(f"{len(without)} segments without {kind}, e.g. {without[0]}")
    return lines


def _rates(rates: Mapping[str, int]) -> list[str]:
    odd = sum(count for rate, count in rates.items() if rate not in ("none", f"{RATE:g}"))
    looked = sum(rates.values())
    return [f"{odd} of {looked} containers do not state {RATE:g} frames a second, by which times count"] * (
        odd > 0
    )


def _columns(tree: Tree, segments: Sequence[Segment], options: argparse.Namespace) -> list[str]:
    """Say of the first table that reads which value columns it has."""
    table = next(filter(None, (_first(tree, segment, options) for segment in segments)), None)
    if table is None:
        return [f"no table of valence for modality {options.modality}"]
    odd = f", expected {RATERS} raters" if table.width != RATERS else ""
    return [f"value columns: {', '.join(table.names) or f'{table.width} without names'}{odd}"]


def _first(tree: Tree, segment: Segment, options: argparse.Namespace) -> sewa_files.Series | None:
    try:
        return segment.series("valence", tree, options)
    except Quarantine:
        return None
