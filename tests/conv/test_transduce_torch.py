"""Torch's own layers in a transduced network: each looks at one frame at a time, whatever the order."""

import pytest
import torch
from conv_cases import examples
from conv_oracles import EXACT, double
from hypothesis import given, reject
from hypothesis import strategies as st
from torch import nn
from transduce_oracles import frame_by_frame, with_statistics

from hocp.conv import CPConv, PerFrame, TTConv, TuckerConv, transduce, transduce_layer
from hocp.conv.transduction.frames import ChannelDropout

CHANNELS = 4
SIZES = {1: (12,), 2: (8, 6), 3: (6, 4, 6)}
CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def each(order, *names):
    """Torch's classes of these names for one order."""
    return [getattr(nn, f"{name}{order}d") for name in names]


def maps(order):
    """Layers that take and return feature maps of this order."""
    norm, instance, most, mean, least, largest, fold, reflect, repeat, circle = each(
        order, "BatchNorm", "InstanceNorm", "MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool",
        "LPPool", "ReflectionPad", "ReplicationPad", "CircularPad",
    )  # fmt: skip
    zeros, constant = each(order, "ZeroPad", "ConstantPad")
    uneven = tuple(range(1, 2 * order + 1))
    layers = {
        "batch": norm(CHANNELS), "batch-plain": norm(CHANNELS, affine=False, eps=0.1, momentum=None),
        "group": nn.GroupNorm(2, CHANNELS), "instance": instance(CHANNELS),
        "instance-affine": instance(CHANNELS, affine=True),
        "instance-tracking": instance(CHANNELS, affine=True, track_running_stats=True),
        "response": nn.LocalResponseNorm(3), "shuffle": nn.ChannelShuffle(2),
        "layer-space": nn.LayerNorm(SIZES[order]), "layer-frame": nn.LayerNorm((CHANNELS, *SIZES[order])),
        "rms-frame": nn.RMSNorm((CHANNELS, *SIZES[order])), "softmax-width": nn.Softmax(-1),
        "softmax-mode": nn.LogSoftmax(-order), "softmax-channel": nn.Softmax(1), "gate": nn.GLU(1),
        "softmin": nn.Softmin(order + 1), "prelu": nn.PReLU(), "prelu-each": nn.PReLU(CHANNELS),
        "max": most(3, stride=2, padding=1, ceil_mode=True), "max-wide": most(2, stride=1, dilation=2),
        "mean": mean(3, stride=2, padding=1, count_include_pad=False, ceil_mode=True),
        "adaptive-mean": least(3), "adaptive-max": largest(2), "lp": fold(2, 2),
        "reflect": reflect(1), "reflect-uneven": reflect([min(n, 3) for n in uneven]),
        "replicate": repeat(uneven), "circular": circle(1), "zeros": zeros(2),
        "constant": constant(uneven, 1.5),
        "up": nn.Upsample(scale_factor=2), "up-size": nn.Upsample(size=SIZES[order][0]),
        "up-linear": nn.Upsample(
            scale_factor=1.5, mode={1: "linear", 2: "bilinear", 3: "trilinear"}[order], align_corners=False
        ),
        "dropout": nn.Dropout(), "dropout-channels": each(order, "Dropout")[0](),
        "alpha": nn.FeatureAlphaDropout(),
        "activations": nn.Sequential(nn.PReLU(CHANNELS), nn.Hardtanh(), nn.Mish(), nn.Softplus()),
        "linear": nn.Linear(SIZES[order][-1], 5), "nothing": nn.Sequential(),
        "depthwise": CONV[order](CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS),
    }  # fmt: skip
    if order > 1:
        layers["mean-divided"] = mean(2, divisor_override=3)
        layers["adaptive-mixed"] = least((2, None, 3)[:order])
    if order == 2:
        layers |= {
            "pixel": nn.PixelShuffle(2), "unpixel": nn.PixelUnshuffle(2),
            "nearest": nn.UpsamplingNearest2d(scale_factor=2),
            "softmax-channels": nn.Softmax2d(), "cross": nn.CrossMapLRN2d(3),
            "mean-anisotropic": nn.AvgPool2d((2, 1), stride=(1, 2), padding=(1, 0)),
        }  # fmt: skip
    return layers


CASES = [(order, name) for order in SIZES for name in maps(order)]


@pytest.mark.parametrize("modes", [1, 2])
@pytest.mark.parametrize(("order", "name"), CASES, ids=lambda value: str(value))
def test_layer_sees_one_frame_at_a_time(order, name, modes):
    """A convolution before it tells the order."""
    torch.manual_seed(0)
    static = with_statistics(nn.Sequential(CONV[order](2, CHANNELS, 1), maps(order)[name]))
    clip = double(2, 2, *(3, 2)[:modes], *SIZES[order])
    expected = frame_by_frame(static, clip, modes=modes)
    assert expected.flatten(3).std(dim=2).max() > 1e-3  # frames differ
    torch.testing.assert_close(transduce(static, kernel_size=(3,) * modes)(clip), expected, **EXACT)


