"""Factorized higher-order convolutions, usable alone in anyone's network.

>>> import torch
>>> from hocp.conv import CPConv, transduce
>>> image_layer = CPConv(3, 16, (3, 3), rank=24, padding=1)
>>> clip_layer = transduce(image_layer)
>>> clip_layer(torch.rand(1, 3, 8, 28, 28)).shape
torch.Size([1, 16, 8, 28, 28])
"""

from hocp.conv.choice.calibrate import calibrate
from hocp.conv.choice.explain import explain
from hocp.conv.choice.tune import tune
from hocp.conv.costs.flop_figure import flop_figure_gflops
from hocp.conv.costs.formulas import cp_cost, dense_cost, separable_cost, tt_cost, tucker_cost
from hocp.conv.costs.latency import latency
from hocp.conv.costs.layer import layer_cost
from hocp.conv.costs.network import NetworkCost, layer_macs, network_cost
from hocp.conv.costs.stages import Cost
from hocp.conv.cp import CPConv
from hocp.conv.exchange import from_tltorch, load, save, to_tltorch
from hocp.conv.factorization.factorize import factorize
from hocp.conv.factorization.report import FactorizationError, Factorized, LayerReport
from hocp.conv.functional import cp_conv
from hocp.conv.geometry import Geometry
from hocp.conv.layer import FactorizedConv
from hocp.conv.nd import BatchNormNd, ConvNd, channels_last
from hocp.conv.ranks.dropout import drop_components_
from hocp.conv.ranks.lasso import adam_scales, lasso, rebalance_, soft_threshold_, sparsity
from hocp.conv.ranks.prune import prune_
from hocp.conv.ranks.rank_for import matching_rank, rank_for
from hocp.conv.separable import SeparableDepthwise
from hocp.conv.solvers import Fit, fit_cp, fit_tt, fit_tucker
from hocp.conv.tensor_train import TTConv
from hocp.conv.transduction.frames import PerFrame
from hocp.conv.transduction.freeze import freeze_except_temporal, temporal_parameters, unfreeze
from hocp.conv.transduction.options import Options
from hocp.conv.transduction.transduce import transduce, transduce_layer
from hocp.conv.tucker import TuckerConv

__all__ = [
    "BatchNormNd",
    "CPConv",
    "ConvNd",
    "Cost",
    "FactorizationError",
    "Factorized",
    "FactorizedConv",
    "Fit",
    "Geometry",
    "LayerReport",
    "NetworkCost",
    "Options",
    "PerFrame",
    "SeparableDepthwise",
    "TTConv",
    "TuckerConv",
    "adam_scales",
    "calibrate",
    "channels_last",
    "cp_conv",
    "cp_cost",
    "dense_cost",
    "drop_components_",
    "explain",
    "factorize",
    "fit_cp",
    "fit_tt",
    "fit_tucker",
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
    "tune",
    "unfreeze",
]
