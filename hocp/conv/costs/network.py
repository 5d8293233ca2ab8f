"""Parameters, MACs and activation bytes of a whole network, layer by layer, without computing anything.

The network runs on torch's meta device, which tracks shapes only; each layer with a cost twin reports its
formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import singledispatch
from math import prod

import torch
from torch import Tensor, nn

from hocp.conv.costs.layer import TWINS, layer_cost, order_of


@dataclass(frozen=True)
class LayerCost:
    """One layer with a cost twin, for one sample.

    Attributes
    ----------
    layer, kind : str
        Path in the network, name of the class.
    parameters, macs : int
    output_shape : tuple of int
        Without the batch.
    """

    layer: str
    kind: str
    parameters: int
    macs: int
    output_shape: tuple[int, ...]


@dataclass(frozen=True)
class NetworkCost:
    """Cost of a network for one sample.

    Attributes
    ----------
    parameters : int
        Learnable numbers of the whole network, shared ones once.
    macs : int
        Of convolutions and linear layers; norms, activations and pooling count nothing, as in torchvision's
        figures.
    activation_bytes : int
        Outputs of all leaf layers together, in the parameters' dtype.
    layers : tuple of LayerCost
    uncounted : tuple of str
        Layers with parameters of their own but neither a cost twin nor a known cost of zero.
    """

    parameters: int
    macs: int
    activation_bytes: int
    layers: tuple[LayerCost, ...]
    uncounted: tuple[str, ...]


# Layers whose parameters cost no MACs in the usual count.
_FREE = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.PReLU, nn.ParameterList)


def network_cost(module: nn.Module, input_size: Sequence[int], *, device: str = "meta") -> NetworkCost:
    """Count one forward pass.

    Parameters
    ----------
    module : nn.Module
        Stays untouched.
    input_size : sequence of int
        Channels first, without the batch: (3, 112, 112) or (3, 16, 112, 112).
    device : str, default "meta"
        Where the pass runs. "meta" computes nothing, but imports PyTorch's compiler, which takes seconds;
        "cpu" computes the pass, the quicker way for one small network.

    Returns
    -------
    NetworkCost
    """
    network = deepcopy(module).to(device).eval()
    dtype = next((parameter.dtype for parameter in network.parameters()), torch.get_default_dtype())
    rows: list[LayerCost] = []
    activations: list[int] = []
    counted: set[nn.Module] = set()
    for name, layer in network.named_modules():
        if has_twin(layer):
            counted.update(layer.modules())
            layer.register_forward_hook(_row_maker(name, rows))
        if not _inner(layer):
            layer.register_forward_hook(lambda layer, args, output: activations.append(_elements(output)))
    with torch.no_grad():
        network(torch.zeros(1, *input_size, dtype=dtype, device=device))
    return NetworkCost(
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        macs=sum(row.macs for row in rows),
        activation_bytes=sum(activations) * dtype.itemsize,
        layers=tuple(rows),
        uncounted=tuple(name for name, layer in network.named_modules() if _forgotten(layer, counted)),
    )


@singledispatch
def layer_macs(layer: nn.Module, input_size: tuple[int, ...], output_size: tuple[int, ...]) -> int:
    """MACs of a layer for one input. Register own layers with ``layer_macs.register``.

    ``input_size`` and ``output_size`` are the shapes of the tensors, batch included.
    """
    raise AssertionError(f"no cost twin for {type(layer).__name__}")


@layer_macs.register
def _(layer: nn.Linear, input_size: tuple[int, ...], output_size: tuple[int, ...]) -> int:
    return prod(output_size) * layer.in_features


def _twin_macs(layer: nn.Module, input_size: tuple[int, ...], output_size: tuple[int, ...]) -> int:
    """By the formula for one sample; the batch may be missing."""
    cost = layer_cost(layer, input_size[-order_of(layer) :])
    return cost.macs * prod(input_size[: -order_of(layer) - 1])


for _class in TWINS:
    layer_macs.register(_class, _twin_macs)


def has_twin(layer: nn.Module) -> bool:
    """Whether a cost twin is registered."""
    return layer_macs.dispatch(type(layer)) is not layer_macs.dispatch(object)


def _inner(layer: nn.Module) -> bool:
    """Whether a module is a container, whose output is that of one of its layers."""
    return not has_twin(layer) and any(True for _ in layer.children())


def _row_maker(name: str, rows: list[LayerCost]):
    """Hook that notes one layer's cost."""

    def note(layer: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        macs = layer_macs(layer, tuple(args[0].shape), tuple(output.shape))
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        rows.append(LayerCost(name, type(layer).__name__, parameters, macs, tuple(output.shape[1:])))

    return note


def _elements(output: object) -> int:
    """Numbers in a layer's output."""
    return output.numel() if isinstance(output, Tensor) else 0


def _forgotten(layer: nn.Module, counted: set[nn.Module]) -> bool:
    """Whether a layer's parameters may cost MACs that nobody counted."""
    own = any(True for _ in layer.parameters(recurse=False))
    return own and layer not in counted and not isinstance(layer, _FREE)
