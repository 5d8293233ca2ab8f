"""Channels, strides and other choices of MobileNet-v2, for ImageNet and for 32 x 32 images.

`IMAGENET` is torchvision's ``mobilenet_v2`` (Sandler et al., 2018). `CIFAR` is the layout usual there: stride
1 in the stem and the second stage, and a projecting shortcut in every block of stride 1 that changes the
number of channels. It has 2,296,922 parameters with ten outputs, the published 2.30 M; the layout for
ImageNet does not fit that number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from hocp.networks.resnet import scaled

#: Expansion, output channels, blocks of each stage.
STAGES = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))
STEM, LAST = 32, 1280


def divisible(channels: int, width: float) -> int:
    """Channels times `width`, to the nearest multiple of 8, at least 8, and never below nine tenths."""
    wanted = channels * width
    found = max(8, int(wanted + 4) // 8 * 8)
    return found if found >= 0.9 * wanted else found + 8


@dataclass(frozen=True)
class Layout:
    """What the two layouts do not share.

    Attributes
    ----------
    stem_stride : {1, 2}
    strides : tuple of int
        Of the first block of each stage.
    activation : callable
        Makes the non-linearity.
    expands_by_one : bool
        Whether a block of expansion 1 has its first 1x1 stage nevertheless.
    projects : bool
        Whether a block of stride 1 that changes the number of channels has a shortcut, a 1x1 convolution.
    dropout : float
        Before the classifier.
    channels : callable
        (channels, width) -> channels.
    thin_last : bool
        Whether a width below 1 thins the last 1x1 stage too.
    he_start : bool
        Whether convolutions start as He et al. (2015), by fan-out, and the classifier small; else as torch's.
    """

    stem_stride: int
    strides: tuple[int, ...]
    activation: Callable[..., nn.Module]
    expands_by_one: bool
    projects: bool
    dropout: float
    channels: Callable[[int, float], int]
    thin_last: bool
    he_start: bool


IMAGENET = Layout(
    stem_stride=2,
    strides=(1, 2, 2, 2, 1, 2, 1),
    activation=nn.ReLU6,
    expands_by_one=False,
    projects=False,
    dropout=0.2,
    channels=divisible,
    thin_last=False,
    he_start=True,
)
CIFAR = Layout(
    stem_stride=1,
    strides=(1, 1, 2, 2, 1, 2, 1),
    activation=nn.ReLU,
    expands_by_one=True,
    projects=True,
    dropout=0.0,
    channels=scaled,
    thin_last=True,
    he_start=False,
)
