"""MobileNet-v2 for ImageNet and for 32 x 32 images, and their HO-CP forms.

Shapes: B batch, C channels, R = expansion x C rank channels, K outputs.
    x                 (B, 3, H, W)
    stem              (B, 32, H/2, W/2), for CIFAR (B, 32, H, W)
    17 blocks         (B, 320, H/32, W/32), for CIFAR (B, 320, H/8, W/8)
    last 1x1, mean    (B, 1280)
    classifier        (B, K)

The layouts are those of `hocp.networks.mobilenet_layouts`. torchvision's state dict loads by name into the
one for ImageNet, see `hocp.networks.torchvision_names`.

An inverted residual block is a CP convolution whose channel factors are the two 1x1 stages and whose two
spatial factors are merged into one depthwise 3 x 3 kernel (Section 3 of the paper). The HO-CP form keeps the
spatial factors apart, each followed by a norm.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from hocp.conv import SeparableDepthwise
from hocp.networks.mobilenet_layouts import CIFAR, IMAGENET, LAST, STAGES, STEM, Layout
from hocp.networks.resnet import GlobalMean, check_input, order_of
from hocp.networks.torchvision_names import rename_on_load

__all__ = ["CIFAR", "IMAGENET", "InvertedResidual", "Layout", "MobileNetV2"]

Shortcut = Literal["identity", "projection"] | None


def _pointwise(c_in: int, c_out: int) -> nn.Sequential:
    """1x1 convolution and norm."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out))


class InvertedResidual(nn.Module):
    """1x1 to R channels, depthwise 3 x 3, 1x1 back, with or without a shortcut.

    Parameters
    ----------
    c_in, c_out : int
    expansion : int
        R in units of `c_in`.
    stride : {1, 2}
    shortcut : {'identity', 'projection', None}
        The input as it is, or through a 1x1 convolution.
    separable : bool
        A vertical and a horizontal depthwise convolution, each with its norm, in place of the 3 x 3 one.
    layout : Layout
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        expansion: int,
        stride: int,
        shortcut: Shortcut,
        separable: bool,
        layout: Layout,
    ) -> None:
        super().__init__()
        rank = expansion * c_in
        self.expand = _pointwise(c_in, rank) if expansion > 1 or layout.expands_by_one else None
        self.spatial = _separable(rank, stride) if separable else _depthwise(rank, stride)
        self.project = _pointwise(rank, c_out)
        self.relu = layout.activation(inplace=True)
        self.shortcut = None
        if shortcut is not None:
            self.shortcut = _pointwise(c_in, c_out) if shortcut == "projection" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        expanded = x if self.expand is None else self.relu(self.expand(x))
        y = self.project(self.relu(self.spatial(expanded)))
        return y if self.shortcut is None else y + self.shortcut(x)


def _depthwise(channels: int, stride: int) -> nn.Module:
    """Merged spatial factors, then a norm."""
    conv = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels))


def _separable(channels: int, stride: int) -> nn.Module:
    """Vertical factor, norm, horizontal factor, norm."""
    return SeparableDepthwise(channels, (3, 3), stride=stride, padding=1, norm="batch")


def _blocks(layout: Layout, *, separable: bool, width: float) -> Iterator[InvertedResidual]:
    """All blocks in order."""
    full_in = STEM
    for (expansion, full_out, count), first in zip(STAGES, layout.strides, strict=True):
        for stride in [first] + [1] * (count - 1):
            c_in, c_out = (layout.channels(full, width) for full in (full_in, full_out))
            # Where shortcuts may project, full width decides which do, so that all widths have the same ones;
            # torchvision decides by the channels that there are.
            same = full_in == full_out if layout.projects else c_in == c_out
            yield InvertedResidual(
                c_in,
                c_out,
                expansion=expansion,
                stride=stride,
                shortcut=_shortcut(layout, stride=stride, same=same),
                separable=separable,
                layout=layout,
            )
            full_in = full_out


def _shortcut(layout: Layout, *, stride: int, same: bool) -> Shortcut:
    """Kind of a block's shortcut; `same` says whether as many channels come out as go in."""
    if stride != 1:
        return None
    if same:
        return "identity"
    return "projection" if layout.projects else None


class MobileNetV2(nn.Module):
    """MobileNet-v2.

    Parameters
    ----------
    layout : Layout
        `IMAGENET` or `CIFAR`.
    separable : bool
        Whether to build the HO-CP form.
    outputs : int
    width : float
        Factor on all channels; ranks follow from the channels.
    """

    def __init__(self, layout: Layout, *, separable: bool, outputs: int = 10, width: float = 1.0) -> None:
        super().__init__()
        stem = layout.channels(STEM, width)
        last = layout.channels(LAST, width if layout.thin_last else max(1.0, width))
        self.conv1 = nn.Conv2d(3, stem, 3, stride=layout.stem_stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = layout.activation(inplace=True)
        self.layers = nn.Sequential(*_blocks(layout, separable=separable, width=width))
        self.last = _pointwise(layout.channels(STAGES[-1][1], width), last)
        self.avgpool = GlobalMean()
        self.dropout = nn.Dropout(layout.dropout) if layout.dropout else None
        self.fc = nn.Linear(last, outputs)
        if layout.he_start:
            _he_start(self)
        self.register_load_state_dict_pre_hook(rename_on_load)

    @property
    def order(self) -> int:
        """2; 3 after transduction."""
        return order_of(self.conv1)

    def forward(self, x: Tensor) -> Tensor:
        """Predict (B, K) from (B, 3, H, W).

        Raises
        ------
        ValueError
            If the input has the wrong number of modes or of colours.
        """
        check_input(x.shape, order=self.order)
        x = self.layers(self.relu(self.bn1(self.conv1(x))))
        features = self.avgpool(self.relu(self.last(x)))
        return self.fc(features if self.dropout is None else self.dropout(features))


@torch.no_grad()
def _he_start(network: MobileNetV2) -> None:
    """He initialisation by fan-out, a small classifier; norms and factors bring their own."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            # Outputs of one group: torch's kaiming_normal_ counts those of all, and the signal would fade.
            fan_out = module.out_channels // module.groups * prod(module.kernel_size)
            nn.init.normal_(module.weight, std=(2 / fan_out) ** 0.5)
    nn.init.normal_(network.fc.weight, std=0.01)
    nn.init.zeros_(network.fc.bias)
