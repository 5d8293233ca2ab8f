"""Two matrix products by torch: what they compute, and that they stand where a CP layer would."""

import pytest
import torch

from hocp.conv import CPConv
from tests.bench import networks, peers, products
from tests.bench.cases import COMPARED, LayerCase, NetworkCase


@pytest.mark.parametrize("name", products.NAMES)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 2, 2)], ids=str)
def test_a_cp_layer_of_one_tap_computes_the_same(name, stride):
    torch.manual_seed(0)
    order = len(stride)
    layer = products.build(name, (4, 6), rank=5, stride=stride).double()
    first, last = (each.weight.flatten(1) for each in layer.children())
    ones = [torch.ones(1, 5, dtype=torch.float64) for _ in stride]
    weights = torch.ones(5, dtype=torch.float64)
    twin = CPConv.from_factors(weights, [last, first.T, *ones], stride=stride)
    x = torch.randn(2, 4, *(5,) * order, dtype=torch.float64)
    torch.testing.assert_close(layer(x), twin(x))
    torch.testing.assert_close(products.weight(layer), twin.to_kernel().flatten(1))


@pytest.mark.parametrize("order", [2, 3])
def test_they_take_part_at_rank_c_alone(order):
    names = {
        rank: {peer.name for peer in peers.outsiders(LayerCase(1, 8, (4,) * order, rank))}
        for rank in COMPARED[order]
    }
    assert {rank for rank, found in names.items() if set(products.NAMES) & found} == {"C"}
    assert set(products.NAMES) <= names["C"]


def test_networks_of_them_have_the_parameters_of_ours_less_the_taps():
    case = NetworkCase(1, (4, 32, 32), width=0.125)
    ours, *alone = (networks.build(name, case) for name in ("hocp auto", *products.NAMES))
    layers = [layer for layer in ours.modules() if isinstance(layer, CPConv)]
    taps = sum(layer.rank * (3 * 3 + layer.learn_weights) for layer in layers)
    assert len(layers) == 16
    for network in alone:
        assert peers.parameters(network) == peers.parameters(ours) - taps
