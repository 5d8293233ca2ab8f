"""A network seen at work on given batches: what its convolutions get, and what changing them does.

Everything happens on a copy in evaluation mode, without gradients; the network itself is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from math import inf
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv.costs.latency import Batch, run, tensors_in
from hocp.conv.costs.layer import order_of
from hocp.conv.costs.network import has_twin, layer_macs
from hocp.conv.factorization.targets import Target

Calls = list[tuple[int, tuple[int, ...]]]


def batches_of(calibration: Any) -> list[Batch]:
    """One batch, or all that an iterable gives, as a list.

    Raises
    ------
    ValueError
        If there is none, or one is neither a tensor nor a mapping.
    """
    if calibration is None:
        return []
    if isinstance(calibration, (Tensor, Mapping)):
        return [calibration]
    if not isinstance(calibration, Iterable):
        raise ValueError(
            f"calibration is a {type(calibration).__name__}; expected a tensor, or an iterable of tensors"
        )
    batches = list(calibration)
    for position, batch in enumerate(batches):
        if not isinstance(batch, (Tensor, Mapping)):
            raise ValueError(
                f"calibration batch {position} is a {type(batch).__name__}; expected a tensor, or a mapping "
                "of the network's arguments. Of a loader of pairs take the inputs: (x for x, _ in loader)"
            )
    if not batches:
        raise ValueError("calibration has no batch; give one at least, or None")
    return batches


@dataclass
class Relative:
    """||a - b|| / ||b|| over all tensors that are added, in float64."""

    difference: float = 0.0
    norm: float = 0.0

    def add(self, found: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
        """Add tensors of two results."""
        for a, b in zip(found, expected, strict=True):
            if b.is_floating_point():
                self.difference += (a.double() - b.double()).square().sum().item()
                self.norm += b.double().square().sum().item()

    @property
    def value(self) -> float:
        """0 where both are zero, infinite where only the norm is."""
        if self.norm:
            return (self.difference / self.norm) ** 0.5
        return 0.0 if not self.difference else inf


@dataclass
class Scene:
    """The original network at work.

    Attributes
    ----------
    network : nn.Module
        A copy in evaluation mode.
    targets : sequence of Target
        Of the original.
    batches : list
        For the errors; may be empty.
    example : Batch or None
        For shapes and times: the first batch, or random numbers of the given input size.
    calls : list
        For each target and each of its calls on the example: which of its modules, and the input's shape.
    samples : int
        Of the example.
    macs : int or None
        Of the network, for one sample.
    """

    network: nn.Module
    targets: Sequence[Target]
    batches: list[Batch]
    example: Batch | None
    calls: list[Calls] = field(default_factory=list)
    samples: int = 1
    macs: int | None = None

    @classmethod
    def of(
        cls, network: nn.Module, targets: Sequence[Target], calibration: Any, input_size: Sequence[int] | None
    ) -> Scene:
        """Copy the network and see what shapes its convolutions meet."""
        batches = batches_of(calibration)
        example = batches[0] if batches else None
        if example is None and input_size is not None:
            like = next(p for p in network.parameters() if p.is_floating_point())
            example = torch.randn(1, *input_size).to(like)
        scene = cls(deepcopy(network).eval(), targets, batches, example)
        if example is not None:
            scene._see_shapes()
        return scene

    def convs(self, target: Target) -> list[nn.Module]:
        """The copies of a target's modules."""
        return [self.network.get_submodule(names[0]) for names in target.paths]

    @torch.no_grad()
    def _see_shapes(self) -> None:
        """Sizes and MACs on the example."""
        place = {conv: (n, i) for n, t in enumerate(self.targets) for i, conv in enumerate(self.convs(t))}
        self.calls, total = [[] for _ in self.targets], 0

        def note(layer: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
            nonlocal total
            shape = tuple(_input(args, kwargs).shape)
            total += layer_macs(layer, shape, tuple(output.shape))
            if layer in place:
                target, module = place[layer]
                self.calls[target].append((module, shape))

        with _hooks([layer for layer in self.network.modules() if has_twin(layer)], note):
            run(self.network, self.example)
        first = next(iter(tensors_in(self.example)))
        unbatched = self.network in place and first.dim() == order_of(self.network) + 1
        self.samples = 1 if unbatched else max(1, first.shape[0])
        self.macs = round(total / self.samples)

    @torch.no_grad()
    def layer_errors(self, made: Sequence[Sequence[nn.Module] | None]) -> list[float | None]:
        """Relative output error of each made layer, on the inputs that the original network gives it."""
        if not self.batches:
            return [None] * len(self.targets)
        sums = [Relative() for _ in self.targets]
        stands_for = {
            conv: (layer, sums[n])
            for n, (target, layers) in enumerate(zip(self.targets, made, strict=True))
            if layers is not None
            for conv, layer in zip(self.convs(target), layers, strict=True)
        }

        def compare(conv: nn.Module, args: tuple, kwargs: dict, output: Tensor) -> None:
            layer, total = stands_for[conv]
            total.add([layer(_input(args, kwargs))], [output])

        with _hooks(stands_for, compare):
            for batch in self.batches:
                run(self.network, batch)
        return [None if layers is None else total.value for total, layers in zip(sums, made, strict=True)]

    @torch.no_grad()
    def output_error(self, network: nn.Module) -> float | None:
        """Relative error of another network's output, over all batches."""
        if not self.batches:
            return None
        other, total = deepcopy(network).eval(), Relative()
        for batch in self.batches:
            total.add(tensors_in(run(other, batch)), tensors_in(run(self.network, batch)))
        return total.value

    @torch.no_grad()
    def effect(self, target: Target, layers: Sequence[nn.Module], expected: list[Tensor]) -> float:
        """Relative change of the network's output on the first batch where only one target is replaced."""
        stands_for, total = dict(zip(self.convs(target), layers, strict=True)), Relative()

        def replace(conv: nn.Module, args: tuple, kwargs: dict, output: Tensor) -> Tensor:
            return stands_for[conv](_input(args, kwargs))

        with _hooks(stands_for, replace):
            total.add(tensors_in(run(self.network, self.batches[0])), expected)
        return total.value

    @torch.no_grad()
    def first_output(self) -> list[Tensor]:
        """Of the original network, on the first batch."""
        return tensors_in(run(self.network, self.batches[0]))


def _input(args: tuple, kwargs: dict) -> Tensor:
    """What a convolution was called with."""
    return args[0] if args else kwargs["input"]


@contextmanager
def _hooks(modules: Iterable[nn.Module], hook: Callable[..., Any]) -> Iterator[None]:
    """A forward hook for a while."""
    handles = [module.register_forward_hook(hook, with_kwargs=True) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
