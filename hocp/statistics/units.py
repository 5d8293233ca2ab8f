"""What a mean can be taken over: clips, people, folds, windows, batches; and units without a value."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from hocp.statistics import measures
from hocp.statistics.exact import Sums, Undefined
from hocp.statistics.tested import Tested

#: Frames of a window and items of a batch, consecutive ones.
WINDOW, BATCH = 16, 32

#: What a unit without a value counts as. Predictions or labels are constant there; a single frame always is.
POLICIES = ("excluded", "zero", "match")


def partitions(tested: Tested) -> dict[str, np.ndarray]:
    """Way of averaging -> number of the unit that each item belongs to."""
    n = len(tested.fold)
    found = {"pooled": np.zeros(n, np.int64)}
    clips = _codes(tested.clip)
    if len(np.unique(tested.fold)) > 1:
        found["fold_mean"] = _codes(tested.fold)
    if (tested.clip != "").all():
        found |= {"clip_mean": clips, "clip_weighted": clips, "window16_mean": _windows(clips, tested.frame)}
    if (tested.group != "").all():
        found["group_mean"] = _codes(tested.group)
    return found | {"batch32_mean": np.arange(n) // BATCH}


def _codes(names: np.ndarray) -> np.ndarray:
    return np.unique(names, return_inverse=True)[1]


def _windows(clips: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Windows of WINDOW kept frames of a clip side by side; the last one of a clip may be shorter."""
    order = np.lexsort((frames, clips))
    sorted_clips = clips[order]
    first = np.searchsorted(sorted_clips, sorted_clips)
    within = (np.arange(len(order)) - first) // WINDOW
    code = np.empty(len(order), np.int64)
    code[order] = sorted_clips * (len(order) + 1) + within
    return _codes(code)


def split(predicted: np.ndarray, true: np.ndarray, units: np.ndarray) -> list[Sums]:
    """Exact sums of each unit, in the order of their numbers."""
    order = np.argsort(units, kind="stable")
    cuts = np.flatnonzero(np.diff(units[order])) + 1
    return [Sums.of(predicted[part], true[part]) for part in np.split(order, cuts)]


class Mean(NamedTuple):
    """A number over units, or None and the reason."""

    value: float | None
    undefined: int
    reason: str = ""


def mean(
    units: Sequence[Sums], measure: Callable[[Sums], float], *, policy: str, weighted: bool, moments: bool
) -> Mean:
    """Mean of a metric over units, by their lengths if `weighted`; exact sums, so the order does not matter.

    Parameters
    ----------
    units : sequence of Sums
    measure : callable
        From `hocp.statistics.measures`.
    policy : str
        One of POLICIES.
    weighted : bool
        Whether longer units weigh more.
    moments : bool
        Whether the metric needs both sides to vary: correlations do.
    """
    values, undefined = [], 0
    for unit in units:
        try:
            if moments and not unit.nonfinite and measures.constant(unit):
                raise Undefined("predictions or labels are constant")
            values.append((measure(unit), unit.n))
        except Undefined as error:
            if unit.nonfinite or not unit.n:
                return Mean(None, undefined, f"a unit has no value: {error}")
            undefined += 1
            if policy != "excluded":
                values.append((float(policy == "match" and measures.matches(unit)), unit.n))
    if not values:
        return Mean(None, undefined, f"none of {len(units)} units has a value")
    return Mean(_mean(values, weighted=weighted), undefined)


def _mean(values: Sequence[tuple[float, int]], *, weighted: bool) -> float:
    """Exact mean of floats, rounded once."""
    parts = [(Fraction(value), n if weighted else 1) for value, n in values]
    return float(sum(value * n for value, n in parts) / sum(n for _, n in parts))
