"""Which items of a data set a run is trained on, watched by and tested on."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hocp.clips import Prepared


def position(data: Prepared, part: str, spec: Mapping[str, Any]) -> Tensor:
    """
    Items of one part of a run's fold, by their index.

    A run with ``groups`` in its specification is trained on so many groups of the training part. Which ones
    depends on its seed alone, so that all methods get the same ones, and more groups contain the fewer.

    Raises
    ------
    ValueError
        If the training part has fewer groups than that.
    """
    found = data.part(part, spec["fold"])
    count = spec.get("groups")
    if part != "train" or count is None:
        return found
    names = [data.items[k].group for k in found.tolist()]
    groups = sorted(set(names) - {""})
    if not 1 <= count <= len(groups):
        raise ValueError(
            f"training_groups.counts: run {spec['run']} asks for {count} groups; the training part of "
            f"{data.facts.dataset} has {len(groups)}"
        )
    order = np.random.default_rng([spec["seed"], 0x67726F7570]).permutation(len(groups))  # "group"
    chosen = {groups[k] for k in order[:count]}
    return found[torch.tensor([name in chosen for name in names])]
