"""One kernel to be factorized: its ranks in a line, and what each costs where the kernel is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv.costs.network import layer_macs
from hocp.conv.dense import geometry_of
from hocp.conv.factorization.calibration import Calls, Scene
from hocp.conv.factorization.targets import Target
from hocp.conv.layer import FactorizedConv
from hocp.conv.ranks.ladder import Ladder


@dataclass(frozen=True)
class Job:
    """A target with all its possible ranks.

    Attributes
    ----------
    target : Target
    ladders : tuple of Ladder
        One for each module; they differ in geometry only.
    calls : list or None
        See `Scene`; None where nothing is known of the network's input.
    samples : int
        Of the network's input, for the calls.
    """

    target: Target
    ladders: tuple[Ladder, ...]
    calls: Calls | None
    samples: int

    @property
    def ladder(self) -> Ladder:
        """That of the first module."""
        return self.ladders[0]

    def parameters(self, level: int) -> int:
        """Of the factorized layers at this level, or of the dense ones at level 0."""
        if not level:
            return self.target.parameters
        return self.ladder.parameters(level) + self.target.bias_parameters

    def macs(self, level: int) -> int:
        """For one sample of the network's input; level 0 is dense."""
        if not level:
            return self.macs_of(self.target.convs)
        total = 0
        for module, shape in self.calls:
            ladder = self.ladders[module]
            order = ladder.geometry.order
            total += ladder.cost(level, shape[-order:]).macs * prod(shape[: -order - 1])
        return round(total / self.samples)

    def macs_of(self, layers: tuple[nn.Module, ...] | list[nn.Module]) -> int | None:
        """For one sample of the network's input, of layers in the places of the convolutions."""
        if self.calls is None:
            return None
        # of the twins for a layer at hand, the output's shape matters to none
        return round(
            sum(layer_macs(layers[module], shape, ()) for module, shape in self.calls) / self.samples
        )

    def seconds(self, level: int, timer: Callable[[nn.Module, Tensor], float]) -> float:
        """Measured time of all calls on the example; level 0 is dense."""
        total, like = 0.0, self.target.weight
        for module, shape in self.calls:
            layer = self.target.convs[module] if not level else self.fresh(level)[module]
            total += timer(layer, torch.randn(shape).to(like))
        return total

    def fresh(self, level: int) -> list[FactorizedConv]:
        """Layers of this level that were never fitted, for their time."""
        like = {"device": self.target.weight.device, "dtype": self.target.weight.dtype}
        pairs = zip(self.ladders, self.target.convs, strict=True)
        return [ladder.build(level, bias=conv.bias is not None, **like) for ladder, conv in pairs]


def jobs_of(scene: Scene, targets: list[Target], kind: type, options: Mapping[str, Any]) -> list[Job]:
    """One job a target."""
    jobs = []
    for n, target in enumerate(targets):
        ladders = tuple(
            Ladder(kind, conv.in_channels, conv.out_channels, geometry_of(conv), conv.groups, options)
            for conv in target.convs
        )
        jobs.append(Job(target, ladders, scene.calls[n] if scene.calls else None, scene.samples))
    return jobs
