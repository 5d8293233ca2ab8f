"""MobileNet-v2 for ImageNet: sizes at all widths, dropout. What it computes: test_torchvision_functions."""

import pytest
import torch

from hocp.networks import build
from hocp.networks.mobilenet_layouts import divisible


@pytest.mark.parametrize(
    ("width", "millions"), [(0.35, 1.66), (0.5, 1.95), (0.75, 2.61), (1.0, 3.47), (1.3, 5.34), (1.4, 6.06)]
)
def test_parameters_at_other_widths(width, millions):
    """Of Sandler et al.'s published networks, rounded there; with one class more or less and other norms."""
    with torch.device("meta"):
        found = sum(p.numel() for p in build("mobilenetv2", outputs=1000, width=width).parameters())
    assert found / 1e6 == pytest.approx(millions, rel=0.015)


def test_parameters_by_hand():
    """All published ones with 1000 outputs; the classifier has 1281 for each."""
    with torch.device("meta"):
        counts = {n: sum(p.numel() for p in build("mobilenetv2", outputs=n).parameters()) for n in (2, 1000)}
    assert counts == {1000: 3_504_872, 2: 3_504_872 - 998 * 1281} and counts[2] == 2_226_434


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [
        (32, 1.0, 32),
        (16, 0.35, 8),
        (24, 0.5, 16),
        (24, 0.75, 24),
        (160, 1.3, 208),
        (1280, 1.4, 1792),
        (16, 1.4, 24),
    ],
)
def test_channels_are_multiples_of_eight(channels, width, expected):
    """By hand: 24 x 0.5 = 12 goes up, as 8 would lose a third; so does 18, as 16 loses a ninth."""
    assert divisible(channels, width) == expected


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    network = build("mobilenetv2", width=0.25)
    lost = []
    network.dropout.register_forward_hook(lambda module, args, y: lost.append((y == 0)[args[0] != 0]))
    x = torch.randn(4, 3, 64, 64)
    network(x)
    network.eval()(x)
    assert lost[0].double().mean().item() == pytest.approx(0.2, abs=0.03) and not lost[1].any()
