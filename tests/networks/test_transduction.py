"""The image network and what transduction makes of it, against the network built of order 3."""

import pytest
import torch

from hocp.conv import freeze_except_temporal, temporal_parameters, transduce
from hocp.networks import build


def trained_like(name, **options):
    """A thin network whose norms have statistics and scales of their own, in float64."""
    torch.manual_seed(3)
    network = build(name, width=0.125, **options).double()
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    for norm in (m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.momentum = 1.0  # statistics of this one batch, not of the start
    network.train()
    with torch.no_grad():
        network(torch.randn(8, 3, 48, 40, dtype=torch.float64))
    return network.eval()


CASES = [("hocp_resnet18", {}), ("hocp_resnet18", {"cp_weights": True}), ("resnet18", {}),
         ("tucker_resnet18", {}), ("hocp_resnet18", {"stem_pool": False}),
         ("hocp_mobilenetv2_cifar", {}), ("hocp_mobilenetv2", {}),
         ("mobilenetv2", {}), ("mobilenetv2_cifar", {})]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), CASES)
def test_transduced_network_is_the_image_network_on_every_frame(name, options):
    image = trained_like(name, **options)
    clip = transduce(image)
    x = torch.randn(2, 3, 5, 48, 40, dtype=torch.float64)
    frames = torch.stack([image(x[:, :, t]) for t in range(5)], dim=1)
    assert frames.std(dim=1).min() > 1e-3  # frames differ, so a shifted clip would be noticed
    torch.testing.assert_close(clip(x), frames, rtol=1e-10, atol=1e-10)
    assert (image.order, clip.order) == (2, 3)


@pytest.mark.parametrize("options", [{}, {"cp_weights": True}, {"rank_multiple": 3}, {"stem_pool": False}])
def test_a_network_built_of_order_3_takes_the_transduced_state(options):
    clip = transduce(trained_like("hocp_resnet18", **options))
    fresh = build("hocp_resnet18_3d", width=0.125, **options).double().eval()
    assert [(k, v.shape) for k, v in clip.state_dict().items()] == [
        (k, v.shape) for k, v in fresh.state_dict().items()
    ]
    fresh.load_state_dict(clip.state_dict())
    x = torch.randn(1, 3, 4, 48, 40, dtype=torch.float64)
    assert torch.equal(fresh(x), clip(x))


@pytest.mark.parametrize("name", ["hocp_resnet18", "tucker_resnet18"])
def test_causal_network_is_the_image_network_on_every_frame(name):
    image = trained_like(name)
    clip = transduce(image, kernel_size=2, centre=1)
    x = torch.randn(1, 3, 4, 48, 40, dtype=torch.float64)
    frames = torch.stack([image(x[:, :, t]) for t in range(4)], dim=1)
    torch.testing.assert_close(clip(x), frames, rtol=1e-10, atol=1e-10)


def test_structure_at_full_width():
    with torch.device("meta"):
        clip, fresh = transduce(build("hocp_resnet18")), build("hocp_resnet18_3d")
    assert {k: v.shape for k, v in clip.state_dict().items()} == {
        k: v.shape for k, v in fresh.state_dict().items()
    }


@pytest.mark.parametrize(("name", "place"), [
    ("hocp_resnet18", "factors.2"), ("tucker_resnet18", "mode_factors.0"),
])  # fmt: skip
def test_only_16_temporal_factors_are_new(name, place):
    clip = transduce(build(name, width=0.125))
    new = dict(temporal_parameters(clip))
    assert len(new) == 16 and all(path.endswith(place) for path in new)
    freeze_except_temporal(clip)
    assert {name for name, p in clip.named_parameters() if p.requires_grad} == set(new)
    before = {name: value.clone() for name, value in clip.state_dict().items()}
    optimizer = torch.optim.AdamW(clip.parameters(), lr=0.01, weight_decay=0.1)
    clip.train()(torch.randn(1, 3, 3, 32, 32)).square().mean().backward()
    optimizer.step()
    after = clip.state_dict()
    assert {name for name, value in before.items() if not torch.equal(value, after[name])} == set(new)


@pytest.mark.parametrize(("learnt", "wanted"), [(False, True), (True, False)])
def test_state_moves_between_networks_with_and_without_cp_weights(learnt, wanted):
    given = trained_like("hocp_resnet18", cp_weights=learnt)
    before = {name: tensor.clone() for name, tensor in given.state_dict().items()}
    taken = build("hocp_resnet18", width=0.125, cp_weights=wanted).double().eval()
    taken.load_state_dict(given.state_dict())
    x = torch.randn(2, 3, 48, 40, dtype=torch.float64)
    torch.testing.assert_close(taken(x), given(x), rtol=1e-10, atol=1e-10)
    assert all(torch.equal(before[name], tensor) for name, tensor in given.state_dict().items())


def test_missing_factors_are_still_reported():
    state = build("hocp_resnet18", width=0.125).state_dict()
    del state["layer1.0.conv1.factors.0"]
    with pytest.raises(RuntimeError, match=r"layer1\.0\.conv1\.factors\.0"):
        build("hocp_resnet18", width=0.125, cp_weights=True).load_state_dict(state)
