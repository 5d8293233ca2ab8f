"""What stands for a CP layer to tell where time goes: its two matrix products alone, and nothing at all.

Shapes: B batch, C_in and C_out channels, R rank; spatial sizes time first.
    x   (B, C_in, D0, ...)
    y   (B, C_out, E0, ...)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Products(nn.Module):
    """x -> R components -> C_out channels at every position of the output, channels last in memory.

    No bound of a layer in the strict sense: one that keeps the rank space in the caches can be quicker.
    """

    def __init__(self, in_channels: int, out_channels: int, rank: int, stride: tuple[int, ...]):
        super().__init__()
        self.first = nn.Linear(in_channels, rank, bias=False)
        self.last = nn.Linear(rank, out_channels, bias=False)
        self._steps = tuple(slice(None, None, step) for step in stride)

    def forward(self, x: Tensor) -> Tensor:
        """As a product over all positions at once; the stride falls between the two, as in the layer."""
        ranks = self.first(x.movedim(1, -1))
        return self.last(ranks[:, *self._steps]).movedim(-1, 1)


class Given(nn.Module):
    """Stands for a convolution that keeps its input's size, but for its stride, and costs nothing.

    Output and gradient are made at the first call and given out at every other.
    """

    def __init__(self, out_channels: int, stride: tuple[int, ...]):
        super().__init__()
        self._channels, self._stride = out_channels, stride
        self._given: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Output of the shape and memory format that the convolution has; the same at every call."""
        if self._given is None or self._given[1].shape != x.shape:
            size = [(n - 1) // step + 1 for n, step in zip(x.shape[2:], self._stride, strict=True)]
            y = x.new_empty(x.shape[0], *size, self._channels).normal_().movedim(-1, 1)
            self._given = y, torch.randn_like(x)
        return _Given.apply(x, *self._given)


class _Given(torch.autograd.Function):
    """y, whatever x is, and a gradient of x, whatever that of y is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, grad: Tensor) -> Tensor:
        ctx.grad = grad
        return y.detach()

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor, None, None]:
        return ctx.grad, None, None
