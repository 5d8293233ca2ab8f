"""What goes in and what comes out, and what is refused."""

import pytest
import torch

from hocp.networks import build, names, order_of

THIN = {"width": 0.125}


def example(name, *, batch=2, frames=4, side=32, dtype=torch.float32):
    shape = (batch, 3, side, side) if order_of(name) == 2 else (batch, 3, frames, side, side)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("name", names())
def test_one_prediction_an_image_or_frame(name):
    x = example(name)
    y = build(name, outputs=3, **THIN)(x)
    assert y.shape == ((2, 3) if order_of(name) == 2 else (2, 4, 3))


@pytest.mark.parametrize("name", [name for name in names() if order_of(name) == 3])
def test_video_form_predicts_once_a_clip(name):
    network = build(name, temporal_stride=2, per_frame=False, **THIN).eval()
    seen = []
    network.layer4.register_forward_hook(lambda module, args, y: seen.append(y.shape))
    y = network(example(name, frames=9, side=48))
    assert y.shape == (2, 2)
    assert seen[0] == (2, 64, 2, 3, 3)  # 9 -> 5 -> 3 -> 2 frames; 48 -> 24 without max pool -> 12 -> 6 -> 3


@pytest.mark.parametrize("name", names())
def test_every_parameter_gets_a_gradient_and_signals_keep_their_scale(name):
    torch.manual_seed(0)
    network = build(name, **THIN)
    y = network(example(name, batch=4, side=64))
    y.square().sum().backward()
    for path, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, path
    assert 0.01 < y.std() < 10


@pytest.mark.parametrize("name", names())
def test_predictions_do_not_depend_on_the_rest_of_the_batch(name):
    network = build(name, **THIN).double().eval()
    x = example(name, batch=3, dtype=torch.float64)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", names())
def test_seed_decides_the_start(name):
    first, second, other = (_seeded(name, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def _seeded(name, seed):
    torch.manual_seed(seed)
    return list(build(name, **THIN).state_dict().values())


def test_dense_convolutions_start_as_he_et_al():
    torch.manual_seed(0)
    weight = build("r3d18", width=0.5).layer3[1].conv1.weight
    assert weight.std().item() == pytest.approx((2 / (128 * 27)) ** 0.5, rel=0.01)


def test_mobilenets_signal_does_not_fade_before_norms_have_statistics():
    """Eighteen depthwise and pointwise stages deep, where one wrong fan would cost a power of ten each."""
    torch.manual_seed(0)
    network = build("mobilenetv2").eval()
    seen = []
    network.avgpool.register_forward_hook(lambda module, args, y: seen.append(y))
    network(example("mobilenetv2", side=96))
    assert 0.01 < seen[0].std() < 10


@pytest.mark.parametrize("name", ["resnet18", "r3d18", "mobilenetv2", "mobilenetv2_cifar"])
@pytest.mark.parametrize("shape", [(1, 3, 32), (1, 4, 32, 32), (1, 4, 8, 32, 32), (3, 32, 32)])
def test_wrong_input_is_named(name, shape):
    with pytest.raises(ValueError, match=r"got an input of shape .*expects \(batch, 3,"):
        build(name, **THIN)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: build("resnet50"),
            "'resnet50', expected one of resnet18, .*did you mean 'resnet18'",
        ),
        (lambda: build("resnet18", cp_weights=True), "no option 'cp_weights'; it takes stem_pool"),
        (lambda: build("mobilenetv2_cifar", stem_pool=True), "takes none but outputs and width"),
        (lambda: build("r3d18", outputs=0), "outputs of r3d18 is 0"),
        (lambda: build("r3d18", outputs=True), "outputs of r3d18 is True"),
        (lambda: build("r3d18", width=0), "width of r3d18 is 0; expected a number above 0"),
        (lambda: build("r3d18", width="1"), "width of r3d18 is '1'"),
        (lambda: build("r3d18", width=float("nan")), "width of r3d18 is nan"),
        (lambda: build("r3d18", temporal_stride=3), "temporal_stride of r3d18 is 3; expected 1 or 2"),
        (lambda: build("r3d18", temporal_stride=2), "loses frames.*per_frame=False"),
        (lambda: build("hocp_resnet18", rank_multiple=-1), "rank_multiple of hocp_resnet18 is -1"),
        (lambda: order_of("vgg"), "network is 'vgg', expected one of"),
    ],
)
def test_wrong_use_is_refused_with_value_and_remedy(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def smooth(network):
    """SiLU for ReLU, so that differences are differences of a smooth function."""
    for parent in list(network.modules()):
        for path, child in list(parent.named_children()):
            if isinstance(child, (torch.nn.ReLU, torch.nn.ReLU6)):
                setattr(parent, path, torch.nn.SiLU())
    return network


@pytest.mark.parametrize("activation", [smooth, lambda network: network], ids=["smooth", "as built"])
@pytest.mark.parametrize("name", names())
def test_gradient_is_that_of_differences(name, activation):
    """Along a random direction, in training mode, at a size that leaves layer4 with 1 x 1 positions.

    torch's batch norm on CPU gets gradients wrong there for some strides, without a word; see GlobalMean.
    """
    torch.manual_seed(5)
    network = activation(build(name, **THIN)).double()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # else every call is another function
    x = example(name, batch=4, side=32, dtype=torch.float64)
    readout = torch.randn_like(network(x))
    (network(x) * readout).sum().backward()
    parameters = list(network.parameters())
    direction = [torch.randn_like(p) * 0.1 for p in parameters]
    found = sum((p.grad * d).sum() for p, d in zip(parameters, direction, strict=True)).item()
    values = []
    h = 1e-7 if activation is smooth else 1e-9  # few ReLU units flip within so short a step
    for step in (h, -2 * h):
        with torch.no_grad():
            for parameter, d in zip(parameters, direction, strict=True):
                parameter.add_(d, alpha=step)
            values.append((network(x) * readout).sum().item())
    expected = (values[0] - values[1]) / (2 * h)
    assert found == pytest.approx(expected, rel=1e-5 if activation is smooth else 1e-3, abs=1e-4)
