"""Test faces cut again in other ways: `variants.json` says how, ``variants.h5:/crops`` holds them.

The array has shape (variants, items, side, side, 3), uint8, RGB; the first variant is what networks were
trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from hocp.contracts import files

FACTS, CROPS = "variants.json", "variants.h5"

#: What may be changed about a crop.
KINDS = ("margin", "resize", "colour", "anamorphic")
TRAINED = "trained"


class Variant(NamedTuple):
    """One change, e.g. ("margin", "0.8"); the unchanged crop is ("trained", "")."""

    kind: str
    setting: str


@dataclass(frozen=True, kw_only=True)
class Variants:
    """
    What `variants.json` says.

    Attributes
    ----------
    dataset, data : str
        As in the facts of the prepared data set.
    manifest_sha256 : str
        Of the prepared data set that the items are from.
    crops_sha256 : str
        Of `variants.h5`.
    trained : mapping
        Kind -> setting of the crops that networks were trained on.
    variants : sequence of Variant
        In the order of the array.
    items : sequence of str
        In the order of the array.
    """

    dataset: str
    data: str
    manifest_sha256: str
    crops_sha256: str
    trained: Mapping[str, str]
    variants: Sequence[Variant]
    items: Sequence[str]

    def __post_init__(self):
        kinds = {variant.kind for variant in self.variants}
        if not self.variants or self.variants[0].kind != TRAINED or not kinds <= {TRAINED, *KINDS}:
            raise ValueError(
                f"variants of {sorted(kinds)}, expected {TRAINED!r} first, then {', '.join(KINDS)}"
            )


def write(path: str | Path, facts: Variants) -> None:
    """Publish `variants.json`."""
    files.write_json(path, asdict(facts))


def read(folder: str | Path) -> Variants:
    """
    Read `variants.json` in a folder and see that the array beside it is the one described.

    Raises
    ------
    ValueError
        If it is not, or a key is missing or unknown.
    """
    folder = Path(folder)
    found = files.read_json(folder / FACTS)
    try:
        facts = Variants(**{**found, "variants": [Variant(*pair) for pair in found["variants"]]})
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{folder / FACTS}: not the facts of crops cut again: {error}") from None
    if files.sha256(folder / CROPS) != facts.crops_sha256:
        raise ValueError(f"{folder / CROPS} is not the file that {FACTS} describes; cut the faces again")
    return facts
