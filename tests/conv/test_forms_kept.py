"""A kernel kept in eval mode: whatever changes a factor, the output is that of the factors as they are."""

import copy
import pickle
from functools import partial

import pytest
import torch
from conv_oracles import EXACT, differentiable_kernel, double, torch_conv
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hocp.conv import CPConv


def make(**options) -> CPConv:
    torch.manual_seed(0)
    options = {"rank": 5, "padding": 1, "implementation": "dense", "dtype": torch.float64} | options
    return CPConv(4, 6, (3, 3), **options).eval()


def rebuilt(layer, x):
    """The output by a kernel from the factors as they are."""
    with torch.no_grad():
        factors = [factor.to(torch.float64) for factor in layer.factors]
        kernel = differentiable_kernel(layer.weights.to(torch.float64), factors)
        return torch_conv(x.to(torch.float64), kernel, bias=layer.bias, options={"padding": 1})


def kernel_of(layer):
    """The kernel kept."""
    return None if layer._kept_kernel._held is None else layer._kept_kernel._held[1]


def numpy_write(layer):
    layer.factors[1].detach().numpy()[0] += 1


def optimizer_step(layer):
    with torch.enable_grad():
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
        layer(double(1, 4, 5, 5)).square().sum().backward()
        optimizer.step()


def train_and_back(layer):
    layer.train()
    optimizer_step(layer)
    layer.eval()


def replaced(layer):
    layer.factors[0] = nn.Parameter(double(6, 5))


def swapped_columns(layer):
    layer.factors[1].copy_(layer.factors[1].flip(1))


CHANGES = {
    "in place": lambda layer: layer.factors[2].mul_(2),
    "weights in place": lambda layer: layer.weights.neg_(),
    "one number": lambda layer: layer.factors[3][1, 2].add_(1),
    "through data": lambda layer: layer.factors[0].data.mul_(3),
    "data replaced": lambda layer: setattr(layer.factors[0], "data", double(6, 5)),
    "numpy": numpy_write,
    "swapped": swapped_columns,
    "load_state_dict": lambda layer: layer.load_state_dict(make().state_dict()),
    "assigned state": lambda layer: layer.load_state_dict(make().state_dict(), assign=True),
    "reset": lambda layer: layer.reset_parameters(),
    "optimizer": optimizer_step,
    "training": train_and_back,
    "replaced": replaced,
    "replaced weights": lambda layer: setattr(layer, "weights", nn.Parameter(double(5))),
    "there and back": lambda layer: layer.float().double(),
    "half the precision": lambda layer: layer.float(),
}


@settings(max_examples=60, deadline=None)
@given(changes=st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=4))
@torch.no_grad()
def test_after_any_change_the_output_is_that_of_the_factors_as_they_are(changes):
    layer, x = make(), double(2, 4, 5, 5)
    for name in changes:
        layer(x.to(layer.weights.dtype))
        CHANGES[name](layer)
        own = x.to(layer.weights.dtype)
        tolerance = EXACT if own.dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-5}
        torch.testing.assert_close(layer(own).to(torch.float64), rebuilt(layer, own), **tolerance)


@torch.no_grad()
def test_an_unchanged_layer_keeps_its_kernel_and_rebuilds_it_after_a_change():
    layer, x = make(), double(2, 4, 5, 5)
    layer(x)
    first = kernel_of(layer)
    layer(x)
    assert kernel_of(layer) is first and first.is_contiguous(memory_format=torch.channels_last)
    layer.weights.mul_(2)
    layer(x)
    assert kernel_of(layer) is not first


def test_the_kernel_is_rebuilt_only_where_it_may_have_changed():
    layer, x = make(), double(2, 4, 5, 5)
    layer(x)
    assert kernel_of(layer) is None  # gradients are wanted
    layer.requires_grad_(False)
    y = layer(x)
    assert kernel_of(layer) is not None  # nothing asks for gradients
    torch.testing.assert_close(y, layer(x.requires_grad_()), **EXACT)
    assert layer(x).requires_grad
    layer.train()
    assert kernel_of(layer) is None
    layer(x.detach())
    assert kernel_of(layer) is None


@pytest.mark.parametrize("form", ["chain", "merged", "views"])
@torch.no_grad()
def test_no_other_form_keeps_a_kernel(form):
    layer = make(implementation=form)
    layer(double(2, 4, 5, 5))
    assert kernel_of(layer) is None


@torch.no_grad()
def test_copies_start_without_a_kernel_and_are_not_tied_to_the_original():
    layer, x = make(), double(2, 4, 5, 5)
    y = layer(x)
    assert len(layer.state_dict()) == 5
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert kernel_of(other) is None
        other.factors[0].mul_(2)
        torch.testing.assert_close(other(x), 2 * y, **EXACT)
        torch.testing.assert_close(layer(x), y, **EXACT)


@torch.no_grad()
def test_function_transforms_and_tracers_pass_it_by():
    layer, x = make(), double(3, 4, 5, 5)
    y = layer(x)
    twice = {name: 2 * value for name, value in layer.state_dict().items() if name == "weights"}
    torch.testing.assert_close(torch.func.functional_call(layer, twice, (x,)), 2 * y, **EXACT)
    torch.testing.assert_close(torch.vmap(lambda one: layer(one[None])[0])(x), y, **EXACT)
    for run in (torch.export.export(layer, (x,)).module(), torch.jit.trace(layer, x)):
        torch.testing.assert_close(run(x), y, **EXACT)
    layer.weights.mul_(3)
    torch.testing.assert_close(torch.compile(layer, backend="eager", fullgraph=True)(x), 3 * y, **EXACT)
    torch.testing.assert_close(layer(x), 3 * y, **EXACT)


def test_inference_mode_and_plain_calls_do_not_disturb_each_other():
    layer, x = make(), double(2, 4, 5, 5)
    with torch.inference_mode():
        y = layer(x).clone()
        inside = make()
        inside(x)
    x.requires_grad_()
    torch.testing.assert_close(layer(x), y, **EXACT)
    layer(x).sum().backward()
    assert x.grad is not None


@torch.no_grad()
def test_fixed_weights_are_watched_too():
    layer, x = make(learn_weights=False), double(2, 4, 5, 5)
    y = layer(x)
    layer.weights.mul_(2)
    torch.testing.assert_close(layer(x), 2 * y, **EXACT)


@torch.no_grad()
def test_a_bias_and_a_skip_are_added_to_the_kept_convolution():
    layer, x = make(bias=True, skip="projection"), double(2, 4, 5, 5)
    layer.bias.normal_()
    layer(x)
    torch.testing.assert_close(layer(x), layer.to_dense()(x), **EXACT)


def test_autocast_leaves_no_rounded_kernel_behind():
    layer, x = make(dtype=torch.float32), torch.randn(2, 4, 5, 5)
    with torch.no_grad():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert layer(x).dtype == torch.bfloat16
        exact = partial(torch.testing.assert_close, rtol=1e-5, atol=1e-5)
        exact(layer(x), layer.to_dense()(x))