@examples(60)
@given(st.data())
def test_random_networks(data):
    """Layers in any sequence that the static network can run."""
    order, modes = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    torch.manual_seed(data.draw(st.integers(0, 999)))
    kinds = {
        "dense": CONV[order](2, CHANNELS, 3, padding=1),
        "cp": CPConv(2, CHANNELS, (3,) * order, rank=3, padding=1),
        "tucker": TuckerConv(2, CHANNELS, (3,) * order, rank=2, stride=2, padding=1),
        "train": TTConv(2, CHANNELS, (2,) * order, rank=2, groups=2, padding="same"),
    }  # fmt: skip
    known = maps(order)
    names = data.draw(st.lists(st.sampled_from(sorted(known)), min_size=2, max_size=5))
    layers = [known[name] for name in names]  # one name twice is one layer used twice
    static = with_statistics(nn.Sequential(kinds[data.draw(st.sampled_from(sorted(kinds)))], *layers))
    clip = double(2, 2, *(3, 2)[:modes], *SIZES[order])
    try:
        expected = frame_by_frame(static, clip, modes=modes)
    except (RuntimeError, ValueError, AssertionError):
        reject()  # sizes that do not fit
    taps = data.draw(st.sampled_from([(3, 3), (2, 3), (1, 5)]))[:modes]
    moving = transduce(static, kernel_size=taps, centre=tuple(data.draw(st.integers(0, k - 1)) for k in taps))
    torch.testing.assert_close(moving(clip), expected, **EXACT)


@pytest.mark.parametrize("modes", [1, 2])
@pytest.mark.parametrize("order", SIZES)
def test_heads(order, modes):
    """Flatten, then everything that stands between linear layers."""
    torch.manual_seed(0)
    features = {1: 4 * 3, 2: 4 * 9, 3: 4 * 27}[order]
    norm = [nn.BatchNorm1d(8)] if order > 1 else []  # of order 1 it is a norm of maps
    static = nn.Sequential(
        CONV[order](2, CHANNELS, 3, padding=1), each(order, "AdaptiveAvgPool")[0](3), nn.Flatten(),
        nn.Linear(features, 8), *norm, nn.PReLU(8), nn.GroupNorm(2, 8), nn.Dropout(), nn.LayerNorm(8),
        nn.Linear(8, 10), nn.GLU(1), nn.Softmax(1), nn.Softmax(-1),
    )  # fmt: skip
    static = with_statistics(static)
    clip = double(2, 2, *(4, 3)[:modes], *SIZES[order])
    moving = transduce(static, kernel_size=(3,) * modes)
    torch.testing.assert_close(moving(clip), frame_by_frame(static, clip, modes=modes, dim=1), **EXACT)
    assert moving(clip).shape == (2, *(4, 3)[:modes], 5)


@pytest.mark.parametrize("modes", [1, 2])
def test_features_back_to_maps(modes):
    torch.manual_seed(0)
    static = nn.Sequential(
        nn.Conv2d(2, 3, 1), nn.Flatten(), nn.Linear(3 * 8 * 6, 4 * 3 * 5), nn.Unflatten(1, (4, 3, 5)),
        nn.Upsample(scale_factor=2), nn.Conv2d(4, 2, 3),
    ).double()  # fmt: skip
    clip = double(2, 2, *(4, 3)[:modes], *SIZES[2])
    moving = transduce(static, kernel_size=(3,) * modes)
    torch.testing.assert_close(moving(clip), frame_by_frame(static, clip, modes=modes), **EXACT)


class Unpooled(nn.Module):
    """Pooling whose indices are used to undo it."""

    def __init__(self, order):
        super().__init__()
        self.conv = CONV[order](2, CHANNELS, 1)
        self.pool = each(order, "MaxPool")[0](2, return_indices=True)
        self.unpool = each(order, "MaxUnpool")[0](2)
        self.adaptive = each(order, "AdaptiveMaxPool")[0](2, return_indices=True)


@pytest.mark.parametrize("order", SIZES)
def test_pooling_with_indices_counts_within_the_frame(order):
    static = Unpooled(order).double()
    clip = double(2, 2, 3, *SIZES[order])
    moving = transduce(static)
    assert isinstance(moving.pool, PerFrame) and isinstance(moving.adaptive, PerFrame)
    pooled = frame_by_frame(lambda x: static.pool(static.conv(x))[1], clip)
    assert torch.equal(moving.pool(moving.conv(clip))[1], pooled)
    restored = frame_by_frame(lambda x: static.unpool(*static.pool(static.conv(x))), clip)
    torch.testing.assert_close(moving.unpool(*moving.pool(moving.conv(clip))), restored, **EXACT)
    assert torch.equal(moving.adaptive(clip)[1], frame_by_frame(lambda x: static.adaptive(x)[1], clip))


