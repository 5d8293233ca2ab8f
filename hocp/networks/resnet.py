"""ResNet-18 of order 2 (images) or 3 (clips), with any convolution.

Shapes: B batch, T frames, H height, W width, C channels, K outputs; a network of order 2 has no T.
    x                      (B, 3, T, H, W)
    stem, norm, ReLU       (B, 64, T, H/2, W/2)
    max pool, space only   (B, 64, T, H/4, W/4)
    layer1 ... layer4      (B, 64, T, H/4, W/4) ... (B, 512, T, H/32, W/32)
    mean over space        (B, T, 512)
    fc                     (B, T, K), one prediction a frame; (B, K) of order 2

Attribute names are those of torchvision's image ResNet for every order, so that a network and what
transduction makes of it name their parameters alike. `hocp.networks.torchvision_names` translates those of
torchvision's video networks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hocp.conv import FactorizedConv, channels_last
from hocp.networks.convolutions import CONVOLUTIONS, NORMS, POOLS, Family
from hocp.networks.cp_weights import adapt_on_load
from hocp.networks.torchvision_names import rename_on_load

STAGES = (64, 128, 256, 512)
BLOCKS_A_STAGE = 2


def scaled(channels: int, width: float) -> int:
    """Channels times `width`, to the nearest multiple of 4, at least 4."""
    return max(4, 4 * round(channels * width / 4))


class GlobalMean(nn.Module):
    """Mean over the last `modes` modes, channels last: (B, C, T, H, W) -> (B, T, C), or (B, C) of order 2.

    It names modes from the end, so the same module serves an image network and its transduction.
    """

    def __init__(self, modes: int = 2) -> None:
        super().__init__()
        self.modes = modes

    def forward(self, x: Tensor) -> Tensor:
        """Pool; what is left beside batch and channels comes before the channels."""
        # Channels go last before the mean: of 1 x 1 positions, the gradient of mean-then-move has strides for
        # which torch 2.13's batch norm on CPU gives wrong gradients; a test compares with differences.
        return x.movedim(1, -1).mean(dim=tuple(range(-1 - self.modes, -1)))

    def extra_repr(self) -> str:
        return f"modes={self.modes}"


class BasicBlock(nn.Module):
    """Two convolutions, each with a norm, and a shortcut around them (He et al., 2016)."""

    def __init__(self, c_in: int, c_out: int, *, family: Family, stride: tuple[int, ...]) -> None:
        super().__init__()
        norm, once = NORMS[family.order], (1,) * family.order
        self.conv1 = family.layer(c_in, c_out, stride=stride, block_in=c_in)
        self.bn1 = norm(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = family.layer(c_out, c_out, stride=once, block_in=c_in)
        self.bn2 = norm(c_out)
        self.downsample = None
        if c_in != c_out or stride != once:
            shortcut = CONVOLUTIONS[family.order](c_in, c_out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, norm(c_out))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


class ResNet18(nn.Module):
    """The ResNet-18 trunk around one family of convolutions.

    Parameters
    ----------
    family : Family
        Convolutions, and with them the order; see `hocp.networks.convolutions`.
    outputs : int
        Numbers predicted for an image or frame, 2 for valence and arousal.
    width : float
        Factor on all channels; ranks follow from the channels.
    temporal_stride : {1, 2}
        Of layer2, layer3 and layer4. 1 keeps every frame, 2 is torchvision's video form.
    per_frame : bool
        Pool space only and predict for each frame, or pool time as well and predict once a clip.
    stem_pool : bool, optional
        Max pool behind the stem. By default everywhere but in networks of order 3 that predict once a clip:
        torchvision's video networks have none, image networks and what transduction makes of them do.
    """

    def __init__(
        self,
        family: Family,
        *,
        outputs: int = 2,
        width: float = 1.0,
        temporal_stride: int = 1,
        per_frame: bool = True,
        stem_pool: bool | None = None,
    ) -> None:
        super().__init__()
        order = family.order
        channels = [scaled(stage, width) for stage in STAGES]
        self.conv1 = family.stem(channels[0], stride=(1, 2, 2)[-order:])
        self.bn1 = NORMS[order](channels[0])
        self.relu = nn.ReLU(inplace=True)
        pooled = stem_pool if stem_pool is not None else (order == 2 or per_frame)
        self.maxpool = _spatial_pool(order) if pooled else nn.Identity()
        strides = [(1,) * order] + [(temporal_stride, 2, 2)[-order:]] * 3
        stages = zip([channels[0], *channels], channels, strides, strict=False)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(c_in, c_out, family, stride) for c_in, c_out, stride in stages
        )
        # In that format torch 2.13 writes behind the gradient of a strided 1x1 convolution of fewer channels.
        self.channels_last = family.channels_last and channels[0] >= 8
        self.avgpool = GlobalMean(2 if per_frame else order)
        self.fc = nn.Linear(channels[-1], outputs)
        _initialise(self)
        self.register_load_state_dict_pre_hook(rename_on_load)
        self.register_load_state_dict_pre_hook(adapt_on_load)

    @property
    def order(self) -> int:
        """2 for images, 3 for clips; read off the stem, so that it is right after transduction as well."""
        return order_of(self.conv1)

    def forward(self, x: Tensor) -> Tensor:
        """Predict from (B, 3, H, W) or (B, 3, T, H, W).

        Returns
        -------
        Tensor, (B, K) or (B, T, K)
            (B, K) for order 3 too if the network was built with ``per_frame=False``.

        Raises
        ------
        ValueError
            If the input has the wrong number of modes or of colours.
        """
        check_input(x.shape, order=self.order)
        x = self.conv1(x)
        # Before the pool, which torch computes several times faster in that format.
        x = channels_last(x) if self.channels_last else x
        x = self.maxpool(self.relu(self.bn1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x))


def order_of(stem: nn.Module) -> int:
    """Order of the network that begins with these convolutions, dense or factorized."""
    for layer in stem.modules():
        if isinstance(layer, FactorizedConv):
            return layer.order
        if hasattr(layer, "kernel_size"):
            return len(layer.kernel_size)
    return next(stem.parameters()).dim() - 2


def check_input(shape: Sequence[int], *, order: int) -> None:
    """Refuse an input of another order, or not of three colours."""
    if len(shape) != order + 2 or shape[1] != 3:
        modes = "height, width" if order == 2 else "frames, height, width"
        raise ValueError(
            f"the network got an input of shape {tuple(shape)}; it is of order {order} and expects "
            f"(batch, 3, {modes})"
        )


def _stage(c_in: int, c_out: int, family: Family, stride: tuple[int, ...]) -> nn.Sequential:
    """Blocks of one width; the first one changes resolution and channels."""
    once = (1,) * family.order
    return nn.Sequential(
        BasicBlock(c_in, c_out, family=family, stride=stride),
        *(BasicBlock(c_out, c_out, family=family, stride=once) for _ in range(BLOCKS_A_STAGE - 1)),
    )


def _spatial_pool(order: int) -> nn.Module:
    """3 x 3 max pool with stride 2 that leaves time alone."""
    kernel, stride, padding = (1, 3, 3), (1, 2, 2), (0, 1, 1)
    return POOLS[order](kernel[-order:], stride=stride[-order:], padding=padding[-order:])


@torch.no_grad()
def _initialise(network: nn.Module) -> None:
    """He initialisation by fan-out for dense convolutions; norms and factorized layers bring their own."""
    for module in network.modules():
        if isinstance(module, tuple(CONVOLUTIONS.values())):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
