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
        head = {**tested.head, "n": len(tested.fold), "missing": int(tested.missing.sum())}
        for dimension in DIMENSIONS:
            raw, true = tested.predicted[dimension], tested.true[dimension]
            usual = list(_grid(head | {"dimension": dimension}, raw, true, partitions))
            for how in PROCESSING:
                predicted = processed(tested, dimension, how)
                same = how == "raw" or np.array_equal(predicted, raw)
                found = usual if same else _grid(head | {"dimension": dimension}, predicted, true, partitions)
                yield from ({**row, "processing": how} for row in found)


def _grid(
    head: Mapping[str, Any], predicted: np.ndarray, true: np.ndarray, partitions: Mapping[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    """All ways of averaging and all variants; units are summed once for all."""
    for aggregation, codes in partitions.items():
        sums = units.split(predicted, true, codes)
        for variant in VARIANTS:
            key = {**head, "metric": variant.metric, "variance": variant.variance, "sign": variant.sign}
            if variant.sign == "zeros_dropped":
                key["n"] -= sum(map(measures.zero_labels, sums))
            numbers = (
                _pooled(sums, variant) if aggregation == "pooled" else _means(sums, variant, aggregation)
            )
            for name, policy, undefined, value, reason in numbers:
                cell = None if value is None else f"{value:.6f}"
                yield {
                    **key, "aggregation": name, "units": len(sums), "policy": policy,
                    "undefined": undefined, "value": cell, "reason": reason,
                }  # fmt: skip


#: Way of averaging, policy, units without a value, value, reason.
Number = tuple[str, str, int, float | None, str]


def _pooled(sums: Sequence[Sums], variant: Variant) -> Iterator[Number]:
    try:
        yield "pooled", "", 0, variant.measure(merged(sums)), ""
    except Undefined as error:
        yield "pooled", "", 1, None, str(error)


def _means(sums: Sequence[Sums], variant: Variant, aggregation: str) -> Iterator[Number]:
    """The mean under each policy, clips also by length; policies are one where every unit has a value."""
    names = ["clip_mean", "clip_weighted"] if aggregation == "clip_mean" else [aggregation]
    try:
        found = units.values(sums, variant.measure, moments=variant.moments)
    except Undefined as error:
        yield from ((name, "excluded", 0, None, str(error)) for name in names)
        return
    policies = units.POLICIES if found.undefined and variant.moments else units.POLICIES[:1]
    for name in names:
        for policy in policies:
            try:
                value = units.mean(found, policy=policy, weighted=name == "clip_weighted")
                yield name, policy, found.undefined, value, ""
            except Undefined as error:
                yield name, policy, found.undefined, None, str(error)
