"""The CP layers whose weights gate their components, and which of them share tensors."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from torch import nn

from hocp.conv.cp import CPConv


class Use(NamedTuple):
    """One place where a tensor scales the components of a layer."""

    layer: CPConv
    tensors: tuple[nn.Parameter, ...]
    balanced: bool  # whether its columns are to have unit length


def gated(module: nn.Module) -> list[tuple[str, CPConv]]:
    """CP layers that learn their weights, with their paths.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = [(name, layer) for name, layer in _cp_layers(module) if layer.learn_weights]
    if not found:
        raise ValueError(
            f"{type(module).__name__} has no CPConv that learns its weights, so there is no rank to select; "
            "build it with learn_weights=True"
        )
    return found


def distinct_weights(module: nn.Module) -> list[nn.Parameter]:
    """The weights of all gated layers, each once though layers may share them."""
    return list({id(layer.weights): layer.weights for _, layer in gated(module)}.values())


def families(module: nn.Module) -> list[list[CPConv]]:
    """Gated layers together with all CP layers that share a tensor with them, directly or through others."""
    layers = [layer for _, layer in _cp_layers(module)]
    owners: dict[int, list[CPConv]] = defaultdict(list)
    for layer in layers:
        for parameter in ranked(layer):
            owners[id(parameter)].append(layer)
    seen: set[CPConv] = set()
    found = []
    for _, first in gated(module):
        if first in seen:
            continue
        family, waiting = [], [first]
        while waiting:
            layer = waiting.pop()
            if layer not in seen:
                seen.add(layer)
                family.append(layer)
                waiting.extend(other for p in ranked(layer) for other in owners[id(p)])
        found.append(family)
    return found


def ranked(layer: CPConv) -> list[nn.Parameter]:
    """Parameters with one column a component."""
    norm = layer.rank_norm
    own = [layer.weights] if layer.learn_weights else []
    return [*own, *layer.factors, *([] if norm is None else [norm.weight, norm.bias])]


def uses(family: list[CPConv]) -> list[list[Use]]:
    """For each tensor that scales components, all the places where it does.

    A rank norm takes the scale of the factor in front of it out, so that factor stays, and the norm's own
    scale and shift count together, which a ReLU lets pass.
    """
    found: dict[int, list[Use]] = defaultdict(list)
    for layer in family:
        norm = layer.rank_norm
        for index, factor in enumerate(layer.factors):
            found[id(factor)].append(Use(layer, (factor,), norm is None or index != 1))
        if norm is not None:
            found[id(norm.weight)].append(Use(layer, (norm.weight, norm.bias), True))
    return list(found.values())


def _cp_layers(module: nn.Module) -> list[tuple[str, CPConv]]:
    return [(name, layer) for name, layer in module.named_modules() if isinstance(layer, CPConv)]
