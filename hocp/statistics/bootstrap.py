"""Intervals by resampling: whole clusters of frames, and seeds, with replacement.

Frames of a clip (or of a person) are alike, so it is clips that are drawn, each with all its frames. Seeds
are drawn beside them and independently: every seed has predicted the same clips (a crossed design; Owen 2007,
The pigeonhole bootstrap). Shape legend: hocp/statistics/clusters.py.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

#: Resamples that are multiplied at once; bounds the memory.
CHUNK = 256
#: Fewest clusters: below, resamples repeat so often that an interval misleads.
LEAST = 5

Metric = Callable[[np.ndarray], np.ndarray]


class Interval(NamedTuple):
    """Ends of an interval, or None and the reason."""

    low: float | None
    high: float | None
    reason: str = ""


def resampled(tables: np.ndarray, *, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Sums of clusters drawn with replacement, as many as there are.

    Parameters
    ----------
    tables : ndarray of shape (K, columns)
        What belongs to one cluster stands in one row, of all methods and seeds: they share the draws.

    Returns
    -------
    ndarray of shape (resamples, columns)
    """
    count = len(tables)
    parts = []
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        drawn = random.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        parts.append(weights.astype(np.float64) @ tables)
    return np.concatenate(parts)


def seed_weights(seeds: int, *, resamples: int, random: np.random.Generator) -> np.ndarray:
    """Shares of seeds drawn with replacement, shape (resamples, seeds); with one seed it is all ones."""
    return random.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds


def left_out(tables: np.ndarray) -> np.ndarray:
    """Sums without each cluster in turn; shape of `tables`, whose first axis is K."""
    return tables.sum(axis=0) - tables


def bca(value: float, drawn: np.ndarray, left: np.ndarray, *, level: float) -> Interval:
    """Bias-corrected and accelerated interval (Efron 1987).

    Parameters
    ----------
    value : float
        Estimate from all clusters and seeds.
    drawn : ndarray of shape (R,)
        Estimates from resamples.
    left : ndarray of shape (K,)
        Estimates without each cluster in turn.
    level : float
        Coverage aimed at, e.g. 0.95.
    """
    from scipy.special import ndtr, ndtri

    if len(left) < LEAST:
        return Interval(None, None, f"{len(left)} to draw from, an interval needs {LEAST}")
    lost = int(np.isnan(drawn).sum()) + int(np.isnan(left).sum())
    if lost:
        return Interval(None, None, f"{lost} resamples have no value: too few clusters vary")
    if np.ptp(drawn) == 0:
        return Interval(float(drawn[0]), float(drawn[0]))
    share = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2
    bias = ndtri(np.clip(share, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    apart = left.mean() - left
    curve = np.sum(apart**2) ** 1.5
    speed = np.sum(apart**3) / (6 * curve) if curve else 0.0
    ends = bias + ndtri([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(drawn, ndtr(bias + ends / (1 - speed * ends)))
    return Interval(float(low), float(high))


def percentile(drawn: np.ndarray, *, level: float) -> Interval:
    """Middle share of the resamples."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
