"""Networks by name; names and orders are those of `hocp.contracts.spec.NETWORKS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

from torch import nn

from hocp.conv import transduce_layer
from hocp.networks.convolutions import CP, Dense, Family, Tucker, TwoPlusOne
from hocp.networks.mobilenet import CIFAR, IMAGENET, Layout, MobileNetV2
from hocp.networks.resnet import GlobalMean, ResNet18

_IMAGE = ("stem_pool",)
_CLIP = ("temporal_stride", "per_frame", "stem_pool")
_RANKED = ("cp_weights", "rank_multiple")


@dataclass(frozen=True)
class Entry:
    """One network: how to build it, order and kind of its convolutions, options, rule for its ranks."""

    make: Callable[..., nn.Module]
    order: int
    kind: str
    options: tuple[str, ...] = ()
    ranks: str = ""


def _resnet(family: Callable[..., Family], *, outputs: int, width: float, **options: Any) -> nn.Module:
    """ResNet-18; what the trunk does not take is for its convolutions."""
    trunk = {name: options.pop(name) for name in _CLIP if name in options}
    return ResNet18(family(**options), outputs=outputs, width=width, **trunk)


def _mobile(layout: Layout, *, separable: bool) -> Entry:
    """MobileNet-v2, with merged or with separate spatial factors."""
    make = partial(MobileNetV2, layout, separable=separable)
    return Entry(make, 2, "cp" if separable else "depthwise", (), "expansion x C")


_MATCHED = "parameters of dense 3x3"
REGISTRY: Mapping[str, Entry] = {
    "resnet18": Entry(partial(_resnet, partial(Dense, 2)), 2, "dense", _IMAGE),
    "hocp_resnet18": Entry(partial(_resnet, partial(CP, 2)), 2, "cp", _RANKED + _IMAGE, _MATCHED),
    "tucker_resnet18": Entry(partial(_resnet, partial(Tucker, 2)), 2, "tucker", _IMAGE, _MATCHED),
    "r3d18": Entry(partial(_resnet, partial(Dense, 3)), 3, "dense", _CLIP),
    "r2plus1d18": Entry(partial(_resnet, TwoPlusOne), 3, "2plus1", _CLIP),
    "hocp_resnet18_3d": Entry(partial(_resnet, partial(CP, 3)), 3, "cp", _RANKED + _CLIP, _MATCHED),
    "mobilenetv2": _mobile(IMAGENET, separable=False),
    "hocp_mobilenetv2": _mobile(IMAGENET, separable=True),
    "mobilenetv2_cifar": _mobile(CIFAR, separable=False),
    "hocp_mobilenetv2_cifar": _mobile(CIFAR, separable=True),
}


def names() -> tuple[str, ...]:
    """All networks that `build` knows."""
    return tuple(REGISTRY)


def order_of(name: str) -> int:
    """Order of a network's convolutions: 2 takes images, 3 takes clips.

    Raises
    ------
    ValueError
        If there is no such network.
    """
    return entry(name).order


def entry(name: str) -> Entry:
    """What is registered under a name.

    Raises
    ------
    ValueError
        If there is no such network.
    """
    if name not in REGISTRY:
        near = get_close_matches(str(name), REGISTRY, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"network is {name!r}, expected one of {', '.join(REGISTRY)}{hint}")
    return REGISTRY[name]


def build(name: str, *, outputs: int = 2, width: float = 1.0, **options: Any) -> nn.Module:
    """A fresh network.

    Parameters
    ----------
    name : str
        One of `names()`.
    outputs : int, default 2
        Numbers predicted for an image or frame; 2 are valence and arousal.
    width : float, default 1
        Factor on all channels, each rounded to a multiple of 4; ranks are computed from the channels. The
        MobileNets for ImageNet round to multiples of 8 as torchvision does, and a width below 1 leaves their
        last 1x1 stage as wide as it is.
    **options
        cp_weights : bool
            HO-CP networks: learn the CP weights (lambda), one more parameter a rank component.
        rank_multiple : float
            HO-CP networks: R in units of the input channels instead of parameter matching.
        temporal_stride : {1, 2}, per_frame : bool, stem_pool : bool
            Networks of order 3; ``temporal_stride=2, per_frame=False`` is torchvision's video form of
            ``r3d18`` and ``r2plus1d18``. ``stem_pool`` also for the other ResNets. See
            `hocp.networks.resnet.ResNet18`.

    Returns
    -------
    nn.Module
        (B, 3, H, W) -> (B, outputs) of order 2; (B, 3, T, H, W) -> (B, T, outputs) of order 3.

    Raises
    ------
    ValueError
        If the name is unknown, the network does not take an option, or a value is out of range.
    """
    chosen = entry(name)
    for option in options:
        if option not in chosen.options:
            known = ", ".join(chosen.options) or "none but outputs and width"
            raise ValueError(f"network {name} has no option {option!r}; it takes {known}")
    _check(name, outputs, width, options)
    return chosen.make(outputs=outputs, width=width, **options)


def _check(name: str, outputs: int, width: float, options: Mapping[str, Any]) -> None:
    """Refuse values that would only fail deep inside, or not at all."""
    if isinstance(outputs, bool) or not isinstance(outputs, int) or outputs < 1:
        raise ValueError(f"outputs of {name} is {outputs!r}; expected a whole number of at least 1")
    if isinstance(width, bool) or not isinstance(width, (int, float)) or not 0 < width <= 8:
        raise ValueError(f"width of {name} is {width!r}; expected a number above 0, at most 8")
    stride = options.get("temporal_stride", 1)
    if stride not in (1, 2):
        raise ValueError(f"temporal_stride of {name} is {stride!r}; expected 1 or 2")
    if stride == 2 and options.get("per_frame", True):
        raise ValueError(
            f"temporal_stride=2 of {name} loses frames, so it cannot predict one by one; add per_frame=False"
        )
    multiple = options.get("rank_multiple")
    if multiple is not None and (isinstance(multiple, bool) or not 0 < multiple < float("inf")):
        raise ValueError(f"rank_multiple of {name} is {multiple!r}; expected a positive number")


@transduce_layer.register(GlobalMean)
def _keep(pool: GlobalMean, options: object) -> GlobalMean:
    """It pools the last modes, which are still those of space."""
    return pool
