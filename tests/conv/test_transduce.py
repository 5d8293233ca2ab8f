"""A static network on every frame equals its transduction at the start; only the new factors are new."""

from copy import deepcopy

import pytest
import torch
from conv_oracles import EXACT, double
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hocp.conv import (
    CPConv,
    SeparableDepthwise,
    TTConv,
    TuckerConv,
    temporal_parameters,
    transduce,
    transduce_layer,
)


def frame_by_frame(network: nn.Module, clip: Tensor, *, dim: int = 2) -> Tensor:
    """The old network on each frame of (B, C, T, ...)."""
    return torch.stack([network(frame) for frame in clip.unbind(2)], dim=dim)


def batch_normed(network: nn.Module) -> nn.Module:
    """Batch norms with statistics and affine parameters of their own, in eval mode."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return network.double().eval()


class Residual(nn.Module):
    """A block with a pointwise shortcut, as users write them."""

    def __init__(self, kind):
        super().__init__()
        self.conv1 = kind(4, 6, stride=2)
        self.bn1 = nn.BatchNorm2d(6)
        self.conv2 = kind(6, 6, stride=1)
        self.shortcut = nn.Sequential(nn.Conv2d(4, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6))

    def forward(self, x):
        y = self.conv2(torch.relu(self.bn1(self.conv1(x))))
        return torch.relu(y + self.shortcut(x))


KINDS = {
    "cp": lambda c, t, stride: CPConv(c, t, (3, 3), rank=7, stride=stride, padding=1),
    "cp-psi": lambda c, t, stride: CPConv(
        c, t, (3, 3), rank=7, stride=stride, padding=1, rank_norm="batch", rank_activation="relu", bias=True
    ),
    "tucker": lambda c, t, stride: TuckerConv(c, t, (3, 3), rank=(3, 4), stride=stride, padding=1),
    "tucker-psi": lambda c, t, stride: TuckerConv(
        c, t, (3, 3), rank=4, stride=stride, padding=1, rank_norm="batch", separate_modes=1
    ),
    "tt": lambda c, t, stride: TTConv(c, t, (3, 3), rank=(4, 3, 5), stride=stride, padding=1),
    "tt-psi": lambda c, t, stride: TTConv(
        c, t, (3, 3), rank=3, stride=stride, padding=1, rank_norm="batch", rank_activation="relu", bias=True
    ),
    "dense": lambda c, t, stride: nn.Conv2d(c, t, 3, stride=stride, padding=1),
    "separable": lambda c, t, stride: nn.Sequential(
        CPConv(c, t, (1, 1), rank=5), SeparableDepthwise(t, (3, 3), stride=stride, padding=1, norm="batch")
    ),
}


def network(kind: str) -> nn.Module:
    """Stem, pooling, residual block, head."""
    torch.manual_seed(0)
    return batch_normed(
        nn.Sequential(
            nn.Conv2d(3, 4, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            Residual(KINDS[kind]),
            nn.AvgPool2d(2, ceil_mode=True),
            nn.Dropout2d(0.5),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 2),
        )
    )


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_transduced_network_equals_the_static_one_on_every_frame(kind, frames):
    static = network(kind)
    clip = double(2, 3, frames, 21, 18)
    torch.testing.assert_close(transduce(static)(clip), frame_by_frame(static, clip, dim=1), **EXACT)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 2), st.sampled_from([1, 3, 5]), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2),
    st.sampled_from(["chain", "views", "dense", "auto"]), st.integers(1, 6),
)  # fmt: skip
def test_identity_is_exact_for_any_layer_options(order, taps, stride, padding, dilation, form, frames):
    torch.manual_seed(order)
    layer = CPConv(
        3, 4, (3, 2)[:order], rank=5, stride=stride, padding=padding, dilation=dilation, bias=True,
        dtype=torch.float64, implementation=form,
    )  # fmt: skip
    clip = double(2, 3, frames, *(8, 7)[:order])
    new = transduce(layer, kernel_size=taps)
    torch.testing.assert_close(new(clip), frame_by_frame(layer, clip), **EXACT)


@pytest.mark.parametrize("kind", ["cp", "tucker", "tt", "dense"])
def test_average_is_the_mean_over_the_window_with_zeros_outside_the_clip(kind):
    torch.manual_seed(0)
    layer = KINDS[kind](3, 4, stride=1).double()
    if kind == "dense":
        nn.init.zeros_(layer.bias)
    clip = double(2, 3, 5, 6, 6)
    frames = nn.functional.pad(frame_by_frame(layer, clip), (0, 0, 0, 0, 1, 1))
    mean = (frames[:, :, :-2] + frames[:, :, 1:-1] + frames[:, :, 2:]) / 3
    torch.testing.assert_close(transduce(layer, init="average")(clip), mean, **EXACT)


@pytest.mark.parametrize("make", [
    lambda: CPConv(3, 4, (3, 3), rank=5), lambda: SeparableDepthwise(4, (3, 3)),
])  # fmt: skip
def test_random_gives_unit_columns_and_follows_the_seed(make):
    layer = make()
    torch.manual_seed(7)
    one = dict(temporal_parameters(transduce(layer, init="random", kernel_size=5)))
    torch.manual_seed(7)
    two = dict(temporal_parameters(transduce(layer, init="random", kernel_size=5)))
    ((name, factor),) = one.items()
    torch.testing.assert_close(factor.norm(dim=0), torch.ones(factor.shape[1]))
    assert torch.equal(factor, two[name])
    assert factor.std(dim=1).min() > 0  # not one column for all components


@pytest.mark.parametrize("kind", KINDS)
def test_original_is_untouched_and_old_numbers_are_bit_identical(kind):
    static = network(kind)
    before = {name: value.clone() for name, value in static.state_dict().items()}
    moving = transduce(static)
    assert before.keys() == static.state_dict().keys()
    assert all(torch.equal(value, before[name]) for name, value in static.state_dict().items())
    new = {id(parameter) for _, parameter in temporal_parameters(moving)}
    lists = ("factors", "cores")
    kept = [p for n, p in moving.named_parameters() if any(x in n for x in lists) and id(p) not in new]
    originals = [p for n, p in static.named_parameters() if any(x in n for x in lists)]
    assert all(torch.equal(a, b) for a, b in zip(kept, originals, strict=True))
    shared = {id(p) for p in moving.parameters()} & {id(p) for p in static.parameters()}
    assert not shared
    # Of dense kernels the centre slice is the old one, of all else everything.
    for name, value in before.items():
        if not any(x in name for x in (*lists, ".norms.")):
            got = moving.state_dict()[name]
            assert torch.equal(got if got.shape == value.shape else got[:, :, got.shape[2] // 2], value), name


def test_exactly_the_new_factors_are_temporal():
    moving = transduce(network("cp"))
    found = dict(temporal_parameters(moving))
    assert {name: tuple(p.shape) for name, p in found.items()} == {
        "4.conv1.factors.2": (3, 7), "4.conv2.factors.2": (3, 7),
    }  # fmt: skip
    assert dict(temporal_parameters(network("cp"))) == {}
    assert [name for name, _ in temporal_parameters(transduce(CPConv(2, 2, (3,), rank=2)))] == ["factors.2"]


def test_twice_from_signals_over_images_to_clips():
    torch.manual_seed(0)
    layer = CPConv(3, 4, (3,), rank=5, padding=1, dtype=torch.float64)
    images, clips = transduce(layer), transduce(transduce(layer))
    assert [name for name, _ in temporal_parameters(clips)] == ["factors.2", "factors.3"]
    clip = double(2, 3, 4, 5, 6)
    torch.testing.assert_close(clips(clip), frame_by_frame(images, clip), **EXACT)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_dtype_training_mode_and_frozen_parameters_are_kept(dtype):
    static = network("cp").to(dtype)
    static[0].weight.requires_grad_(False)
    for mode in (True, False):
        moving = transduce(static.train(mode))
        assert {p.dtype for p in moving.parameters()} == {dtype}
        assert all(m.training is mode for m in moving.modules())
    assert not moving[0].weight.requires_grad and moving[0].weight.dtype == dtype
    meta = transduce(CPConv(3, 4, (3, 3), rank=5, device="meta"))
    assert {p.device.type for p in meta.parameters()} == {"meta"}


def test_shared_layers_stay_shared():
    conv = CPConv(3, 3, (3, 3), rank=4, padding=1)
    moving = transduce(nn.Sequential(conv, nn.ReLU(), conv))
    assert moving[0] is moving[2] and len(list(temporal_parameters(moving))) == 1


def test_state_dict_loads_into_a_clip_network_built_from_scratch():
    layer = transduce(CPConv(3, 4, (3, 3), rank=5, padding=1))
    other = CPConv(3, 4, (3, 3, 3), rank=5, padding=1)
    other.load_state_dict(layer.state_dict())
    clip = torch.randn(1, 3, 4, 5, 5)
    assert torch.equal(layer(clip), other(clip))


def test_own_modules_bring_their_own_rule():
    class Mean(nn.Module):
        def forward(self, x):
            return x.mean((-1, -2))

    net = nn.Sequential(CPConv(3, 4, (3, 3), rank=5), Mean())
    with pytest.raises(ValueError, match=r"no rule for 1 \(Mean\).*transduce_layer.register"):
        transduce(net)
    transduce_layer.register(Mean, lambda module, options: module)
    clip = torch.randn(2, 3, 4, 5, 5)
    torch.testing.assert_close(transduce(net)(clip), frame_by_frame(net, clip))


@pytest.mark.parametrize(("make", "text"), [
    (lambda: transduce(CPConv(2, 2, (3, 3), rank=2), kernel_size=4), "kernel_size of transduce is 4.*even"),
    (lambda: transduce(CPConv(2, 2, (3, 3), rank=2), kernel_size=0), "kernel_size of transduce is 0"),
    (lambda: transduce(CPConv(2, 2, (3, 3), rank=2), init="ones"), "init.*'ones'.*identity, average, random"),
    (lambda: transduce(nn.Sequential(nn.Conv2d(2, 2, 3), nn.ConvTranspose2d(2, 2, 3), nn.LSTM(2, 2))),
     r"1 \(ConvTranspose2d\), 2 \(LSTM\)"),
    (lambda: transduce(nn.Sequential(nn.Conv2d(2, 2, 3), nn.Conv1d(2, 2, 3))), r"orders \[1, 2\]"),
    (lambda: transduce(nn.ReLU()), "orders none"),
    (lambda: transduce(nn.Sequential(nn.Conv2d(2, 2, 3), nn.Flatten(0))), r"Flatten\(0, -1\)"),
])  # fmt: skip
def test_what_cannot_be_transduced_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_deepcopy_of_a_transduced_network_keeps_its_temporal_factors():
    moving = transduce(network("cp"))
    copy = deepcopy(moving)
    assert [n for n, _ in temporal_parameters(copy)] == [n for n, _ in temporal_parameters(moving)]
