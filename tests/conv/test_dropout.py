"""Dropout of components: what is dropped, what is expected, where it acts, what is refused."""

import copy

import pytest
import torch
from torch import nn

from hocp.conv import CPConv, TuckerConv, transduce
from hocp.conv.ranks.dropout import drop_components_


def one_component_a_channel(rank=6, **options):
    """Output channel r is component r alone, so that what was dropped can be read off."""
    layer = CPConv(2, rank, (1,), rank=rank, dtype=torch.float64, **options)
    with torch.no_grad():
        layer.factors[0].copy_(torch.eye(rank))
        layer.weights.fill_(1)
    return layer


@pytest.mark.parametrize("implementation", ["chain", "merged", "views", "dense"])
def test_a_component_is_there_rescaled_or_not_at_all(implementation):
    torch.manual_seed(0)
    layer = one_component_a_channel(implementation=implementation)
    x = torch.rand(3, 2, 5, dtype=torch.float64) + 0.5
    expected = layer(x)
    drop_components_(layer, 0.25)
    ratios = torch.stack([layer(x) / expected for _ in range(400)])
    kept = ratios[:, :1, :, :1]
    torch.testing.assert_close(ratios, kept.expand_as(ratios))  # one choice for the whole batch
    torch.testing.assert_close(kept, (kept > 0.5).double() / 0.75)
    assert abs(float(kept.detach().mean()) - 1) < 0.05
    assert torch.equal(layer.eval()(x), expected)
    torch.testing.assert_close(layer.train().to_kernel(), layer.eval().to_kernel(), rtol=0, atol=0)


@pytest.mark.parametrize("learn_weights", [True, False])
@pytest.mark.parametrize("rank", [1, 2, 9])
def test_every_rank_trains(rank, learn_weights):
    torch.manual_seed(1)
    layer = CPConv(3, 4, (3, 3), rank=rank, learn_weights=learn_weights)
    drop_components_(layer, 0.9)
    for _ in range(20):
        layer(torch.rand(2, 3, 5, 5)).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


def test_a_dropped_component_gets_no_gradient():
    torch.manual_seed(0)
    layer = one_component_a_channel()
    drop_components_(layer, 0.5)
    y = layer(torch.rand(1, 2, 4, dtype=torch.float64) + 0.5)
    y.sum().backward()
    dropped = y[0, :, 0] == 0
    assert 0 < dropped.sum() < 6
    assert torch.equal(layer.weights.grad == 0, dropped)


def test_networks_copies_and_transduction_keep_it_and_zero_ends_it():
    network = nn.Sequential(CPConv(2, 3, (3,), rank=4, padding=1), nn.ReLU(), TuckerConv(3, 3, (1,), rank=2))
    drop_components_(network, 0.5)
    longer = transduce(copy.deepcopy(network))
    assert network[0].component_dropout == longer[0].component_dropout == 0.5
    x = torch.rand(1, 2, 8)
    assert not torch.equal(torch.stack([network(x) for _ in range(8)])[1:], network(x).expand(7, -1, -1, -1))
    drop_components_(network, 0)
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize("chance", [1, -0.1, float("nan"), "0.5", True, None])
def test_a_chance_out_of_range_is_refused(chance):
    with pytest.raises(ValueError, match=r"chance of drop_components_ is .*expected a number from 0"):
        drop_components_(CPConv(2, 2, (3,), rank=2), chance)


def test_a_module_without_cp_layers_is_refused():
    with pytest.raises(ValueError, match="Linear has no CPConv"):
        drop_components_(nn.Linear(2, 2), 0.5)
