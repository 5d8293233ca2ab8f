"""Metrics of valence, arousal and expression, over all frames at once.

Each returns a float64, the exact value rounded once, or raises `Undefined` with the reason why there is none.
For frames that come in batches or from several processes, keep a `Sums`: ``total += Sums.of(predicted,
true)`` and ask `hocp.statistics.measures` at the end; the result has the same bits however they were split.
"""

from collections.abc import Callable
from functools import wraps

from numpy.typing import ArrayLike

from hocp.statistics import measures
from hocp.statistics.exact import Sums, Undefined, ratio

__all__ = ["METRICS", "Sums", "Undefined", "acc", "ccc", "mse", "pcc", "rmse", "sagr"]


def _of_arrays(measure: Callable[..., float]) -> Callable[..., float]:
    """The same metric of two sequences instead of their sums."""

    @wraps(measure)
    def metric(predicted: ArrayLike, true: ArrayLike, **convention: str) -> float:
        return measure(Sums.of(predicted, true), **convention)

    return metric


rmse, mse = _of_arrays(measures.rmse), _of_arrays(measures.mse)
pcc, ccc = _of_arrays(measures.pcc), _of_arrays(measures.ccc)
sagr = _of_arrays(measures.sagr)


def acc(predicted: ArrayLike, true: ArrayLike) -> float:
    """Share of equal class codes."""
    codes = list(zip(predicted, true, strict=True))
    if not codes:
        raise Undefined("0 items, needs 1")
    return ratio(sum(bool(p == t) for p, t in codes), len(codes))


#: Metrics of valence and of arousal, by machine name.
METRICS: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "rmse": rmse,
    "sagr": sagr,
    "pcc": pcc,
    "ccc": ccc,
}
