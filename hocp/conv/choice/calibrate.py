"""Fit the model of cost to this machine by timing small layers."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from hocp.conv.choice.choose import reconsider
from hocp.conv.choice.machine import machine
from hocp.conv.choice.measure import measure
from hocp.conv.choice.model import Model, fit, purchase
from hocp.conv.choice.tuning import Machine, enter
from hocp.conv.cp import CPConv
from hocp.conv.forms import FORMS
from hocp.conv.nd import channels_last

#: (B, C, D0, ...) of the layers, of kernel 3 in every mode; each at these multiples of C as rank. They range
#: from where calls decide to where arithmetic and memory do, and from few channels to many.
SHAPES = (
    (4, 16, 28, 28), (2, 64, 28, 28), (8, 64, 14, 14), (1, 256, 14, 14), (1, 512, 7, 7),
    (1, 16, 4, 28, 28), (1, 64, 4, 28, 28), (1, 128, 4, 14, 14), (1, 256, 2, 7, 7),
)  # fmt: skip
RANKS = (0.5, 1, 3, 6)
#: Whether the layer is in training mode, whether gradients are taken, forms: a kernel is kept in eval mode.
SETTINGS = ((False, False, tuple(FORMS)), (True, False, ("dense",)), (True, True, tuple(FORMS)))


def calibrate(*, device: str = "cpu", rounds: int = 3) -> Model:
    """Time small layers in all forms, fit the prices of their operations, and remember these.

    Takes some 20 seconds. From then on 'auto' goes by them for whatever `tune` did not
    measure, in this process and, through the tuning file, in later ones; see there.

    Parameters
    ----------
    device : str
        Type and number, such as 'cuda:0'.
    rounds : int
        Calls of each form that are timed.

    Returns
    -------
    Model

    Raises
    ------
    OSError
        If the tuning file cannot be written.
    """
    samples = []
    for layer, x in _layers(device):
        for training, backward, forms in SETTINGS:
            with torch.set_grad_enabled(backward):
                call = layer.train(training).call_of(x)
            times = measure(layer, x, forms, backward=backward, rounds=rounds)
            samples += [(purchase(form, call), FORMS[form].work(call), time) for form, time in times.items()]
    model = Model(machine(call.processor), call.device, call.threads, fit(samples))
    enter(model.machine, Machine(models={call.threads: model}))
    reconsider()
    return model


def _layers(device: str) -> Iterator[tuple[CPConv, torch.Tensor]]:
    """Layers and inputs, every second one channels last."""
    for number, (batch, channels, *size) in enumerate(SHAPES):
        for step, times in enumerate(RANKS):
            rank, order = int(times * channels), len(size)
            layer = CPConv(channels, channels, (3,) * order, rank=rank, padding=1, device=device)
            x = torch.randn(batch, channels, *size, device=device)
            yield layer, channels_last(x) if (number + step) % 2 else x
