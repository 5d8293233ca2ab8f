"""How many of what each release should have, and who says so; a difference is told, and never fatal.

Sources as in README.md: paper, loaders (several public loaders agree), loader (one does), inferred.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from data_prep.record import Face, Release
from data_prep.sewa_segment import NAME

CLASSES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt", "none")
PARTS = {"train": "training", "test": "validation"}
UNKNOWN_ACTOR = "actor unknown"
_RECORDING = re.compile(r"((?:Train|Devel|Test)(?:_[A-Z]{2})?)_\d+")


class Expected(NamedTuple):
    """One number.

    Attributes
    ----------
    what : str
    number : int
    source : str
    within : float
        Share by which a count may differ; above 0 where the source gives a round number.
    """

    what: str
    number: int
    source: str
    within: float = 0.0


def _classes(part: str, noun: str, numbers: Sequence[int]) -> tuple[Expected, ...]:
    return tuple(
        Expected(f"{part} {noun}, {name}", number, "loaders")
        for name, number in zip(CLASSES, numbers, strict=False)
    )


_TRAINING = (74_874, 134_416, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750)
_UNCERTAIN = "uncertain or no face"

#: Pattern of a release's name -> its numbers.
TABLE: dict[str, tuple[Expected, ...]] = {
    r"AffectNet 2017, manual": (
        Expected("training rows", 414_800, "loaders"),
        Expected("validation rows", 5_500, "loaders"),
        *_classes("training", "rows", (*_TRAINING, 33_088)),
        Expected(f"training rows, {_UNCERTAIN}", 94_060, "loaders"),
        *_classes("validation", "rows", (500,) * 9),
        Expected(f"validation rows, {_UNCERTAIN}", 1_000, "loaders"),
    ),
    r"AffectNet 2017, automatic": (Expected("training rows", 550_000, "loaders", within=0.1),),
    r"AffectNet 2021": (
        Expected("training images", 287_651, "loaders"),
        Expected("validation images", 3_999, "loaders"),
        *_classes("training", "images", (_TRAINING[0], _TRAINING[1] - 1, *_TRAINING[2:])),
        *_classes("validation", "images", (500,) * 7 + (499,)),
    ),
    r"SEWA Basic": (
        Expected("segments", 538, "paper"),
        Expected("sessions", 173, "loader"),
        Expected("subjects", 275, "loader"),
        Expected("frames by the names", 500_153, "loader"),
        *(
            Expected(f"segments {prefix}", number, "loader")
            for prefix, number in {"SAH": 95, "SAL": 78, "SVH": 91, "SVL": 83, "SSL": 90, "SSD": 101}.items()
        ),
    ),
    r"AVEC\D*2017": (
        Expected("Train recordings", 34, "paper"),
        Expected("Devel recordings", 14, "paper"),
        Expected("Test recordings", 16, "paper"),
    ),
    r"AVEC\D*2018": (
        Expected("Train_DE recordings", 34, "paper"),
        Expected("Devel_DE recordings", 14, "paper"),
        Expected("Test_DE recordings", 16, "paper"),
        Expected("Test_HU recordings", 66, "paper"),
    ),
    r"AVEC\D*2019": (
        Expected("Train_DE recordings", 34, "paper"),
        Expected("Devel_DE recordings", 14, "paper"),
        Expected("Test_DE recordings", 16, "paper"),
        Expected("Train_HU recordings", 34, "paper"),
        Expected("Devel_HU recordings", 14, "paper"),
        Expected("Test_HU recordings", 18, "paper"),
        Expected("Test_CN recordings", 70, "paper"),
    ),
    r"AFEW-VA": (
        Expected("clips", 600, "paper"),
        Expected("frames", 30_051, "loader"),
        Expected("actors", 240, "paper"),
        Expected("archives", 12, "loader"),
    ),
}


def numbers(release: str) -> tuple[Expected, ...]:
    """What is expected of a release, by its name; nothing of an unknown one."""
    return next((found for pattern, found in TABLE.items() if re.match(pattern, release)), ())


def counted(release: Release, found: Iterable[Face] = ()) -> dict[str, int]:
    """
    Count what can be compared.

    Parameters
    ----------
    release : Release
        Its own counts, and the names of its units, are used.
    found : iterable of Face
        All items, usable or not; none where only the files' names were looked at.

    Returns
    -------
    dict
        What -> number.
    """
    return {**_by_name(release.units), **release.matched.counts, **_by_item(release.name, found)}


def _by_name(units: Iterable[Any]) -> dict[str, int]:
    """Segments of SEWA, and recordings of AVEC, say in their names what they are."""
    if not isinstance(units, Sequence):  # lists that are streamed: rows have no such names
        return {}
    names = sorted({getattr(unit, "name", "") for unit in units})  # a set has another order in each process
    segments = [match for name in names if (match := NAME.fullmatch(name))]
    parts = Counter(match[1] for name in names if (match := _RECORDING.fullmatch(name)))
    counts = {f"{part} recordings": number for part, number in parts.items()}
    if segments:
        counts |= {"segments": len(segments), "frames by the names": sum(map(_length, segments))}
        counts |= {f"{kind}s": len({match[kind] for match in segments}) for kind in ("session", "subject")}
        counts |= {
            f"segments {prefix}": n for prefix, n in Counter(match[0][:3] for match in segments).items()
        }
    return counts


def _length(match: re.Match) -> int:
    return int(match["last"]) - int(match["first"]) + 1


def _by_item(release: str, found: Iterable[Face]) -> dict[str, int]:
    """Rows by part and class, and actors."""
    noun = "images" if "2021" in release else "rows"
    counts: Counter[str] = Counter()
    actors = set()
    for face in found:
        if face.part in PARTS and release.startswith("AffectNet"):
            counts.update(_names(f"{PARTS[face.part]} {noun}", face.expression))
        if release.startswith("AFEW-VA"):
            actors.add(face.group)
    actors -= {"", UNKNOWN_ACTOR}
    return dict(counts) | ({"actors": len(actors)} if actors else {})


def _names(what: str, expression: int | None) -> Iterator[str]:
    yield what
    if expression is not None:
        yield f"{what}, {CLASSES[expression] if expression < len(CLASSES) else _UNCERTAIN}"


def deviations(release: str, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """
    Numbers that are not as expected.

    A quantity that was not counted is not compared.

    Returns
    -------
    list of dict
        ``what``, ``expected``, ``found``, ``source``.
    """
    return [
        {"what": one.what, "expected": one.number, "found": counts[one.what], "source": one.source}
        for one in numbers(release)
        if one.what in counts and abs(counts[one.what] - one.number) > one.within * one.number
    ]
