"""CP convolution against tensorly-torch's layer with the same factors, where that layer is right."""

import pytest
import torch
from conv_oracles import EXACT, double

from hocp.conv import CPConv, TuckerConv, transduce

tltorch = pytest.importorskip("tltorch")

GEOMETRIES = [
    {"stride": 1, "padding": 1, "dilation": 1},
    {"stride": 2, "padding": 0, "dilation": 1},
    {"stride": 1, "padding": 2, "dilation": 2},
]


def reference(order: int, *, implementation: str, geometry: dict):
    """tensorly-torch's layer with random numbers instead of uninitialised memory."""
    layer = tltorch.FactorizedConv(
        3, 5, (3,) * order, rank=7, factorization="cp", implementation=implementation, bias=True,
        dtype=torch.float64, **geometry,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("theirs", ["factorized", "reconstructed"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_same_factors_give_the_same_output(order, theirs, geometry):
    torch.manual_seed(order)
    other = reference(order, implementation=theirs, geometry=geometry)
    ours = CPConv.from_factors(other.weight.weights, list(other.weight.factors), bias=other.bias, **geometry)
    x = double(2, 3, *(7,) * order)
    torch.testing.assert_close(ours(x), other(x), **EXACT)


def test_same_static_network_gives_the_same_transduced_layer():
    """tensorly-torch gives its new factor in float32 whatever the layer has, hence the cast."""
    torch.manual_seed(0)
    other = reference(2, implementation="factorized", geometry=GEOMETRIES[0])
    ours = CPConv.from_factors(other.weight.weights, list(other.weight.factors), bias=other.bias, padding=1)
    other.transduct(3, mode=0, padding=1)
    other = other.double()
    x = double(2, 3, 4, 7, 7)
    torch.testing.assert_close(transduce(ours)(x), other(x), **EXACT)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_tucker(order):
    torch.manual_seed(order)
    full = tltorch.FactorizedConv(
        4, 6, (3,) * order, rank=0.6, factorization="tucker", implementation="reconstructed", padding=1,
        dtype=torch.float64,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in full.parameters():
            parameter.normal_()
    core, factors = full.weight.core, list(full.weight.factors)
    for mode, factor in enumerate(factors[2:], start=2):  # ours keeps the spatial factors inside the core
        core = torch.tensordot(core, factor, dims=([mode], [1])).movedim(-1, mode)
    ours = TuckerConv.from_factors(core, tuple(factors[:2]), padding=1)
    x = double(2, 4, *(6,) * order)
    torch.testing.assert_close(ours(x), full(x), **EXACT)
