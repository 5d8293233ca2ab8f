"""Calls like earlier ones take a shorter way: the same numbers, whatever has changed in between."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn.utils import parametrize

from hocp.conv import CPConv, cp_conv
from hocp.conv.choice.choose import reconsider
from hocp.conv.kernels import build
from hocp.conv.prepared import MOST

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
FORMS = ["auto", "chain", "views", "dense"] + ["fused"] * (build.unavailable() is None)
compiled = pytest.mark.skipif(build.unavailable() is not None, reason=str(build.unavailable()))


def make(**options):
    torch.manual_seed(0)
    return CPConv(4, 6, (3, 3), **({"rank": 5, "padding": 1, "dtype": torch.float64} | options))


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def expected(layer, x):
    """By the definition, from the factors as they are."""
    factors = [layer.weights, *layer.factors]
    y = torch.einsum("r,tr,sr,ir,jr->tsij", *factors)
    return nn.functional.conv2d(x, y, layer.bias, padding=1)


def check(layer, x):
    torch.testing.assert_close(layer(x), expected(layer, x), **CLOSE)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("options", [{}, {"recompute": True}, {"learn_weights": False}, {"bias": True}])
def test_the_second_call_of_a_kind_equals_the_first_with_all_gradients(form, training, last, options):
    layer, x = make(implementation=form, **options).train(training), numbers(2, 4, 6, 7)
    x = (x.contiguous(memory_format=torch.channels_last) if last else x).requires_grad_()
    for _ in range(3):
        y, twin = layer(x), expected(layer, x)
        assert y.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
        torch.testing.assert_close(y, twin, **CLOSE)
        grad, tensors = numbers(*y.shape), [x, *layer.parameters()]
        found = torch.autograd.grad(y, tensors, grad)
        torch.testing.assert_close(found, torch.autograd.grad(twin, tensors, grad), **CLOSE)
    (kept,) = layer._prepared.values()
    assert (kept is None) == (form == "dense" and not training) or form == "auto"
    with torch.no_grad():
        check(layer, x)
        check(layer, x)


def written(layer):
    layer.factors[1].data.add_(1)


def replaced(layer):
    layer.factors[0] = nn.Parameter(numbers(6, 5))


def of_another_rank(layer):
    layer.weights = nn.Parameter(numbers(3))
    for factor in layer.factors:
        factor.data = factor.data[:, :3].contiguous()


def strided(layer):
    for factor in layer.factors:
        factor.data = numbers(5, factor.shape[0]).t()


def frozen(layer):
    layer.requires_grad_(False)


def with_bias(layer):
    layer.bias = nn.Parameter(numbers(6))


def normed(layer):
    parametrize.register_parametrization(layer, "weights", nn.Softplus())


def normed_factor(layer):
    parametrize.register_parametrization(layer.factors, "2", nn.Tanh())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "change", [written, replaced, of_another_rank, strided, frozen, with_bias, normed, normed_factor]
)
def test_what_changes_a_layer_is_seen(form, change):
    layer, x = make(implementation=form), numbers(1, 4, 5, 5)
    check(layer, x)
    change(layer)
    check(layer, x)
    check(layer, x)


@pytest.mark.parametrize("form", FORMS)
def test_other_inputs_and_settings_are_seen(form):
    layer, x = make(implementation=form), numbers(2, 4, 6, 6)
    check(layer, x)
    for other in (x[:1], x[:, :, ::2], x[:, :, :, :1], x[0], x.transpose(2, 3), x[:0]):
        check(layer, other)
        check(layer, other)
    layer.implementation = "chain"
    check(layer, x)
    with torch.no_grad():
        assert not layer(x).requires_grad
    assert layer(x).requires_grad
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = layer.float()(x.float())
    assert low.dtype == torch.bfloat16
    for wrong in (x[:, :3].float(), x.float()[..., 0, 0], x):  # and is refused however often it is tried
        for _ in range(2):
            with pytest.raises(ValueError, match="CPConv got an input"):
                layer(wrong)


@pytest.mark.parametrize("form", ["auto", "chain", "views", "dense"])
def test_under_autocast_later_calls_equal_the_first_and_outside_are_others(form):
    layer, x = make(implementation=form, dtype=torch.float32), numbers(2, 4, 6, 7).float()
    tensors = list(layer.parameters())
    outcomes = {}
    for dtype in (torch.bfloat16, torch.float16, torch.bfloat16, None, torch.bfloat16, None):
        with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            y = layer(x)
        assert y.dtype == (dtype or torch.float32)
        found = [y, *torch.autograd.grad(y.sum(), tensors)]
        assert all(gradient.dtype == torch.float32 for gradient in found[1:])
        assert all(map(torch.equal, found, outcomes.setdefault(dtype, found)))
    assert len(layer._prepared) == 3
    torch.testing.assert_close(outcomes[torch.bfloat16][0].float(), outcomes[None][0], rtol=0.05, atol=0.05)


@compiled
def test_a_new_choice_is_seen():
    layer, x = make(), numbers(1, 4, 5, 5)
    check(layer, x)
    before = dict(layer._prepared)
    reconsider()
    check(layer, x)
    assert len(layer._prepared) == 2 and set(before) < set(layer._prepared)


def test_few_are_remembered_and_none_is_copied():
    layer = make()
    for height in range(2, MOST + 12):
        check(layer, numbers(1, 4, height, 2))
    assert 0 < len(layer._prepared) <= MOST
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert not twin._prepared
        check(twin, numbers(1, 4, 3, 2))


@compiled
@pytest.mark.parametrize("call", [1, 2])
def test_tensors_that_do_not_belong_together_are_refused_before_their_numbers_are_read(call):
    x = numbers(1, 4, 5, 5)
    for spoil in (
        lambda layer: setattr(layer.factors[1], "data", numbers(4, 3)),
        lambda layer: setattr(layer.factors[3], "data", numbers(2, 5)),
        lambda layer: setattr(layer.factors[0], "data", numbers(6, 5).float()),
        lambda layer: layer.factors.to("meta"),
    ):
        layer = make(implementation="fused")
        for _ in range(call - 1):
            layer(x)
        spoil(layer)
        with pytest.raises(ValueError, match="of a CP convolution are"):
            layer(x)


@compiled
@pytest.mark.parametrize("order", [1, 2])
def test_memory_is_taken_on_the_processor_whatever_the_default_device(order):
    layer = CPConv(4, 6, (3,) * order, rank=5, padding=1, implementation="fused", rank_activation="relu")
    plain = CPConv(4, 6, (3,) * order, rank=5, padding=1, implementation="fused")
    x = torch.randn(1, 4, *(23, 29)[:order])
    for each in (layer, plain):
        with torch.device("meta"):
            found = [each(x) for _ in range(2)]
            found[0].sum().backward()
        torch.testing.assert_close(found, [each(x)] * 2)


@compiled
def test_a_bias_with_gaps_is_read_right():
    layer, x, bias = make(), numbers(2, 4, 5, 5), numbers(12)[::2]
    factors = list(layer.factors)
    y = cp_conv(x, layer.weights, factors, bias=bias, padding=1, implementation="fused")
    twin = cp_conv(x, layer.weights, factors, bias=bias.clone(), padding=1, implementation="chain")
    torch.testing.assert_close(y, twin, **CLOSE)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("learns", [True, False])
def test_forward_mode_differentiation_gets_its_tangent(form, learns):
    """Lost in silence where a form computes outside of torch's operators."""
    layer, x, direction = (
        make(implementation=form).requires_grad_(learns),
        numbers(1, 4, 5, 5),
        numbers(1, 4, 5, 5),
    )
    check(layer, x)
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, direction))).tangent
    torch.testing.assert_close(found, expected(layer, direction), **CLOSE)
