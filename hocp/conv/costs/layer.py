"""The cost twin of a layer at hand: its formula with its own shape, rank and options."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

from torch import nn

from hocp.conv.costs.formulas import cp_cost, dense_cost, separable_cost, tt_cost, tucker_cost
from hocp.conv.costs.stages import Cost
from hocp.conv.cp import CPConv
from hocp.conv.dense import CONVOLUTIONS, geometry_of
from hocp.conv.layer import FactorizedConv
from hocp.conv.nd import ConvNd
from hocp.conv.separable import SeparableDepthwise
from hocp.conv.tensor_train import TTConv
from hocp.conv.tucker import TuckerConv

TWINS = (*CONVOLUTIONS.values(), ConvNd, CPConv, TuckerConv, TTConv, SeparableDepthwise)


@singledispatch
def layer_cost(layer: nn.Module, input_size: Sequence[int]) -> Cost:
    """Cost of a dense, factorized or separable convolution for one sample.

    With ``implementation`` 'auto' a factorized layer is counted stage by stage, as the paper counts it,
    though `CPConv` may compute it in a cheaper form; other implementations are counted as they are.

    Parameters
    ----------
    layer : nn.Module
    input_size : sequence of int
        Spatial, time first.

    Returns
    -------
    Cost
        ``parameters`` is the number in ``layer.parameters()``.

    Raises
    ------
    ValueError
        If there is no formula for a layer of this class, or the input is too small.
    """
    known = ", ".join(each.__name__ for each in TWINS)
    raise ValueError(
        f"layer_cost got a {type(layer).__name__}, for which there is no formula; expected {known}"
    )


def order_of(layer: nn.Module) -> int:
    """Spatial modes of a layer with a cost twin."""
    return layer.order if hasattr(layer, "order") else len(layer.kernel_size)


def _dense(layer: nn.Module, input_size: Sequence[int]) -> Cost:
    return dense_cost(
        layer.in_channels,
        layer.out_channels,
        geometry_of(layer),
        input_size,
        bias=layer.bias is not None,
        groups=layer.groups,
        itemsize=layer.weight.dtype.itemsize,
    )


for _class in (*CONVOLUTIONS.values(), ConvNd):
    layer_cost.register(_class, _dense)


@layer_cost.register
def _(layer: CPConv, input_size: Sequence[int]) -> Cost:
    return _factorized(cp_cost, layer, input_size, weights=layer.learn_weights)


@layer_cost.register
def _(layer: TuckerConv, input_size: Sequence[int]) -> Cost:
    return _factorized(tucker_cost, layer, input_size, separate_modes=len(layer.mode_factors))


@layer_cost.register
def _(layer: TTConv, input_size: Sequence[int]) -> Cost:
    return _factorized(tt_cost, layer, input_size)


def _factorized(formula, layer: FactorizedConv, input_size: Sequence[int], **options) -> Cost:
    return formula(
        layer.in_channels,
        layer.out_channels,
        layer.geometry,
        input_size,
        rank=layer.rank,
        bias=layer.bias is not None,
        rank_norm=layer.rank_norm is not None,
        groups=layer.groups,
        skip=layer.skip,
        form="chain" if layer.implementation == "auto" else layer.implementation,
        itemsize=next(layer.parameters()).dtype.itemsize,
        **options,
    )


@layer_cost.register
def _(layer: SeparableDepthwise, input_size: Sequence[int]) -> Cost:
    norm = not isinstance(layer.norms[0], nn.Identity)
    itemsize = layer.factors[0].dtype.itemsize
    return separable_cost(layer.channels, layer.geometry, input_size, norm=norm, itemsize=itemsize)
