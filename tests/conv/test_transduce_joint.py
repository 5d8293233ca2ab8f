"""Layers that shared tensors before transduction share them after it, the new one included."""

import copy

import pytest
import torch
from conv_oracles import EXACT, double
from torch import nn
from transduce_oracles import frame_by_frame

from hocp.conv import (
    CPConv,
    TTConv,
    TuckerConv,
    freeze_except_temporal,
    temporal_parameters,
    transduce,
    unfreeze,
)

JOINT = {
    "cp": (CPConv, 3, 1),  # class, rank, tensors of its own: the weights
    "tucker": (TuckerConv, (2, 3), 1),  # the core
    "train": (TTConv, 3, 1),  # the first core
}


def joint(kind):
    """Three convolutions as one joint tensor, in a network."""
    torch.manual_seed(0)
    convs = [nn.Conv2d(4, 4, 3, padding=1, bias=False).double() for _ in range(3)]
    cls, rank, _ = JOINT[kind]
    return nn.Sequential(*cls.from_convs(convs, rank=rank))


@pytest.mark.parametrize("taps", [3, (3, 5)])
@pytest.mark.parametrize("kind", JOINT)
def test_joint_layers_share_the_new_tensor(kind, taps):
    static = joint(kind)
    modes = 1 if taps == 3 else 2
    moving = transduce(static, kernel_size=taps)
    new = dict(temporal_parameters(moving))
    assert len(new) == modes  # not three times as many
    assert all(name.startswith("0.") for name in new)
    for layer in moving[1:]:
        assert [id(p) for _, p in layer.new_parameters()] == [id(p) for _, p in moving[0].new_parameters()]
    own = JOINT[kind][2] * 3
    assert len(list(moving.parameters())) == len(list(static.parameters())) + modes
    assert len(list(moving.parameters())) == len(list(moving[0].parameters())) + own - 1
    clip = double(2, 4, *(3, 2)[:modes], 5, 6)
    torch.testing.assert_close(moving(clip), frame_by_frame(static, clip, modes=modes), **EXACT)
    again = copy.deepcopy(moving)
    assert len(list(again.parameters())) == len(list(moving.parameters()))


@pytest.mark.parametrize("kind", JOINT)
def test_two_stages_of_joint_layers(kind):
    moving = transduce(joint(kind))
    before = {name: value.clone() for name, value in moving.state_dict().items()}
    freeze_except_temporal(moving)
    for stage in ("temporal", "all"):
        optimizer = torch.optim.SGD(moving.parameters(), lr=0.01, momentum=0.9, weight_decay=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            moving(double(2, 4, 4, 5, 5)).square().mean().backward()
            optimizer.step()
        new = {id(parameter) for _, parameter in temporal_parameters(moving)}
        for name, value in moving.named_parameters(remove_duplicate=False):
            assert torch.equal(value, before[name]) is (stage == "temporal" and id(value) not in new), name
        if stage == "temporal":
            unfreeze(moving)


@pytest.mark.parametrize("make", [
    lambda: CPConv(3, 3, (3, 3), rank=4, padding=1), lambda: TuckerConv(3, 3, (3, 3), rank=2, padding=1),
    lambda: TTConv(3, 3, (3, 3), rank=2, padding=1), lambda: nn.Conv2d(3, 3, 3, padding=1),
    lambda: nn.BatchNorm2d(3), lambda: nn.GroupNorm(1, 3), lambda: nn.MaxPool2d(1),
])  # fmt: skip
def test_a_layer_used_twice_stays_one(make):
    layer = make()
    moving = transduce(nn.Sequential(layer, nn.Conv2d(3, 3, 1), layer, nn.Sequential(layer)))
    assert moving[0] is moving[2] is moving[3][0]
    moving(torch.zeros(1, 3, 2, 4, 4))


def test_tied_dense_kernels_stay_tied():
    one, two = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
    two.weight, two.bias = one.weight, one.bias
    moving = transduce(nn.Sequential(one, two), init="random")
    assert moving[0].weight is moving[1].weight and moving[0].bias is moving[1].bias
    assert moving[0].weight is not one.weight


def test_layers_that_share_some_factors_get_factors_of_their_own():
    one, two = CPConv(3, 3, (3, 3), rank=4), CPConv(3, 3, (3, 3), rank=4)
    two.factors[1] = one.factors[1]
    moving = transduce(nn.Sequential(one, two))
    assert moving[0].factors[1] is moving[1].factors[1]
    assert len(list(temporal_parameters(moving))) == 2
