"""Rules of `transduce` for factorized and dense convolutions.

Old tensors stay the same objects, dense kernels excepted; layers that shared theirs share the new one.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from hocp.conv.block import check_skip_taps, middle
from hocp.conv.cp import CPConv
from hocp.conv.dense import CONVOLUTIONS, as_module, geometry_of
from hocp.conv.layer import FactorizedConv
from hocp.conv.nd import ConvNd
from hocp.conv.separable import SeparableDepthwise
from hocp.conv.tensor_train import TTConv
from hocp.conv.transduction.new_mode import inflated, new_core, new_factor
from hocp.conv.transduction.options import Options
from hocp.conv.transduction.transduce import convert, layer_order, transduce_layer
from hocp.conv.tucker import TuckerConv


def _with_new_mode(layer: FactorizedConv | SeparableDepthwise, options: Options) -> None:
    """What all factorized layers need beside the new tensor."""
    old = layer.geometry
    layer.geometry = old.with_new_mode(options.kernel_size, centre=options.tap)
    if getattr(layer, "skip", None) is not None:
        taps = (options.tap, *(layer.skip_taps or middle(old.kernel_size)))
        layer.skip_taps = check_skip_taps(
            taps, layer.skip, geometry=layer.geometry, layer=type(layer).__name__
        )
    layer.temporal_modes = (0, *(mode + 1 for mode in layer.temporal_modes))
    if getattr(layer, "rank_norm", None) is not None:
        layer.rank_norm = convert(layer.rank_norm, options)


def _inserted(tensors: nn.ParameterList, index: int, new: nn.Parameter) -> nn.ParameterList:
    """The list with one more parameter before an index."""
    return nn.ParameterList([*tensors[:index], new, *tensors[index:]]).train(tensors.training)


@transduce_layer.register(CPConv)
def _cp(layer: CPConv, options: Options) -> CPConv:
    """A new factor (K, R) behind those of the channels."""
    _with_new_mode(layer, options)
    old = tuple(layer.factors)
    new = options.once(old, lambda: new_factor(options, layer.rank, old[0].detach()))
    layer.factors = _inserted(layer.factors, 2, new)
    return layer


@transduce_layer.register(TuckerConv)
def _tucker(layer: TuckerConv, options: Options) -> TuckerConv:
    """A new separate mode (K, R_C); the core is each layer's own in joint ones, hence no part of the key."""
    _with_new_mode(layer, options)
    old = (*layer.factors, *layer.mode_factors)
    new = options.once(old, lambda: new_factor(options, layer.rank[1], layer.core.detach()))
    layer.mode_factors = _inserted(layer.mode_factors, 0, new)
    return layer


@transduce_layer.register(TTConv)
def _tensor_train(layer: TTConv, options: Options) -> TTConv:
    """A new core (r0, K, r0) behind the first, which is each layer's own in joint ones."""
    _with_new_mode(layer, options)
    new = options.once(layer.cores[1:], lambda: new_core(options, layer.rank[0], layer.cores[0].detach()))
    layer.cores = _inserted(layer.cores, 1, new)
    return layer


@transduce_layer.register(SeparableDepthwise)
def _separable(layer: SeparableDepthwise, options: Options) -> SeparableDepthwise:
    """A new factor, without a norm of its own: an untrained one would change the frames."""
    _with_new_mode(layer, options)
    old = tuple(layer.factors)
    new = options.once(old, lambda: new_factor(options, layer.channels, old[0].detach()))
    layer.factors = _inserted(layer.factors, 0, new)
    for mode, norm in enumerate(layer.norms):
        layer.norms[mode] = convert(norm, options)
    layer.norms.insert(0, nn.Identity().train(layer.training))
    return layer


def _conv(layer: nn.Module, options: Options) -> nn.Module:
    """An inflated dense convolution; a pointwise one stays pointwise, as shortcuts must."""
    geometry = geometry_of(layer)
    if set(geometry.kernel_size) == {1}:
        options = replace(options, kernel_size=1, init="identity", centre=None)
    weight = layer.weight
    new = as_module(
        torch.empty(*weight.shape[:2], options.kernel_size, *weight.shape[2:], device="meta"),
        bias=layer.bias,
        geometry=geometry.with_new_mode(options.kernel_size, centre=options.tap),
        groups=layer.groups,
    )
    new.weight = options.once([weight], lambda: inflated(weight.detach(), options))
    new.weight.requires_grad_(weight.requires_grad)
    new.bias = layer.bias
    return new


for _order, _class in CONVOLUTIONS.items():
    transduce_layer.register(_class, _conv)
    layer_order.register(_class, lambda module, order=_order: order)
transduce_layer.register(ConvNd, _conv)
