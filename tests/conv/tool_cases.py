"""Every class and form of layer, for the tests that run them under torch's tools.

All take and give four channels. `every(order)` makes one of each; `Side` runs them side by side, so that a
slow tool is called once for all.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hocp.conv import ConvNd, CPConv, Geometry, SeparableDepthwise, TTConv, TuckerConv

CHANNELS = 4
SIZES = (5, 6, 4, 3)
BLOCK = {"rank_norm": "batch", "rank_activation": "relu", "skip": "projection", "groups": 2, "bias": True}

#: Name -> (class, options), for order N: kernels of three taps, but even ones where it matters.
KINDS: dict[str, tuple[type[nn.Module], dict]] = {
    "cp": (CPConv, {"rank": 5, "bias": True}),
    "cp chain": (CPConv, {"rank": 5, "implementation": "chain"}),
    "cp merged": (CPConv, {"rank": 5, "implementation": "merged", "recompute": True}),
    "cp views": (CPConv, {"rank": 5, "implementation": "views", "groups": 2}),
    "cp dense": (CPConv, {"rank": 5, "implementation": "dense", "bias": True}),
    "cp fixed weights": (CPConv, {"rank": 5, "learn_weights": False, "stride": 2}),
    "cp block": (CPConv, {"rank": 5, **BLOCK}),
    "cp circular": (CPConv, {"rank": 5, "padding_mode": "circular", "skip": "identity"}),
    "tucker": (TuckerConv, {"rank": (2, 3), "bias": True}),
    "tucker dense": (TuckerConv, {"rank": 3, "implementation": "dense"}),
    "tucker separate": (TuckerConv, {"rank": (2, 3), "separate_modes": -1, "padding_mode": "replicate"}),
    "tucker block": (TuckerConv, {"rank": 2, **BLOCK}),
    "tt": (TTConv, {"rank": 3, "bias": True}),
    "tt dense": (TTConv, {"rank": 3, "implementation": "dense"}),
    "tt block": (TTConv, {"rank": 2, "padding_mode": "reflect", **BLOCK}),
    "separable": (SeparableDepthwise, {}),
    "separable norms": (SeparableDepthwise, {"norm": "batch", "padding_mode": "circular"}),
    "dense": (ConvNd, {"groups": 2, "padding": "one-sided"}),
    "dense circular": (ConvNd, {"padding_mode": "circular"}),
}


def make(name: str, order: int, *, dtype: torch.dtype = torch.float32) -> nn.Module:
    """One layer; padding 1, so that sizes stay, but for strides."""
    kind, options = KINDS[name]
    options, kernel = {"padding": 1, **options}, (3,) * order
    if options.get("separate_modes"):
        options["separate_modes"] = order - 1
    if options["padding"] == "one-sided":
        options["padding"] = ((2, 0),) * order
    if kind is ConvNd:
        geometry = Geometry(
            kernel, padding=options.pop("padding"), padding_mode=options.pop("padding_mode", "zeros")
        )
        return ConvNd(CHANNELS, CHANNELS, geometry, dtype=dtype, **options)
    channels = (CHANNELS,) if kind is SeparableDepthwise else (CHANNELS, CHANNELS)
    return kind(*channels, kernel, dtype=dtype, **options)


#: One of each class, for the slowest tools.
FEW = ("cp block", "tucker separate", "tt", "separable norms", "dense")


class Side(nn.Module):
    """Layers of an order side by side, each with its own output."""

    def __init__(self, order: int, names: Iterable[str] = tuple(KINDS), **options) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name.replace(" ", "_"): make(name, order, **options) for name in names})

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, 4, D0, ...) -> outputs in the order of the names."""
        return tuple(layer(x) for layer in self.layers.values())


def image(order: int, *, batch: int | None = 2, dtype: torch.dtype = torch.float32) -> Tensor:
    """An input; without batch mode for None."""
    return torch.randn(*(() if batch is None else (batch,)), CHANNELS, *SIZES[:order], dtype=dtype)


def gradients(module: nn.Module, x: Tensor) -> list[Tensor]:
    """Of a fixed function of all outputs, with respect to the input and every parameter."""
    return both(module, x)[1]


def both(module: nn.Module, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and `gradients` of one call."""
    x = x.detach().requires_grad_()
    found = module(x)
    outputs = list(found) if isinstance(found, tuple) else [found]
    total = sum(y.square().sum() for y in outputs)
    return outputs, list(torch.autograd.grad(total, [x, *module.parameters()]))
