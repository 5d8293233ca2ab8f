"""Measure which form is fastest for the very calls of a network."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from hocp.conv.choice.choose import reconsider
from hocp.conv.choice.decide import Decision, decide
from hocp.conv.choice.machine import machine
from hocp.conv.choice.measure import measure
from hocp.conv.choice.tuning import Machine, enter
from hocp.conv.costs.latency import Batch, run
from hocp.conv.cp import CPConv
from hocp.conv.forms import Call, able


def tune(network: nn.Module, example: Batch, *, backward: bool = False, rounds: int = 7) -> list[Decision]:
    """Measure all forms for each distinct call of a network's CP layers, and remember the times.

    From then on 'auto' takes for such calls what was fastest, in this process and, through the tuning file,
    in later ones. The file is the one that $HOCP_TUNING names, by default ``hocp/tuning.json`` in the user's
    cache folder; an empty $HOCP_TUNING keeps everything in memory.

    Parameters
    ----------
    network : nn.Module
        In the mode (train or eval) and with the number of threads in which it will be used; stays untouched.
    example : Tensor or mapping
        Its input, or its inputs by name, in the size and memory format in which it will be used.
    backward : bool
        Measure forward and backward together, for training.
    rounds : int
        Calls of each form that are timed; twice as many of those close to the fastest.

    Returns
    -------
    list of Decision
        One for each distinct call, in the order of the calls; see `hocp.conv.explain`.

    Raises
    ------
    ValueError
        If the network called no CP layer, or two forms give different results.
    OSError
        If the tuning file cannot be written.
    """
    calls = _calls(network, example, backward=backward)
    if not calls:
        raise ValueError(f"tune got a {type(network).__name__} that called no CPConv; factorize it first")
    for call, (layer, x) in calls.items():
        times = measure(layer, x, able(call), backward=call.training, rounds=rounds)
        enter(machine(call.processor), Machine(times={str(call): times}))
    reconsider()
    return [decide(call) for call in calls]


def _calls(network: nn.Module, example: Batch, *, backward: bool) -> dict[Call, tuple[CPConv, Tensor]]:
    """Every distinct call of a CP layer in one pass through a copy of the network: layer and like input."""
    copy, met = deepcopy(network), {}

    def note(layer: CPConv, args: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        (x,) = (*args, *named.values())
        met.setdefault(layer.call_of(x), (layer, torch.randn_like(x)))

    layers = [layer for layer in copy.modules() if isinstance(layer, CPConv)]
    hooks = [layer.register_forward_pre_hook(note, with_kwargs=True) for layer in layers]
    with torch.set_grad_enabled(backward):
        run(copy, example)
    for hook in hooks:
        hook.remove()
    return met
