"""Metrics of valence, arousal and expression, over all frames at once, in float64.

Each returns a number, or raises `Undefined` with the reason why there is none. RMSE and Pearson's correlation
come from torchmetrics. Its concordance has sample variances (divided by n - 1) where the field has population
ones, which differ for short sequences; so concordance is ours, as is sign agreement. torchmetrics is imported
when first used, since that takes seconds.
"""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike


class Undefined(ValueError):
    """There is no number; the text says why."""


def _pair(predicted: ArrayLike, true: ArrayLike, *, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    p, t = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    assert p.shape == t.shape and p.ndim == 1, (p.shape, t.shape)
    if len(p) < least:
        raise Undefined(f"{len(p)} items, needs {least}")
    if not (np.isfinite(p).all() and np.isfinite(t).all()):
        raise Undefined("values are not finite")
    return p, t


def rmse(predicted: ArrayLike, true: ArrayLike) -> float:
    """Root mean squared error, in label units."""
    from torchmetrics.functional.regression import mean_squared_error

    p, t = _pair(predicted, true)
    return float(mean_squared_error(torch.from_numpy(p), torch.from_numpy(t), squared=False))


def pcc(predicted: ArrayLike, true: ArrayLike) -> float:
    """Pearson's correlation coefficient."""
    from torchmetrics.functional.regression import pearson_corrcoef

    p, t = _pair(predicted, true, least=2)
    for name, values in (("predictions", p), ("labels", t)):
        if np.ptp(values) == 0:
            raise Undefined(f"{name} are constant")
    with warnings.catch_warnings():  # it warns of small variances, which float64 carries well
        warnings.simplefilter("ignore", UserWarning)
        value = float(pearson_corrcoef(torch.from_numpy(p - p.mean()), torch.from_numpy(t - t.mean())))
    if not np.isfinite(value):
        raise Undefined("the variance is too small")
    return value


def ccc(predicted: ArrayLike, true: ArrayLike) -> float:
    """Lin's concordance correlation coefficient with population moments.

    ``2 cov / (var_p + var_t + (mean_p - mean_t)^2)``; 0 where either side is constant.
    """
    p, t = _pair(predicted, true)
    constant = np.ptp(p) == 0, np.ptp(t) == 0
    if all(constant):
        raise Undefined("predictions and labels are constant")
    if any(constant):
        return 0.0
    scale = p.var() + t.var() + (p.mean() - t.mean()) ** 2
    return float(2 * np.mean((p - p.mean()) * (t - t.mean())) / scale)


def sagr(predicted: ArrayLike, true: ArrayLike) -> float:
    """Share of equal signs, strict: a label of exactly 0 agrees with a prediction of exactly 0 alone."""
    p, t = _pair(predicted, true)
    return float(np.mean(np.sign(p) == np.sign(t)))


def acc(predicted: ArrayLike, true: ArrayLike) -> float:
    """Share of equal class codes."""
    p, t = _pair(predicted, true)
    return float(np.mean(p == t))


#: Metrics of valence and of arousal, by machine name.
METRICS: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "rmse": rmse,
    "sagr": sagr,
    "pcc": pcc,
    "ccc": ccc,
}
