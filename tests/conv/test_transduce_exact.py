"""With the identity, every frame of a transduced layer equals what the old one gives, for all options."""

import pytest
import torch
from conv_builds import build, implementations
from conv_cases import cases, examples
from conv_oracles import EXACT, double
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transduce_oracles import frame_by_frame, with_statistics

from hocp.conv import CPConv, TTConv, TuckerConv, temporal_parameters, transduce
from hocp.conv.transduction.transduce import layer_order

FACTORIZED = ("cp", "cp without weights", "tucker", "train")


@st.composite
def new_modes(draw, order):
    """Taps, centres and lengths of one or two new modes."""
    count = draw(st.integers(1, 2))
    taps = tuple(draw(st.integers(1, 5 if order < 3 else 3)) for _ in range(count))
    centres = tuple(draw(st.integers(0, size - 1)) if size % 2 == 0 or draw(st.booleans()) else None
                    for size in taps)  # fmt: skip
    return taps, centres, tuple(draw(st.integers(1, 4 if order < 3 else 2)) for _ in range(count))


def random_clip(case, lengths):
    """Frames of the case's size, with or without the batch mode."""
    batch = () if case.layout == "unbatched" else (case.batch,)
    return double(*batch, case.channels[0], *lengths, *case.size), len(batch) + 1


@examples(200)
@given(st.data())
def test_every_frame_of_any_layer(data):
    """All classes, orders 1 to 3 up by one or two, groups, padding, stride, dilation, skip, bias, forms."""
    case = data.draw(cases(orders=(1, 2, 3)))
    layer = build(case)
    taps, centres, lengths = data.draw(new_modes(case.order))
    clip, at = random_clip(case, lengths)
    expected = frame_by_frame(layer, clip, modes=len(taps), at=at)
    new = transduce(layer, kernel_size=taps, centre=centres)
    assert layer_order(new) == case.order + len(taps)
    for form in implementations(new, clip):
        if form is not None:
            new.implementation = form
        torch.testing.assert_close(new(clip), expected, **EXACT)


@examples(80)
@given(st.data())
def test_every_frame_of_layers_with_a_norm_and_activation_in_rank_space(data):
    """Zeros outside the clip are padded behind psi, so they stay zeros."""
    case = data.draw(cases(kinds=FACTORIZED, orders=(1, 2, 3)))
    psi = data.draw(st.sampled_from([(None, "relu"), ("batch", None), ("batch", "relu")]))
    layer = with_statistics(build(case, rank_norm=psi[0], rank_activation=psi[1]))
    taps, centres, lengths = data.draw(new_modes(case.order))
    clip, at = random_clip(case, lengths)
    new = transduce(layer, kernel_size=taps, centre=centres)
    expected = frame_by_frame(layer, clip, modes=len(taps), at=at)
    for form in implementations(new, clip):
        new.implementation = form
        torch.testing.assert_close(new(clip), expected, **EXACT)


@examples(60)
@given(st.data())
def test_every_frame_of_separable_layers_with_a_norm_behind_each_mode(data):
    """A causal mode pads one side only, which must not bring the zeros of space before the norms."""
    case = data.draw(cases(kinds=("separable",), orders=(1, 2, 3)))
    layer = with_statistics(build(case, norm="batch"))
    taps, centres, lengths = data.draw(new_modes(case.order))
    clip, at = random_clip(case, lengths)
    expected = frame_by_frame(layer, clip, modes=len(taps), at=at)
    torch.testing.assert_close(transduce(layer, kernel_size=taps, centre=centres)(clip), expected, **EXACT)


@examples(80)
@given(st.data())
def test_transduced_layers_say_what_they_are(data):
    """Dense twin and a layer built from the options agree with them; old tensors keep every bit."""
    case = data.draw(cases(kinds=FACTORIZED, orders=(1, 2, 3)))
    layer = build(case)
    old = {name: value.clone() for name, value in layer.named_parameters()}
    taps, centres, lengths = data.draw(new_modes(case.order))
    init = data.draw(st.sampled_from(["identity", "average", "random"]))
    new = transduce(layer, kernel_size=taps, centre=centres, init=init)
    clip, _ = random_clip(case, lengths)
    torch.testing.assert_close(new.to_dense()(clip), new(clip), **EXACT)
    rebuilt = type(new)(**new.options(), dtype=torch.float64)
    rebuilt.load_state_dict(new.state_dict())
    assert torch.equal(rebuilt(clip), new(clip))
    added = {id(parameter) for _, parameter in temporal_parameters(new)}
    kept = [parameter for parameter in new.parameters() if id(parameter) not in added]
    assert len(added) == len(taps) == len(new.temporal_modes)
    assert all(torch.equal(a, b) for a, b in zip(kept, old.values(), strict=True))
    assert all(torch.equal(value, old[name]) for name, value in layer.named_parameters())


@pytest.mark.parametrize("init", ["identity", "average", "random"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("make", [
    lambda: CPConv(4, 6, (3, 3), rank=5, padding=1, bias=True),
    lambda: TuckerConv(4, 6, (3, 3), rank=3, padding=1, skip="projection"),
    lambda: TTConv(4, 6, (3, 3), rank=3, padding=1, rank_norm="batch"),
    lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2),
])  # fmt: skip
def test_dtype_is_kept_on_real_and_meta_devices(make, dtype, init):
    static = make().to(dtype)
    moving = transduce(static, init=init)
    floating = [t for t in moving.state_dict().values() if t.is_floating_point()]
    assert {t.dtype for t in floating} == {dtype} and all(t.isfinite().all() for t in floating)
    meta = transduce(static.to("meta"), init=init)
    assert {p.device.type for p in meta.parameters()} == {"meta"}
    assert {n: p.shape for n, p in meta.named_parameters()} == {
        n: p.shape for n, p in moving.named_parameters()
    }


@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d, nn.Conv3d])
@pytest.mark.parametrize("options", [
    {}, {"groups": 4, "bias": False}, {"groups": 2, "stride": 2, "padding": 1},
    {"dilation": 2, "padding": "same"}, {"padding": 1, "padding_mode": "circular"},
    {"padding": 2, "padding_mode": "reflect", "groups": 4},
])  # fmt: skip
@pytest.mark.parametrize("modes", [1, 2])
def test_torchs_own_convolutions(kind, options, modes):
    order = (nn.Conv1d, nn.Conv2d, nn.Conv3d).index(kind) + 1
    static = kind(4, 8, 3, **options).double()
    clip = double(2, 4, *(3, 2)[:modes], *(6, 5, 5)[:order])
    moving = transduce(static, kernel_size=(3, 5)[:modes])
    assert tuple(moving.weight.shape[2:]) == (*(3, 5)[:modes], *(3,) * order)
    torch.testing.assert_close(moving(clip), frame_by_frame(static, clip, modes=modes), **EXACT)


def test_infinite_numbers_stay_where_they_are():
    static = nn.Conv2d(1, 1, 1, bias=False)
    static.weight.data.fill_(float("inf"))
    wide = nn.Conv2d(1, 1, 3, bias=False)
    wide.weight.data.fill_(float("inf"))
    assert transduce(static).weight.isinf().all()
    assert transduce(wide).weight[0, 0].isinf().flatten(1).all(1).tolist() == [False, True, False]
