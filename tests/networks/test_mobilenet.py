"""MobileNet-v2 for ImageNet against torchvision's, computed from the names of its state dict."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision_layout import MOBILE_BLOCKS, mobile_layout

from hocp.networks import build
from hocp.networks.mobilenet_layouts import divisible


def conv_norm(state, x, conv, norm, **options):
    """Convolution and batch norm in evaluation, by name; as many groups as the kernel asks for."""
    kernel = state[f"{conv}.weight"]
    x = functional.conv2d(x, kernel, groups=x.shape[1] // kernel.shape[1], **options)
    parts = (state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(x, *parts, eps=1e-5)


def torchvisions_forward(state, x):
    """``torchvision.models.mobilenet_v2`` written down from the paper: no module, no code of ours."""
    x = functional.relu6(conv_norm(state, x, "features.0.0", "features.0.1", stride=2, padding=1))
    for block, (c_in, c_out, expansion, stride) in enumerate(MOBILE_BLOCKS, start=1):
        place, y, number = f"features.{block}.conv", x, 0
        if expansion != 1:
            y, number = functional.relu6(conv_norm(state, y, f"{place}.0.0", f"{place}.0.1")), 1
        middle = f"{place}.{number}"
        y = functional.relu6(conv_norm(state, y, f"{middle}.0", f"{middle}.1", stride=stride, padding=1))
        y = conv_norm(state, y, f"{place}.{number + 1}", f"{place}.{number + 2}")
        x = x + y if stride == 1 and c_in == c_out else y
    x = functional.relu6(conv_norm(state, x, "features.18.0", "features.18.1"))
    return functional.linear(x.mean((2, 3)), state["classifier.1.weight"], state["classifier.1.bias"])


def plausible(layout):
    """Random numbers of that layout, in float64, for which activations keep their scale and reach 6."""
    generator = torch.Generator().manual_seed(0)

    def draw(name, shape):
        part = name.rpartition(".")[2]
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
        if part == "num_batches_tracked":
            return torch.tensor(3)
        if len(shape) > 1:
            return x * (2 / x[0].numel()) ** 0.5
        return {"running_var": 0.5 + x.abs(), "weight": 1 + 0.3 * x}.get(part, 0.5 * x)

    return {name: draw(name, shape) for name, shape in layout.items()}


def test_the_function_is_that_of_torchvisions_network():
    state = plausible(mobile_layout(7))
    network = build("mobilenetv2", outputs=7).double().eval()
    network.load_state_dict(state)
    x = torch.randn(2, 3, 65, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    capped = []
    for module in network.modules():
        if isinstance(module, nn.ReLU6):
            module.register_forward_hook(lambda module, args, y: capped.append((y == 6).any().item()))
    found, expected = network(x), torchvisions_forward(state, x)
    assert sum(capped) > 10 and (found[0] - found[1]).abs().min() > 1e-3  # else less would be compared
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


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
