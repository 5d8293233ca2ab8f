"""Numbers of the releases: absent, not a number, out of range, or on which scale."""

import math
from typing import Any

from data_prep.record import Quarantine, Scale

_ABSENT = ("", "null", "none", "n/a")


def number(value: Any, what: str) -> float:
    """
    Read a number that may be text, as CSV lists, JSON and some `.npy` files hold it.

    Raises
    ------
    Quarantine
        ``label_null`` if it is absent, ``label_nan`` if it is not a number.
    """
    try:
        odd = isinstance(value, bool) or (isinstance(value, str) and ("_" in value or not value.isascii()))
        result = math.nan if odd else float(value)  # Python takes True, "1_0" and digits of all scripts
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if math.isfinite(result):
        return result
    if value is None or (isinstance(value, str) and value.strip().lower() in _ABSENT):
        raise Quarantine("label_null", f"no {what}")
    raise Quarantine("label_nan", f"{what} is {str(value)[:40]!r}")


def within(value: float, low: float, high: float, what: str) -> float:
    """
    Pass a label on that lies in the release's range; labels are never clipped.

    Raises
    ------
    Quarantine
        ``label_range``.
    """
    if not low - 1e-6 <= value <= high + 1e-6:
        raise Quarantine("label_range", f"{what} is {value:g}, expected {low:g} to {high:g}")
    return value


def unit_or_signed(ranges: dict[str, tuple[float, float]]) -> Scale:
    """
    Decide whether labels were stored on [0, 1] or on [-1, 1], from what was measured over the data set.

    Parameters
    ----------
    ranges : dict
        Dimension -> smallest and largest value of the release.

    Raises
    ------
    ValueError
        If the dimensions disagree, or a minimum lies where both readings are possible.
    """
    kinds = {name: _kind(low) for name, (low, _) in ranges.items()}
    if len(set(kinds.values())) != 1 or "unclear" in kinds.values():
        seen = ", ".join(f"{name} {low:.3f} to {high:.3f}" for name, (low, high) in ranges.items())
        raise ValueError(
            f"labels have no common scale: {seen}. Expected all on [0, 1] (minimum above -0.1) or all signed "
            "(minimum below -0.15); is the folder a mixture of two releases?"
        )
    return Scale(2.0, -1.0) if "unit" in kinds.values() else Scale(1.0, 0.0)


def _kind(low: float) -> str:
    return "unit" if low >= -0.1 else "signed" if low < -0.15 else "unclear"
