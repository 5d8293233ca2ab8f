"""The HO-CP video network beside R3D-18 on a GPU: inference and a step of training.

Shapes: B clips, T frames, H, W sides in pixels.
    clips   (B, 3, T, H, W)
    result  (B, 2)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from hocp.conv import CPConv
from hocp.conv.nd import channels_last
from hocp.learning.gpu_clock import Timed, spread, timed
from hocp.learning.gpu_precision import Precision, available, computing
from hocp.learning.gpu_speed_layers import in_layout
from hocp.learning.gpu_training import NO_TIME, WARM_UP
from hocp.learning.yardsticks import Given, Products
from hocp.networks import build


class Peer(NamedTuple):
    """A network, its options, the form of its CP layers or what stands for them, layout, ranks beside it."""

    network: str
    options: dict[str, Any]
    layers: str | None
    layout: str
    ranks: tuple[str, ...]

    @property
    def name(self) -> str:
        """In the rows: one that is not made of CP layers has the name of what stands for them."""
        if self.layers is None:
            return "dense"
        return self.layers if self.layers in YARDSTICKS else f"hocp {self.layers}"


#: A CP layer's two products, and nothing at all, in the place of each layer.
YARDSTICKS = ("products linear", "rest")
AT_C = {"rank_multiple": 1}
PEERS = (
    Peer("r3d18", {}, None, "contiguous", ("matched", "C")),
    Peer("r3d18", {}, None, "channels_last", ("matched", "C")),
    Peer("hocp_resnet18_3d", {}, "triton", "channels_last", ("matched",)),
    Peer("hocp_resnet18_3d", {}, "auto", "channels_last", ("matched",)),
    Peer("hocp_resnet18_3d", AT_C, "triton", "channels_last", ("C",)),
    Peer("hocp_resnet18_3d", AT_C, "auto", "channels_last", ("C",)),
    Peer("hocp_resnet18_3d", {}, "products linear", "channels_last", ("matched",)),
    Peer("hocp_resnet18_3d", AT_C, "products linear", "channels_last", ("C",)),
    Peer("hocp_resnet18_3d", {}, "rest", "channels_last", ("matched", "C")),
)
CALLS = ("inference", "training step")


@dataclass(frozen=True)
class NetworkCase:
    """Factor on the channels, clips of a batch, and (T, H, W)."""

    width: float
    batch: int
    clip: tuple[int, int, int]


def network_rows(
    case: NetworkCase, precision: Precision, device: torch.device, *, rounds: int, deadline: float
) -> Iterator[dict[str, Any]]:
    """A row a network, rank it is compared under and call, launched as it is."""
    reason = available(precision, device) or (NO_TIME if time.monotonic() > deadline else "")
    networks = {} if reason else {n: _network(peer, case, device) for n, peer in enumerate(PEERS)}
    for call in CALLS:
        calls: dict[int, Timed] = {}
        failed = {}
        for n, network in networks.items():
            made = _call(network, PEERS[n], case, precision, device, call)
            try:
                for _ in range(WARM_UP if device.type == "cuda" else 1):
                    made()
                calls[n] = Timed(made)
            except Exception as problem:  # whatever fails on a device that nobody has tried is a row
                failed[n] = f"{type(problem).__name__}: {problem}".splitlines()[0]
        times = timed(calls, device, rounds if device.type == "cuda" else 2)
        for n, peer in enumerate(PEERS):
            facts = _facts(case) | {"call": call, "peer": peer.name, "layout": peer.layout}
            if n in times:
                parameters = sum(p.numel() for p in networks[n].parameters())
                measured = spread(times[n]) | {"parameters": parameters} | _peak(calls[n].run, device)
            else:
                measured = {"reason": reason or failed[n]}
            for rank in peer.ranks:
                yield facts | {"rank_of": rank} | measured


def _facts(case: NetworkCase) -> dict[str, Any]:
    size = " x ".join(map(str, case.clip))
    return {
        "suite": "networks",
        "subject": f"R3D-18, {size}",
        "order": 3,
        "batch": case.batch,
        "size": "x".join(map(str, case.clip)),
    }


def _network(peer: Peer, case: NetworkCase, device: torch.device) -> nn.Module:
    """The network with the peer's form, or what stands for it, in every CP layer."""
    torch.manual_seed(0)
    network = build(peer.network, outputs=2, width=case.width, **peer.options)
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, CPConv)}
    for name, layer in layers.items():
        channels, stride = (layer.in_channels, layer.out_channels), layer.geometry.stride
        if peer.layers == "rest":
            network.set_submodule(name, Given(channels[1], stride))
        elif peer.layers in YARDSTICKS:
            network.set_submodule(name, Products(*channels, layer.rank, stride))
        else:
            layer.implementation = peer.layers
    return in_layout(network.to(device), peer.layout)


def _call(
    network: nn.Module, peer: Peer, case: NetworkCase, precision: Precision, device: torch.device, call: str
) -> Callable[[], object]:
    """Inference; or forward, mean square, backward and a step of SGD."""
    network.train(call != "inference")  # once, since layers forget what they keep when their mode is set
    clips = torch.randn(case.batch, 3, *case.clip, device=device)
    clips = channels_last(clips) if peer.layout == "channels_last" else clips
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)

    def infer() -> None:
        with torch.no_grad(), computing(precision, device):
            network(clips)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with computing(precision, device):
            network(clips).square().mean().backward()
        optimizer.step()

    return infer if call == "inference" else step


def _peak(step: Callable[[], object], device: torch.device) -> dict[str, int]:
    """Most bytes that tensors held at once; not known on a CPU."""
    if device.type != "cuda":
        return {}
    torch.cuda.reset_peak_memory_stats(device)
    step()
    torch.cuda.synchronize(device)
    return {"peak_bytes": torch.cuda.max_memory_allocated(device)}
