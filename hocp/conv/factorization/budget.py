"""One budget split over several layers: what each choice costs, what it loses, and which to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

STEPS = 2000  # into which a budget is divided


@dataclass(frozen=True)
class Choices:
    """What one layer may become.

    Attributes
    ----------
    levels : tuple of int
        Of `hocp.conv.ranks.ladder.Ladder`; 0 is the dense layer.
    costs, losses : tuple of float
        The losses of different layers add up.
    """

    levels: tuple[int, ...]
    costs: tuple[float, ...]
    losses: tuple[float, ...]

    def useful(self) -> Choices:
        """By rising cost and falling loss: without what another choice beats in one and matches in both."""
        order = sorted(range(len(self.levels)), key=lambda i: (self.costs[i], self.losses[i]))
        kept: list[int] = []
        for i in order:
            if not kept or self.losses[i] < self.losses[kept[-1]]:
                kept.append(i)
        parts = (self.levels, self.costs, self.losses)
        return Choices(*(tuple(part[i] for i in kept) for part in parts))


def least(layers: Sequence[Choices]) -> float:
    """Cost of the cheapest choice for every layer."""
    return sum(min(layer.costs) for layer in layers)


def allocate(layers: Sequence[Choices], budget: float) -> list[int]:
    """Level for each layer: the smallest sum of losses that a budget allows.

    By dynamic programming over what is left when every layer has its cheapest choice, in `STEPS` equal steps
    or, where there are fewer, in units. Costs are rounded up, so the budget is kept; what rounding leaves
    over buys single improvements until none fits. With whole costs and few units no split is better.

    Parameters
    ----------
    layers : sequence of Choices
    budget : float
        At least what `least` says.

    Returns
    -------
    list of int
    """
    assert least(layers) <= budget, (least(layers), budget)
    useful = [layer.useful() for layer in layers]
    spare = budget - least(layers)
    at = _best_split(useful, spare)
    left = spare - sum(layer.costs[i] - layer.costs[0] for layer, i in zip(useful, at, strict=True))
    _spend_the_rest(useful, at, left)
    return [layer.levels[i] for layer, i in zip(useful, at, strict=True)]


def _best_split(layers: Sequence[Choices], spare: float) -> list[int]:
    """Index of each layer's choice; ``spare`` may be spent beyond the cheapest ones."""
    if spare < np.finfo(float).tiny:
        return [0] * len(layers)
    whole = all(float(cost).is_integer() for layer in layers for cost in layer.costs)
    unit = 1.0 if whole and spare <= STEPS else spare / STEPS
    steps = int(spare / unit)
    best, taken = np.zeros(steps + 1), []  # smallest loss so far with at most so many steps spent
    for layer in layers:
        better, choice = np.full(steps + 1, np.inf), np.zeros(steps + 1, dtype=int)
        for price, i in _by_price(layer, unit, steps).items():
            losses = best[: steps + 1 - price] + layer.losses[i]
            improved = losses < better[price:]
            better[price:][improved], choice[price:][improved] = losses[improved], i
        best = better
        taken.append(choice)
    at, left = [], steps
    for layer, choice in zip(reversed(layers), reversed(taken), strict=True):
        at.append(int(choice[left]))
        left -= _price(layer, at[-1], unit)
    return at[::-1]


def _by_price(layer: Choices, unit: float, steps: int) -> dict[int, int]:
    """For each price in steps the choice that loses least."""
    prices = {_price(layer, i, unit): i for i in range(len(layer.levels))}  # the last loses least
    return {price: i for price, i in prices.items() if price <= steps}


def _price(layer: Choices, i: int, unit: float) -> int:
    """Steps that a choice costs beyond the cheapest, rounded up."""
    return ceil((layer.costs[i] - layer.costs[0]) / unit - 1e-9)


def _spend_the_rest(layers: Sequence[Choices], at: list[int], left: float) -> None:
    """The single change that gains most, as long as one fits."""
    while True:
        best, where = 0.0, None
        for n, layer in enumerate(layers):
            limit = layer.costs[at[n]] + left
            j = max(i for i in range(at[n], len(layer.costs)) if i == at[n] or layer.costs[i] <= limit)
            gain = layer.losses[at[n]] - layer.losses[j]
            if gain > best:
                best, where = gain, (n, j)
        if where is None:
            return
        n, j = where
        left -= layers[n].costs[j] - layers[n].costs[at[n]]
        at[n] = j
