"""State dicts under torchvision's names load, and go back, tensor by tensor."""

import pytest
import torch
from torchvision_layout import image_layout, mobile_layout, parameters, video_layout

from hocp.networks import build, to_torchvision_names

VIDEO = {"temporal_stride": 2, "per_frame": False}
CASES = {
    "resnet18": (image_layout(400), {}),
    "r3d18": (video_layout(400, two_plus_one=False), VIDEO),
    "r2plus1d18": (video_layout(400, two_plus_one=True), VIDEO),
    "mobilenetv2": (mobile_layout(400), {}),
}


def filled(layout):
    """A state dict of that layout with a different number in every tensor, so that a swap is noticed."""
    return {
        name: torch.full(shape, number, dtype=torch.int64 if not shape else torch.float32)
        for number, (name, shape) in enumerate(layout.items())
    }


@pytest.mark.parametrize("name", CASES)
def test_layout_has_the_published_count(name):
    """The oracle itself: torchvision's counts with 400 outputs."""
    counts = {"resnet18": 11_381_712, "r3d18": 33_371_472, "r2plus1d18": 31_505_325}
    counts["mobilenetv2"] = 3_504_872 - 600 * 1281  # that of ImageNet's 1000 classes
    assert parameters(CASES[name][0]) == counts[name]


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name):
    layout, options = CASES[name]
    given = filled(layout)
    network = build(name, outputs=400, **options)
    network.load_state_dict(given)
    back = to_torchvision_names(network.state_dict())
    assert set(back) == set(given)
    assert all(torch.equal(back[key], tensor) for key, tensor in given.items())


def test_each_tensor_lands_where_it_works():
    """By hand for the names that translate crosswise in (2+1)-D."""
    given = filled(CASES["r2plus1d18"][0])
    network = build("r2plus1d18", outputs=400, **VIDEO)
    network.load_state_dict(given)
    block = network.layer2[0]
    assert torch.equal(block.conv1[0].weight, given["layer2.0.conv1.0.0.weight"])
    assert torch.equal(block.conv1[1].weight, given["layer2.0.conv1.0.1.weight"])
    assert torch.equal(block.conv1[3].weight, given["layer2.0.conv1.0.3.weight"])
    assert torch.equal(block.bn1.running_mean, given["layer2.0.conv1.1.running_mean"])
    assert torch.equal(network.conv1[3].weight, given["stem.3.weight"])
    assert torch.equal(network.bn1.bias, given["stem.4.bias"])


@pytest.mark.parametrize("name", CASES)
def test_own_names_load_unchanged(name):
    given = build(name, width=0.125).state_dict()
    network = build(name, width=0.125)
    network.load_state_dict(given)
    assert all(torch.equal(given[key], tensor) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize(("name", "stem"), [("r3d18", "stem.1"), ("mobilenetv2", "features.0.1")])
def test_inside_a_larger_module(name, stem):
    layout, options = CASES[name]
    holder = torch.nn.ModuleDict({"net": build(name, outputs=400, **options)})
    holder.load_state_dict({f"net.{name}": tensor for name, tensor in filled(layout).items()})
    assert (holder["net"].bn1.weight == list(layout).index(f"{stem}.weight")).all()


def test_missing_entry_is_reported():
    given = filled(CASES["r3d18"][0])
    del given["layer3.1.conv2.1.bias"]
    with pytest.raises(RuntimeError, match=r"Missing key.*layer3\.1\.bn2\.bias"):
        build("r3d18", outputs=400, **VIDEO).load_state_dict(given)


@pytest.mark.parametrize(
    "name", ["hocp_resnet18", "tucker_resnet18", "hocp_mobilenetv2", "mobilenetv2_cifar"]
)
def test_networks_that_torchvision_lacks_are_refused(name):
    with pytest.raises(ValueError, match=r"torchvision does not have; .* r2plus1d18, mobilenetv2"):
        to_torchvision_names(build(name, width=0.125).state_dict())


def test_a_video_mobilenet_is_refused():
    """torchvision's names would fit, its shapes would not."""
    state = build("mobilenetv2", width=0.125).state_dict()
    state = {name: t[:, :, None] if t.dim() == 4 else t for name, t in state.items()}
    with pytest.raises(ValueError, match="torchvision does not have"):
        to_torchvision_names(state)


def test_torchvisions_mobilenet_does_not_load_into_other_forms():
    given = filled(mobile_layout(2))
    with pytest.raises(RuntimeError, match=r"Missing key.*layers\.0\.spatial\.factors\.0"):
        build("hocp_mobilenetv2").load_state_dict(given)
    with pytest.raises(RuntimeError, match=r"Missing key.*layers\.0\.expand\.0\.weight"):
        build("mobilenetv2_cifar").load_state_dict(given)
