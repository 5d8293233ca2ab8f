"""MobileNet-v2 for 32 x 32 images, and its HO-CP form.

Shapes: B batch, C channels, R = expansion x C rank channels, K outputs.
    x                 (B, 3, H, W)
    stem              (B, 32, H, W)
    17 blocks         (B, 320, H/8, W/8)
    last 1x1, mean    (B, 1280)
    classifier        (B, K)

The layout is the one usual for CIFAR: stride 1 in the stem and the second stage, and a projecting shortcut in
every block of stride 1 that changes the number of channels. It has 2,296,922 parameters with ten outputs, the
published 2.30 M; torchvision's layout for ImageNet does not fit that number.

An inverted residual block is a CP convolution whose channel factors are the two 1x1 stages and whose two
spatial factors are merged into one depthwise 3 x 3 kernel (Section 3 of the paper). The HO-CP form keeps the
spatial factors apart, each followed by a norm.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from hocp.conv import SeparableDepthwise
from hocp.networks.resnet import GlobalMean, check_input, order_of_norm, scaled

#: Expansion, output channels, blocks, stride of the first block: Sandler et al. (2018), strides for CIFAR.
STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
STEM, LAST = 32, 1280


def _pointwise(c_in: int, c_out: int) -> nn.Sequential:
    """1x1 convolution and norm."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out))


class InvertedResidual(nn.Module):
    """1x1 to R channels, depthwise 3 x 3, 1x1 back, with a shortcut where the stride is 1.

    Parameters
    ----------
    c_in, c_out : int
    expansion : int
        R in units of `c_in`.
    stride : {1, 2}
    projecting : bool
        Whether the shortcut, where there is one, is a 1x1 convolution.
    separable : bool
        A vertical and a horizontal depthwise convolution, each with its norm, in place of the 3 x 3 one.
    """

    def __init__(
        self, c_in: int, c_out: int, *, expansion: int, stride: int, projecting: bool, separable: bool
    ) -> None:
        super().__init__()
        rank = expansion * c_in
        self.expand = _pointwise(c_in, rank)
        self.spatial = _separable(rank, stride) if separable else _depthwise(rank, stride)
        self.project = _pointwise(rank, c_out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = None
        if stride == 1:
            self.shortcut = _pointwise(c_in, c_out) if projecting else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        y = self.project(self.relu(self.spatial(self.relu(self.expand(x)))))
        return y if self.shortcut is None else y + self.shortcut(x)


def _depthwise(channels: int, stride: int) -> nn.Module:
    """Merged spatial factors, then a norm."""
    conv = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels))


def _separable(channels: int, stride: int) -> nn.Module:
    """Vertical factor, norm, horizontal factor, norm."""
    return SeparableDepthwise(channels, (3, 3), stride=stride, padding=1, norm="batch")


def _blocks(*, separable: bool, width: float) -> Iterator[InvertedResidual]:
    """All blocks in order; full width decides which shortcuts project, so all widths have the same ones."""
    c_in = STEM
    for expansion, c_out, count, first in STAGES:
        for stride in [first] + [1] * (count - 1):
            yield InvertedResidual(
                scaled(c_in, width),
                scaled(c_out, width),
                expansion=expansion,
                stride=stride,
                projecting=c_in != c_out,
                separable=separable,
            )
            c_in = c_out


class MobileNetV2(nn.Module):
    """MobileNet-v2 in its layout for CIFAR.

    Parameters
    ----------
    separable : bool
        Whether to build the HO-CP form.
    outputs : int
    width : float
        Factor on all channels; ranks follow from the channels.
    """

    def __init__(self, *, separable: bool, outputs: int = 10, width: float = 1.0) -> None:
        super().__init__()
        stem, last = scaled(STEM, width), scaled(LAST, width)
        self.conv1 = nn.Conv2d(3, stem, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.layers = nn.Sequential(*_blocks(separable=separable, width=width))
        self.last = _pointwise(scaled(STAGES[-1][1], width), last)
        self.avgpool = GlobalMean()
        self.fc = nn.Linear(last, outputs)

    @property
    def order(self) -> int:
        """2; 3 after transduction."""
        return order_of_norm(self.bn1)

    def forward(self, x: Tensor) -> Tensor:
        """Predict (B, K) from (B, 3, H, W).

        Raises
        ------
        ValueError
            If the input has the wrong number of modes or of colours.
        """
        check_input(x.shape, order=self.order)
        x = self.layers(self.relu(self.bn1(self.conv1(x))))
        return self.fc(self.avgpool(self.relu(self.last(x))))
