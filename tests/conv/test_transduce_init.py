"""First numbers of the new modes: mean over the window, random ones that keep the variance, causal ones."""

import pytest
import torch
from conv_oracles import EXACT, double
from torch import nn
from transduce_oracles import frame_by_frame

from hocp.conv import CPConv, SeparableDepthwise, TTConv, TuckerConv, temporal_parameters, transduce

LAYERS = {
    "cp": lambda **more: CPConv(3, 4, (3, 3), rank=5, padding=1, dtype=torch.float64, **more),
    "tucker": lambda **more: TuckerConv(3, 4, (3, 3), rank=(3, 2), padding=1, dtype=torch.float64, **more),
    "train": lambda **more: TTConv(3, 4, (3, 3), rank=3, padding=1, dtype=torch.float64, **more),
    "dense": lambda: nn.Conv2d(3, 4, 3, padding=1, bias=False).double(),
    "separable": lambda: SeparableDepthwise(3, (3, 3), padding=1, dtype=torch.float64),
}


def window_sum(frames, coefficients, *, tap):
    """sum_k coefficients[k] frame[t + k - tap], zeros outside the clip."""
    total, length = torch.zeros_like(frames), frames.shape[2]
    for k, coefficient in enumerate(coefficients):
        for t in range(length):
            if 0 <= t + k - tap < length:
                total[:, :, t] += coefficient * frames[:, :, t + k - tap]
    return total


@pytest.mark.parametrize(
    ("taps", "centre"), [(3, None), (5, None), (2, 1), (4, 3), (3, 2), (4, 0), (1, None)]
)
@pytest.mark.parametrize("kind", LAYERS)
def test_average_is_the_mean_over_the_window_with_zeros_outside_the_clip(kind, taps, centre):
    torch.manual_seed(0)
    layer, clip = LAYERS[kind](), double(2, 3, 6, 5, 5)
    tap = taps // 2 if centre is None else centre
    expected = window_sum(frame_by_frame(layer, clip), [1 / taps] * taps, tap=tap)
    moving = transduce(layer, kernel_size=taps, centre=centre, init="average")
    torch.testing.assert_close(moving(clip), expected, **EXACT)


@pytest.mark.parametrize("skip", ["identity", "projection"])
@pytest.mark.parametrize(("taps", "centre"), [(3, None), (3, 2), (2, 1)])
@pytest.mark.parametrize("kind", ["cp", "tucker", "train"])
def test_average_of_a_block_leaves_its_skip_on_the_present_frame(kind, taps, centre, skip):
    layer = LAYERS[kind](skip=skip) if skip == "projection" else None
    if layer is None:
        cls = {"cp": CPConv, "tucker": TuckerConv, "train": TTConv}[kind]
        layer = cls(4, 4, (3, 3), rank=3, padding=1, skip=skip, dtype=torch.float64)
    bare = type(layer)(**layer.options() | {"skip": None}, dtype=torch.float64)
    bare.load_state_dict(layer.state_dict(), strict=False)
    clip = double(2, layer.in_channels, 5, 6, 6)
    block = frame_by_frame(bare, clip)
    shortcut = frame_by_frame(layer, clip) - block
    tap = taps // 2 if centre is None else centre
    expected = shortcut + window_sum(block, [1 / taps] * taps, tap=tap)
    moving = transduce(layer, kernel_size=taps, centre=centre, init="average")
    torch.testing.assert_close(moving(clip), expected, **EXACT)
    torch.testing.assert_close(moving.to_dense()(clip), expected, **EXACT)


@pytest.mark.parametrize("init", ["identity", "average", "random"])
@pytest.mark.parametrize("kind", LAYERS)
def test_causal_layers_see_no_later_frame(kind, init):
    moving = transduce(LAYERS[kind](), kernel_size=4, centre=3, init=init)
    clip = double(1, 3, 6, 5, 5)
    changed = clip.clone()
    changed[:, :, 4:] += 1
    assert torch.equal(moving(clip)[:, :, :4], moving(changed)[:, :, :4])
    assert not torch.equal(moving(clip)[:, :, 4:], moving(changed)[:, :, 4:])


def test_one_value_for_each_new_mode():
    layer = LAYERS["cp"]()
    moving = transduce(layer, kernel_size=(2, 3), init=("average", "identity"), centre=(1, None))
    outer, inner = moving.factors[2], moving.factors[3]
    assert (outer == 1 / 2).all() and outer.shape == (2, 5)
    assert torch.equal(inner, torch.tensor([[0.0], [1.0], [0.0]]).double().expand(3, 5))
    assert moving.geometry.padding == ((1, 0), (1, 1), (1, 1), (1, 1))
    assert [name for name, _ in moving.new_parameters()] == ["factors.2", "factors.3"]
    both = transduce(transduce(layer), kernel_size=2, init="average", centre=1)
    assert all(torch.equal(a, b) for a, b in zip(moving.factors, both.factors, strict=True))


@pytest.mark.parametrize("taps", [1, 3, 5])
@pytest.mark.parametrize("kind", LAYERS)
def test_random_columns_have_unit_length_and_follow_the_seed(kind, taps):
    def draw():
        torch.manual_seed(7)
        moving = transduce(LAYERS[kind](), init="random", kernel_size=taps)
        return next((p for _, p in temporal_parameters(moving)), getattr(moving, "weight", None))

    new = draw()
    assert torch.equal(new, draw())
    if kind == "train":  # (r0, K, r0): orthonormal
        matrix = new.flatten(0, 1)
        torch.testing.assert_close(matrix.t() @ matrix, torch.eye(3).double(), **EXACT)
    elif kind != "dense":
        torch.testing.assert_close(new.norm(dim=0), torch.ones(new.shape[1]).double(), **EXACT)
        assert taps == 1 or new.std(dim=1).min() > 0  # not one column for all components


WIDE = {
    "cp": lambda: CPConv(64, 64, (3, 3), rank=192, padding=1),
    "tucker": lambda: TuckerConv(64, 64, (3, 3), rank=64, padding=1),
    "train": lambda: TTConv(64, 64, (3, 3), rank=64, padding=1),
    "dense": lambda: nn.Conv2d(64, 64, 3, padding=1, bias=False),
    "separable": lambda: SeparableDepthwise(64, (3, 3), padding=1),
}


@pytest.mark.parametrize("taps", [3, 5])
@pytest.mark.parametrize("kind", WIDE)
def test_random_keeps_the_second_moment_of_independent_frames(kind, taps):
    """Inside the clip; at its ends the zeros outside take away their share."""
    torch.manual_seed(0)
    layer, clip = WIDE[kind](), torch.randn(4, 64, 12, 6, 6)
    with torch.no_grad():
        before = frame_by_frame(layer, clip).square().mean()
        gains = [
            transduce(layer, init="random", kernel_size=taps)(clip)[:, :, taps // 2 : -(taps // 2)]
            .square()
            .mean()
            / before
            for _ in range(5)
        ]
    assert 0.9 < torch.stack(gains).mean() < 1.1
    assert all(0.8 < gain < 1.25 for gain in gains)
