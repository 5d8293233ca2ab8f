"""Predictions for every item of a test part, missing ones included, and what the manifest says of them.

The denominator is the manifest's: an item that a run has no prediction for keeps its place, with the mean of
the training labels as its prediction, and is counted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, NamedTuple

import numpy as np

from hocp.contracts import files, manifest
from hocp.contracts.manifest import Item
from hocp.contracts.published import DIMENSIONS
from hocp.statistics.evaluated import Evaluated


class Labels(NamedTuple):
    """Mean and standard deviation (of the population) of the training labels."""

    mean: float
    deviation: float


class Data:
    """What the manifest of one prepared data set says of its items.

    Parameters
    ----------
    path : path
        ``manifest.csv``; ``manifest.json`` lies beside it.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.facts = manifest.read_facts(self.path.with_suffix(".json"))
        self.sha256 = files.sha256(self.path)
        self.items = [item for item in manifest.read(self.path) if item.usable]
        self.part = cache(self._part)
        self.training = cache(self._training)

    def _part(self, name: str, fold: int) -> list[Item]:
        """Usable items of "train", "val" or "test" of a fold, in the manifest's order."""
        return [item for item in self.items if manifest.parts(item.split, fold) == name]

    def _training(self, fold: int) -> dict[str, Labels]:
        """Labels of the training part by dimension; without a training part, the middle of the scale."""
        part = self.part("train", fold)
        values = {d: [getattr(item, d) for item in part] or [0.0] for d in DIMENSIONS}
        return {d: Labels(fmean(v), pstdev(v)) for d, v in values.items()}


@dataclass(frozen=True)
class Tested:
    """One method and seed on the whole test part, folds together; arrays have one entry an item.

    Attributes
    ----------
    head : mapping
        ``run, dataset, method, fold, seed, data`` as in ``runs.csv``; fold is "all" where folds were joined.
    clip, group : ndarray of str
        Empty text where the data set has no clips, or names no people.
    frame, fold : ndarray of int
    predicted, true : mapping of str to ndarray of float32, float64 where predictions were filled in
        By dimension, on [-1, 1].
    missing : ndarray of bool
        Where the prediction is the mean of the training labels, for want of one.
    training : mapping
        Fold -> dimension -> `Labels`.
    """

    head: Mapping[str, Any]
    clip: np.ndarray
    group: np.ndarray
    frame: np.ndarray
    fold: np.ndarray
    predicted: Mapping[str, np.ndarray]
    true: Mapping[str, np.ndarray]
    missing: np.ndarray
    training: Mapping[int, Mapping[str, Labels]]


def gather(runs: Iterable[Evaluated], manifests: Iterable[str | Path]) -> Iterator[Tested]:
    """Each method and seed with all its folds.

    Raises
    ------
    ValueError
        If a run's data set has no manifest here or another one, or its predictions are not of its test part.
    """
    known = {data.facts.dataset: data for data in map(Data, manifests)}
    for (dataset, _, _), family in groupby(sorted(runs, key=_order), key=_family):
        if dataset not in known:
            raise ValueError(
                f"no manifest of {dataset} among {', '.join(known) or 'none'}; add its manifest.csv"
            )
        folds = [_complete(run, known[dataset]) for run in family]
        yield _joined(folds) if dataset == "afew_va" else folds[0]


def _family(run: Evaluated) -> tuple[str, str, int]:
    return run.record["dataset"], run.record["method"], run.record["seed"]


def _order(run: Evaluated) -> tuple[str, str, int, int]:
    return *_family(run), run.record["fold"]


def _complete(run: Evaluated, data: Data) -> Tested:
    """A run's predictions in the manifest's order, with the training mean where there is none."""
    facts, fold = run.record, run.record["fold"]
    if facts["data"]["manifest_sha256"] != data.sha256:
        raise ValueError(
            f"{data.path} is not the manifest that {facts['run']} was made from; prepare and train anew"
        )
    items = data.part("test", fold)
    place = {item: k for k, item in enumerate(run.predictions["item"].tolist())}
    strangers = set(place) - {item.item for item in items}
    if strangers:
        raise ValueError(f"{facts['run']}: {min(strangers)!r} is predicted, but is no item of the test part")
    found = np.array([place.get(item.item, -1) for item in items], dtype=np.int64)
    return Tested(
        head={key: facts[key] for key in ("run", "dataset", "method", "fold", "seed")}
        | {"data": facts["data"]["data"]},
        clip=np.array([item.clip for item in items], dtype=np.str_),
        group=np.array([item.group for item in items], dtype=np.str_),
        frame=np.array([-1 if item.frame is None else item.frame for item in items], dtype=np.int64),
        fold=np.full(len(items), fold),
        predicted={d: _filled(run.predictions[d], found, data.training(fold)[d].mean) for d in DIMENSIONS},
        true={d: np.array([getattr(item, d) for item in items], dtype=np.float32) for d in DIMENSIONS},
        missing=found < 0,
        training={fold: data.training(fold)},
    )


def _filled(values: np.ndarray, place: np.ndarray, instead: float) -> np.ndarray:
    """Values at these places; `instead` where the place is -1."""
    if not (place < 0).any():
        return values[place]
    return np.array([instead if k < 0 else float(values[k]) for k in place.tolist()])


def _joined(folds: Sequence[Tested]) -> Tested:
    """All folds of one method and seed, one after the other."""
    head = dict(folds[0].head)
    head |= {"run": f"{head['dataset']}.{head['method']}.all.s{head['seed']}", "fold": "all"}
    arrays = {
        name: np.concatenate([getattr(each, name) for each in folds])
        for name in ("clip", "group", "frame", "fold", "missing")
    }
    sides = {
        side: {d: np.concatenate([getattr(each, side)[d] for each in folds]) for d in DIMENSIONS}
        for side in ("predicted", "true")
    }
    return Tested(
        head=head, **arrays, **sides, training={f: t for each in folds for f, t in each.training.items()}
    )
