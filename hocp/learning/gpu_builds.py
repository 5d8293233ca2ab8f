"""Triton's kernels of a benchmark, built beforehand by many processes at once: one alone takes minutes.

What is built lies in Triton's cache on disk, where the benchmark finds it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import TimeoutError, get_context

import torch

from hocp.conv import CPConv
from hocp.conv.forms.triton import INSTALLED
from hocp.conv.nd import channels_last
from hocp.learning.gpu_precision import PRECISIONS, Precision, computing, synchronise
from hocp.learning.gpu_speed_layers import Case
from hocp.learning.gpu_speed_networks import PEERS, NetworkCase
from hocp.networks import build

WORKERS = max(1, (os.cpu_count() or 1) - 1)


@dataclass(frozen=True)
class Layer:
    """A layer whose kernels are wanted: its shape, number format, and whether that comes by autocast."""

    batch: int
    channels: tuple[int, int]
    rank: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    size: tuple[int, ...]
    precision: str
    autocast: bool

    @property
    def kernels(self) -> tuple:
        """What decides which kernels are built; channels do where a product is fused, sizes by the tile.

        So does the batch, but all of a benchmark are large.
        """
        return self.channels[1], self.rank, self.stride, self.size, self.precision, self.autocast


def layers(cases: Iterable[tuple[Case | NetworkCase, Precision]]) -> list[Layer]:
    """What the form "triton" is timed on, each kind once, in the order of the cases."""
    found: dict[tuple, Layer] = {}
    for case, precision in cases:
        of_network = isinstance(case, NetworkCase)
        for layer in _of_network(case, precision.name) if of_network else [_of_layer(case, precision.name)]:
            found.setdefault(layer.kernels, layer)
    return list(found.values())


def _of_layer(case: Case, precision: str) -> Layer:
    shape, taps = (case.channels, case.channels), case.geometry.kernel_size
    where = taps, case.geometry.stride, case.geometry.padding, case.size
    return Layer(case.batch, shape, case.rank, *where, precision, autocast=False)


def _of_network(case: NetworkCase, precision: str) -> Iterator[Layer]:
    """CP layers of the networks that are timed in that form, with the sizes that they meet."""
    for peer in PEERS:
        if peer.layers not in ("triton", "auto"):
            continue
        with torch.device("meta"):
            network = build(peer.network, outputs=2, width=case.width, **peer.options).eval()
        sizes: dict[CPConv, tuple[int, ...]] = {}
        for layer in network.modules():
            if isinstance(layer, CPConv):
                layer.implementation = "chain"  # a shape is all that is asked for
                layer.register_forward_pre_hook(partial(_note, sizes))
        with torch.no_grad():
            network(torch.empty(1, 3, *case.clip, device="meta"))
        for layer, size in sizes.items():
            channels, geometry = (layer.in_channels, layer.out_channels), layer.geometry
            where = geometry.kernel_size, geometry.stride, geometry.padding, size
            yield Layer(case.batch, channels, layer.rank, *where, precision, autocast=precision == "bf16")


def _note(sizes: dict[CPConv, tuple[int, ...]], layer: CPConv, x: tuple[torch.Tensor, ...]) -> None:
    """A hook that notes the size of a layer's input."""
    sizes[layer] = tuple(x[0].shape[2:])


def build_kernels(
    cases: Iterable[tuple[Case | NetworkCase, Precision]],
    device: torch.device,
    *,
    workers: int,
    deadline: float,
) -> int:
    """How many kinds of layers had their kernels built, in parallel, before the deadline; none without a GPU.

    What fails here fails once more, and is told, where it is timed.
    """
    if device.type != "cuda" or not INSTALLED or workers < 2:
        return 0
    wanted, done = layers(cases), 0
    with get_context("spawn").Pool(workers, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        running = pool.imap_unordered(_build, [(layer, str(device)) for layer in wanted])
        for _ in wanted:
            try:
                running.next(timeout=max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                break
            except Exception:
                continue
            done += 1
    return done


def _build(job: tuple[Layer, str]) -> None:
    """Call a layer forward, backward and in inference."""
    layer, device = job[0], torch.device(job[1])
    (precision,) = (known for known in PRECISIONS if known.name == layer.precision)
    plain = torch.bfloat16 if precision.bf16 and not layer.autocast else torch.float32
    options = {"rank": layer.rank, "stride": layer.stride, "padding": layer.padding}
    convolution = CPConv(*layer.channels, layer.kernel_size, **options, implementation="triton")
    convolution = convolution.to(device=device, dtype=plain)
    x = torch.randn(layer.batch, layer.channels[0], *layer.size, device=device)
    x = channels_last(x.to(torch.bfloat16 if precision.bf16 else torch.float32)).requires_grad_()
    with computing(precision, device, autocast=layer.autocast):
        convolution(x).float().sum().backward()
        with torch.no_grad():
            convolution(x)
    synchronise(device)
