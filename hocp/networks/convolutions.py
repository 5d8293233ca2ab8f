"""Convolutions that a ResNet can be built of: dense, (2+1)-D, CP and Tucker, of order 2 or 3.

A family makes the 3 x 3 (x 3) layers of the trunk and the stem. Spatial sizes are written time first.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, Protocol

from torch import nn

from hocp.conv import CPConv, TuckerConv, matching_rank

CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
NORMS = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
POOLS = {2: nn.MaxPool2d, 3: nn.MaxPool3d}


class Family(Protocol):
    """What a ResNet asks of its convolutions."""

    order: int
    channels_last: bool  # whether the layers need fewer copies in that memory format

    def layer(self, c_in: int, c_out: int, *, stride: tuple[int, ...], block_in: int) -> nn.Module:
        """A 3 x 3 (x 3) convolution without bias; `block_in` are the input channels of its block."""
        ...

    def stem(self, c_out: int, *, stride: tuple[int, ...]) -> nn.Module:
        """The first convolution, 7 x 7 in space, from three colours, without bias."""
        ...


@dataclass(frozen=True)
class Dense:
    """``nn.Conv2d`` or ``nn.Conv3d``: ResNet-18 (He et al., 2016) and R3D-18 (Tran et al., 2018)."""

    order: int
    channels_last: ClassVar[bool] = False

    def layer(self, c_in: int, c_out: int, *, stride: tuple[int, ...], block_in: int) -> nn.Module:
        return CONVOLUTIONS[self.order](c_in, c_out, 3, stride=stride, padding=1, bias=False)

    def stem(self, c_out: int, *, stride: tuple[int, ...]) -> nn.Module:
        time = self.order - 2  # one temporal mode of three taps, or none
        kernel, padding = (3,) * time + (7, 7), (1,) * time + (3, 3)
        return CONVOLUTIONS[self.order](3, c_out, kernel, stride=stride, padding=padding, bias=False)


@dataclass(frozen=True)
class TwoPlusOne:
    """A spatial, then a temporal convolution with a norm between: R(2+1)D-18 (Tran et al., 2018).

    The channels between the two match the parameters of a 3-D layer from the block's input to its output; as
    in torchvision, both layers of a block have the same number.
    """

    order: int = 3
    channels_last: ClassVar[bool] = False

    def layer(self, c_in: int, c_out: int, *, stride: tuple[int, ...], block_in: int) -> nn.Module:
        middle = max(1, (27 * block_in * c_out) // (9 * block_in + 3 * c_out))
        return self._pair((c_in, middle, c_out), taps=3, stride=stride)

    def stem(self, c_out: int, *, stride: tuple[int, ...]) -> nn.Module:
        return self._pair((3, max(1, round(c_out * 45 / 64)), c_out), taps=7, stride=stride)

    @staticmethod
    def _pair(channels: tuple[int, int, int], *, taps: int, stride: tuple[int, ...]) -> nn.Sequential:
        """Spatial convolution, norm, ReLU, temporal convolution; each strides its own modes."""
        c_in, middle, c_out = channels
        half, (temporal, *spatial) = taps // 2, stride
        return nn.Sequential(
            nn.Conv3d(
                c_in, middle, (1, taps, taps), stride=(1, *spatial), padding=(0, half, half), bias=False
            ),
            nn.BatchNorm3d(middle),
            nn.ReLU(inplace=True),
            nn.Conv3d(middle, c_out, (3, 1, 1), stride=(temporal, 1, 1), padding=(1, 0, 0), bias=False),
        )


def cp_rank(c_in: int, c_out: int, *, multiple: float | None = None) -> int:
    """Rank of a CP layer of the trunk.

    Parameters
    ----------
    c_in, c_out : int
        Channels C and T.
    multiple : float, optional
        Rank in units of C, as in the paper's FLOP figure (3 and 6). By default the rank at which the layer
        has the parameters of a dense 3 x 3 layer, 9 C T = R (C + T + 6); a 3-D layer takes the same rank, so
        that it is what transduction of the 2-D layer gives.
    """
    return matching_rank(c_in, c_out, (3, 3)) if multiple is None else max(1, round(multiple * c_in))


def tucker_rank(c_in: int, c_out: int) -> tuple[int, int]:
    """Ranks (R_T, R_C) = s (T, C) at which a Tucker layer has the parameters of a dense 3 x 3 layer.

    C R_C + 9 R_C R_T + R_T T = 9 C T is a quadratic equation in s.
    """
    kernel, mixing = 9 * c_in * c_out, c_in**2 + c_out**2
    share = (-mixing + sqrt(mixing**2 + 4 * kernel**2)) / (2 * kernel)
    return max(1, round(share * c_out)), max(1, round(share * c_in))


@dataclass(frozen=True)
class CP:
    """HO-CPConv layers; the stem stays dense.

    Parameters
    ----------
    order : int
    rank_multiple : float, optional
        Rank in units of the input channels; by default parameter-matched, see `cp_rank`.
    cp_weights : bool
        Whether the CP weights (lambda) are learnt, as the lasso on them needs.
    """

    order: int
    rank_multiple: float | None = None
    cp_weights: bool = False
    channels_last: ClassVar[bool] = True

    def layer(self, c_in: int, c_out: int, *, stride: tuple[int, ...], block_in: int) -> nn.Module:
        rank, kernel = cp_rank(c_in, c_out, multiple=self.rank_multiple), (3,) * self.order
        options = {"stride": stride, "padding": 1, "learn_weights": self.cp_weights}
        return CPConv(c_in, c_out, kernel, rank=rank, **options)

    def stem(self, c_out: int, *, stride: tuple[int, ...]) -> nn.Module:
        return Dense(self.order).stem(c_out, stride=stride)


@dataclass(frozen=True)
class Tucker:
    """Tucker layers, parameter-matched (`tucker_rank`); the stem stays dense."""

    order: int
    channels_last: ClassVar[bool] = True

    def layer(self, c_in: int, c_out: int, *, stride: tuple[int, ...], block_in: int) -> nn.Module:
        kernel = (3,) * self.order
        return TuckerConv(c_in, c_out, kernel, rank=tucker_rank(c_in, c_out), stride=stride, padding=1)

    def stem(self, c_out: int, *, stride: tuple[int, ...]) -> nn.Module:
        return Dense(self.order).stem(c_out, stride=stride)
