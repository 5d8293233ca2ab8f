"""What the forms do: which operations they call, which layout they return."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from hocp.conv import CPConv, SeparableDepthwise, TTConv, TuckerConv

LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


class Convolutions(TorchDispatchMode):
    """Notes the number of modes of every convolution's input, forward and backward, and every copy."""

    def __init__(self):
        super().__init__()
        self.modes, self.copies = [], 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name.startswith("convolution"):
            self.modes.append(args[1 if "backward" in name else 0].dim())
        self.copies += name in ("clone", "copy_", "_to_copy")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("make", [
    lambda: CPConv(4, 5, (3, 3, 3), rank=6, padding=1, stride=2, implementation="views"),
    lambda: CPConv(4, 5, (3, 3, 3), rank=6, padding=1, rank_norm="batch", implementation="views"),
    lambda: SeparableDepthwise(4, (3, 3, 3), padding=1, norm="batch"),
])  # fmt: skip
def test_no_depthwise_conv3d_is_called_forward_or_backward(make):
    """Its backward pass in oneDNN is 5 to 10 times slower than that of conv2d."""
    with Convolutions() as seen:
        make()(torch.randn(2, 4, 4, 6, 6, requires_grad=True)).sum().backward()
    assert len(seen.modes) >= 4 and set(seen.modes) == {4}


@pytest.mark.parametrize("order", [2, 3])
def test_views_are_free_on_channels_last_inputs_and_return_channels_last(order):
    layer = CPConv(8, 16, (3,) * order, rank=12, padding=1, implementation="views")
    x = torch.randn(2, 8, *(6,) * order).contiguous(memory_format=LAST[order])
    with torch.no_grad(), Convolutions() as seen:
        y = layer(x)
    assert seen.copies == 0
    assert y.is_contiguous(memory_format=LAST[order])


LAYERS = {
    **{
        form: partial(CPConv, rank=12, implementation=form)
        for form in ("auto", "chain", "merged", "views", "dense")
    },
    "tucker": partial(TuckerConv, rank=6),
    "tucker dense": partial(TuckerConv, rank=6, implementation="dense"),
    "train": partial(TTConv, rank=6),
    "train dense": partial(TTConv, rank=6, implementation="dense"),
    "skip": partial(CPConv, rank=12, skip="projection"),
    "block": partial(CPConv, rank=12, rank_norm="batch", rank_activation="relu"),
}


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect"])
@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("name", LAYERS)
def test_output_keeps_the_memory_format_of_the_input(name, order, padding_mode):
    layer = LAYERS[name](8, 16, (3,) * order, padding=1, padding_mode=padding_mode)
    x = torch.randn(2, 8, *(6,) * order)
    assert layer(x).is_contiguous()
    assert layer(x.contiguous(memory_format=LAST[order])).is_contiguous(memory_format=LAST[order])


@pytest.mark.parametrize("part", [
    lambda x: x, lambda x: x[:, :, ::2], lambda x: x[:, :, 1:5], lambda x: x[..., ::2], lambda x: x[1:],
    lambda x: x[:1].expand(3, -1, *x.shape[2:]), lambda x: x.transpose(2, 3), lambda x: x[:, :, :, :1],
])  # fmt: skip
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("order", [2, 3])
def test_output_of_a_part_of_a_tensor_has_the_format_that_torch_gives_it(order, last, part):
    x = torch.randn(4, 8, *(6,) * order)
    x = part(x.contiguous(memory_format=LAST[order]) if last else x)
    theirs = {2: nn.Conv2d, 3: nn.Conv3d}[order](8, 4, 3, padding=1)(x)
    ours = CPConv(8, 4, (3,) * order, rank=5, padding=1)(x)
    assert ours.is_contiguous(memory_format=LAST[order]) == theirs.is_contiguous(memory_format=LAST[order])


@pytest.mark.parametrize("order", [2, 3])
def test_separable_output_keeps_the_memory_format_of_the_input(order):
    layer = SeparableDepthwise(8, (3,) * order, padding=1, norm="batch")
    x = torch.randn(2, 8, *(6,) * order)
    assert layer(x).is_contiguous()
    assert layer(x.contiguous(memory_format=LAST[order])).is_contiguous(memory_format=LAST[order])
