"""Which convolutions of a network are to be factorized, and putting layers in their places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import prod

import torch
from torch import nn

from hocp.conv.dense import CONVOLUTIONS, geometry_of
from hocp.conv.layer import FactorizedConv
from hocp.conv.nd import ConvNd

DENSE = (*CONVOLUTIONS.values(), ConvNd)
Selection = str | Iterable[str] | Callable[[str, nn.Module], bool] | None


@dataclass(frozen=True)
class Target:
    """One kernel, and all modules that convolve with it: mostly a single one.

    Attributes
    ----------
    paths : tuple of tuple of str
        For each module all of its paths in the network.
    convs : tuple of nn.Module
    """

    paths: tuple[tuple[str, ...], ...]
    convs: tuple[nn.Module, ...]

    @property
    def name(self) -> str:
        """First path of the first module."""
        return self.paths[0][0]

    @property
    def weight(self) -> nn.Parameter:
        """The dense kernel, (T, C / g, K0, ...)."""
        return self.convs[0].weight

    @property
    def bias_parameters(self) -> int:
        """Numbers in the biases, shared ones once."""
        return sum({id(c.bias): c.bias.numel() for c in self.convs if c.bias is not None}.values())

    @property
    def parameters(self) -> int:
        """Of the dense layers, shared ones once."""
        return self.weight.numel() + self.bias_parameters


def find(network: nn.Module, layers: Selection) -> list[Target]:
    """The chosen convolutions, in the order of the network.

    By default every plain convolution with more than one tap and one group: 1x1 and depthwise convolutions
    have no or hardly anything to separate.

    Raises
    ------
    ValueError
        If nothing is found, a pattern fits no convolution, or a named layer cannot be replaced.
    """
    paths: dict[nn.Module, list[str]] = defaultdict(list)
    for name, module in network.named_modules(remove_duplicate=False):
        if isinstance(module, DENSE):
            paths[module].append(name)
    chosen = _by_default(network, paths) if layers is None else _as_asked(network, paths, layers)
    if not chosen:
        raise ValueError(
            f"factorize found no convolution to replace in this {type(network).__name__}, which has "
            f"{_some([names[0] for names in paths.values()])}; by default those with more than one tap and "
            "one group are taken, others must be named in layers"
        )
    groups: dict[int, list[nn.Module]] = defaultdict(list)
    for module in chosen:
        groups[id(module.weight)].append(module)
    return [Target(tuple(tuple(paths[m]) for m in group), tuple(group)) for group in groups.values()]


def _by_default(network: nn.Module, paths: Mapping[nn.Module, list[str]]) -> list[nn.Module]:
    """More than one tap, one group, nothing against it."""
    chosen = [
        conv for conv in paths if type(conv) in DENSE and prod(conv.weight.shape[2:]) > 1 and conv.groups == 1
    ]
    reasons = _reasons(network, chosen)
    return [conv for conv in chosen if conv not in reasons]


def _as_asked(network: nn.Module, paths: Mapping[nn.Module, list[str]], layers: Selection) -> list[nn.Module]:
    """By predicate or by patterns."""
    if callable(layers):
        chosen = [conv for conv, names in paths.items() if any(layers(name, conv) for name in names)]
    else:
        patterns = [layers] if isinstance(layers, str) else list(layers)
        known = [name for names in paths.values() for name in names]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in known):
                raise ValueError(
                    f"layers has {pattern!r}, which fits no convolution; there are {_some(known)}"
                )
        chosen = [
            conv for conv, names in paths.items()
            if any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
        ]  # fmt: skip
    for conv, reason in _reasons(network, chosen).items():
        raise ValueError(f"{_called(paths[conv][0])} cannot be factorized: {reason}")
    return chosen


def _reasons(network: nn.Module, chosen: Sequence[nn.Module]) -> dict[nn.Module, str]:
    """What speaks against replacing a convolution."""
    owners: dict[int, set[nn.Module]] = defaultdict(set)
    for module in network.modules():
        for parameter in module._parameters.values():
            owners[id(parameter)].add(module)
    reasons = {}
    for conv in chosen:
        alike = {other for other in chosen if other.weight is conv.weight}
        others = {other for p in conv.parameters() for other in owners[id(p)]} - alike
        if type(conv) not in DENSE:
            reasons[conv] = (
                f"it is a {type(conv).__name__}, whose forward may differ from its base class's; remove the "
                "parametrization, or put a plain convolution there"
            )
        elif conv._forward_hooks or conv._forward_pre_hooks or conv._backward_hooks:
            reasons[conv] = "it has hooks, which its replacement would lose; remove them first"
        elif others:
            other = type(next(iter(others))).__name__
            reasons[conv] = f"it shares parameters with a {other} that does not become the same layer"
    return reasons


def replaced(
    network: nn.Module, targets: Sequence[Target], made: Sequence[Sequence[FactorizedConv] | None]
) -> nn.Module:
    """A copy of the network with the made layers, one list a target, in the places of the convolutions."""
    copy = deepcopy(network)
    for target, layers in zip(targets, made, strict=True):
        for names, layer in zip(target.paths, layers or (), strict=layers is not None):
            for name in names:
                if not name:
                    return layer
                parent, _, child = name.rpartition(".")
                copy.get_submodule(parent)._modules[child] = layer
    return copy


@torch.no_grad()
def for_all(target: Target, first: FactorizedConv) -> list[FactorizedConv]:
    """The layer made for the first module of a target, and for the others layers that share its tensors."""
    layers, biases = [first], {id(target.convs[0].bias): first.bias}
    for conv in target.convs[1:]:
        geometry, like = geometry_of(conv), {"device": conv.weight.device, "dtype": conv.weight.dtype}
        names = ("stride", "padding", "dilation", "padding_mode")
        place = {name: getattr(geometry, name) for name in names} | {"bias": conv.bias is not None}
        layer = type(first)(**(first.options() | place), **like)
        for name, parameter in first.named_parameters():
            if name != "bias":
                parent, _, child = name.rpartition(".")
                layer.get_submodule(parent)._parameters[child] = parameter
        if layer.bias is not None:
            own = nn.Parameter(conv.bias.detach().clone(), requires_grad=conv.bias.requires_grad)
            layer.bias = biases.setdefault(id(conv.bias), own)
        layer.fit = first.fit
        layers.append(layer.train(conv.training))
    return layers


def _called(name: str) -> str:
    return f"layer {name!r}" if name else "the module itself"


def _some(names: Sequence[str]) -> str:
    """Up to eight names."""
    shown = ", ".join(repr(name) for name in names[:8]) or "none"
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
