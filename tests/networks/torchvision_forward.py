"""torchvision's networks in evaluation, computed from the names of their state dicts.

Shapes: B batch, C channels, K outputs; x is (B, 3, H, W) or (B, 3, T, H, W), the result (B, K).

Written down from the papers and torchvision's documented layouts: torch's functions on tensors, no module and
no code of ours. A convolution has as many modes and groups as its kernel asks for.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional
from torch.nn.functional import relu, relu6
from torchvision_layout import MOBILE_BLOCKS

State = Mapping[str, Tensor]


def _conv(state: State, x: Tensor, name: str, *, stride=1, padding=0) -> Tensor:
    kernel = state[f"{name}.weight"]
    function = functional.conv2d if x.dim() == 4 else functional.conv3d
    return function(x, kernel, None, stride, padding, 1, x.shape[1] // kernel.shape[1])


def _norm(state: State, x: Tensor, name: str) -> Tensor:
    parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(x, *parts, eps=1e-5)


def _classify(state: State, x: Tensor, name: str) -> Tensor:
    """Mean over all positions, then the linear layer."""
    return functional.linear(x.flatten(2).mean(2), state[f"{name}.weight"], state[f"{name}.bias"])


def mobilenet_v2(state: State, x: Tensor) -> Tensor:
    """``torchvision.models.mobilenet_v2``."""
    x = relu6(_norm(state, _conv(state, x, "features.0.0", stride=2, padding=1), "features.0.1"))
    for block, (c_in, c_out, expansion, stride) in enumerate(MOBILE_BLOCKS, start=1):
        place, y, stage = f"features.{block}.conv", x, 0
        if expansion != 1:
            y, stage = relu6(_norm(state, _conv(state, y, f"{place}.0.0"), f"{place}.0.1")), 1
        y = _conv(state, y, f"{place}.{stage}.0", stride=stride, padding=1)
        y = relu6(_norm(state, y, f"{place}.{stage}.1"))
        y = _norm(state, _conv(state, y, f"{place}.{stage + 1}"), f"{place}.{stage + 2}")
        x = x + y if stride == 1 and c_in == c_out else y
    return _classify(
        state, relu6(_norm(state, _conv(state, x, "features.18.0"), "features.18.1")), "classifier.1"
    )


def resnet18(state: State, x: Tensor) -> Tensor:
    """``torchvision.models.resnet18``."""
    x = relu(_norm(state, _conv(state, x, "conv1", stride=2, padding=3), "bn1"))
    x = functional.max_pool2d(x, 3, stride=2, padding=1)
    for place, stride in _blocks():
        y = relu(_norm(state, _conv(state, x, f"{place}.conv1", stride=stride, padding=1), f"{place}.bn1"))
        y = _norm(state, _conv(state, y, f"{place}.conv2", padding=1), f"{place}.bn2")
        x = relu(y + _shortcut(state, x, place, stride))
    return _classify(state, x, "fc")


def r3d_18(state: State, x: Tensor) -> Tensor:
    """``torchvision.models.video.r3d_18``."""
    x = relu(_norm(state, _conv(state, x, "stem.0", stride=(1, 2, 2), padding=(1, 3, 3)), "stem.1"))
    for place, stride in _blocks():
        y = _conv(state, x, f"{place}.conv1.0", stride=stride, padding=1)
        y = _conv(state, relu(_norm(state, y, f"{place}.conv1.1")), f"{place}.conv2.0", padding=1)
        x = relu(_norm(state, y, f"{place}.conv2.1") + _shortcut(state, x, place, stride))
    return _classify(state, x, "fc")


def r2plus1d_18(state: State, x: Tensor) -> Tensor:
    """``torchvision.models.video.r2plus1d_18``."""
    x = relu(_norm(state, _conv(state, x, "stem.0", stride=(1, 2, 2), padding=(0, 3, 3)), "stem.1"))
    x = relu(_norm(state, _conv(state, x, "stem.3", padding=(1, 0, 0)), "stem.4"))
    for place, stride in _blocks():
        y = relu(_norm(state, _pair(state, x, f"{place}.conv1.0", stride), f"{place}.conv1.1"))
        y = _norm(state, _pair(state, y, f"{place}.conv2.0", 1), f"{place}.conv2.1")
        x = relu(y + _shortcut(state, x, place, stride))
    return _classify(state, x, "fc")


def _pair(state: State, x: Tensor, place: str, stride: int) -> Tensor:
    """A convolution over space, norm, ReLU, one over time; each strides its own modes."""
    x = _conv(state, x, f"{place}.0", stride=(1, stride, stride), padding=(0, 1, 1))
    return _conv(
        state, relu(_norm(state, x, f"{place}.1")), f"{place}.3", stride=(stride, 1, 1), padding=(1, 0, 0)
    )


def _shortcut(state: State, x: Tensor, place: str, stride: int) -> Tensor:
    if f"{place}.downsample.0.weight" not in state:
        return x
    return _norm(state, _conv(state, x, f"{place}.downsample.0", stride=stride), f"{place}.downsample.1")


def _blocks():
    """(name, stride) of the eight blocks of a ResNet-18."""
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            yield f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
