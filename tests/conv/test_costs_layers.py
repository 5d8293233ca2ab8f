"""The cost twin of every layer, under every option, against counted operations and real parameters."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hocp.conv import (
    ConvNd,
    CPConv,
    Geometry,
    SeparableDepthwise,
    TTConv,
    TuckerConv,
    layer_cost,
    layer_macs,
    network_cost,
    tt_cost,
    tucker_cost,
)


def counted(layer: nn.Module, x: torch.Tensor) -> int:
    """MACs that torch counts, per operation that it dispatches."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(x)
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


def parameters(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


@st.composite
def layers(draw) -> tuple[nn.Module, tuple[int, ...]]:
    """A layer of any class, order and option, and a spatial size that it takes."""
    order, groups = draw(st.integers(1, 5)), draw(st.sampled_from([1, 1, 2, 3]))
    kernel = tuple(draw(st.sampled_from([1, 3] if order > 3 else [1, 2, 3])) for _ in range(order))
    skip = draw(st.sampled_from([None, "identity", "projection"])) if 2 not in kernel else None
    c = groups * draw(st.integers(2, 3))  # of one number torch makes a dot product, and counts nothing
    t = c if skip == "identity" else groups * draw(st.integers(2, 3))
    pads = st.one_of(st.integers(0, 2), st.tuples(st.integers(0, 2), st.integers(0, 2)))
    sides = [draw(pads) for _ in range(order)]
    options = {
        "stride": tuple(draw(st.integers(1, 3)) for _ in range(order)),
        "padding": tuple(p if isinstance(p, tuple) else (p, p) for p in sides),
        "dilation": draw(st.integers(1, 2)),
        "padding_mode": draw(st.sampled_from(["zeros", "circular", "replicate"])),
        "groups": groups,
        "bias": draw(st.booleans()),
        "skip": skip,
    }
    kind = draw(st.sampled_from([CPConv, TuckerConv, TTConv]))
    forms = ["chain", "merged", "views", "dense"] if kind is CPConv else ["chain", "dense"]
    options["implementation"] = form = draw(st.sampled_from(forms))
    if form != "dense":
        options["rank_norm"] = draw(st.sampled_from([None, "batch"]))
    if kind is CPConv:
        options |= {"rank": draw(st.integers(1, 4)), "learn_weights": draw(st.booleans())}
    elif kind is TuckerConv:
        options["rank"] = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
        options["separate_modes"] = draw(st.integers(0, order - 1))
    else:
        options["rank"] = tuple(draw(st.integers(1, 3)) for _ in range(order + 1))
    size = tuple(5 + draw(st.integers(0, 1)) for _ in range(order))
    return kind(c, t, kernel, **options), size


@settings(deadline=None, max_examples=100)
@given(layers())
def test_twin_counts_what_any_factorized_layer_does(case):
    layer, size = case
    twin, x = layer_cost(layer.eval(), size), torch.zeros(1, layer.in_channels, *size)
    assert twin.macs == counted(layer, x)
    assert twin.parameters == parameters(layer)
    assert twin.output_size == tuple(layer(x).shape[2:])


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("padding", [1, ((0, 1),)])
def test_twins_of_dense_and_separable_layers_of_any_order(order, padding):
    padding = padding if padding == 1 else padding * order
    geometry, size = Geometry((3,) * order, stride=2, padding=padding), (5,) * order
    for layer in (
        ConvNd(4, 6, geometry, groups=2),
        SeparableDepthwise(4, (3,) * order, stride=2, padding=padding, norm="batch").eval(),
        SeparableDepthwise(4, (3,) * order, stride=2, padding=padding),
    ):
        twin, x = layer_cost(layer, size), torch.zeros(1, 4, *size)
        assert twin.macs == counted(layer, x)
        assert twin.parameters == parameters(layer)


@pytest.mark.parametrize("groups", [1, 2])
def test_closed_forms_by_hand_at_stride_one(groups):
    """The table of `hocp.conv.costs.formulas`: 12 to 8 channels, 3 x 3 taps, 5 x 7 positions."""
    geometry, size, p, g = Geometry((3, 3), padding=1), (5, 7), 35, groups
    twin = tucker_cost(12, 8, geometry, size, rank=(4, 5), groups=g)
    assert twin.parameters == 12 // g * 5 + 5 * 4 * 9 + 4 * 8
    assert twin.macs == p * (12 * 5 + g * 5 * 4 * 9 + 4 * 8)
    twin = tt_cost(12, 8, geometry, size, rank=(3, 4, 5), groups=g)
    assert twin.parameters == 12 // g * 3 + 3 * 3 * 4 + 4 * 3 * 5 + 5 * 8
    assert twin.macs == p * (12 * 3 + g * (3 * 3 * 4 + 4 * 3 * 5) + 5 * 8)


def test_bytes_of_tucker_and_train_by_hand():
    """2 -> 3 channels, 3 taps, length 5; every stage reads and writes, in 8 bytes each."""
    geometry = Geometry((3,), padding=1)
    tucker = tucker_cost(2, 3, geometry, (5,), rank=(2, 1), itemsize=8)
    assert tucker.bytes == 8 * ((10 + 5) + (5 + 10) + (10 + 15) + 2 * 1 + 1 * 2 * 3 + 2 * 3)
    train = tt_cost(2, 3, geometry, (5,), rank=(1, 2), skip="identity", itemsize=8)
    assert train.bytes == 8 * ((10 + 5) + (5 + 10) + (10 + 15) + 2 + 6 + 6 + (10 + 15 + 15))


def test_network_cost_counts_every_class_with_groups_and_skip():
    net = nn.Sequential(
        CPConv(4, 4, (3, 3), rank=3, padding=1, groups=2, skip="identity", implementation="chain"),
        TTConv(4, 6, (3, 3), rank=2, bias=True, groups=2),
        TuckerConv(6, 6, (3, 3), rank=2, separate_modes=1, skip="projection", padding=((0, 1), (2, 1))),
        ConvNd(6, 2, Geometry((3, 1), padding=((0, 2), (0, 0)))),
    )
    x = torch.zeros(1, 4, 7, 8)
    cost = network_cost(net, x.shape[1:], device="cpu")
    assert cost.macs == counted(net, x)
    assert sum(row.parameters for row in cost.layers) == cost.parameters == parameters(net)
    assert [row.kind for row in cost.layers] == ["CPConv", "TTConv", "TuckerConv", "ConvNd"]


def test_layer_macs_takes_inputs_with_and_without_a_batch():
    layer = TTConv(4, 6, (3,), rank=2)
    one = layer_cost(layer, (9,)).macs
    assert layer_macs(layer, (4, 9), (6, 7)) == one
    assert layer_macs(layer, (5, 4, 9), (5, 6, 7)) == 5 * one


def test_a_layer_without_a_formula_is_refused():
    with pytest.raises(ValueError, match=r"layer_cost got a Linear.*expected Conv1d.*SeparableDepthwise"):
        layer_cost(nn.Linear(2, 2), (3,))
    with pytest.raises(ValueError, match=r"form is 'views'; expected 'chain' or 'dense'"):
        tt_cost(2, 2, Geometry((3,)), (5,), rank=(1, 1), form="views")
