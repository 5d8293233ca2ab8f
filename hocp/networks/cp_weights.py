"""State dicts between HO-CP networks with and without learnt CP weights, the function staying the same.

A network without them has no entry for lambda, which is one throughout. The lasso needs them, so a network
that was trained without is loaded into one with, and a pruned or transduced one may go the other way.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv import CPConv


def adapt_on_load(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *unused: Any) -> None:
    """Load hook: add weights of one where they are missing, multiply them into a factor where unwanted."""
    for path, layer in module.named_modules():
        if not isinstance(layer, CPConv):
            continue
        place = f"{prefix}{path}." if path else prefix
        weights, factor = state_dict.get(f"{place}weights"), state_dict.get(f"{place}factors.0")
        if factor is None:
            continue  # torch reports what is missing
        if layer.learn_weights and weights is None:
            state_dict[f"{place}weights"] = torch.ones_like(factor[0])
        elif not layer.learn_weights and weights is not None:
            state_dict[f"{place}factors.0"] = factor * weights
            del state_dict[f"{place}weights"]
