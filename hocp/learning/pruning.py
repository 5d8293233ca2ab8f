"""After training with the lasso: what went to zero, layer by layer, and the network without it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from hocp.clips import Frames, Windows
from hocp.conv import prune_, sparsity
from hocp.learning.predict import predict


def prune(
    network: nn.Module, spec: Mapping[str, Any], *, data: str, source: Frames | Windows, device: torch.device
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Remove zeroed components for real, and measure what that does to the outputs.

    Parameters
    ----------
    network : nn.Module
        Changed in place.
    spec : mapping
    data : str
        "generated" or "licensed", for the rows.
    source : Frames or Windows
        What the outputs are compared on.

    Returns
    -------
    rows : list of dict
        Columns `hocp.contracts.record.RANKS`, one row a factorized layer.
    summary : dict
        ``zeroed``, ``components``, ``parameters_before``, ``parameters_after``, ``output_change`` and
        ``output_scale``.
    """
    layers, before = sparsity(network), _sizes(network)
    _, outputs = predict(network, source, device=device)
    prune_(network)
    _, pruned = predict(network, source, device=device)
    after = _sizes(network)
    rows = [
        {
            "run": spec["run"],
            "data": data,
            "gamma": spec["training"]["lasso"],
            "layer": layer.layer,
            "rank": layer.rank,
            "zeroed": layer.zeroed,
            "share": f"{layer.share:.6f}",
            "parameters_before": before[layer.layer],
            "parameters_after": after[layer.layer],
        }
        for layer in layers
    ]
    return rows, {
        "zeroed": sum(layer.zeroed for layer in layers),
        "components": sum(layer.rank for layer in layers),
        "parameters_before": before[""],
        "parameters_after": after[""],
        "output_change": _largest(pruned - outputs),
        "output_scale": _largest(outputs),
    }


def _sizes(network: nn.Module) -> dict[str, int]:
    """Parameters below each module, by its path."""
    return {name: sum(p.numel() for p in module.parameters()) for name, module in network.named_modules()}


def _largest(values: torch.Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0
