"""The same predictions under every convention that published code follows: rows of ``conventions.csv``."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from hocp.contracts.published import DIMENSIONS
from hocp.statistics import measures, units
from hocp.statistics.exact import Sums, Undefined, merged
from hocp.statistics.tested import Tested


class Variant(NamedTuple):
    """A metric under one convention of variance or of signs; empty where it has no such convention."""

    metric: str
    measure: Callable[[Sums], float]
    variance: str = ""
    sign: str = ""

    @property
    def moments(self) -> bool:
        """Whether both sides have to vary."""
        return bool(self.variance)


VARIANTS = (
    Variant("rmse", measures.rmse),
    Variant("mse", measures.mse),
    *(Variant("sagr", partial(measures.sagr, sign=sign), sign=sign) for sign in measures.SIGNS),
    *(Variant("pcc", partial(measures.pcc, variance=name), name) for name in measures.VARIANCES),
    *(Variant("ccc", partial(measures.ccc, variance=name), name) for name in measures.VARIANCES),
)

#: What is done to predictions before scoring. Others that code bases have (the mean with the mirrored image,
#: smoothing, shifts in time) need the network again or labels that lag, and are not computed.
PROCESSING = ("raw", "clipped", "std_matched")


def processed(tested: Tested, dimension: str, how: str) -> np.ndarray:
    """Predictions as they are scored: raw, clipped to [-1, 1], or with the spread of the training labels.

    Matching keeps the mean of the predictions and gives them the standard deviation of the training labels,
    fold by fold; constant predictions stay as they are.
    """
    values = tested.predicted[dimension]
    if how == "raw":
        return values
    if how == "clipped":
        return np.clip(values, -1, 1)
    matched = values.astype(np.float64)
    for fold, labels in tested.training.items():
        here = tested.fold == fold
        matched[here] = _matched(values[here], labels[dimension].deviation)
    return matched


def _matched(values: np.ndarray, deviation: float) -> np.ndarray:
    """Values with this standard deviation about their own mean."""
    sums = Sums.of(values, values)
    if not sums.n or sums.nonfinite or measures.constant(sums):
        return values
    centre = values.astype(np.float64) - float(np.mean(values, dtype=np.float64))
    spread = measures.rmse(Sums.of(centre, np.zeros(len(centre))))
    return values.mean(dtype=np.float64) + centre * (deviation / spread)


def rows(tests: Iterable[Tested]) -> Iterator[dict[str, Any]]:
    """One row a number; columns are `hocp.contracts.record.CONVENTIONS`."""
    for tested in tests:
        partitions = units.partitions(tested)
        for dimension in DIMENSIONS:
            for how in PROCESSING:
                head = {**tested.head, "dimension": dimension, "processing": how, "n": len(tested.fold),
                        "missing": int(tested.missing.sum())}  # fmt: skip
                predicted = processed(tested, dimension, how)
                yield from _grid(head, predicted, tested.true[dimension], partitions)


def _grid(
    head: Mapping[str, Any], predicted: np.ndarray, true: np.ndarray, partitions: Mapping[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    """All ways of averaging and all variants; units are summed once for all."""
    for aggregation, codes in partitions.items():
        sums = units.split(predicted, true, codes)
        for variant in VARIANTS:
            key = {"aggregation": aggregation, "units": len(sums), "metric": variant.metric,
                   "variance": variant.variance, "sign": variant.sign}  # fmt: skip
            numbers = (
                _pooled(sums, variant) if aggregation == "pooled" else _means(sums, variant, aggregation)
            )
            if variant.sign == "zeros_dropped":
                key["n"] = head["n"] - measures.zero_labels(merged(sums))
            for policy, (value, undefined, reason) in numbers:
                cell = None if value is None else f"{value:.6f}"
                yield {
                    **head,
                    **key,
                    "policy": policy,
                    "undefined": undefined,
                    "value": cell,
                    "reason": reason,
                }


def _pooled(sums: Sequence[Sums], variant: Variant) -> Iterator[tuple[str, units.Mean]]:
    try:
        yield "", units.Mean(variant.measure(merged(sums)), 0)
    except Undefined as error:
        yield "", units.Mean(None, 1, str(error))


def _means(sums: Sequence[Sums], variant: Variant, aggregation: str) -> Iterator[tuple[str, units.Mean]]:
    """The mean under each policy; where every unit has a value the policies are one."""
    options = {"weighted": aggregation == "clip_weighted", "moments": variant.moments}
    for policy in units.POLICIES:
        found = units.mean(sums, variant.measure, policy=policy, **options)
        yield policy, found
        if not found.undefined or not variant.moments:
            break
