"""What other crops of the test faces do to the scores of a trained image network.

Shape legend: N items, S side of a crop in pixels.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor, nn

from hocp.clips import normalise
from hocp.contracts import files, manifest, variants
from hocp.contracts.variants import Variants
from hocp.learning import metrics
from hocp.learning.losses import AFFECT
from hocp.learning.predict import FRAMES_A_BATCH, evaluating

METRICS = {"ccc": metrics.ccc, "rmse": metrics.rmse}
DIMENSIONS = ("valence", "arousal")

Scores = dict[tuple[str, str], tuple[float | None, str]]


def rows(
    network: nn.Module, run: Mapping[str, Any], *, data: Path, store: Path, device: torch.device
) -> Iterator[dict[str, Any]]:
    """
    Score a network on every way of cutting its test faces; columns are `hocp.contracts.record.SENSITIVITY`.

    Parameters
    ----------
    network, run : what `hocp.learning.start.load` gives
    data, store : path
        Folders of the prepared data set that it was trained on, and of the crops that were cut again.

    Raises
    ------
    ValueError
        If the network wants clips, or data set, crops and run do not belong together.
    """
    if network.order != 2:
        raise ValueError(
            f"run {run['run']}: a network of clips; faces are cut again one by one, take an image network"
        )
    facts = variants.read(store)
    true = _labels(data, facts, run)
    scores = []
    with h5py.File(store / variants.CROPS, "r") as file:
        for number in range(len(facts.variants)):
            scores.append(_scores(_predicted(network, file["crops"][number], device), true))
    head = {"run": run["run"], "dataset": facts.dataset, "data": facts.data, "n": len(facts.items)}
    for kind, setting, found, trained in _settings(facts, scores):
        for (dimension, metric), (value, reason) in found.items():
            base = scores[0][dimension, metric][0]
            change = None if value is None or base is None else value - base
            key = {"kind": kind, "setting": setting, "trained": int(trained)}
            numbers = {"value": _text(value), "change": _text(change), "reason": reason}
            yield {**head, **key, "dimension": dimension, "metric": metric, **numbers}


def _settings(facts: Variants, scores: list[Scores]) -> Iterator[tuple[str, str, Scores, bool]]:
    """Scores by kind and setting; that of training stands first in each kind."""
    for kind in variants.KINDS:
        changed = [place for place, variant in enumerate(facts.variants) if variant.kind == kind]
        if changed:
            yield kind, facts.trained[kind], scores[0], True
        for place in changed:
            yield kind, facts.variants[place].setting, scores[place], False


def _text(value: float | None) -> str | None:
    return None if value is None else f"{value:.6f}"


def _labels(data: Path, facts: Variants, run: Mapping[str, Any]) -> np.ndarray:
    """True valence and arousal of the items that were cut again, shape (N, 2)."""
    path = data / "manifest.csv"
    known = {"the crops": facts.manifest_sha256, "the run": run["data"]["manifest_sha256"]}
    found = files.sha256(path)
    for whose, expected in known.items():
        if found != expected:
            raise ValueError(f"{path} has SHA-256 {found}, that of {whose} is {expected}; make {whose} anew")
    items = {item.item: item for item in manifest.read(path)}
    return np.array([(items[name].valence, items[name].arousal) for name in facts.items])


@torch.inference_mode()
def _predicted(network: nn.Module, crops: np.ndarray, device: torch.device) -> np.ndarray:
    """Valence and arousal of crops of shape (N, S, S, 3), as shape (N, 2)."""
    outputs: list[Tensor] = []
    with evaluating(network):
        for batch in torch.from_numpy(crops).split(FRAMES_A_BATCH):
            outputs.append(network(normalise(batch.to(device)))[:, :AFFECT].cpu())
    return torch.cat(outputs).numpy()


def _scores(predicted: np.ndarray, true: np.ndarray) -> Scores:
    """Dimension and metric -> value, or None and the reason."""
    found: Scores = {}
    for axis, dimension in enumerate(DIMENSIONS):
        for name, metric in METRICS.items():
            try:
                found[dimension, name] = metric(predicted[:, axis], true[:, axis]), ""
            except metrics.Undefined as error:
                found[dimension, name] = None, str(error)
    return found