@pytest.mark.parametrize("order", [2, 3])
def test_fractional_pooling_draws_as_before(order):
    """The regions are random, so only what does not depend on them is compared."""
    static = nn.Sequential(CONV[order](2, 2, 1), each(order, "FractionalMaxPool")[0](2, output_size=2))
    clip = double(2, 2, 5, *SIZES[order]).float()
    clip[:, :, 2] = 7  # one frame without differences
    y = transduce(static)(clip)
    assert y.shape == (2, 2, 5, *(2,) * order)
    constant = y[:, :, 2].flatten(2)
    assert torch.equal(constant, constant[..., :1].expand_as(constant))


def test_padded_average_of_frames_smaller_than_its_window():
    """Torch's average of order 3 refuses these, whatever the padding; that of order 2 does not."""
    static = nn.Sequential(nn.Conv2d(2, 2, 1), nn.AvgPool2d(3, padding=1, stride=1)).double()
    clip = double(2, 2, 3, 2, 2)
    torch.testing.assert_close(transduce(static)(clip), frame_by_frame(static, clip), **EXACT)


def test_flatten_is_known_by_either_count():
    static = nn.Sequential(nn.Conv2d(2, 2, 1), nn.Flatten(-3, 3)).double()
    clip = double(2, 2, 3, *SIZES[2])
    torch.testing.assert_close(transduce(static)(clip), frame_by_frame(static, clip, dim=1), **EXACT)


def test_unbatched_maps():
    static = nn.Sequential(
        nn.Conv2d(2, CHANNELS, 3), nn.ReflectionPad2d(1), nn.InstanceNorm2d(4), nn.MaxPool2d(2)
    )
    static = static.double()
    clip = double(2, 3, *SIZES[2])
    torch.testing.assert_close(transduce(static)(clip), frame_by_frame(static, clip, at=1), **EXACT)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_channel_dropout_drops_a_channel_over_the_whole_clip(order):
    torch.manual_seed(0)
    dropout = transduce(nn.Sequential(CONV[order](2, 2, 1), each(order, "Dropout")[0](0.5)))[1]
    y = dropout(torch.ones(20, 30, 2, *(2,) * order))
    ones = y.flatten(2)
    assert torch.equal(ones, ones[..., :1].expand_as(ones))  # all or nothing
    assert set(ones.unique().tolist()) == {0.0, 2.0} and 0.4 < (ones == 0).float().mean() < 0.6
    assert torch.equal(dropout.eval()(y), y)
    assert isinstance(dropout, ChannelDropout) is (order == 3)


def test_norms_that_go_on_learning_their_statistics():
    """In training, too, a tracking instance norm sees a frame at a time; the batch norm keeps its buffers."""
    static = nn.Sequential(
        nn.Conv2d(2, 4, 1), nn.InstanceNorm2d(4, track_running_stats=True, momentum=1.0)
    ).double()
    clip = double(2, 2, 3, *SIZES[2])
    moving = transduce(static)
    y = moving(clip)
    torch.testing.assert_close(
        y, frame_by_frame(nn.Sequential(static[0], nn.InstanceNorm2d(4)), clip), **EXACT
    )
    means = static[0](clip.movedim(2, 1).flatten(0, 1)).mean((0, 2, 3))
    torch.testing.assert_close(moving[1].module.running_mean, means, **EXACT)


def test_own_layer_with_per_frame():
    class Standardised(nn.Module):
        def forward(self, x):
            return (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True)

    transduce_layer.register(Standardised, lambda layer, options: PerFrame(layer, options.order))
    static = nn.Sequential(nn.Conv2d(2, 4, 1), Standardised()).double()
    clip = double(2, 2, 3, 2, *SIZES[2])
    moving = transduce(static, kernel_size=(3, 3))
    torch.testing.assert_close(moving(clip), frame_by_frame(static, clip, modes=2), **EXACT)
    assert repr(moving[1]).startswith("PerFrame(\n  frame_order=2, modes=2")


def test_per_frame_refuses_other_shapes():
    with pytest.raises(
        ValueError, match=r"PerFrame around GroupNorm.*\(2, 4, 3, 3, 3, 3\).*5 modes.*3 for feat"
    ):
        PerFrame(nn.GroupNorm(2, 4), 2)(torch.zeros(2, 4, 3, 3, 3, 3))
