"""What numbers mean: predictors that learn nothing, and the best possible one. Rows of ``controls.csv``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np

from hocp.contracts import files, manifest
from hocp.contracts.published import DIMENSIONS
from hocp.statistics import measures
from hocp.statistics.exact import Sums, Undefined
from hocp.statistics.tested import Data

PERMUTATIONS = 200
NOTES = {
    "constant": "always 0, the middle of the scale",
    "train_mean": "the mean of the training labels",
    "permuted": f"the test labels themselves in random order, mean of {PERMUTATIONS} orders",
    "ceiling_static": "given the true state of the face in one frame",
    "ceiling_temporal": "given the true state of the face in a window of frames",
}


def rows(
    manifests: Iterable[str | Path], statements: Iterable[str | Path], *, folds: Sequence[int], seed: int = 0
) -> Iterator[dict[str, Any]]:
    """One row a data set, control, dimension and metric.

    Parameters
    ----------
    manifests : iterable of path
        ``manifest.csv`` of each data set.
    statements : iterable of path
        ``lookalike.json``, or its folder, of each generated release.
    folds : sequence of int
        Folds of AFEW-VA that the scenario runs.
    seed : int
        Of the random orders.
    """
    told = dict(_statement(path) for path in statements)
    for data in map(Data, manifests):
        dataset = data.facts.dataset
        joined = dataset == "afew_va"
        head = {
            "dataset": dataset,
            "data": data.facts.data,
            "convention": "pooled",
            "fold": "all" if joined else 0,
        }
        for dimension in DIMENSIONS:
            key = {**head, "dimension": dimension}
            yield from _blind(key, data, folds if joined else [0], seed)
            yield from _ceilings(key, told.get(dataset))


def _statement(path: str | Path) -> tuple[str, Mapping[str, Any]]:
    place = Path(path) / "lookalike.json" if Path(path).is_dir() else Path(path)
    found = files.read_json(place)
    return found["dataset"], found


def _blind(key: Mapping[str, Any], data: Data, folds: Sequence[int], seed: int) -> Iterator[dict[str, Any]]:
    """Controls that do not look at the face, scored on the test part of all folds together."""
    dimension = key["dimension"]
    labels = [_labels(data.part("test", fold), dimension) for fold in folds]
    means = [
        np.full(len(part), data.training(fold)[dimension].mean)
        for fold, part in zip(folds, labels, strict=True)
    ]
    true = np.concatenate(labels)
    random = np.random.default_rng(seed)
    orders = [true[random.permutation(len(true))] for _ in range(PERMUTATIONS)]
    tried = {"constant": [np.zeros(len(true))], "train_mean": [np.concatenate(means)], "permuted": orders}
    for control, predictions in tried.items():
        sums = [Sums.of(predicted, true) for predicted in predictions]
        for metric, measure in measures.METRICS.items():
            yield {
                **key,
                "method": control,
                "metric": metric,
                "n": len(true),
                **_number(control, sums, measure),
            }


def _labels(items: Sequence[manifest.Item], dimension: str) -> np.ndarray:
    return np.array([getattr(item, dimension) for item in items], dtype=np.float32)


def _number(control: str, sums: Sequence[Sums], measure) -> dict[str, Any]:
    try:
        values = [measure(each) for each in sums]
    except Undefined as error:
        return {"note": NOTES[control], "reason": str(error)}
    note = NOTES[control] + (f", standard deviation {pstdev(values):.3f}" if len(values) > 1 else "")
    return {"value": f"{fmean(values):.6f}", "note": note}


def _ceilings(key: Mapping[str, Any], statement: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Concordance that the generator's own truth allows; licensed data state none."""
    for kind in ("static", "temporal"):
        cells = {"method": f"ceiling_{kind}", "metric": "ccc", "note": NOTES[f"ceiling_{kind}"]}
        if statement is None:
            yield {**key, **cells, "reason": "no generated release: the best possible value is not known"}
            continue
        value = statement["ceilings"][key["dimension"]][kind]
        why = statement["ceilings"].get("no_temporal", "not computed")
        yield {
            **key,
            **cells,
            "value": None if value is None else f"{value:.6f}",
            "reason": why if value is None else "",
        }
