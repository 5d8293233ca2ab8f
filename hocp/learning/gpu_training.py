"""A few training steps of every network on generated clips: does the loss fall, and how fast is it.

Shape legend: N clips, B clips of a batch, T frames, H, W sides in pixels, K outputs.
"""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hocp.clips import NO_EXPRESSION
from hocp.learning import losses, seeding
from hocp.learning.gpu_agreement import OUTPUTS, fold_frames
from hocp.learning.gpu_precision import Precision, available, computing, synchronise
from hocp.networks import build, order_of

WARM_UP = 5  # steps before the clock starts: memory is allocated and algorithms are chosen in them
LR = 1e-3
CIFAR_SIDE = 32
NO_TIME = "no time was left"
_OVER_TIME = 10  # steps between looks at the clock, each of which waits for the device


def generated_clips(count: int, shape: tuple[int, int, int], *, seed: int) -> tuple[Tensor, Tensor]:
    """Bright spots that move smoothly over noise; where a spot stands is what is to be predicted.

    Parameters
    ----------
    count : int
    shape : tuple of int
        (T, H, W).
    seed : int

    Returns
    -------
    clips : Tensor, (N, 3, T, H, W)
    targets : Tensor, (N, T, 2)
        Horizontal and vertical place of the spot, in [-1, 1].
    """
    generator = seeding.generator(seed, "generated clips")
    frames, height, width = shape
    phase, speed = (torch.rand(count, 2, 1, generator=generator) for _ in range(2))
    time_axis = torch.arange(frames) / frames
    targets = 0.8 * torch.sin(2 * torch.pi * (phase + (0.2 + 0.8 * speed) * time_axis))  # (N, 2, T)
    x, y = targets[:, 0, :, None, None], targets[:, 1, :, None, None]
    columns, rows = torch.linspace(-1, 1, width), torch.linspace(-1, 1, height)[:, None]
    spot = torch.exp(-8 * ((columns - x) ** 2 + (rows - y) ** 2))  # (N, T, H, W)
    noise = 0.3 * torch.randn(count, 3, *shape, generator=generator)
    return 2 * spot.unsqueeze(1) + noise, targets.movedim(1, 2)


def network_input(name: str, clips: Tensor) -> Tensor:
    """Clips as a network takes them; the CIFAR networks see the frames at 32 x 32."""
    x = fold_frames(clips, order_of(name))
    return F.interpolate(x, size=(CIFAR_SIDE, CIFAR_SIDE)) if name.endswith("_cifar") else x


def train(
    name: str,
    precision: Precision,
    device: torch.device,
    data: tuple[Tensor, Tensor],
    *,
    width: float,
    steps: int,
    batch: int,
    seed: int,
    deadline: float,
) -> dict[str, Any]:
    """Train one network and say how it went.

    Parameters
    ----------
    name : str
    precision : Precision
    device : torch.device
    data : (Tensor, Tensor)
        `generated_clips`, on the device.
    width : float
    steps, batch, seed : int
    deadline : float
        ``time.monotonic()`` at which to stop.
    """
    row = {"network": name, "precision": precision.name, "batch": batch, "clip": list(data[0].shape[2:])}
    reason = available(precision, device)
    if not reason and time.monotonic() > deadline:
        reason = NO_TIME
    if reason:
        return row | {"verdict": "skipped", "reason": reason}
    torch.manual_seed(seed)
    network = build(name, outputs=OUTPUTS, width=width).to(device).train()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        history, seconds = _steps(name, network, precision, device, data, steps, batch, seed, deadline)
    except RuntimeError as error:
        return row | {"verdict": "failed", "reason": str(error).splitlines()[0]}
    return row | _summary(history, seconds, batch, steps) | {"peak_memory_bytes": _peak_memory(device)}


def _steps(
    name: str,
    network: nn.Module,
    precision: Precision,
    device: torch.device,
    data: tuple[Tensor, Tensor],
    steps: int,
    batch: int,
    seed: int,
    deadline: float,
) -> tuple[list[float], float]:
    """Losses of the steps, and seconds of those behind the warm-up."""
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    draw = seeding.generator(seed, "batches")
    history: list[Tensor] = []
    started = time.monotonic()
    for step in range(steps):
        if step == min(WARM_UP, steps - 1):
            synchronise(device)
            started = time.monotonic()
        chosen = torch.randperm(len(data[0]), generator=draw)[:batch].to(device)
        optimizer.zero_grad(set_to_none=True)
        with computing(precision, device):  # the backward pass too: its products obey the same switches
            loss = _loss(network(network_input(name, data[0][chosen])), data[1][chosen])
            loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        history.append(loss.detach())
        if step % _OVER_TIME == _OVER_TIME - 1:
            synchronise(device)
            if time.monotonic() > deadline:
                break
    synchronise(device)
    return torch.stack(history).cpu().tolist(), time.monotonic() - started


def _loss(y: Tensor, targets: Tensor) -> Tensor:
    """The paper's loss with equal weights, over all frames of the batch."""
    y, targets = y.reshape(-1, OUTPUTS), targets.reshape(-1, OUTPUTS)
    none = torch.full((len(y),), NO_EXPRESSION, device=y.device)
    return losses.total(y, targets, none, torch.full((3,), 1 / 3)).loss


def _summary(history: list[float], seconds: float, batch: int, steps: int) -> dict[str, Any]:
    """Losses and speed as JSON values; a loss that is not finite becomes None."""
    finite = all(map(math.isfinite, history))
    few = max(1, len(history) // 10)
    first, last = (sum(part) / few for part in (history[:few], history[-few:]))
    complete, falling = len(history) == steps, finite and last < first
    timed = len(history) - min(WARM_UP, steps - 1)
    return {
        "steps": len(history),
        "losses": [round(loss, 5) if math.isfinite(loss) else None for loss in history],
        "loss_first": first if math.isfinite(first) else None,
        "loss_last": last if math.isfinite(last) else None,
        "finite": finite,
        "falling": falling,
        "seconds_timed": seconds,
        "clips_per_second": timed * batch / seconds if timed > 0 else None,
        "verdict": "passed" if falling and complete else "failed" if not falling else "stopped",
        **({} if complete else {"reason": f"time was up after {len(history)} of {steps} steps"}),
    }


def _peak_memory(device: torch.device) -> int | None:
    """Most bytes that tensors held on the GPU at once; not known on a CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
