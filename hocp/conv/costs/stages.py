"""Stages of a factorized convolution and what each costs; `hocp.conv.costs.formulas` puts them together.

One MAC is one multiplication with its addition. Groups share all factors but that of the output channels:
they cost the parameters of one group and the work of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from hocp.conv.geometry import Geometry


@dataclass(frozen=True)
class Stage:
    """One stage of a layer, for one sample.

    Attributes
    ----------
    name : str
    parameters, macs : int
    elements_in, elements_out : int
        Numbers read and written, parameters aside.
    """

    name: str
    parameters: int
    macs: int
    elements_in: int
    elements_out: int


@dataclass(frozen=True)
class Cost:
    """Cost of one layer for one sample.

    Attributes
    ----------
    stages : tuple of Stage
    output_size : tuple of int
        Spatial.
    itemsize : int
        Bytes of one number.
    """

    stages: tuple[Stage, ...]
    output_size: tuple[int, ...]
    itemsize: int = 4

    @property
    def parameters(self) -> int:
        """Learnable numbers."""
        return sum(stage.parameters for stage in self.stages)

    @property
    def macs(self) -> int:
        """Multiply-adds."""
        return sum(stage.macs for stage in self.stages)

    @property
    def bytes(self) -> int:
        """Bytes moved."""
        moved = sum(stage.parameters + stage.elements_in + stage.elements_out for stage in self.stages)
        return moved * self.itemsize


class Block:
    """Lists the stages of one factorized convolution, following the spatial sizes from stage to stage.

    Parameters
    ----------
    in_channels, out_channels : int
    geometry : Geometry
    input_size : sequence of int
        Spatial.
    groups : int
    at_once : bool
        Whether the rank space is padded in all modes before its first stage, where torch's convolutions
        cannot pad in passing.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        geometry: Geometry,
        input_size: Sequence[int],
        *,
        groups: int = 1,
        at_once: bool = True,
    ) -> None:
        self.shape = (out_channels, in_channels // groups, *geometry.kernel_size)
        self.groups, self.geometry = groups, geometry
        self.input_size, self.output_size = tuple(input_size), geometry.output_size(input_size)
        self.size = list(input_size)
        if at_once and not geometry.symmetric_zeros:
            self.size = [n + sum(pads) for n, pads in zip(input_size, geometry.padding, strict=True)]

    def enter(self, rank: int) -> Stage:
        """First 1x1 stage, C / g to R channels in each group."""
        (_, channels, *_), positions = self.shape, self.groups * prod(self.input_size)
        weights = channels * rank
        return Stage("pointwise in", weights, weights * positions, channels * positions, rank * positions)

    def depthwise(self, rank: int, *modes: int) -> Stage:
        """Along one mode, or several merged for the call; parameters are kept as one factor a mode."""
        taps = [self.geometry.kernel_size[mode] for mode in modes]
        before, after = self._along(modes)
        return Stage(_name(modes), sum(taps) * rank, prod(taps) * rank * after, rank * before, rank * after)

    def mixing(self, rank: int, rank_out: int, *modes: int, name: str = "") -> Stage:
        """A convolution along some modes that mixes the channels of the rank space."""
        weights = rank * rank_out * prod(self.geometry.kernel_size[mode] for mode in modes)
        before, after = self._along(modes)
        return Stage(name or _name(modes), weights, weights * after, rank * before, rank_out * after)

    def _along(self, modes: Sequence[int]) -> tuple[int, int]:
        """Positions of all groups, before and behind a stage."""
        before = self.groups * prod(self.size)
        for mode in modes:
            self.size[mode] = self.output_size[mode]
        return before, self.groups * prod(self.size)

    def leave(self, rank: int) -> Stage:
        """Last 1x1 stage; each output channel sees the R channels of its own group."""
        channels, positions = self.shape[0], prod(self.output_size)
        weights = rank * channels
        read, written = self.groups * rank * positions, channels * positions
        return Stage("pointwise out", weights, weights * positions, read, written)

    def rebuilt(self, stages: Sequence[Stage], macs: int) -> list[Stage]:
        """The kernel rebuilt once a call, then one dense convolution."""
        kernel, channels = prod(self.shape), self.groups * self.shape[1]
        rebuild = Stage("rebuild", sum(stage.parameters for stage in stages), macs, 0, kernel)
        read, written = channels * prod(self.input_size) + kernel, self.shape[0] * prod(self.output_size)
        return [rebuild, Stage("convolution", 0, kernel * prod(self.output_size), read, written)]

    def cost(self, stages: Sequence[Stage], *, own: int, skip: str | None, itemsize: int) -> Cost:
        """All of it: ``own`` parameters that cost no MACs (lambda, bias, norm), and the shortcut."""
        *first, last = stages
        last = replace(last, parameters=last.parameters + own)
        return Cost((*first, last, *self._shortcut(skip)), self.output_size, itemsize)

    def _shortcut(self, skip: str | None) -> list[Stage]:
        """Nothing, an addition, or a matrix (T, C / g) and an addition."""
        if skip is None:
            return []
        (out_channels, channels, *_), positions = self.shape, prod(self.output_size)
        weights = out_channels * channels if skip == "projection" else 0
        read = (self.groups * channels + out_channels) * positions
        return [Stage("skip", weights, weights * positions, read, out_channels * positions)]


def _name(modes: Sequence[int]) -> str:
    return ("mode " if len(modes) == 1 else "modes ") + " and ".join(map(str, modes))
