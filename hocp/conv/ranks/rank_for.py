"""Rank of one factorized layer from a budget: parameters, multiply-adds or measured time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, prod
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv.costs.latency import latency
from hocp.conv.cp import CPConv
from hocp.conv.geometry import Geometry
from hocp.conv.layer import FactorizedConv
from hocp.conv.ranks.ladder import Ladder, Rank, kind_of

Timer = Callable[[nn.Module, Tensor], float]


def matching_rank(
    in_channels: int,
    out_channels: int,
    kernel_size: tuple[int, ...],
    *,
    parameters: int | None = None,
    weights: bool = False,
    kind: str | type[FactorizedConv] = "cp",
    groups: int = 1,
) -> Rank:
    """Rank at which a layer comes nearest to the parameters of its dense twin, or to ``parameters``.

    CP: R = C/g T prod(K) / (C/g + T + sum(K)), rounded, at least 1; with this choice the HO-CP ResNet-18 has
    the size that the paper reports. ``weights`` counts lambda, one more number a component. Tucker: (R_T,
    R_C) in proportion to (T, C/g). Tensor train: one number for all bonds.

    Returns
    -------
    int, (int, int) or tuple of int
        As the class takes it. Unlike that of `rank_for`, it may be slightly too large.
    """
    channels = in_channels // groups
    budget = channels * out_channels * prod(kernel_size) if parameters is None else parameters
    layer = kind_of(kind, where="matching_rank")
    ladder = Ladder(layer, in_channels, out_channels, Geometry(kernel_size), groups)
    if issubclass(layer, CPConv):  # not cut at the ladder's top: the paper's layers may exceed it
        return max(1, round(budget / (channels + out_channels + sum(kernel_size) + weights)))
    within = max(1, ladder.highest(lambda level: ladder.parameters(level) <= budget))
    near = (within, min(within + 1, ladder.top))
    return ladder.rank(min(near, key=lambda level: abs(ladder.parameters(level) - budget)))


def rank_for(
    kind: str | type[FactorizedConv],
    in_channels: int,
    out_channels: int,
    kernel_size: tuple[int, ...],
    *,
    parameters: int | None = None,
    macs: int | None = None,
    seconds: float | None = None,
    input_size: Sequence[int] | None = None,
    batch: int = 1,
    backward: bool = False,
    timer: Timer | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | str | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    padding_mode: str = "zeros",
    groups: int = 1,
    **options: Any,
) -> Rank:
    """The largest rank with which a layer keeps within a budget.

    Parameters
    ----------
    kind : {'cp', 'tucker', 'tt'} or class
    in_channels, out_channels : int
    kernel_size : tuple of int
    parameters : int, optional
        Budget: learnable numbers of the whole layer, lambda and bias included.
    macs : int, optional
        Budget: multiply-adds for one sample, see `hocp.conv.layer_cost`.
    seconds : float, optional
        Budget: median time of one call on this machine. Found by bisection over the rank, so taken to grow
        with it; the rank returned was measured within the budget.
    input_size : sequence of int, optional
        Spatial sizes, time first; needed for ``macs`` and ``seconds``.
    batch : int
        Samples of a timed call.
    backward : bool
        Time the gradients, too.
    timer : callable (layer, input) -> float, optional
        What measures, in seconds; by default `hocp.conv.latency`.
    stride, padding, dilation, padding_mode, groups, **options
        Of the layer's constructor.

    Returns
    -------
    int, (R_T, R_C) or tuple of bond ranks
        For CP, Tucker and tensor train. The pair is in proportion to (T, C / g), the bonds have one number,
        cut where the kernel's own bound is lower. Never above the rank at which every kernel of the shape is
        exact.

    Raises
    ------
    ValueError
        If not exactly one budget is given, it is not positive, the input size is missing, or even the
        smallest rank exceeds it.
    """
    layer = kind_of(kind, where="rank_for")
    geometry = Geometry(kernel_size, stride, padding, dilation, padding_mode)
    ladder = Ladder(layer, in_channels, out_channels, geometry, groups, options)
    name, budget = _one_budget(parameters=parameters, macs=macs, seconds=seconds)
    if name != "parameters" and input_size is None:
        raise ValueError(f"rank_for with {name}={budget} needs input_size, the spatial sizes of the input")
    if name == "seconds":
        spend = _timed(ladder, input_size, batch, timer or (lambda *call: latency(*call, backward=backward)))
    else:
        spend = (
            ladder.parameters if name == "parameters" else lambda level: ladder.cost(level, input_size).macs
        )
    level = ladder.highest(lambda level: spend(level) <= budget)
    if not level:
        raise ValueError(
            f"{name}={budget} is not enough for a {layer.__name__} of {in_channels} to {out_channels} "
            f"channels and kernel_size {geometry.kernel_size}: rank {ladder.rank(1)} already takes "
            f"{spend(1):,}; raise the budget or keep the layer dense"
        )
    return ladder.rank(level)


def _one_budget(**budgets: float | None) -> tuple[str, float]:
    """Name and value of the one that is given."""
    given = {name: value for name, value in budgets.items() if value is not None}
    if len(given) != 1:
        found = ", ".join(f"{name}={value}" for name, value in given.items()) or "none"
        raise ValueError(f"rank_for got {found}; expected exactly one of {', '.join(budgets)}")
    ((name, value),) = given.items()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value <= 0:
        raise ValueError(f"{name} of rank_for is {value!r}; expected a number above 0")
    return name, value


def _timed(ladder: Ladder, input_size: Sequence[int], batch: int, timer: Timer) -> Callable[[int], float]:
    """Measured seconds of a level, once each."""
    like = {name: ladder.options.get(name) for name in ("device", "dtype")}
    x = torch.randn(batch, ladder.in_channels, *input_size, **like)
    known: dict[int, float] = {}

    def seconds(level: int) -> float:
        if level not in known:
            known[level] = timer(ladder.build(level), x)
        return known[level]

    return seconds
