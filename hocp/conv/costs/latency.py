"""Measured time of a module on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

Batch = Tensor | Mapping[str, Any]


def latency(
    module: nn.Module,
    batch: Batch,
    *,
    backward: bool = False,
    repeats: int = 9,
    warmup: int = 2,
    threads: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Median time of one call.

    Parameters
    ----------
    module : nn.Module
        Timed as a copy in its own mode (train or eval), so that neither statistics nor gradients are left in
        it.
    batch : Tensor or mapping
        Its input, or its inputs by name.
    backward : bool
        Time the gradients of all parameters and of the input, too.
    repeats, warmup : int
        Calls that are timed, and calls before them that are not.
    threads : int, optional
        Of the processor; by default as they are set.
    clock : callable
        Seconds.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    ValueError
        If ``repeats`` is less than 1 or ``warmup`` less than 0.
    """
    if repeats < 1 or warmup < 0:
        raise ValueError(
            f"repeats and warmup of latency are {repeats} and {warmup}; expected at least 1 and 0 calls"
        )
    copy, times = deepcopy(module), []
    with _threads(threads):
        for call in range(warmup + repeats):
            _synchronise(batch)
            start = clock()
            _once(copy, batch, backward=backward)
            _synchronise(batch)
            if call >= warmup:
                times.append(clock() - start)
    return median(times)


def run(module: nn.Module, batch: Batch) -> Any:
    """Call a module with its input, or its inputs by name."""
    return module(**batch) if isinstance(batch, Mapping) else module(batch)


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors of a result that may be nested in tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [each for part in value for each in tensors_in(part)] if isinstance(value, (tuple, list)) else []


def _once(module: nn.Module, batch: Batch, *, backward: bool) -> None:
    """One call, with its gradients if asked."""
    with torch.set_grad_enabled(backward):
        if not backward:
            run(module, batch)
            return
        if isinstance(batch, Tensor):
            batch = batch.detach().requires_grad_(batch.is_floating_point())
        leaves = [p for p in (*module.parameters(), *tensors_in(batch)) if p.requires_grad]
        total = sum(part.sum() for part in tensors_in(run(module, batch)) if part.requires_grad)
        torch.autograd.grad(total, leaves, allow_unused=True)


def _synchronise(batch: Batch) -> None:
    """Wait until an accelerator has done what it was given."""
    for device in {part.device for part in tensors_in(batch) if part.is_cuda}:
        torch.cuda.synchronize(device)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Set the number of threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
