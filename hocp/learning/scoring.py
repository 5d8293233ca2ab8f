"""Metrics of evaluated runs, as rows of the tidy table ``runs.csv``."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from hocp.contracts import record
from hocp.learning import metrics
from hocp.statistics.evaluated import Evaluated, Predictions

#: Ways of making one number of many frames. Both take the raw predictions, unclipped.
POOLED, FOLD_MEAN = "pooled", "fold_mean"
DIMENSIONS = ("valence", "arousal")


def rows(runs: Iterable[Evaluated]) -> Iterator[dict[str, Any]]:
    """Rows of all runs, and for AFEW-VA those over the folds: fold "all"."""
    for (dataset, _, _), family in groupby(sorted(runs, key=_order), key=_family):
        folds = list(family)
        for run in folds:
            yield from _scored(_head(folds=[run]), POOLED, values(run.predictions))
        if dataset == "afew_va":
            yield from _over(folds)


def _family(run: Evaluated) -> tuple[str, str, int]:
    """What the folds of one experiment have in common."""
    return run.record["dataset"], run.record["method"], run.record["seed"]


def _order(run: Evaluated) -> tuple[str, str, int, int]:
    return *_family(run), run.record["fold"]


def _over(folds: Sequence[Evaluated]) -> Iterator[dict[str, Any]]:
    """All folds' frames pooled, and the mean of the folds' values."""
    dataset, method, seed = _family(folds[0])
    head = _head(folds) | {"run": f"{dataset}.{method}.all.s{seed}", "fold": "all"}
    pooled = {name: np.concatenate([run.predictions[name] for run in folds]) for name in record.PREDICTIONS}
    yield from _scored(head, POOLED, values(pooled))
    each = [values(run.predictions) for run in folds]
    numbers = [run.record["fold"] for run in folds]
    yield from _scored(
        head, FOLD_MEAN, {key: _mean([fold[key] for fold in each], numbers) for key in each[0]}
    )


def _head(folds: Sequence[Evaluated]) -> dict[str, Any]:
    """Columns that say which run a row is about; seconds are those of all `folds` together."""
    first = folds[0].record
    return {
        **{key: first[key] for key in ("run", "dataset", "method", "fold", "seed")},
        "network": first["network"]["name"],
        "data": first["data"]["data"],
        "parameters": first["network"]["parameters"],
        "macs": first["network"]["macs"],
        "seconds": round(sum(run.record["train"]["seconds"] for run in folds), 3),
    }


class Value(NamedTuple):
    """A number, or None and the reason; and how many frames it is of."""

    value: float | None
    n: int
    reason: str = ""


def values(predictions: Predictions) -> dict[tuple[str, str], Value]:
    """All metrics of some frames, by dimension and metric."""
    found = {
        (dimension, name): _value(metric, predictions[dimension], predictions[f"{dimension}_true"])
        for dimension in DIMENSIONS
        for name, metric in metrics.METRICS.items()
    }
    if (predictions["expression"] >= 0).any():
        known = predictions["expression_true"] >= 0
        pair = (predictions[name][known] for name in ("expression", "expression_true"))
        found["expression", "acc"] = _value(metrics.acc, *pair)
    return found


def _value(metric: Callable[..., float], predicted: np.ndarray, true: np.ndarray) -> Value:
    try:
        return Value(metric(predicted, true), len(true))
    except metrics.Undefined as error:
        return Value(None, len(true), str(error))


def _mean(folds: Sequence[Value], numbers: Sequence[int]) -> Value:
    """Mean over folds; a fold without a number leaves the mean without one."""
    n = sum(fold.n for fold in folds)
    for number, fold in zip(numbers, folds, strict=True):
        if fold.value is None:
            return Value(None, n, f"fold {number}: {fold.reason}")
    return Value(float(np.mean([fold.value for fold in folds])), n)


def _scored(
    head: Mapping[str, Any], convention: str, found: Mapping[tuple[str, str], Value]
) -> Iterator[dict[str, Any]]:
    for (dimension, metric), (value, n, reason) in found.items():
        number = None if value is None else f"{value:.6f}"
        key = {"convention": convention, "dimension": dimension, "metric": metric}
        yield {**head, **key, "value": number, "n": n, "reason": reason}
