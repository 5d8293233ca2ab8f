"""Clips per second that training can read, beside those that the quickest of our video networks can take."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from hocp.clips import MEMORY, Prepared, Windows
from hocp.networks import build
from tests.prep_bench.sizes import BATCH, SIDE, WINDOW

NETWORK = "hocp_resnet18_3d"


def measure(folder: Path, *, seconds: float, width: float) -> Iterator[dict[str, Any]]:
    """
    Rows ``read file``, ``read memory`` and ``train``, with clips and seconds.

    Parameters
    ----------
    folder : path
        A prepared data set.
    seconds : float
        How long each is measured, at least one batch.
    width : float
        Share of the network's channels; 1 is the paper's network.
    """
    for stage, memory in (("read file", 0), ("read memory", MEMORY)):
        data = Prepared(folder, memory=memory)
        windows = Windows(data, torch.arange(len(data.items)), frames=WINDOW)
        generator = torch.Generator().manual_seed(0)

        def batch(data=data, windows=windows, generator=generator) -> int:
            index = torch.randint(len(windows), (BATCH,), generator=generator)
            return len(data.gather(*windows.locate(index, generator)).images)

        yield {"stage": stage, **_rate(batch, seconds)}
    yield {"stage": "train", **_rate(_step(width), seconds)}


def _step(width: float) -> Callable[[], int]:
    """Forward and backward call of the network at the size of the paper: 16 frames of 112 x 112."""
    network = build(NETWORK, outputs=2, width=width).train()
    clip = torch.rand(2, 3, WINDOW, SIDE, SIDE)

    def step() -> int:
        network(clip).square().mean().backward()
        return len(clip)

    return step


def _rate(call: Callable[[], int], seconds: float) -> dict[str, Any]:
    """Clips and wall seconds, after one call that is not counted."""
    call()
    clips, cpu, start = 0, time.process_time(), time.monotonic()
    while not clips or time.monotonic() - start < seconds:
        clips += call()
    return {"items": clips, "wall_s": time.monotonic() - start, "cpu_s": time.process_time() - cpu}
