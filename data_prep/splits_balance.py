"""How alike the parts of a split are: sizes, and how far their histograms are from that of the whole."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from data_prep.record import Face, Scale
from hocp.contracts.manifest import SPLITS

HISTOGRAMS = ("valence", "arousal", "strata")


def balance(faces: Sequence[Face], split: Mapping[str, str], *, scale: Scale) -> dict[str, dict[str, Any]]:
    """
    Measure each part of a split.

    Parameters
    ----------
    faces : sequence of Face
        With labels on the release's scale.
    split : mapping
        Item -> part.
    scale : Scale
        To signed labels, which are counted by tenths.

    Returns
    -------
    dict
        Part -> ``items``; ``units``; ``groups``, 0 where the release has none; and the total variation
        distance of its histogram to that of all faces, between 0 (equal) and 1 (disjoint), of ``valence``,
        ``arousal``, and of ``strata`` where there are some.
    """
    parts = defaultdict(list)
    for face in faces:
        parts[split[face.item]].append(face)
    whole = _histograms(faces, scale)
    return {
        part: {
            "items": len(parts[part]),
            "units": len({face.clip or face.item for face in parts[part]}),
            "groups": len({face.group for face in parts[part]} - {""}),
            **{
                name: round(distance(counts, whole[name]), 4)
                for name, counts in _histograms(parts[part], scale).items()
            },
        }
        for part in SPLITS
        if part in parts
    }


def _histograms(faces: Sequence[Face], scale: Scale) -> dict[str, Counter]:
    found = {
        name: Counter(round(10 * (scale.factor * getattr(face, name) + scale.offset)) for face in faces)
        for name in ("valence", "arousal")
    }
    strata = Counter(face.stratum for face in faces)
    return found | ({"strata": strata} if set(strata) != {""} else {})


def distance(one: Mapping[Hashable, int], other: Mapping[Hashable, int]) -> float:
    """Total variation distance of two histograms: half the sum of the differences of their shares."""
    ones, others = sum(one.values()), sum(other.values())
    return sum(abs(one.get(key, 0) / ones - other.get(key, 0) / others) for key in {*one, *other}) / 2


Cells = tuple[str, ...]


def table(measured: Mapping[str, Mapping[str, Any]]) -> tuple[Cells, list[Cells]]:
    """Head and rows for a person: items, part, and how far each histogram is from that of the whole."""
    names = [name for name in HISTOGRAMS if any(name in part for part in measured.values())]
    head = ("items", "part", *(f"{name} differs by" for name in names))
    body = [
        (str(numbers["items"]), part, *(f"{100 * numbers[name]:.1f} %" for name in names))
        for part, numbers in measured.items()
    ]
    return head, body
