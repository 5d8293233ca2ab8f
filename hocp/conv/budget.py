"""One budget split over several layers: what each choice costs, what it loses, and which to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Choices:
    """What one layer may become.

    Attributes
    ----------
    levels : tuple of int
        Of `hocp.conv.ladder.Ladder`; 0 is the dense layer.
    costs, losses : tuple of float
        The losses of different layers add up.
    """

    levels: tuple[int, ...]
    costs: tuple[float, ...]
    losses: tuple[float, ...]

    def useful(self) -> Choices:
        """Without what costs as much as another choice or more and loses as much or more."""
        order = sorted(range(len(self.levels)), key=lambda i: (self.costs[i], self.losses[i]))
        kept: list[int] = []
        for i in order:
            if not kept or self.losses[i] < self.losses[kept[-1]]:
                kept.append(i)
        return self._only(kept)

    def hull(self) -> list[int]:
        """Indices of the useful choices on the lower convex hull of loss over cost."""
        corners: list[int] = []
        for i in range(len(self.levels)):
            while len(corners) > 1 and self._gain(corners[-2], corners[-1]) <= self._gain(corners[-1], i):
                corners.pop()
            corners.append(i)
        return corners

    def _gain(self, i: int, j: int) -> float:
        """Loss that goes for each unit of cost, from one choice to a dearer one."""
        return (self.losses[i] - self.losses[j]) / (self.costs[j] - self.costs[i])

    def _only(self, kept: Sequence[int]) -> Choices:
        parts = (self.levels, self.costs, self.losses)
        return Choices(*(tuple(part[i] for i in kept) for part in parts))


def least(layers: Sequence[Choices]) -> float:
    """Cost of the cheapest choice for every layer."""
    return sum(min(layer.costs) for layer in layers)


def allocate(layers: Sequence[Choices], budget: float) -> list[int]:
    """Level for each layer: the smallest sum of losses that a budget allows, nearly.

    From the cheapest choices on, the step with the largest gain for its cost is taken next, along each
    layer's convex hull. That is optimal at every budget that is met exactly (a Lagrangian relaxation);
    what is left over then buys single improvements until none fits.

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
    at = [0] * len(useful)
    left = budget - sum(layer.costs[0] for layer in useful)
    left = _along_the_hulls(useful, at, left)
    _spend_the_rest(useful, at, left)
    return [layer.levels[i] for layer, i in zip(useful, at, strict=True)]


def _along_the_hulls(layers: Sequence[Choices], at: list[int], left: float) -> float:
    """Take hull steps by falling gain; a layer whose step does not fit stops there. What is left over."""
    steps = [
        (layer._gain(i, j), n, i, j) for n, layer in enumerate(layers) for i, j in pairwise(layer.hull())
    ]
    for _, n, i, j in sorted(steps, key=lambda step: -step[0]):
        price = layers[n].costs[j] - layers[n].costs[i]
        if at[n] == i and price <= left:
            at[n], left = j, left - price
    return left


def _spend_the_rest(layers: Sequence[Choices], at: list[int], left: float) -> None:
    """The single change that gains most, as long as one fits."""
    while True:
        best, where = 0.0, None
        for n, layer in enumerate(layers):
            limit = layer.costs[at[n]] + left
            j = max(i for i in range(at[n], len(layer.costs)) if layer.costs[i] <= limit)
            gain = layer.losses[at[n]] - layer.losses[j]
            if gain > best:
                best, where = gain, (n, j)
        if where is None:
            return
        n, j = where
        left -= layers[n].costs[j] - layers[n].costs[at[n]]
        at[n] = j
