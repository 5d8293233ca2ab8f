"""Training throughput of the HO-CP video network beside R3D-18's on a GPU.

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
from hocp.networks import build


class Peer(NamedTuple):
    """A network, its options, form and layout, its name in the rows, and the ranks it is compared under."""

    network: str
    options: dict[str, Any]
    form: str | None
    layout: str
    name: str
    ranks: tuple[str, ...]


PEERS = (
    Peer("r3d18", {}, None, "contiguous", "dense", ("matched", "C")),
    Peer("r3d18", {}, None, "channels_last", "dense", ("matched", "C")),
    Peer("hocp_resnet18_3d", {}, "triton", "channels_last", "hocp triton", ("matched",)),
    Peer("hocp_resnet18_3d", {}, "views", "channels_last", "hocp views", ("matched",)),
    Peer("hocp_resnet18_3d", {"rank_multiple": 1}, "triton", "channels_last", "hocp triton", ("C",)),
    Peer("hocp_resnet18_3d", {"rank_multiple": 1}, "views", "channels_last", "hocp views", ("C",)),
)


@dataclass(frozen=True)
class NetworkCase:
    """Factor on the channels, clips of a batch, and (T, H, W)."""

    width: float
    batch: int
    clip: tuple[int, int, int]


def network_rows(
    case: NetworkCase, precision: Precision, device: torch.device, *, rounds: int, deadline: float
) -> Iterator[dict[str, Any]]:
    """A row a network and rank it is compared under: one step of training, launched as it is."""
    reason = available(precision, device) or (NO_TIME if time.monotonic() > deadline else "")
    steps: dict[int, Timed] = {}
    failed, parameters = {}, {}
    for n, peer in () if reason else enumerate(PEERS):
        network = _network(peer, case, device)
        parameters[n] = sum(p.numel() for p in network.parameters())
        step = _step(network, peer, case, precision, device)
        try:
            for _ in range(WARM_UP if device.type == "cuda" else 1):
                step()
            steps[n] = Timed(step)
        except Exception as problem:  # whatever fails on a device that nobody has tried is a row
            failed[n] = f"{type(problem).__name__}: {problem}".splitlines()[0]
    times = timed(steps, device, rounds if device.type == "cuda" else 2)
    for n, peer in enumerate(PEERS):
        facts = _facts(case) | {"peer": peer.name, "layout": peer.layout, "parameters": parameters.get(n)}
        measured = spread(times[n]) if n in times else {"reason": reason or failed[n]}
        measured |= _peak(steps[n].run, device) if n in times else {}
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
        "call": "training step",
    }


def _network(peer: Peer, case: NetworkCase, device: torch.device) -> nn.Module:
    """The network with the peer's form in every CP layer."""
    torch.manual_seed(0)
    network = build(peer.network, outputs=2, width=case.width, **peer.options).to(device).train()
    for layer in network.modules():
        if isinstance(layer, CPConv):
            layer.implementation = peer.form
    return in_layout(network, peer.layout)


def _step(
    network: nn.Module, peer: Peer, case: NetworkCase, precision: Precision, device: torch.device
) -> Callable[[], object]:
    """Forward, mean square, backward and a step of SGD."""
    clips = torch.randn(case.batch, 3, *case.clip, device=device)
    clips = channels_last(clips) if peer.layout == "channels_last" else clips
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with computing(precision, device):
            network(clips).square().mean().backward()
        optimizer.step()

    return step


def _peak(step: Callable[[], object], device: torch.device) -> dict[str, int]:
    """Most bytes that tensors held at once; not known on a CPU."""
    if device.type != "cuda":
        return {}
    torch.cuda.reset_peak_memory_stats(device)
    step()
    torch.cuda.synchronize(device)
    return {"peak_bytes": torch.cuda.max_memory_allocated(device)}
