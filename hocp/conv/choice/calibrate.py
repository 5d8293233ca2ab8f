"""Fit the model of cost to this machine by timing small layers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from hocp.conv.choice.choose import reconsider
from hocp.conv.choice.machine import machine
from hocp.conv.choice.measure import measure
from hocp.conv.choice.model import Model, Sample, fit, purchase
from hocp.conv.choice.tuning import Machine, enter
from hocp.conv.cp import CPConv
from hocp.conv.forms import FORMS, Call, able
from hocp.conv.nd import channels_last

#: (B, C, D0, ...) of the layers, of kernel 3 in every mode; each at these multiples of C as rank. They range
#: from where calls decide to where arithmetic and memory do, and from few channels to many.
SHAPES = (
    (4, 16, 28, 28), (2, 64, 56, 56), (8, 64, 14, 14), (4, 256, 14, 14), (4, 512, 7, 7),
    (2, 16, 4, 28, 28), (1, 64, 4, 28, 28), (2, 64, 4, 28, 28), (2, 128, 4, 14, 14), (2, 256, 4, 7, 7),
)  # fmt: skip
RANKS = (0.5, 2, 5)
#: Whether the layer is in training mode, and whether gradients are taken; in eval mode a kernel is kept.
SETTINGS = ((False, False), (True, False), (True, True))


def calibrate(*, device: str = "cpu", rounds: int = 3) -> Model:
    """Time small layers in all forms, fit the prices of their operations, and remember these.

    Takes about a minute. From then on 'auto' goes by them for whatever `tune` did not measure, in this
    process and, through the tuning file, in later ones; see there.

    Parameters
    ----------
    device : str
        Type and number, such as 'cuda:0'.
    rounds : int
        Calls of each form that are timed; twice as many of those close to the fastest.

    Returns
    -------
    Model

    Raises
    ------
    OSError
        If the tuning file cannot be written.
    """
    groups = []
    for layer, inputs in _layers(device):
        for training, backward in SETTINGS:
            group: list[Sample] = []
            for x in inputs:
                with torch.set_grad_enabled(backward):
                    call = layer.train(training).call_of(x)
                times = measure(layer, x, _worth(call, training), backward=backward, rounds=rounds)
                group += [(purchase(name, call), FORMS[name].work(call), times[name]) for name in times]
            groups.append(group)
    model = Model(machine(call.processor), call.device, call.threads, fit(groups))
    enter(model.machine, Machine(models={call.threads: model}))
    reconsider()
    return model


def _layers(device: str) -> Iterator[tuple[CPConv, tuple[Tensor, Tensor]]]:
    """Layers, each with an input in both memory formats; on a GPU also in bfloat16."""
    dtypes = [torch.float32] if device == "cpu" else [torch.float32, torch.bfloat16]
    for (batch, channels, *size), times, dtype in product(SHAPES, RANKS, dtypes):
        rank, like = int(times * channels), {"device": device, "dtype": dtype}
        layer = CPConv(channels, channels, (3,) * len(size), rank=rank, padding=1, **like)
        x = torch.randn(batch, channels, *size, **like)
        yield layer, (x, channels_last(x))


def _worth(call: Call, training: bool) -> list[str]:
    """Forms to time: without gradients in training mode only those that do other work than in eval mode."""
    names = able(call)
    if call.training or not training:
        return names
    kept = call._replace(kept=True)
    return [name for name in names if FORMS[name].work(call) != FORMS[name].work(kept)]
