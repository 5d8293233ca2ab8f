"""Exactness at the edges: types, autocast, tiny and empty sizes, wide dilation, second derivatives, skips."""

import copy
from functools import partial

import pytest
import torch
from conv_loops import Taps, loop_conv
from conv_oracles import EXACT, double

from hocp.conv import ConvNd, CPConv, Geometry, SeparableDepthwise, TTConv, TuckerConv


def dense(channels, out_channels, kernel, *, dtype=None, **options):
    """`ConvNd` with the arguments of the others."""
    return ConvNd(channels, out_channels, Geometry(kernel, **options), dtype=dtype)


def separable(channels, out_channels, kernel, **options):
    """`SeparableDepthwise` with the arguments of the others."""
    return SeparableDepthwise(channels, kernel, **options)


LAYERS = {
    **{
        f"cp {form}": partial(CPConv, rank=4, implementation=form)
        for form in ("chain", "merged", "views", "dense")
    },
    "cp block": partial(CPConv, rank=4, rank_activation="relu", skip="projection", bias=True),
    "cp groups": partial(CPConv, rank=4, groups=2, bias=True),
    "tucker chain": partial(TuckerConv, rank=3),
    "tucker dense": partial(TuckerConv, rank=3, implementation="dense"),
    "tucker skip": partial(TuckerConv, rank=3, skip="projection", groups=2),
    "train chain": partial(TTConv, rank=3),
    "train dense": partial(TTConv, rank=3, implementation="dense"),
    "dense": dense,
    "separable": separable,
}
ROUNDING = {torch.float16: 2**-10, torch.bfloat16: 2**-7, torch.float32: 2**-23}


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", list(ROUNDING))
@pytest.mark.parametrize("name", LAYERS)
def test_dtype_is_kept_and_results_are_near_those_in_float64(name, dtype, order):
    torch.manual_seed(0)
    layer = LAYERS[name](4, 6, (3,) * order, padding=1, dtype=dtype)
    x = torch.randn(2, 4, *(4,) * order, dtype=dtype, requires_grad=True)
    y = layer(x)
    assert y.dtype == dtype
    y.sum().backward()
    assert x.grad.dtype == dtype and all(p.grad.dtype == dtype for p in layer.parameters())
    exact = layer.double()(x.detach().double())
    assert exact.dtype == torch.float64
    assert (y.double() - exact).norm() < 8 * ROUNDING[dtype] * exact.norm()  # a few roundings a stage


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("name", LAYERS)
def test_autocast_computes_in_half_precision_and_keeps_gradients_in_full(name, order):
    torch.manual_seed(0)
    layer = LAYERS[name](4, 6, (3,) * order, padding=1)
    x = torch.randn(2, 4, *(4,) * order, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    y.sum().backward()
    assert x.grad.dtype == torch.float32 and all(p.grad.dtype == torch.float32 for p in layer.parameters())
    exact = layer(x)
    assert (y - exact).norm() < 8 * ROUNDING[torch.bfloat16] * exact.norm()


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("name", [name for name in LAYERS if name != "cp block"])
def test_second_derivatives_are_right(name, order):
    torch.manual_seed(0)
    layer = LAYERS[name](2, 2, (2, 1, 2, 1)[:order], dtype=torch.float64) if "skip" not in name else LAYERS[
        name](2, 2, (1, 3, 1, 1)[:order], padding=(0, 1, 0, 0)[:order], dtype=torch.float64)  # fmt: skip
    names = [key for key, _ in layer.named_parameters()]

    def output(x, *tensors):
        return torch.func.functional_call(layer, dict(zip(names, tensors, strict=True)), (x,))

    x = double(1, 2, *(3, 2, 2, 2)[:order]).requires_grad_()
    torch.autograd.gradgradcheck(output, (x, *layer.parameters()))


@pytest.mark.parametrize("name", LAYERS)
def test_a_window_as_large_as_the_padded_input_gives_one_number_a_channel(name):
    layer = LAYERS[name](2, 4, (3, 5), padding=(1, 0), dtype=torch.float64)
    x = double(3, 2, 1, 5)
    assert layer(x).shape[2:] == (1, 1)
    with pytest.raises(ValueError, match="spatial mode 1 of the input has size 4, 4 with padding"):
        layer(x[..., :4])


@pytest.mark.parametrize("name", LAYERS)
def test_an_empty_mode_is_refused_as_torch_refuses_it(name):
    layer = LAYERS[name](2, 4, (3, 1), padding=2)
    with pytest.raises(ValueError, match="spatial mode 1 of the input has size 0; expected at least 1"):
        layer(torch.zeros(2, 2, 5, 0))


@pytest.mark.parametrize("name", LAYERS)
def test_a_twin_made_under_autocast_is_as_exact_as_any(name):
    layer = LAYERS[name](2, 4, (3, 3))
    if not hasattr(layer, "to_dense") or layer.psi:
        return
    with torch.autocast("cpu", dtype=torch.bfloat16):
        kernel, twin = layer.to_kernel(), layer.to_dense()
    assert torch.equal(kernel, layer.to_kernel()) and torch.equal(twin.weight, kernel)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_taps_may_be_hundreds_of_positions_apart(name, mode):
    """'same' pads 300 positions a side; only three of them are ever looked at."""
    layer = LAYERS[name](2, 4, (3,), dilation=300, padding="same", padding_mode=mode, dtype=torch.float64)
    x = double(1, 2, 601)
    y = layer(x)
    assert y.shape == (1, 4 if name != "separable" else 2, 601)
    seen = [-300 % 601 if mode == "circular" else None, 0, 300]
    parts = [torch.zeros(2, dtype=torch.float64) if at is None else x[0, :, at] for at in seen]
    alone = LAYERS[name](2, 4, (3,), dtype=torch.float64)
    alone.load_state_dict(layer.state_dict())
    torch.testing.assert_close(alone(torch.stack(parts, -1)[None])[..., 0], y[..., 0], **EXACT)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("make", [
    lambda order: CPConv(1, 1, (2,) * order, rank=1, dtype=torch.float64),
    lambda order: TuckerConv(1, 1, (2,) * order, rank=1, separate_modes=order - 1, dtype=torch.float64),
    lambda order: TTConv(1, 1, (2,) * order, rank=1, dtype=torch.float64),
])  # fmt: skip
def test_one_channel_and_rank_one_up_to_order_six(make, order):
    torch.manual_seed(0)
    layer, x = make(order), double(1, 1, *(3,) * order)
    taps = Taps((1,) * order, ((0, 0),) * order, (1,) * order, ("zeros",) * order)
    expected = loop_conv(x, layer.to_kernel(), None, taps=taps)
    torch.testing.assert_close(layer(x), expected, **EXACT)
    torch.testing.assert_close(layer.to_dense()(x), expected, **EXACT)


@pytest.mark.parametrize(("options", "seen"), [
    ({}, [2, 3, 4]),  # no padding: the shortcut loses the rim that the convolution loses
    ({"padding": 1}, [1, 2, 3, 4, 5]),
    ({"padding": "same"}, [1, 2, 3, 4, 5]),
    ({"padding": 2}, [0, 1, 2, 3, 4, 5, 0]),  # more than half the kernel: zeros around
    ({"padding": 2, "padding_mode": "circular"}, [5, 1, 2, 3, 4, 5, 1]),
    ({"padding": 2, "padding_mode": "reflect"}, [2, 1, 2, 3, 4, 5, 4]),
    ({"padding": 2, "padding_mode": "replicate"}, [1, 1, 2, 3, 4, 5, 5]),
    ({"padding": 1, "stride": 2}, [1, 3, 5]),
    ({"stride": 2}, [2, 4]),
    ({"padding": 2, "dilation": 2}, [1, 2, 3, 4, 5]),
    ({"dilation": 2}, [3]),
    ({"padding": ((2, 0),)}, [0, 1, 2, 3, 4]),
    ({"padding": ((2, 0),), "skip_taps": (2,)}, [1, 2, 3, 4, 5]),  # causal: the present is the last tap
    ({"padding": ((0, 2),), "skip_taps": (0,), "stride": 2}, [1, 3, 5]),
])  # fmt: skip
@pytest.mark.parametrize("kind", [CPConv, TuckerConv, TTConv])
def test_the_shortcut_starts_where_the_kernel_stands(kind, options, seen):
    x = torch.tensor([[[1.0, 2, 3, 4, 5]]]).double()
    layer = kind(1, 1, (3,), rank=1, skip="identity", dtype=torch.float64, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    assert layer(x).tolist() == [[seen]]


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("form", ["auto", "chain", "merged", "views", "dense"])
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_gradients_in_bfloat16_of_clips_of_few_frames(form, frames, groups):
    """In channels last, torch's own gradient of a depthwise conv3d is wrong for some of them (2.13)."""
    torch.manual_seed(0)
    layer = CPConv(4, 8, (3, 3, 3), rank=6, padding=1, groups=groups, implementation=form).bfloat16()
    twin = copy.deepcopy(layer).double()
    twin.implementation = "dense"
    x = torch.randn(2, 4, frames, 6, 5).contiguous(memory_format=torch.channels_last_3d).bfloat16()
    direction = torch.randn(2, 8, frames, 6, 5).bfloat16()
    found, exact = (
        torch.autograd.grad(each(x.to(direction)), list(each.parameters()), direction)
        for each, direction in ((layer, direction), (twin, direction.double()))
    )
    for ours, theirs in zip(found, exact, strict=True):
        assert (ours - theirs).norm() < 8 * ROUNDING[torch.bfloat16] * theirs.norm()
