"""What a release has to stand before it is packed: limits of faults, and a look at the expected counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from data_prep import expected, limits
from data_prep.record import Face, Release


def checked(
    release: Release, found: Sequence[Face], *, dataset: str, data: str, changes: Mapping[str, float]
) -> dict[str, Any]:
    """
    Check all items of a release.

    Parameters
    ----------
    release : Release
    found : sequence of Face
        All items, usable or not.
    dataset, data : str
        As in `hocp.contracts.manifest.Facts`; the counts of generated data are not compared.
    changes : mapping
        Limits other than the defaults: status -> share.

    Returns
    -------
    dict
        ``layout``, ``limits`` and ``deviations`` of the facts.

    Raises
    ------
    ValueError
        If a limit is exceeded.
    """
    allowed = limits.check(found, dataset=dataset, changes=changes)
    counts = expected.counted(release, found)
    compared = expected.deviations(release.name, counts) if data == "licensed" else None
    matched = release.matched
    layout = {
        "variants": list(matched.variants),
        "lists": dict(matched.lists),
        "counts": counts,
        "notes": [*matched.gaps, *release.notes],
    }
    return {"layout": layout, "limits": allowed, "deviations": compared}
