"""The layers that are timed side by side, each with its kernel, its parameters and its work by formula.

Shapes: B batch, C channels in and out, M channels between, R rank; spatial sizes time first, 3 taps a mode.
    x, y   (B, C, D0, ...)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv import CPConv, Geometry, TuckerConv, cp_cost, dense_cost, tucker_cost
from tests.bench import products
from tests.bench.cases import Case, LayerCase

CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
TLTORCH = ("factorized", "mobilenet", "reconstructed")
LAYOUTS = ("contiguous", "channels_last")


@dataclass(frozen=True)
class Peer:
    """What is timed, and the memory layout of its input."""

    name: str
    layout: str = "contiguous"


def outsiders(case: Case) -> list[Peer]:
    """Other people's layers, each in the layout that suits it; in both where the case is thorough."""
    both = ["dense", *(["r2plus1d"] if case.order == 3 else [])]
    others = ["tucker", *(f"tltorch {name}" for name in TLTORCH)]
    peers = [Peer(name, layout) for name in both for layout in LAYOUTS]
    for name in others:
        suits = "channels_last" if name == "tucker" else "contiguous"
        peers += [Peer(name, layout) for layout in LAYOUTS if case.thorough or layout == suits]
    return peers + (yardsticks() if case.rank_of == "C" else [])


def yardsticks() -> list[Peer]:
    """The two matrix products of a CP layer alone, in the layouts that suit them."""
    convolutions = [Peer("products conv", layout) for layout in LAYOUTS]
    return [*convolutions, Peer("products linear", "channels_last")]


def build(name: str, case: LayerCase) -> nn.Module:
    """A layer; all CP layers hold the same numbers."""
    channels, kernel = case.channels, (3,) * case.order
    torch.manual_seed(0)
    if name == "dense":
        return CONVOLUTIONS[case.order](channels, channels, 3, padding=1, bias=False)
    if name == "r2plus1d":
        return nn.Sequential(*(
            nn.Conv3d(c_in, c_out, shape.kernel_size, padding=tuple(p for p, _ in shape.padding), bias=False)
            for c_in, c_out, shape in _pair(channels)
        ))  # fmt: skip
    if name == "tucker":
        return TuckerConv(channels, channels, kernel, rank=tucker_rank(case), padding=1)
    if name in products.NAMES:
        return products.build(name, (channels, channels), rank=case.rank, stride=(1,) * case.order)
    ours = CPConv(channels, channels, kernel, rank=case.rank, padding=1, **how(name))
    return as_tltorch(ours, name.removeprefix("tltorch ")) if name.startswith("tltorch") else ours


def how(name: str) -> dict[str, Any]:
    """Options of `CPConv` that a name such as "hocp auto recompute" asks for; others' have no say in it."""
    _, form, *recompute = name.split() if name.startswith("hocp ") else ("hocp", "chain")
    return {"implementation": form, "recompute": bool(recompute)}


def as_tltorch(ours: CPConv, implementation: str) -> nn.Module:
    """TensorLy-Torch's layer with our numbers."""
    import tltorch

    layer = tltorch.FactorizedConv(
        ours.in_channels, ours.out_channels, ours.geometry.kernel_size, rank=ours.rank, factorization="cp",
        implementation=implementation, stride=ours.geometry.stride, padding=1,
    )  # fmt: skip
    with torch.no_grad():
        layer.weight.weights.copy_(ours.weights if ours.learn_weights else torch.ones(ours.rank))
        for factor, own in zip(layer.weight.factors, ours.factors, strict=True):
            factor.copy_(own)
    return layer


def kernel(name: str, layer: nn.Module, order: int) -> Tensor:
    """The full kernel of a layer, (C, C, 3, ...), differentiable; of a pair, that of both together."""
    if name == "dense":
        return layer.weight
    if name == "r2plus1d":
        space, time = (conv.weight for conv in layer)
        return torch.einsum("tmi,mcjk->tcijk", time[..., 0, 0], space[:, :, 0])
    if name in products.NAMES:  # in the middle of 3 taps a mode, the others 0
        weight = products.weight(layer)
        return nn.functional.pad(weight[(..., *[None] * order)], (1, 1) * order)
    return layer.weight.to_tensor() if name.startswith("tltorch") else layer.to_kernel()


def macs(name: str, case: LayerCase) -> int:
    """Multiply-adds of one forward call by formula; of CP layers stage by stage, whatever the form."""
    channels = (case.channels, case.channels)
    if name == "dense":
        return case.batch * dense_cost(*channels, case.geometry, case.size).macs
    if name == "r2plus1d":
        return case.batch * sum(
            dense_cost(c_in, c_out, shape, case.size).macs for c_in, c_out, shape in _pair(case.channels)
        )
    if name == "tucker":
        return case.batch * tucker_cost(*channels, case.geometry, case.size, rank=tucker_rank(case)).macs
    if name in products.NAMES:
        return 2 * case.batch * prod(case.size) * case.channels * case.rank
    return case.batch * cp_cost(*channels, case.geometry, case.size, rank=case.rank).macs


def _pair(channels: int) -> list[tuple[int, int, Geometry]]:
    """The convolutions over space and over time, with M for the parameters of a dense layer."""
    middle = 27 * channels**2 // (9 * channels + 3 * channels)
    space, time = Geometry((1, 3, 3), padding=(0, 1, 1)), Geometry((3, 1, 1), padding=(1, 0, 0))
    return [(channels, middle, space), (middle, channels, time)]


def tucker_rank(case: LayerCase) -> tuple[int, int]:
    """(s C, s C) with the parameters of the CP layer: 2 s C^2 + K s^2 C^2 = R (2 C + 3 N + 1), or s = 1."""
    c, taps = case.channels, 3**case.order
    budget = case.rank * (2 * c + 3 * case.order + 1) / c**2
    rank = min(c, max(1, round(c * (sqrt(1 + taps * budget) - 1) / taps)))
    return rank, rank


def parameters(layer: nn.Module) -> int:
    """Learnable numbers."""
    return sum(prod(parameter.shape) for parameter in layer.parameters())
