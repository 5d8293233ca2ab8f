"""Parameters of the networks at full size against the published-numbers file, counted on the meta device."""

import pytest
import torch

from hocp.contracts import published, spec
from hocp.networks import build, names, order_of

COUNTS = list(published.load().counts())


def parameters(name, **options):
    with torch.device("meta"):
        return sum(p.numel() for p in build(name, **options).parameters())


@pytest.mark.parametrize("count", COUNTS, ids=lambda c: f"{c.network}-{c.outputs}")
def test_published_count(count):
    ours = parameters(count.network, outputs=count.outputs)
    assert abs(ours - count.parameters) <= count.tolerance * count.parameters


def test_every_network_but_tucker_has_a_published_count():
    assert set(names()) - {count.network for count in COUNTS} == {"tucker_resnet18"}


def test_tucker_matches_the_parameters_of_the_dense_network():
    assert parameters("tucker_resnet18") == pytest.approx(parameters("resnet18"), rel=0.002)


@pytest.mark.parametrize(
    ("name", "multiple", "millions"),
    [("hocp_resnet18", 3, 7.319), ("hocp_resnet18_3d", 3, 7.368),
     ("hocp_resnet18", 6, 14.445), ("hocp_resnet18_3d", 6, 14.525)],
)  # fmt: skip
def test_ranks_of_the_flop_figure(name, multiple, millions):
    """Counts derived on paper for R = 3C and R = 6C with dense stem and shortcuts."""
    assert parameters(name, rank_multiple=multiple) / 1e6 == pytest.approx(millions, abs=5e-4)


@pytest.mark.parametrize("name", ["hocp_resnet18", "hocp_resnet18_3d"])
def test_cp_weights_add_the_sum_of_ranks(name):
    """16 layers; the ranks by hand from 9CT / (C + T + 6)."""
    pairs = [(64, 64)] * 4
    for c in (64, 128, 256):
        pairs += [(c, 2 * c)] + [(2 * c, 2 * c)] * 3
    ranks = [round(9 * c * t / (c + t + 6)) for c, t in pairs]
    assert parameters(name, cp_weights=True) - parameters(name) == sum(ranks)


@pytest.mark.parametrize("layout", ["mobilenetv2", "mobilenetv2_cifar"])
@pytest.mark.parametrize("outputs", [2, 10])
def test_mobilenet_separable_form_differs_by_its_ranks(layout, outputs):
    """Nine taps become six, and one more norm: R fewer or more a block, 7136 ranks in all."""
    ranks = 7136
    merged = parameters(layout, outputs=outputs)
    assert parameters(f"hocp_{layout}", outputs=outputs) == merged - 3 * ranks + 2 * ranks


def test_names_and_orders_are_those_of_the_contract():
    assert {name: order_of(name) for name in names()} == spec.NETWORKS


@pytest.mark.parametrize("width", [0.125, 0.25, 0.5])
def test_width_keeps_the_structure(width):
    for name in names():
        with torch.device("meta"):
            full, thin = build(name), build(name, width=width)
        assert list(full.state_dict()) == list(thin.state_dict())
        shrunk = sum(p.numel() for p in thin.parameters()) / sum(p.numel() for p in full.parameters())
        room = 0.05 if name.endswith("mobilenetv2") else 0.02  # whose last 1280 channels stay
        assert 0.8 * width**2 < shrunk < 1.5 * width**2 + room
