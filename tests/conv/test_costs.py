"""Cost twins against counted operations, parameters of real layers, and the paper's FLOP figure."""

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hocp.conv import (
    CPConv,
    Geometry,
    SeparableDepthwise,
    TuckerConv,
    cp_cost,
    dense_cost,
    flop_figure_gflops,
    network_cost,
    tucker_cost,
)

CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
OPTIONS = [
    {"stride": 1, "padding": 1, "dilation": 1},
    {"stride": 2, "padding": 1, "dilation": 1},
    {"stride": 3, "padding": 2, "dilation": 2},
]


def counted(layer: nn.Module, *size: int) -> int:
    """MACs that torch counts, per operation that it dispatches."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(torch.zeros(1, *size))
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


def parameters(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("form", ["chain", "merged", "views", "dense"])
def test_cp_twin_counts_what_the_layer_does(form, order, options):
    kernel, size = (3, 5, 2)[:order], (9, 10, 11)[:order]
    layer = CPConv(4, 6, kernel, rank=7, bias=True, implementation=form, **options)
    twin = cp_cost(4, 6, Geometry(kernel, **options), size, rank=7, bias=True, form=form)
    assert twin.macs == counted(layer, 4, *size)
    assert twin.parameters == parameters(layer)
    assert twin.output_size == layer(torch.zeros(1, 4, *size)).shape[2:]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_dense_and_tucker_twins_count_what_the_layers_do(order, options):
    kernel, size = (3, 5, 2)[:order], (9, 10, 11)[:order]
    geometry = Geometry(kernel, **options)
    dense = CONV[order](4, 6, kernel, bias=True, groups=2, **options)
    twin = dense_cost(4, 6, geometry, size, bias=True, groups=2)
    assert (twin.macs, twin.parameters) == (counted(dense, 4, *size), parameters(dense))
    tucker = TuckerConv(4, 6, kernel, rank=(5, 3), bias=True, **options)
    twin = tucker_cost(4, 6, geometry, size, rank=(5, 3), bias=True)
    assert (twin.macs, twin.parameters) == (counted(tucker, 4, *size), parameters(tucker))


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("norm", [None, "batch"])
def test_cp_parameters_count_lambda_and_norm(weights, norm):
    layer = CPConv(4, 6, (3, 3), rank=7, learn_weights=weights, rank_norm=norm)
    twin = cp_cost(4, 6, Geometry((3, 3)), (8, 8), rank=7, weights=weights, rank_norm=norm is not None)
    assert twin.parameters == parameters(layer)


def test_stride_shrinks_the_chain_mode_by_mode():
    """By hand: 4 x 6 x 8 input, stride 2, R = 10: sizes 192, 96, 48, 24."""
    twin = cp_cost(5, 7, Geometry((3, 3, 3), stride=2, padding=1), (4, 6, 8), rank=10)
    assert [stage.macs for stage in twin.stages] == [
        5 * 10 * 192, 3 * 10 * 96, 3 * 10 * 48, 3 * 10 * 24, 10 * 7 * 24,
    ]  # fmt: skip
    assert [stage.name for stage in twin.stages] == [
        "pointwise in", "mode 0", "mode 1", "mode 2", "pointwise out",
    ]  # fmt: skip


def test_closed_forms_of_the_paper_at_stride_one():
    p, r, c, t, k = 16 * 32 * 32, 384, 128, 256, 27
    geometry, size = Geometry((3, 3, 3), padding=1), (16, 32, 32)
    assert dense_cost(c, t, geometry, size).macs == p * c * t * k
    assert cp_cost(c, t, geometry, size, rank=r).macs == p * r * (c + t + 9)
    assert cp_cost(c, t, geometry, size, rank=r, weights=False).parameters == r * (c + t + 9)
    assert tucker_cost(c, t, geometry, size, rank=(50, 40)).macs == p * (c * 40 + 50 * 40 * k + 50 * t)


def test_bytes_by_hand():
    """Dense 2 -> 3, 3 taps, length 5: 10 in, 15 out, 18 weights, 4 bytes each, or 2 in half precision."""
    geometry = Geometry((3,), padding=1)
    assert dense_cost(2, 3, geometry, (5,)).bytes == 4 * (10 + 15 + 18)
    assert dense_cost(2, 3, geometry, (5,), itemsize=2).bytes == 2 * (10 + 15 + 18)
    # CP of rank 4: 10 -> 20 -> 20 -> 15 numbers, parameters 4 (2 + 3 + 3) + 4
    assert cp_cost(2, 3, geometry, (5,), rank=4).bytes == 4 * (10 + 20 + 20 + 20 + 20 + 15 + 36)


PUBLISHED = Path(__file__).parents[2] / "results" / "published" / "paper.yaml"
BARS = [
    (row["c_in"], row["c_out"], row["hocp3"], row["hocp6"], row["dense"])
    for row in yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))["flop_figure"]["rows"]
]


def test_all_fifteen_published_bars_are_there():
    assert [bar[:2] for bar in BARS] == [(128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]


@pytest.mark.parametrize(("c", "t", "three", "six", "dense"), BARS)
def test_flop_figure_is_reproduced_to_its_precision(c, t, three, six, dense):
    assert flop_figure_gflops(c, t, 3) == pytest.approx(three, abs=5.1e-6)
    assert flop_figure_gflops(c, t, 6) == pytest.approx(six, abs=5.1e-6)
    assert flop_figure_gflops(c, t) == pytest.approx(dense, abs=5.1e-6)


@pytest.mark.parametrize(("c", "t", "three", "six", "dense"), BARS)
def test_macs_lie_just_below_the_bars(c, t, three, six, dense):
    """What the figure charges beyond multiply-adds: 0.9 to 4.1 % for HO-CP, at most 0.03 % for dense."""
    geometry, size = Geometry((3, 3, 3), padding=1), (16, 32, 32)
    for multiple, bar in ((3, three), (6, six)):
        share = 2e-9 * cp_cost(c, t, geometry, size, rank=multiple * c).macs / bar
        assert 1 - 0.0411 < share < 1 - 0.0092
    assert 1 - 3.1e-4 < 2e-9 * dense_cost(c, t, geometry, size).macs / dense < 1


def small_network(order: int) -> nn.Module:
    """One of everything that has a twin."""
    conv, norm = CONV[order], {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[order]
    pool = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}[order]
    kernel = (3,) * order
    return nn.Sequential(
        conv(3, 8, 3, stride=2, padding=1, bias=False),
        norm(8),
        nn.ReLU(),
        CPConv(8, 8, kernel, rank=7, padding=1, stride=2, rank_norm="batch", implementation="chain"),
        SeparableDepthwise(8, kernel, norm="batch", padding=1),
        TuckerConv(8, 8, kernel, rank=(4, 3), bias=True),
        conv(8, 8, 3, groups=8, padding=1),
        pool(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("order", [2, 3])
def test_network_cost_is_what_torch_counts(order, device):
    net = small_network(order).train()
    size = (3, 14, 16, 18)[: order + 1]
    cost = network_cost(net, size, device=device)
    assert cost.macs == counted(net.eval(), *size)
    assert cost.parameters == parameters(net)
    assert sum(row.parameters for row in cost.layers) == cost.parameters - 16  # the norm has no row
    assert cost.uncounted == ()
    assert [row.kind for row in cost.layers] == [
        CONV[order].__name__, "CPConv", "SeparableDepthwise", "TuckerConv", CONV[order].__name__, "Linear",
    ]  # fmt: skip


def test_network_cost_leaves_the_network_alone_and_counts_activation_bytes():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()).double().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    cost = network_cost(net, (3, 5, 6))
    assert cost.activation_bytes == 3 * 4 * 5 * 6 * 8
    assert net.training and all(torch.equal(v, before[n]) for n, v in net.state_dict().items())
    assert not net[0]._forward_hooks


def test_layers_without_a_twin_are_named_not_forgotten():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x * self.mix.reshape(3, 1, 1)

    assert network_cost(nn.Sequential(Odd(), nn.Conv2d(3, 2, 1)), (3, 4, 4)).uncounted == ("0",)


def test_unknown_form_is_refused():
    with pytest.raises(ValueError, match=r"form is 'fast'.*'chain', 'merged', 'views' or 'dense'"):
        cp_cost(1, 1, Geometry((3,)), (5,), rank=1, form="fast")
