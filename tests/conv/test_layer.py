"""Fresh layers: parameters, state dict, copies; their scale is in test_init_scale."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from hocp.conv import CPConv, SeparableDepthwise, TTConv, TuckerConv


def test_fresh_columns_have_unit_length():
    layer = CPConv(16, 24, (3, 5), rank=40)
    for factor in layer.factors:
        torch.testing.assert_close(factor.norm(dim=0), torch.ones(40))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_parameter_counts_are_the_closed_forms(order):
    def count(layer: nn.Module) -> int:
        return sum(parameter.numel() for parameter in layer.parameters())

    kernel = (3, 5, 7)[:order]
    cp = 10 * (4 + 6 + sum(kernel))
    assert count(CPConv(4, 6, kernel, rank=10, learn_weights=False)) == cp
    assert count(CPConv(4, 6, kernel, rank=10)) == cp + 10
    assert count(CPConv(4, 6, kernel, rank=10, bias=True, rank_norm="batch")) == cp + 10 + 6 + 20
    middle = 1
    for taps in kernel:
        middle *= taps
    assert count(TuckerConv(4, 6, kernel, rank=(5, 3))) == 4 * 3 + 3 * 5 * middle + 5 * 6
    assert count(SeparableDepthwise(10, kernel, norm="batch")) == 10 * sum(kernel) + 20 * order


def test_state_dict_names_are_stable_and_strict_loading_works():
    layer = CPConv(3, 4, (3, 3, 3), rank=5, bias=True, rank_norm="batch")
    assert set(layer.state_dict()) == {
        "weights", "bias", "factors.0", "factors.1", "factors.2", "factors.3", "factors.4",
        "rank_norm.weight", "rank_norm.bias", "rank_norm.running_mean", "rank_norm.running_var",
        "rank_norm.num_batches_tracked",
    }  # fmt: skip
    other = CPConv(3, 4, (3, 3, 3), rank=5, bias=True, rank_norm="batch")
    other.load_state_dict(layer.state_dict())
    x = torch.randn(2, 3, 5, 5, 5)
    assert torch.equal(layer.eval()(x), other.eval()(x))
    assert list(TuckerConv(3, 4, (3, 3), rank=2).state_dict()) == ["core", "factors.0", "factors.1"]
    assert list(TTConv(3, 4, (3, 3), rank=2).state_dict()) == [f"cores.{index}" for index in range(4)]
    assert "skip_factor" in CPConv(3, 4, (3, 3), rank=2, skip="projection").state_dict()
    assert [tuple(factor.shape) for factor in layer.factors] == [(4, 5), (3, 5), (3, 5), (3, 5), (3, 5)]


@pytest.mark.parametrize("make", [
    lambda: CPConv(3, 4, (3, 3), rank=5, learn_weights=False, padding=1),
    lambda: TuckerConv(3, 4, (3, 3), rank=2, padding=1),
    lambda: nn.Sequential(CPConv(3, 4, (1, 1), rank=3), SeparableDepthwise(4, (3, 3), padding=1)),
])  # fmt: skip
def test_deepcopy_is_independent_and_equal(make):
    layer = make()
    x = torch.randn(2, 3, 6, 6)
    before, copy = layer(x).detach(), deepcopy(layer)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    assert torch.equal(copy(x), before)


def test_moving_to_another_dtype_takes_fixed_weights_along():
    layer = CPConv(3, 4, (3, 3), rank=5, learn_weights=False).double()
    assert layer.weights.dtype == torch.float64
    assert layer(torch.randn(1, 3, 5, 5, dtype=torch.float64)).dtype == torch.float64
    assert not layer.weights.requires_grad


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("norm", [None, "batch"])
def test_separable_depthwise_is_the_written_out_chain(order, norm):
    """Against nn.ConvNd with groups, mode by mode, each followed by its norm."""
    from conv_oracles import CONV_MODULE, EXACT, double

    torch.manual_seed(0)
    layer = SeparableDepthwise(6, (3,) * order, stride=2, padding=1, norm=norm, dtype=torch.float64)
    x = double(2, 6, *(7,) * order)
    y = x
    for mode in range(order):
        size = [1] * order
        size[mode] = 3
        conv = CONV_MODULE[order](
            6, 6, tuple(size), groups=6, bias=False, dtype=torch.float64,
            stride=tuple(2 if k == mode else 1 for k in range(order)),
            padding=tuple(int(k == mode) for k in range(order)),
        )  # fmt: skip
        with torch.no_grad():
            conv.weight.copy_(layer.factors[mode].t().reshape(conv.weight.shape))
        y = conv(y)
        if norm:
            y = nn.functional.batch_norm(y, None, None, training=True)
    torch.testing.assert_close(layer(x), y, **EXACT)


def test_the_example_in_the_docstring_runs():
    import doctest

    import hocp.conv

    result = doctest.testmod(hocp.conv)
    assert result.attempted >= 5 and result.failed == 0


@pytest.mark.parametrize("kind", [CPConv, TuckerConv, TTConv, SeparableDepthwise])
def test_torch_can_make_a_layer_without_drawing_its_numbers(kind):
    channels, options = ((4,), {}) if kind is SeparableDepthwise else ((4, 4), {"rank": 3})
    layer = nn.utils.skip_init(kind, *channels, (3, 3), **options)
    layer.load_state_dict(kind(*channels, (3, 3), **options).state_dict())
    assert layer(torch.randn(1, 4, 5, 5)).isfinite().all()
