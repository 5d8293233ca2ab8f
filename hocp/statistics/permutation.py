"""Is one method better than another on the same clips? Swapping who predicted a clip answers."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

#: Differences this close count as equal: the same sums in another order.
EQUAL = 1e-12
CHUNK = 256


def swaps(clusters: int, *, permutations: int, random: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Which clusters are swapped, shape (P, clusters), and whether these are all the ways there are.

    All 2^clusters ways where they are no more than `permutations`, else so many random ones.
    """
    if clusters < 63 and 2**clusters <= permutations:
        return np.array(list(product((False, True), repeat=clusters))), True
    return random.random((permutations, clusters)) < 0.5, False


def p_value(
    first: np.ndarray,
    second: np.ndarray,
    metric: Callable[[np.ndarray], np.ndarray],
    ways: np.ndarray,
    *,
    every: bool,
) -> float | None:
    """Two-sided p-value of equal methods, given how each predicted each cluster.

    If the methods are alike, it does not matter which of the two predicted a clip. The share of swaps whose
    difference is at least as far from zero as the observed one; random swaps count the observed one too.

    Parameters
    ----------
    first, second : ndarray of shape (K, S, F)
        Sums of the clusters for each seed; a swap exchanges all seeds of a cluster.
    metric : callable
        One of `hocp.statistics.clusters.METRICS`; the difference is of its means over seeds.
    ways, every
        As `swaps` gives them.

    Returns
    -------
    float or None
        None where the observed difference or that of a swap is undefined.
    """
    totals = first.sum(0), second.sum(0)
    gap = (first - second).reshape(len(first), -1)
    observed = float(metric(totals[0]).mean() - metric(totals[1]).mean())
    far, count = 0, 0
    for start in range(0, len(ways), CHUNK):
        moved = (ways[start : start + CHUNK].astype(np.float64) @ gap).reshape(-1, *totals[0].shape)
        found = metric(totals[0] - moved).mean(-1) - metric(totals[1] + moved).mean(-1)
        if np.isnan(found).any() or np.isnan(observed):
            return None
        far += int(np.sum(np.abs(found) >= abs(observed) - EQUAL))
        count += len(found)
    return far / count if every else (far + 1) / (count + 1)


def holm(values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number (Holm 1979): the chance of any false one stays below the level."""
    order = np.argsort(values, kind="stable")
    scaled = np.asarray(values, float)[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted.tolist()
