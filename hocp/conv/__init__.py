"""Factorized higher-order convolutions, usable alone in anyone's network.

>>> import torch
>>> from hocp.conv import CPConv, transduce
>>> image_layer = CPConv(3, 16, (3, 3), rank=24, padding=1)
>>> clip_layer = transduce(image_layer)
>>> clip_layer(torch.rand(1, 3, 8, 28, 28)).shape
torch.Size([1, 16, 8, 28, 28])
"""

from hocp.conv import transduce_rules, transduce_torch  # noqa: F401  register the rules of transduce
from hocp.conv.cost import cp_cost, dense_cost, separable_cost, tt_cost, tucker_cost
from hocp.conv.cost_stages import Cost
from hocp.conv.cp import CPConv
from hocp.conv.dropout import drop_components_
from hocp.conv.exchange import from_tltorch, load, save, to_tltorch
from hocp.conv.factorize import factorize
from hocp.conv.flop_figure import flop_figure_gflops
from hocp.conv.frames import PerFrame
from hocp.conv.freeze import freeze_except_temporal, temporal_parameters, unfreeze
from hocp.conv.functional import cp_conv
from hocp.conv.geometry import Geometry
from hocp.conv.latency import latency
from hocp.conv.layer import FactorizedConv
from hocp.conv.layer_cost import layer_cost
from hocp.conv.nd import BatchNormNd, ConvNd, channels_last
from hocp.conv.network_cost import NetworkCost, layer_macs, network_cost
from hocp.conv.prune import prune_
from hocp.conv.rank import adam_scales, lasso, rebalance_, soft_threshold_, sparsity
from hocp.conv.rank_for import matching_rank, rank_for
from hocp.conv.report import FactorizationError, Factorized, LayerReport
from hocp.conv.separable import SeparableDepthwise
from hocp.conv.tensor_train import TTConv
from hocp.conv.transduce import transduce, transduce_layer
from hocp.conv.transduce_options import Options
from hocp.conv.tucker import TuckerConv

__all__ = [
    "BatchNormNd",
    "CPConv",
    "ConvNd",
    "Cost",
    "FactorizationError",
    "Factorized",
    "FactorizedConv",
    "Geometry",
    "LayerReport",
    "NetworkCost",
    "Options",
    "PerFrame",
    "SeparableDepthwise",
    "TTConv",
    "TuckerConv",
    "adam_scales",
    "channels_last",
    "cp_conv",
    "cp_cost",
    "dense_cost",
    "drop_components_",
    "factorize",
    "flop_figure_gflops",
    "freeze_except_temporal",
    "from_tltorch",
    "lasso",
    "latency",
    "layer_cost",
    "layer_macs",
    "load",
    "matching_rank",
    "network_cost",
    "prune_",
    "rank_for",
    "rebalance_",
    "save",
    "separable_cost",
    "soft_threshold_",
    "sparsity",
    "temporal_parameters",
    "to_tltorch",
    "transduce",
    "transduce_layer",
    "tt_cost",
    "tucker_cost",
    "unfreeze",
]
