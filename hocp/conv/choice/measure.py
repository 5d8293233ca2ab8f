"""Times of the forms of one layer on this machine, beside each other.

Shapes: B batch, C channels; D0, ... spatial sizes, time first.
    x  (B, C, D0, ...)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from copy import deepcopy
from statistics import median

import torch
from torch import Tensor, nn

HOPELESS = 3.0  # times the fastest: such a form is not worth a second look
CLOSE = 1.25  # times the fastest: to tell these apart takes twice as many samples
SAMPLE = 1e-3  # seconds that one sample takes at least


def measure(
    layer: nn.Module, x: Tensor, names: Iterable[str], *, backward: bool, rounds: int = 7
) -> dict[str, float]:
    """Median seconds of a call for each form: in rounds through all, then through those close to the fastest.

    A copy of the layer is timed, with gradients of its parameters and of the input if asked.

    Raises
    ------
    ValueError
        If two forms give different results.
    """
    calls = {name: _caller(layer, x, name, backward=backward) for name in names}
    _check_agreement({name: call() for name, call in calls.items()})
    clock = _clock(x)
    times = {name: [_seconds(call, 1, clock)] for name, call in calls.items()}
    fastest = min(first for (first,) in times.values())
    promising = [name for name, (first,) in times.items() if first <= HOPELESS * fastest]
    repeats = {name: 1 + min(int(SAMPLE / max(times[name][0], 1e-9)), 20) for name in promising}
    for name in promising:
        times[name].clear()

    def take_rounds(names: Iterable[str]) -> None:
        for _ in range(rounds):
            for name in names:
                times[name].append(_seconds(calls[name], repeats[name], clock))

    take_rounds(promising)
    fastest = min(median(times[name]) for name in promising)
    close = [name for name in promising if median(times[name]) <= CLOSE * fastest]
    if len(close) > 1:
        take_rounds(close)
    return {name: median(samples) for name, samples in times.items()}


def _caller(layer: nn.Module, x: Tensor, name: str, *, backward: bool) -> Callable[[], Tensor]:
    """One call of a copy of the layer in the named form, which returns its output."""
    own = deepcopy(layer)
    own.implementation = name
    own_x = x.detach().clone().requires_grad_(backward)  # clone keeps the memory format
    grads: dict[str, Tensor] = {}  # a dense one in the format of y, as the layer behind would give
    leaves = [own_x, *(parameter for parameter in own.parameters() if parameter.requires_grad)]

    def call() -> Tensor:
        with torch.set_grad_enabled(backward):
            y = own(own_x)
            if backward:
                torch.autograd.grad(y, leaves, grads.setdefault("y", torch.ones_like(y.detach())))
        return y.detach()

    return call


def _seconds(call: Callable[[], Tensor], repeats: int, clock: Callable[[], float]) -> float:
    """Of one call, as the mean of several."""
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


def _clock(x: Tensor) -> Callable[[], float]:
    """Time of this thread where it does all the work, so that other processes do not count."""
    if x.is_cuda:
        return lambda: (torch.cuda.synchronize(x.device), time.perf_counter())[1]
    return time.thread_time if torch.get_num_threads() == 1 else time.perf_counter


def _check_agreement(outputs: dict[str, Tensor]) -> None:
    """Refuse to time forms that do not compute the same."""
    names = iter(outputs)
    first = next(names)
    scale = outputs[first].abs().max().clamp_min(torch.finfo(outputs[first].dtype).tiny)
    for name in names:
        error = float((outputs[name] - outputs[first]).abs().max() / scale)
        allowed = 50 * torch.finfo(outputs[first].dtype).eps ** 0.75
        if not error <= allowed:
            raise ValueError(
                f"forms {first!r} and {name!r} differ by {error:.1e} of the largest output; expected at most "
                f"{allowed:.1e}; are the layer's parameters finite?"
            )
