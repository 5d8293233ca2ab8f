"""ResNet-18 and R3D-18 as they are, and with other layers in the place of their 3 x 3 (x 3) convolutions.

Shapes: B batch, T frames, H height, W width; networks of order 2 have no T.
    x   (B, 3, T, H, W)
    y   (B, T, 2), or (B, 2) of order 2
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from hocp import networks
from hocp.conv import CPConv
from hocp.learning.yardsticks import Given
from tests.bench import peers, products
from tests.bench.calls import TRAINS, Subject, prepare
from tests.bench.cases import NetworkCase
from tests.bench.exact import relative
from tests.bench.peers import Peer

#: The network at rank C whose layers cost nothing: what of its time passes outside of them.
REST = "rest"
_NAMES = {
    2: {"dense": "resnet18", "hocp": "hocp_resnet18", "tucker": "tucker_resnet18"},
    3: {"dense": "r3d18", "hocp": "hocp_resnet18_3d", "r2plus1d": "r2plus1d18"},
}


def outsiders(case: NetworkCase) -> list[Peer]:
    """Networks of others: at rank C with layers of TensorLy-Torch, else those that `hocp.networks` has."""
    dense = [Peer("dense", layout) for layout in peers.LAYOUTS]
    if case.rank_of == "matched":
        return dense + [Peer("tucker")] * (case.order == 2)
    pairs = [Peer("r2plus1d", layout) for layout in peers.LAYOUTS] * (case.order == 3)
    theirs = [Peer(f"tltorch {name}") for name in peers.TLTORCH]
    yardsticks = [Peer(REST), *(Peer(name) for name in products.NAMES)]
    return [*dense, *pairs, *theirs, Peer("tltorch factorized", "channels_last"), *yardsticks]


def build(name: str, case: NetworkCase) -> nn.Module:
    """A network of two outputs; all of one case with CP layers hold the same numbers."""
    torch.manual_seed(0)
    known = _NAMES[case.order]
    if name in ("dense", "r2plus1d", "tucker"):
        return networks.build(known[name], width=case.width)
    if case.rank_of == "matched":
        network = networks.build(known["hocp"], width=case.width)
        for layer in network.modules():
            if isinstance(layer, CPConv):
                vars(layer).update(peers.how(name))
        return network
    network = networks.build(known["dense"], width=case.width)
    return _swapped(network, name, name.removeprefix("tltorch ") if name.startswith("tltorch") else None)


def _swapped(network: nn.Module, name: str, theirs: str | None) -> nn.Module:
    """Each 3 x 3 (x 3) convolution of the trunk exchanged for a CP layer with R = max(C_in, C_out)."""
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        for block in stage:
            for conv in ("conv1", "conv2"):
                setattr(block, conv, _other(getattr(block, conv), name, theirs))
    network.channels_last = theirs is None  # as in our own networks
    return network


def _other(conv: nn.Module, name: str, theirs: str | None) -> nn.Module:
    if name == REST:
        return Given(conv.out_channels, conv.stride)
    if name in products.NAMES:
        channels = conv.in_channels, conv.out_channels
        return products.build(name, channels, rank=max(channels), stride=conv.stride)
    ours = _like(conv, **peers.how(name))
    return ours if theirs is None else peers.as_tltorch(ours, theirs)


def _like(conv: nn.Module, **options: Any) -> CPConv:
    channels = (conv.in_channels, conv.out_channels)
    return CPConv(*channels, conv.kernel_size, rank=max(channels), stride=conv.stride, padding=1, **options)


def network_error(peer: Peer, case: NetworkCase, call: str) -> float | None:
    """Largest relative error of the output and, in training, of the input's gradient, for a fresh network.

    None for the network whose layers compute nothing.
    """
    if peer.name == REST:
        return None
    subject = prepare(build(peer.name, case), case.input_shape, peer.layout, layer=False)
    found = _outcome(subject, trains=call in TRAINS)
    expected = _expected(_twin(peer.name), case, call in TRAINS)
    return max(relative(a, b) for a, b in zip(found, expected, strict=True))


def _twin(name: str) -> str:
    """The network with the same numbers that rebuilds its kernels, where the layers are CP layers."""
    return "hocp dense" if name.startswith(("hocp", "tltorch")) else name


@lru_cache(maxsize=4)
def _expected(name: str, case: NetworkCase, trains: bool) -> tuple[Tensor, ...]:
    subject = prepare(build(name, case).double(), case.input_shape, "contiguous", layer=False)
    subject.x = subject.x.double()
    return _outcome(subject, trains=trains)


def _outcome(subject: Subject, *, trains: bool) -> tuple[Tensor, ...]:
    """Output; where it trains, also the gradient of its mean square for the input.

    With the running statistics of the norms: those of small batches magnify rounding ten thousandfold.
    """
    subject.module.train(trains)
    for module in subject.module.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
    with torch.set_grad_enabled(trains):
        x = subject.x.detach().requires_grad_(trains)
        y = subject.module(x)
        return (y.detach(), *torch.autograd.grad(y.square().mean(), x)) if trains else (y,)
