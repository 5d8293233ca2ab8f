"""The layers that are timed, at several sizes, and the float64 reference that each is checked against.

Shapes: B batch, C channels in and out, R rank; spatial sizes time first, 3 taps a mode, padding 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod, sqrt

import torch
from torch import Tensor, nn

from hocp.conv import CPConv, Geometry, TuckerConv, cp_cost, dense_cost, matching_rank, prune_, tucker_cost

KINDS = ("dense", "hocp", "hocp chain", "hocp pruned", "tucker", "tltorch")


@dataclass(frozen=True)
class Shape:
    """One layer of a ResNet-18 stage, and the batch that it sees.

    Attributes
    ----------
    batch, channels : int
    size : tuple of int
        Spatial, time first.
    rank : int
        Of the CP layers; the Tucker layer has as many parameters.
    """

    batch: int
    channels: int
    size: tuple[int, ...]
    rank: int

    @property
    def order(self) -> int:
        return len(self.size)

    @property
    def geometry(self) -> Geometry:
        return Geometry((3,) * self.order, padding=1)

    def __str__(self) -> str:
        size = " x ".join(map(str, self.size))
        return f"{self.order}-D, {self.channels} channels, {size}, R = {self.rank}"


def _stage(batch: int, channels: int, *size: int, rank: str = "C") -> Shape:
    """Rank C, or the one of the parameter-matched networks."""
    matched = matching_rank(channels, channels, (3, 3))
    return Shape(batch, channels, size, channels if rank == "C" else matched)


SIZES = {
    # What a plain test run computes once, for the values alone.
    "tiny": (_stage(2, 8, 6, 6), _stage(2, 8, 3, 6, 6)),
    "smoke": (_stage(2, 64, 14, 14), _stage(1, 64, 4, 14, 14)),
    "demo": (
        _stage(4, 64, 28, 28), _stage(4, 64, 28, 28, rank="matched"), _stage(4, 256, 14, 14),
        _stage(1, 64, 4, 28, 28), _stage(1, 64, 4, 28, 28, rank="matched"), _stage(1, 256, 4, 14, 14),
    ),
    "full": tuple(
        _stage(batch, channels, *frames, side, side, rank=rank)
        for batch, frames in ((8, ()), (2, (8,)))
        for channels, side in ((64, 56), (128, 28), (256, 14), (512, 7))
        for rank in ("C", "matched")
    ),
}  # fmt: skip
ROUNDS = {"tiny": 1, "smoke": 3, "demo": 9, "full": 15}


def build(kind: str, shape: Shape) -> nn.Module:
    """A layer; the CP kinds all hold the same numbers, the pruned one every second component of them."""
    channels, kernel = shape.channels, (3,) * shape.order
    torch.manual_seed(0)
    if kind == "dense":
        conv = {2: nn.Conv2d, 3: nn.Conv3d}[shape.order]
        return conv(channels, channels, 3, padding=1, bias=False)
    if kind == "tucker":
        return TuckerConv(channels, channels, kernel, rank=_tucker_rank(shape), padding=1)
    form = {"hocp": "auto", "hocp pruned": "auto"}.get(kind, "chain")
    ours = CPConv(channels, channels, kernel, rank=shape.rank, padding=1, implementation=form)
    if kind == "hocp pruned":
        with torch.no_grad():
            ours.weights[1::2] = 0
        prune_(ours)
    return _theirs(ours, shape) if kind == "tltorch" else ours


def _theirs(ours: CPConv, shape: Shape) -> nn.Module:
    """TensorLy-Torch's layer in its factorized form, with our numbers."""
    import tltorch

    layer = tltorch.FactorizedConv(
        shape.channels, shape.channels, (3,) * shape.order, rank=shape.rank, factorization="cp",
        implementation="factorized", padding=1,
    )  # fmt: skip
    with torch.no_grad():
        layer.weight.weights.copy_(ours.weights)
        for factor, own in zip(layer.weight.factors, ours.factors, strict=True):
            factor.copy_(own)
    return layer


def _tucker_rank(shape: Shape) -> tuple[int, int]:
    """(s C, s C) with the parameters of the CP layer, 2 s C^2 + K s^2 C^2 = R (2 C + 3 N); at most full."""
    c, taps = shape.channels, 3**shape.order
    budget = shape.rank * (2 * c + 3 * shape.order) / c**2
    rank = min(c, max(1, round(c * (sqrt(1 + taps * budget) - 1) / taps)))
    return rank, rank


def macs(kind: str, shape: Shape) -> int:
    """Multiply-adds of one forward call by formula; our layers may compute in a cheaper form."""
    arguments = (shape.channels, shape.channels, shape.geometry, shape.size)
    if kind == "dense":
        return shape.batch * dense_cost(*arguments).macs
    if kind == "tucker":
        return shape.batch * tucker_cost(*arguments, rank=_tucker_rank(shape)).macs
    rank = (shape.rank + 1) // 2 if kind == "hocp pruned" else shape.rank
    return shape.batch * cp_cost(*arguments, rank=rank).macs


def example(shape: Shape) -> Tensor:
    """Input of a call, (B, C, D0, ...)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(shape.batch, shape.channels, *shape.size, generator=generator)


@cache
def reference(kind: str, shape: Shape) -> tuple[Tensor, Tensor]:
    """Output and input gradient of its sum, for the first sample: a dense convolution in float64."""
    layer = build("hocp" if kind == "tltorch" else kind, shape)
    kernel = layer.weight if kind == "dense" else layer.double().to_kernel()
    convolve = {2: nn.functional.conv2d, 3: nn.functional.conv3d}[shape.order]
    x = example(shape)[:1].double().requires_grad_()
    y = convolve(x, kernel.detach().double(), padding=1)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), gradient


def parameters(layer: nn.Module) -> int:
    """Learnable numbers."""
    return sum(prod(parameter.shape) for parameter in layer.parameters())
