"""What cannot be transduced is refused, all of it in one text."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from hocp.conv import CPConv, freeze_except_temporal, transduce

CONV = nn.Conv2d(2, 2, 3)


def layer():
    """A small layer of order 2."""
    return CPConv(2, 2, (3, 3), rank=2)


@pytest.mark.parametrize(("options", "text"), [
    ({"kernel_size": 4}, "kernel_size of transduce is 4.*even.*centre.*3 for a causal"),
    ({"kernel_size": (3, 2)}, "kernel_size of transduce is 2.*even"),
    ({"kernel_size": 0}, "kernel_size of transduce is 0.*at least 1"),
    ({"kernel_size": -3}, "kernel_size of transduce is -3"),
    ({"kernel_size": 3.0}, "kernel_size of transduce is 3.0"),
    ({"kernel_size": True}, "kernel_size of transduce is True"),
    ({"kernel_size": None}, "kernel_size of transduce is None"),
    ({"kernel_size": ()}, "kernel_size of transduce is empty"),
    ({"kernel_size": ((3,),)}, r"kernel_size of transduce is \(3,\)"),
    ({"init": "ones"}, "init of transduce is 'ones'; expected one of identity, average, random"),
    ({"init": None}, "init of transduce is None"),
    ({"init": ("identity", "random")}, r"init of transduce is \('identity', 'random'\); expected one value"),
    ({"kernel_size": (3, 3), "init": ("identity",)}, "init of transduce.*expected one value or 2"),
    ({"centre": 3}, "centre of transduce is 3; expected a tap of kernel_size 3, 0 to 2"),
    ({"centre": -1}, "centre of transduce is -1"),
    ({"centre": 1.0}, "centre of transduce is 1.0"),
    ({"centre": True}, "centre of transduce is True"),
    ({"kernel_size": (3, 4), "centre": (1,)}, r"centre of transduce is \(1,\); expected one value or 2"),
    ({"kernel_size": (3, 4), "centre": (3, 1)}, "centre of transduce is 3; expected a tap of kernel_size 3"),
])  # fmt: skip
def test_wrong_arguments(options, text):
    with pytest.raises(ValueError, match=text):
        transduce(layer(), **options)


def test_numbers_of_other_libraries_are_numbers():
    assert transduce(layer(), kernel_size=np.int64(4), centre=np.int32(3)).geometry.padding[0] == (3, 0)


class OwnForward(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class OwnConv(nn.Conv2d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean(), bias)


class Holder(nn.Module):
    """A container whose own parameter counts modes from the back."""

    def __init__(self):
        super().__init__()
        self.gamma, self.conv = nn.Parameter(torch.ones(2, 1, 1)), nn.Conv2d(2, 2, 1)


def pruned():
    conv = nn.Conv2d(2, 2, 3)
    prune.l1_unstructured(conv, "weight", amount=0.5)
    return conv


@pytest.mark.parametrize(("make", "text"), [
    (lambda: nn.Sequential(CONV, nn.ConvTranspose2d(2, 2, 3), nn.Sequential(nn.LSTM(2, 2)), nn.GRU(2, 2)),
     r"no rule for 1 \(ConvTranspose2d\), 2.0 \(LSTM\), 3 \(GRU\); add one with @transduce_layer.register"),
    (lambda: nn.Sequential(CONV, nn.MultiheadAttention(2, 1)), r"1 \(MultiheadAttention, which holds in_"),
    (lambda: nn.Sequential(CONV, nn.TransformerEncoderLayer(2, 1)), r"1.self_attn \(MultiheadAttention"),
    (lambda: nn.Sequential(CONV, nn.Embedding(2, 2), nn.Unfold(3)), r"1 \(Embedding\), 2 \(Unfold\)"),
    (lambda: nn.Sequential(CONV, OwnForward(2)), r"1 \(OwnForward, a LayerNorm with a forward of its own\)"),
    (lambda: nn.Sequential(CONV, OwnConv(2, 2, 3)), r"1 \(OwnConv, a Conv2d with a forward of its own\)"),
    (lambda: nn.Sequential(CONV, Holder()), r"1 \(Holder, which holds gamma itself\)"),
    (lambda: nn.Sequential(CONV, nn.LazyConv2d(2, 3)), r"1 \(LazyConv2d, which has no sizes yet\)"),
    (lambda: parametrizations.weight_norm(nn.Conv2d(2, 2, 3)), "the module .Parametrized.*remove the param"),
    (pruned, r"the module \(Conv2d, whose tensors are computed from others"),
    (lambda: nn.Sequential(CONV, nn.Conv1d(2, 2, 3)), r"orders \[1, 2\]; expected one order"),
    (lambda: nn.Sequential(CONV, nn.BatchNorm3d(2)), r"orders \[2, 3\]"),
    (lambda: nn.Sequential(layer(), nn.AvgPool1d(2)), r"orders \[1, 2\]"),
    (nn.ReLU, "orders none"),
    (nn.Sequential, "orders none"),
    (lambda: nn.Sequential(CONV, nn.Flatten(0)), r"nn.Flatten\(0, -1\) in a network of order 2; expected"),
    (lambda: nn.Sequential(CONV, nn.Flatten(1, 4)), r"nn.Flatten\(1, 4\)"),
    (lambda: nn.Sequential(CONV, nn.Flatten(2)), r"nn.Flatten\(2, -1\).*PerFrame"),
    (lambda: nn.Sequential(CONV, nn.Flatten(1, 2)), r"nn.Flatten\(1, 2\)"),
    (lambda: nn.Sequential(CONV, nn.Unflatten(1, (2, 3))), r"nn.Unflatten\(1, \(2, 3\)\).*features to"),
    (lambda: nn.Sequential(CONV, nn.Softmax(0)), "Softmax with dim=0, the batch.*use dim=1 for"),
    (lambda: nn.Sequential(CONV, nn.LogSoftmax(-4)), "LogSoftmax with dim=-4, the batch"),
    (lambda: nn.Sequential(CONV, nn.LayerNorm((2, 2, 3, 3))), r"LayerNorm over \(2, 2, 3, 3\).*at most 3"),
])  # fmt: skip
def test_what_cannot_be_transduced(make, text):
    with pytest.raises(ValueError, match=text):
        transduce(make())


def test_frozen_networks_are_unfrozen_first():
    moving = nn.Sequential(transduce(layer()))
    freeze_except_temporal(moving[0])
    with pytest.raises(ValueError, match="frozen for stage one; call unfreeze first"):
        transduce(moving)


def test_a_rule_that_returns_what_has_no_rule_is_found_at_the_next_mode():
    class Own(nn.Module):
        pass

    from hocp.conv import transduce_layer

    transduce_layer.register(Own, lambda module, options: nn.LSTM(2, 2))
    transduce(nn.Sequential(layer(), Own()))
    with pytest.raises(ValueError, match=r"no rule for 1 \(LSTM\)"):
        transduce(nn.Sequential(layer(), Own()), kernel_size=(3, 3))
