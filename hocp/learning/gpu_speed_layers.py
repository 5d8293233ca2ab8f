"""CP layers and their depthwise stage on a GPU, timed beside cuDNN's dense and grouped convolutions.

Shapes: B batch, C channels in and out, R rank; spatial sizes time first, 3 taps a mode, padding 1.
    x, y   (B, C, D0, ...)
    z      (B, R, D0, ...)    rank space
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hocp.conv import CPConv, Geometry, cp_cost, dense_cost
from hocp.conv.exchange.tltorch_write import to_tltorch
from hocp.conv.nd import channels_last
from hocp.conv.separable import SeparableDepthwise
from hocp.learning.yardsticks import Products

CALLS = ("forward", "forward + backward")
LAYERS = (
    ("dense", "contiguous"), ("dense", "channels_last"), ("hocp triton", "channels_last"),
    ("hocp merged", "channels_last"), ("hocp views", "channels_last"), ("hocp chain", "contiguous"),
    ("tltorch factorized", "contiguous"), ("products linear", "channels_last"),
)  # fmt: skip
#: At ranks above C: what is quickest there.
LAYERS_ABOVE = (
    ("dense", "contiguous"), ("dense", "channels_last"), ("hocp triton", "channels_last"),
    ("hocp views", "channels_last"),
)  # fmt: skip
STAGES = (
    ("copy", "channels_last"), ("hocp triton", "channels_last"),
    ("grouped convolution", "contiguous"), ("grouped convolution", "channels_last"),
    ("1-D convolutions", "contiguous"),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One layer, or its depthwise stage alone, in one dtype."""

    batch: int
    channels: int
    size: tuple[int, ...]
    times: int = 1
    stage: bool = False

    @property
    def rank(self) -> int:
        """R."""
        return self.times * self.channels

    @property
    def geometry(self) -> Geometry:
        """3 taps a mode, padding 1."""
        return Geometry((3,) * len(self.size), padding=1)

    @property
    def peers(self) -> Sequence[tuple[str, str]]:
        """Names and layouts of what is timed."""
        return STAGES if self.stage else LAYERS if self.times == 1 else LAYERS_ABOVE

    def facts(self) -> dict[str, Any]:
        """What a row says of its case."""
        order, size = len(self.size), " x ".join(map(str, self.size))
        kind = f"{order}-D depthwise stage" if self.stage else f"{order}-D"
        return {
            "suite": "stages" if self.stage else "layers",
            "subject": f"{kind}, {self.channels} channels, {size}",
            "order": order,
            "batch": self.batch,
            "channels": self.channels,
            "size": "x".join(map(str, self.size)),
            "rank": self.rank,
            "rank_of": "C" if self.times == 1 else f"{self.times}C",
        }


def input_of(case: Case, layout: str, *, batch: int | None = None, **like: Any) -> Tensor:
    """Noise, (B, C, D0, ...), or (B, R, D0, ...) for a stage."""
    channels = case.rank if case.stage else case.channels
    x = torch.randn(case.batch if batch is None else batch, channels, *case.size, **like)
    return (channels_last(x) if layout == "channels_last" else x).requires_grad_()


def in_layout(peer: Callable[[Tensor], Tensor], layout: str) -> Callable[[Tensor], Tensor]:
    """The peer with its kernels in the layout of its input, else each call would bring them into it."""
    if layout == "channels_last" and isinstance(peer, nn.Module):
        for parameter in peer.parameters():
            if parameter.dim() in (4, 5):
                parameter.data = channels_last(parameter.data)
    return peer


def build(case: Case, name: str, **like: Any) -> Callable[[Tensor], Tensor]:
    """A peer; all of a case compute the same function, but for "copy" and "products linear".

    Raises
    ------
    ImportError
        If it is one of TensorLy-Torch and that is not installed.
    """
    torch.manual_seed(0)
    if case.stage:
        return _stage(case, name, **like)
    if name == "products linear":
        return Products(case.channels, case.channels, case.rank, case.geometry.stride).to(**like)
    layer = CPConv(case.channels, case.channels, case.geometry.kernel_size, rank=case.rank, padding=1)
    if name == "dense":
        return layer.to_dense().to(**like)
    if name.startswith("tltorch"):
        return to_tltorch(layer).to(**like)
    layer.implementation = name.removeprefix("hocp ")
    return layer.to(**like)


