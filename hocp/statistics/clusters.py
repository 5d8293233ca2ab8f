"""Metrics of resampled clusters, by sums kept for each cluster: a resample is a product of matrices.

Shape legend: K clusters, S seeds, R resamples, F = 7 sums of a cluster. Sums are float64 about a common
centre of predictions and labels, which no metric but sign agreement feels, and that is counted beforehand.
"""

from collections.abc import Callable

import numpy as np

from hocp.statistics.tested import Tested

#: Sums of a cluster: pairs, predictions x, labels y, their products, and agreements of sign (strict).
SUMS = ("n", "x", "y", "xx", "yy", "xy", "agree")
#: A variance below this share of the mean square is one that rounding made out of zero.
TINY = 1e-12


def names(tested: Tested) -> dict[str, np.ndarray]:
    """Unit that is resampled -> cluster of each item: clips (or images) and, where known, people."""
    single = np.arange(len(tested.fold)).astype(np.str_)
    found = {"clip": tested.clip} if (tested.clip != "").all() else {"image": single}
    return found | ({"subject": tested.group} if (tested.group != "").all() else {})


def table(predicted: np.ndarray, true: np.ndarray, cluster: np.ndarray, *, clusters: int) -> np.ndarray:
    """Sums of each cluster.

    Parameters
    ----------
    predicted, true : ndarray of shape (n,)
    cluster : ndarray of int, shape (n,)
        Numbers 0 to `clusters` - 1.

    Returns
    -------
    ndarray of float64, shape (clusters, F)
    """
    agree = np.sign(predicted) == np.sign(true)
    centre = float(np.mean(true, dtype=np.float64)) if len(true) else 0.0
    x, y = predicted.astype(np.float64) - centre, true.astype(np.float64) - centre
    columns = (np.ones(len(x)), x, y, x * x, y * y, x * y, agree.astype(np.float64))
    return np.stack([np.bincount(cluster, column, minlength=clusters) for column in columns], axis=-1)


def rmse(sums: np.ndarray) -> np.ndarray:
    """Root mean squared error of sums of shape (..., F); shape (...)."""
    n, _, _, xx, yy, xy, _ = np.moveaxis(sums, -1, 0)
    return np.sqrt(np.maximum(xx - 2 * xy + yy, 0) / n)


def sagr(sums: np.ndarray) -> np.ndarray:
    """Strict sign agreement."""
    return sums[..., 6] / sums[..., 0]


def _moments(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariance and variances times n^2; a variance that is only rounding is zero."""
    n, x, y, xx, yy, xy, _ = np.moveaxis(sums, -1, 0)
    variances = [
        np.where(both <= TINY * n * square, 0.0, both)
        for both, square in ((n * xx - x * x, xx), (n * yy - y * y, yy))
    ]
    return n * xy - x * y, *variances


def pcc(sums: np.ndarray) -> np.ndarray:
    """Pearson's correlation; NaN where one side is constant."""
    covariance, x, y = _moments(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((x > 0) & (y > 0), covariance / np.sqrt(x * y), np.nan)


def ccc(sums: np.ndarray) -> np.ndarray:
    """Concordance with population moments; 0 where one side is constant, NaN where both are."""
    covariance, x, y = _moments(sums)
    bias = (sums[..., 1] - sums[..., 2]) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 2 * covariance / (x + y + bias)
    return np.where((x > 0) & (y > 0), value, np.where((x > 0) | (y > 0), 0.0, np.nan))


METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"rmse": rmse, "sagr": sagr, "pcc": pcc, "ccc": ccc}
