"""Backward passes that keep only a form's input, and compute the rest once more.

Shapes as in `hocp.conv.forms.call`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(
    function: Callable[[Tensor, Tensor, Sequence[Tensor]], Tensor],
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    norm: nn.Module | None,
    random: bool,
) -> Tensor:
    """``function(x, weights, factors)``, of which the backward pass keeps the arguments alone.

    Parameters
    ----------
    function : callable
    x : Tensor, (B, C, D0, ...)
    weights : Tensor, (R,)
    factors : sequence of Tensor, (T, R), (C / g, R), (K0, R), ...
    norm : nn.Module, optional
        Batch norm that the function calls; its running statistics see each input once.
    random : bool
        Whether the function may draw random numbers, which are then the same both times.
    """
    return checkpoint(
        lambda x, weights, *factors: function(x, weights, factors),
        x,
        weights,
        *factors,
        use_reentrant=False,
        preserve_rng_state=random,
        context_fn=lambda: (nullcontext(), _Unmoved(norm)),
    )


class _Unmoved:
    """The running statistics of a norm are copies for a while; entered once for each backward pass."""

    def __init__(self, norm: nn.Module | None) -> None:
        self._buffers = {} if norm is None else norm._buffers

    def __enter__(self) -> None:
        self._before = dict(self._buffers)
        for name, buffer in self._before.items():
            self._buffers[name] = None if buffer is None else buffer.clone()

    def __exit__(self, *error: object) -> None:
        self._buffers.update(self._before)
