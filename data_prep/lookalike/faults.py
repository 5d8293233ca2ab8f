"""Faults planted on purpose, as the real releases have them, with what a reader must make of each."""

from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, order=True)
class Fault:
    """
    One planted fault.

    Attributes
    ----------
    kind
        What was done, in one word or two.
    item
        What it was done to: ``<n>/<hex>.<ext>`` (AffectNet 2017), ``train_set/<id>`` (AffectNet 2021),
        ``NNN`` or ``NNN/NNNNN`` (AFEW-VA clip or frame), ``<name>`` or ``<name>/NNNNNN`` (SEWA segment, or
        its container frame counted from 0), or a file.
    expected_status
        Status that the item must end in; None where the reader must not make an item of it at all.
    note
        For a person.
    """

    kind: str
    item: str
    expected_status: str | None
    note: str = ""


def listed(faults: list[Fault]) -> list[dict]:
    """Give faults as JSON objects, in a fixed order."""
    return [asdict(fault) for fault in sorted(faults, key=lambda fault: (fault.kind, fault.item))]


def victims(
    rng: np.random.Generator, candidates: list[int], kinds: list[str], *, rate: int
) -> dict[int, str]:
    """
    Choose which item suffers which fault, at most one each.

    Parameters
    ----------
    rng
        Source of the choice.
    candidates
        Items that may suffer.
    kinds
        Faults to plant; each is planted once, and once more for every `rate` candidates.
    rate
        Candidates a further round of all kinds.

    Returns
    -------
    dict
        Item -> kind.

    Raises
    ------
    ValueError
        If there are fewer candidates than kinds.
    """
    wanted = kinds * (1 + len(candidates) // rate)
    if len(candidates) < len(kinds):
        raise ValueError(
            f"{len(candidates)} items cannot carry {len(kinds)} kinds of planted faults: "
            f"ask for more (--images, --clips or --segments)"
        )
    wanted = wanted[: len(candidates)]
    chosen = rng.choice(len(candidates), size=len(wanted), replace=False)
    return {candidates[place]: kind for place, kind in zip(chosen, wanted, strict=True)}