def _stage(case: Case, name: str, **like: Any) -> Callable[[Tensor], Tensor]:
    """The depthwise convolutions between the two 1x1 stages."""
    separable = SeparableDepthwise(case.rank, case.geometry.kernel_size, padding=1).to(**like)
    if name == "copy":
        return torch.clone
    if name == "1-D convolutions":
        return separable
    if name == "hocp triton":
        return _TritonStage(separable)
    grouped = {2: nn.Conv2d, 3: nn.Conv3d}[len(case.size)]
    layer = grouped(case.rank, case.rank, 3, padding=1, groups=case.rank, bias=False)
    layer.weight = nn.Parameter(_kernel([factor.detach().double() for factor in separable.factors]))
    return layer.to(**like)


def _kernel(factors: Sequence[Tensor]) -> Tensor:
    """Of a grouped convolution, (R, 1, K0, ...), from factors (K0, R), ..."""
    modes = "abc"[: len(factors)]
    return torch.einsum(",".join(f"{mode}r" for mode in modes) + f"->r{modes}", *factors).unsqueeze(1)


class _TritonStage(nn.Module):
    """The stage of the form "triton" without the products around it."""

    def __init__(self, separable: SeparableDepthwise) -> None:
        super().__init__()
        self.factors, self.geometry = separable.factors, separable.geometry

    def forward(self, z: Tensor) -> Tensor:
        from hocp.conv.forms.triton import stage_alone

        return stage_alone(z, tuple(self.factors), geometry=self.geometry)


def caller(peer: Callable[[Tensor], Tensor], x: Tensor, call: str, direction: Tensor) -> Callable[[], Any]:
    """One call of a peer: its output, or also all gradients."""
    if call == "forward":
        return lambda: _without_gradient(peer, x)
    given = [x, *(peer.parameters() if isinstance(peer, nn.Module) else ())]
    return lambda: torch.autograd.grad(peer(x), given, direction)


@torch.no_grad()
def _without_gradient(peer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return peer(x)


def work(case: Case, name: str, itemsize: int) -> dict[str, int]:
    """Multiply-adds and bytes of one forward call at the least: input, output and parameters once each."""
    positions = case.batch * prod(case.size)
    if case.stage:
        taps = sum(case.geometry.kernel_size)
        numbers = 2 * positions * case.rank + taps * case.rank
        return {"macs": 0 if name == "copy" else positions * case.rank * taps, "bytes": itemsize * numbers}
    arguments = case.channels, case.channels, case.geometry, case.size
    cost = dense_cost(*arguments) if name == "dense" else cp_cost(*arguments, rank=case.rank)
    macs, parameters = case.batch * cost.macs, cost.parameters
    if name.startswith("products"):
        parameters = 2 * case.channels * case.rank
        macs = positions * parameters
    numbers = 2 * positions * case.channels + parameters
    return {"macs": macs, "bytes": itemsize * numbers, "parameters": parameters}


class _GroupedStage(nn.Module):
    """The stage by one grouped convolution, through whose kernel gradients reach the factors."""

    def __init__(self, separable: SeparableDepthwise) -> None:
        super().__init__()
        self.factors = separable.factors

    def forward(self, z: Tensor) -> Tensor:
        convolve = {2: functional.conv2d, 3: functional.conv3d}[len(self.factors)]
        return convolve(z, _kernel(list(self.factors)), padding=1, groups=z.shape[1])


@dataclass
class Exact:
    """One sample of a case, a direction, and in float64 the output and the gradients of input and factors."""

    x: Tensor
    direction: Tensor
    results: list[Tensor]


def exact(case: Case, **like: Any) -> Exact:
    """By a dense convolution, or a grouped one for a stage, with the kernel that the factors give."""
    x = input_of(case, "contiguous", batch=1, **like)
    peer = _GroupedStage(build(case, "1-D convolutions")) if case.stage else build(case, "hocp dense")
    peer = peer.to(x.device, torch.float64)
    wide = x.detach().double().requires_grad_()
    y = peer(wide)
    direction = torch.randn_like(y).to(x.dtype)
    gradients = torch.autograd.grad(y, [wide, *peer.parameters()], direction.double())
    return Exact(x, direction, [y.detach(), *gradients])


def error(case: Case, name: str, layout: str, expected: Exact, **like: Any) -> float | None:
    """Of a peer's output and gradients against that, the largest; None where it computes something else.

    The gradients are of the input, and with the factors as parameters also of these.
    """
    if name == "copy" or name.startswith("products"):
        return None
    peer = in_layout(build(case, name, **like), layout)
    x = expected.x.detach()
    x = (channels_last(x) if layout == "channels_last" else x).requires_grad_()
    factors = list(peer.parameters()) if name.startswith(("hocp", "1-D")) else []
    found = [y := peer(x), *torch.autograd.grad(y, [x, *factors], expected.direction.to(y))]
    pairs = zip(found, expected.results, strict=False)
    return max((f.double() - w).norm().item() / w.norm().item() for f, w in pairs)
