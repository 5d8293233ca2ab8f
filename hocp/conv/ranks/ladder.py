"""All ranks of a factorized layer in one line, from the smallest to the largest of use, with their costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from hocp.conv.checks import check_groups
from hocp.conv.costs.formulas import cp_cost, tt_cost, tucker_cost
from hocp.conv.costs.stages import Cost
from hocp.conv.cp import CPConv
from hocp.conv.geometry import Geometry
from hocp.conv.layer import FactorizedConv
from hocp.conv.tensor_train import TTConv
from hocp.conv.tucker import TuckerConv

KINDS: dict[str, type[FactorizedConv]] = {"cp": CPConv, "tucker": TuckerConv, "tt": TTConv}

Rank = int | tuple[int, ...]


def kind_of(kind: object, *, where: str) -> type[FactorizedConv]:
    """The class that 'cp', 'tucker' or 'tt' stands for, or that is given itself.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(kind, type) and issubclass(kind, tuple(KINDS.values())):
        return kind
    if isinstance(kind, str) and kind in KINDS:
        return KINDS[kind]
    raise ValueError(f"kind of {where} is {kind!r}; expected 'cp', 'tucker', 'tt' or one of their classes")


@dataclass(frozen=True)
class Ladder:
    """Ranks by one number, the level 1 to ``top``, at which every cost grows.

    CP: the rank itself, up to the product of all modes but the largest, which any kernel of the shape keeps
    to. Tucker: (R_T, R_C) in proportion to (T, C / g), neither above what the other can span. Tensor train:
    one number for all bonds, cut at each where the kernel's own bound is lower. At the top every kernel of
    the shape is exact.

    Parameters
    ----------
    kind : type
        `CPConv`, `TuckerConv` or `TTConv`.
    in_channels, out_channels : int
    geometry : Geometry
    groups : int
    options : mapping
        Further ones of the constructor.
    """

    kind: type[FactorizedConv]
    in_channels: int
    out_channels: int
    geometry: Geometry
    groups: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_groups(self.in_channels, self.out_channels, self.groups, layer=self.kind.__name__)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the kernel, (T, C / g, K0, ...)."""
        return (self.out_channels, self.in_channels // self.groups, *self.geometry.kernel_size)

    @property
    def top(self) -> int:
        """Highest level."""
        if issubclass(self.kind, CPConv):
            return prod(self.shape) // max(self.shape)
        if issubclass(self.kind, TuckerConv):
            return max(self.shape[:2])
        return max(self._bonds())

    def rank(self, level: int) -> Rank:
        """The rank as the constructor takes it."""
        if issubclass(self.kind, CPConv):
            return level
        if issubclass(self.kind, TTConv):
            return tuple(min(level, bond) for bond in self._bonds())
        out, channels, *kernel = self.shape
        taps, largest = prod(kernel), max(out, channels)
        pair = [max(1, (2 * level * size + largest) // (2 * largest)) for size in (out, channels)]
        return min(pair[0], pair[1] * taps), min(pair[1], pair[0] * taps)

    def _bonds(self) -> tuple[int, ...]:
        """Ranks of the kernel's unfoldings at most, from the input channels to the output channels."""
        sizes = (*self.shape[1:], self.shape[0])
        cuts = range(1, len(sizes))
        return tuple(min(prod(sizes[:cut]), prod(sizes[cut:])) for cut in cuts)

    def cost(self, level: int, input_size: Sequence[int]) -> Cost:
        """What a layer of this level costs for an input of this spatial size."""
        given = dict(self.options)
        options = {name: given[name] for name in ("bias", "skip") if name in given}
        options["rank_norm"] = given.get("rank_norm") is not None
        if given.get("implementation", "auto") != "auto":
            options["form"] = given["implementation"]
        if issubclass(self.kind, CPConv):
            formula, options["weights"] = cp_cost, given.get("learn_weights", True)
        elif issubclass(self.kind, TuckerConv):
            formula, options["separate_modes"] = tucker_cost, given.get("separate_modes", 0)
        else:
            formula = tt_cost
        channels = (self.in_channels, self.out_channels)
        rank = self.rank(level)
        return formula(*channels, self.geometry, input_size, rank=rank, groups=self.groups, **options)

    def parameters(self, level: int) -> int:
        """Learnable numbers of a layer of this level, whatever its input."""
        window = tuple(reach + 1 for reach in self.geometry.reach)
        return replace(self, geometry=self.geometry.unpadded()).cost(level, window).parameters

    def build(self, level: int, **options: Any) -> FactorizedConv:
        """A fresh layer of this level."""
        g = self.geometry
        place = {
            "stride": g.stride,
            "padding": g.padding,
            "dilation": g.dilation,
            "padding_mode": g.padding_mode,
        }
        return self.kind(
            self.in_channels,
            self.out_channels,
            g.kernel_size,
            rank=self.rank(level),
            groups=self.groups,
            **(place | dict(self.options) | options),
        )

    def highest(self, fits: Callable[[int], bool]) -> int:
        """Highest level for which ``fits(level)`` holds, 0 if none does: by doubling, then bisection."""
        low, high = 0, 1
        while high <= self.top and fits(high):
            low, high = high, (min(2 * high, self.top) if high < self.top else high + 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low
