"""With torchvision's state dict, a network of ours computes what torchvision's does."""

import pytest
import torch
import torchvision_forward
from torch import nn
from torchvision_layout import image_layout, mobile_layout, video_layout

from hocp.networks import build

VIDEO = {"temporal_stride": 2, "per_frame": False}
IMAGE, CLIP = (2, 3, 65, 96), (2, 3, 9, 32, 47)  # odd lengths, where strides round
CASES = {
    "resnet18": (torchvision_forward.resnet18, image_layout(7), {}, IMAGE),
    "r3d18": (torchvision_forward.r3d_18, video_layout(7, two_plus_one=False), VIDEO, CLIP),
    "r2plus1d18": (torchvision_forward.r2plus1d_18, video_layout(7, two_plus_one=True), VIDEO, CLIP),
    "mobilenetv2": (torchvision_forward.mobilenet_v2, mobile_layout(7), {}, IMAGE),
}


def plausible(layout):
    """Random numbers of that layout, in float64, for which activations keep their scale."""
    generator = torch.Generator().manual_seed(0)

    def draw(name, shape):
        if not shape:
            return torch.tensor(3)
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
        if len(shape) > 1:
            return x * (2 / x[0].numel()) ** 0.5
        return {"running_var": 0.5 + x.abs(), "weight": 1 + 0.3 * x}.get(name.rpartition(".")[2], 0.5 * x)

    return {name: draw(name, shape) for name, shape in layout.items()}


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_same_function(name):
    forward, layout, options, shape = CASES[name]
    state = plausible(layout)
    network = build(name, outputs=7, **options).double().eval()
    network.load_state_dict(state)
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found, expected = network(x), forward(state, x)
    assert (expected[0] - expected[1]).abs().min() > 1e-3  # the input matters
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_the_comparison_reaches_the_cap_of_relu6():
    network, capped = build("mobilenetv2", outputs=7).double().eval(), []
    network.load_state_dict(plausible(mobile_layout(7)))
    for module in network.modules():
        if isinstance(module, nn.ReLU6):
            module.register_forward_hook(lambda module, args, y: capped.append((y == 6).any().item()))
    network(torch.randn(IMAGE, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    assert len(capped) == 35 and sum(capped) > 10
