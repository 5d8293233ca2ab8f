"""Memory of one call: activations kept for the backward pass, and the most that is allocated at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile


def saved_bytes(module: nn.Module, x: Tensor) -> int:
    """Bytes kept between forward and backward, the input included, parameters and buffers aside.

    What several operations keep of one storage counts once. A custom function that hides tensors from
    autograd would hide them here, too.
    """
    own = {_storage(tensor) for tensor in (*module.parameters(), *module.buffers())}
    kept: dict[int, int] = {}
    alive = []  # a storage that is let go would lend its address to the next

    def pack(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in own:
            kept[_storage(tensor)] = tensor.untyped_storage().nbytes()
            alive.append(tensor.detach())
        return tensor

    with torch.enable_grad(), saved_tensors_hooks(pack, lambda tensor: tensor):
        y = module(x.detach().requires_grad_())
    del y
    return sum(kept.values())


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def peak_bytes(call: Callable[[], object]) -> int:
    """Most bytes that a call has allocated at one time, beyond what was there before it.

    Counted at torch's allocator, as its profiler sees it: C++ kernels that take their tensors from torch are
    seen, scratch that oneDNN or a matrix library takes for itself is not.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        call()
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    return highest(event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))


def highest(changes: Iterable[int]) -> int:
    """Highest level that changes from 0 on lead to."""
    return max(accumulate(changes, initial=0))
