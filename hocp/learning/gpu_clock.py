"""How long calls take on a device, side by side, and what the device can do at most."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import quantiles
from typing import Any, NamedTuple

import torch

from hocp.learning.gpu_precision import PRECISIONS, Precision, computing, synchronise

Call = Callable[[], object]
LEAST_MS, MOST_CALLS = 0.3, 20  # of a graph
WARM_UP = 3  # calls before the clock starts: kernels are built and chosen in them


class Timed(NamedTuple):
    """What is timed, of how many calls it consists, and what must live as long: the tensors of a graph."""

    run: Call
    calls: int = 1
    holds: object = None


def graphed(call: Call, device: torch.device) -> Timed:
    """Calls as one CUDA graph, so that kernels are timed and not the launching; one call itself on a CPU.

    A graph holds so many that its own launch does not count. They find in the caches what is small enough.
    """
    if device.type != "cuda":
        call()
        return Timed(call)
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            call()
    torch.cuda.current_stream(device).wait_stream(stream)
    once = _captured(call, 1)
    once.replay()
    (took,) = timed({"once": Timed(once.replay)}, device, 1)["once"]
    calls = max(1, min(MOST_CALLS, round(LEAST_MS / took)))
    graph = once if calls == 1 else _captured(call, calls)
    return Timed(graph.replay, calls, holds=call)


def _captured(call: Call, times: int) -> torch.cuda.CUDAGraph:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(times):
            call()
    return graph


def timed(calls: Mapping[Any, Timed], device: torch.device, rounds: int) -> dict[Any, list[float]]:
    """Milliseconds of one call of each in each round; a round runs all, so that they share its weather."""
    spans: dict[Any, list[tuple]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, what in calls.items():
            start = _mark(device)
            what.run()
            spans[name].append((start, _mark(device)))
    synchronise(device)
    return {name: [_between(*span) / calls[name].calls for span in found] for name, found in spans.items()}


def _mark(device: torch.device) -> torch.cuda.Event | float:
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _between(start: torch.cuda.Event | float, end: torch.cuda.Event | float) -> float:
    return 1e3 * (end - start) if isinstance(start, float) else start.elapsed_time(end)


def spread(times: list[float]) -> dict[str, float]:
    """Median and quartiles in milliseconds, and the number of rounds."""
    low, middle, high = quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
    return {"median_ms": middle, "q25_ms": low, "q75_ms": high, "rounds": len(times)}


def limits(device: torch.device, *, side: int, megabytes: int, rounds: int) -> dict[str, float]:
    """The best of the rounds: GB/s of a copy (read and written), GFLOP/s of a square product by precision.

    Parameters
    ----------
    device : torch.device
    side : int
        Of the matrices.
    megabytes : int
        Of the tensor that is copied; far more than the caches hold.
    rounds : int
    """
    source, target = torch.randn(2, megabytes * 250_000, device=device)  # zeros would be quicker
    found = {"copy_gbs": 2e-3 * megabytes / _best(lambda: target.copy_(source), device, rounds) * 1e3}
    for precision in PRECISIONS:
        with computing(precision, device):
            found[f"{precision.name}_gflops"] = _product(precision, device, side, rounds)
    return found


def _product(precision: Precision, device: torch.device, side: int, rounds: int) -> float:
    dtype = torch.bfloat16 if precision.bf16 else torch.float32
    a, b = torch.randn(2, side, side, device=device, dtype=dtype)
    return 2e-6 * side**3 / _best(lambda: a @ b, device, rounds)


def _best(call: Call, device: torch.device, rounds: int) -> float:
    """Milliseconds of the quickest round."""
    call()
    return min(timed({"only": Timed(call)}, device, rounds)["only"])
