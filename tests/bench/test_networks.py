"""The network whose layers cost nothing: as the others outside of them, and nothing inside."""

import pytest
import torch

from hocp.conv import CPConv
from tests.bench import networks
from tests.bench.calls import CALLS, prepare
from tests.bench.cases import NetworkCase

SMALL = {2: NetworkCase(2, (32, 32), width=0.125), 3: NetworkCase(1, (4, 32, 32), width=0.125)}


@pytest.mark.parametrize("order", SMALL)
def test_shapes_and_formats_between_the_layers_are_those_of_ours(order):
    seen = {}
    for name in ("hocp auto", networks.REST):
        subject = prepare(
            networks.build(name, SMALL[order]), SMALL[order].input_shape, "contiguous", layer=False
        )
        kinds = (CPConv, networks.Given)
        layers = [(n, m) for n, m in subject.module.named_modules() if isinstance(m, kinds)]
        found = seen[name] = []
        for place, layer in layers:
            layer.register_forward_hook(
                lambda _, given, y, found=found, place=place: found.append((place, y.shape, y.stride()))
            )
        subject.module.eval()
        CALLS["inference"](subject)
    assert len(seen[networks.REST]) == 16
    assert seen[networks.REST] == seen["hocp auto"]


def test_gradients_reach_the_first_layer_and_the_same_numbers_come_again():
    torch.manual_seed(0)
    network = networks.build(networks.REST, SMALL[2]).train()
    x = torch.randn(SMALL[2].input_shape)
    network(x).square().mean().backward()
    stem = next(network.parameters())
    assert stem.grad is not None and stem.grad.abs().max() > 0
    layer = networks.Given(6, (2, 2))
    x = torch.randn(2, 4, 9, 8, requires_grad=True)
    y, again = layer(x), layer(x)
    assert torch.equal(y, again) and y.shape == (2, 6, 5, 4)
    (grad,) = torch.autograd.grad(y.sum(), x)
    assert grad.shape == x.shape and not list(layer.parameters())


def test_of_its_work_only_what_is_outside_counts():
    case = SMALL[2]
    kept = [m for m in networks.build("dense", case).modules() if isinstance(m, torch.nn.Conv2d)]
    rest = [m for m in networks.build(networks.REST, case).modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(kept) - len(rest) == 16
