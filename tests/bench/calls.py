"""What is timed of a layer or network: a call for its output alone, or with everything that training needs.

Shapes: B batch, C channels, K outputs; spatial sizes time first.
    x              (B, C, D0, ...)
    upstream       like the output; the gradient that comes from behind a layer
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


@dataclass
class Subject:
    """A module in one memory layout, with its input and, for a layer, the gradient from behind."""

    module: nn.Module
    x: Tensor
    upstream: Tensor | None = None
    optimizer: torch.optim.Optimizer | None = None


def forward(subject: Subject) -> tuple[Tensor, ...]:
    """Inference: the output."""
    with torch.no_grad():
        return (subject.module(subject.x),)


def forward_backward(subject: Subject) -> tuple[Tensor, ...]:
    """Training: the output, the gradient of the input, those of the parameters."""
    x = subject.x.detach().requires_grad_()
    y = subject.module(x)
    return y.detach(), *torch.autograd.grad(y, [x, *subject.module.parameters()], subject.upstream)


def training_step(subject: Subject) -> tuple[Tensor, ...]:
    """Forward, backward and a step of SGD: the output before the step."""
    subject.optimizer.zero_grad()
    y = subject.module(subject.x)
    y.square().mean().backward()
    subject.optimizer.step()
    return (y.detach(),)


CALLS: dict[str, Callable[[Subject], tuple[Tensor, ...]]] = {
    "forward": forward,
    "forward + backward": forward_backward,
    "inference": forward,
    "training step": training_step,
}
#: Calls whose module is in training mode.
TRAINS = ("forward + backward", "training step")


def prepare(module: nn.Module, shape: tuple[int, ...], layout: str, *, layer: bool) -> Subject:
    """Module and numbers for it in one memory layout; the same numbers for every module."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(shape, generator=generator)
    upstream = torch.randn(shape, generator=generator) if layer else None
    optimizer = None if layer else torch.optim.SGD(module.parameters(), lr=1e-4)
    if layout == "channels_last":
        form = FORMATS[len(shape)]
        if any(parameter.dim() == len(shape) for parameter in module.parameters()):
            module.to(memory_format=form)
        x = x.contiguous(memory_format=form)
        upstream = None if upstream is None else upstream.contiguous(memory_format=form)
    return Subject(module, x, upstream, optimizer)
