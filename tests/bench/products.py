"""A CP layer without its 1-D convolutions: two matrix products by torch, the yardstick for a whole layer.

No bound in the strict sense: a layer that keeps the rank space in the caches can be quicker.

Shapes: B batch, C_in and C_out channels, R rank; spatial sizes time first.
    x   (B, C_in, D0, ...)
    y   (B, C_out, E0, ...)
"""

from __future__ import annotations

from torch import Tensor, nn

from hocp.learning.yardsticks import Products

#: Both ways in which torch has such a product: a convolution of one tap (oneDNN) and a linear map (MKL).
NAMES = ("products conv", "products linear")
_CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}


def build(name: str, channels: tuple[int, int], *, rank: int, stride: tuple[int, ...]) -> nn.Module:
    """The products of a layer with these (C_in, C_out); its stride falls between them, as in the layer."""
    if name == "products linear":
        return Products(*channels, rank, stride)
    conv = _CONVOLUTIONS[len(stride)]
    return nn.Sequential(
        conv(channels[0], rank, 1, bias=False), conv(rank, channels[1], 1, stride=stride, bias=False)
    )


def weight(layer: nn.Module) -> Tensor:
    """(C_out, C_in): the product of both, differentiable."""
    first, last = (each.weight.flatten(1) for each in layer.children())
    return last @ first
