"""What a mean can be taken over: clips, people, folds, windows, batches; and units without a value."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from hocp.statistics import measures
from hocp.statistics.exact import Sums, Undefined
from hocp.statistics.exact import mean as exact_mean
from hocp.statistics.tested import Tested

#: Frames of a window and items of a batch, consecutive ones.
WINDOW, BATCH = 16, 32

#: What a unit without a value counts as. Predictions or labels are constant there; a single frame always is.
POLICIES = ("excluded", "zero", "match")


def partitions(tested: Tested) -> dict[str, np.ndarray]:
    """Way of averaging -> number of the unit that each item belongs to. Clips can be weighted, too."""
    n = len(tested.fold)
    found = {"pooled": np.zeros(n, np.int64)}
    clips = _codes(tested.clip)
    if len(np.unique(tested.fold)) > 1:
        found["fold_mean"] = _codes(tested.fold)
    if (tested.clip != "").all():
        found |= {"clip_mean": clips, "window16_mean": _windows(clips, tested.frame)}
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


class Values(NamedTuple):
    """A metric of each unit; None where predictions or labels are constant."""

    numbers: Sequence[float | None]
    lengths: Sequence[int]
    exact: Sequence[bool]

    @property
    def undefined(self) -> int:
        """How many units have no value."""
        return sum(number is None for number in self.numbers)


def values(units: Sequence[Sums], measure: Callable[[Sums], float], *, moments: bool) -> Values:
    """A metric of each unit.

    Parameters
    ----------
    units : sequence of Sums
    measure : callable
        From `hocp.statistics.measures`.
    moments : bool
        Whether the metric needs both sides to vary: correlations do.

    Raises
    ------
    Undefined
        If a unit is empty or has values that are not finite.
    """
    return Values(
        [_value(unit, measure, moments) for unit in units],
        [unit.n for unit in units],
        [measures.matches(unit) for unit in units] if moments else [False] * len(units),
    )


def _value(unit: Sums, measure: Callable[[Sums], float], moments: bool) -> float | None:
    if unit.n and not unit.nonfinite and moments and measures.constant(unit):
        return None
    try:
        return measure(unit)
    except Undefined as error:
        if unit.nonfinite or not unit.n:
            raise Undefined(f"a unit has no value: {error}") from None
        return None


def mean(found: Values, *, policy: str, weighted: bool) -> float:
    """Mean over units, by their lengths if `weighted`; units without a value as `policy` says.

    Raises
    ------
    Undefined
        If no unit is left.
    """
    numbers, weights = [], []
    for number, length, exact in zip(*found, strict=True):
        if number is None and policy != "excluded":
            number = float(policy == "match" and exact)
        if number is not None:
            numbers.append(number)
            weights.append(length if weighted else 1)
    if not numbers:
        raise Undefined(f"none of {len(found.numbers)} units has a value")
    return exact_mean(numbers, weights)
