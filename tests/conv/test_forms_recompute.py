"""Recomputation: the same numbers and gradients, with only the input kept for the backward pass."""

import copy

import pytest
import torch
from conv_builds import build, implementations, make_input
from conv_cases import cases, examples
from conv_oracles import EXACT, double
from hypothesis import given
from torch import nn

from hocp.conv import CPConv, cp_conv, load, save

BLOCK = {"rank_norm": "batch", "rank_activation": "relu"}


def saved(layer, x) -> list[tuple[int, ...]]:
    """Shapes of what one forward call keeps for the backward pass."""
    shapes = []

    def note(tensor):
        shapes.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        layer(x)
    return shapes


@examples(40)
@given(cases(kinds=("cp", "cp without weights")))
def test_output_and_every_gradient_are_the_same(case):
    layer, x = build(case), make_input(case).requires_grad_()
    for name in implementations(layer, x):
        layer.implementation, results = name, []
        for layer.recompute in (False, True):
            y = layer(x)
            results.append((y, *torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])))
        for once, again in zip(*results, strict=True):
            torch.testing.assert_close(once, again, **EXACT)


@pytest.mark.parametrize(("form", "options"), [
    ("chain", {}), ("merged", {}), ("views", {}), ("dense", {}),
    ("chain", BLOCK), ("merged", BLOCK), ("views", BLOCK),
])  # fmt: skip
def test_nothing_but_the_arguments_is_kept(form, options):
    layer = CPConv(4, 6, (3, 3), rank=7, padding=1, implementation=form, **options)
    x = torch.randn(2, 4, 9, 9)
    x.requires_grad_()
    small = {x.shape, layer.weights.shape, *(factor.shape for factor in layer.factors)}
    assert not set(saved(layer, x)) <= small
    layer.recompute = True
    assert set(saved(layer, x)) <= small


@pytest.mark.parametrize("training", [True, False])
def test_running_statistics_see_an_input_once(training):
    torch.manual_seed(0)
    plain = CPConv(4, 6, (3, 3), rank=7, padding=1, **BLOCK).double().train(training)
    again, x = copy.deepcopy(plain), double(2, 4, 9, 9)
    again.recompute = True
    for layer in (plain, again):
        for _ in range(3):
            y = layer(x)
            (gradient,) = torch.autograd.grad(y.square().sum(), layer.weights, retain_graph=True)
            torch.autograd.grad(y.sum(), layer.weights)
        layer.seen = gradient
    torch.testing.assert_close(plain.seen, again.seen, **EXACT)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


@pytest.mark.parametrize("psi", [None, torch.tanh])
def test_second_derivatives_are_right(psi):
    torch.manual_seed(0)
    factors = [double(n, 2).requires_grad_() for n in (2, 2, 2, 3)]
    weights, x = double(2).requires_grad_(), double(1, 2, 4, 4).requires_grad_()
    torch.autograd.gradgradcheck(
        lambda x, w, *f: cp_conv(x, w, f, padding=1, psi=psi, recompute=True), (x, weights, *factors)
    )


def test_a_random_psi_draws_the_same_numbers_both_times():
    torch.manual_seed(0)
    x, weights = double(1, 2, 6, 6), double(3).requires_grad_()
    factors, masks = [double(n, 3) for n in (2, 2, 3, 3)], []

    def psi(z):
        masks.append(torch.bernoulli(torch.full_like(z, 0.5)))
        return z * masks[-1]

    cp_conv(x, weights, factors, psi=psi, recompute=True).sum().backward()
    assert len(masks) == 2 and torch.equal(*masks)


def test_component_dropout_is_drawn_once():
    torch.manual_seed(0)
    layer, x = CPConv(3, 4, (3, 3), rank=8, recompute=True, dtype=torch.float64), double(2, 3, 6, 6)
    layer.component_dropout = 0.5
    y = layer(x)
    (gradient,) = torch.autograd.grad(y.sum(), layer.weights)
    torch.testing.assert_close((gradient * layer.weights).sum(), y.sum(), **EXACT)  # y is linear in them


def test_without_gradients_it_is_the_plain_call():
    layer, x = CPConv(3, 4, (3, 3), rank=8, recompute=True, implementation="views"), torch.randn(2, 3, 6, 6)
    with torch.no_grad():
        y = layer(x)
    layer.recompute = False
    assert torch.equal(y, layer(x))


def test_compilers_and_function_transforms_decide_for_themselves():
    layer, x = CPConv(3, 4, (3, 3), rank=8, recompute=True).double(), double(2, 3, 6, 6)
    y = layer(x)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), y, **EXACT)
    parameters = dict(layer.named_parameters())

    def total(given):
        return torch.func.functional_call(layer, given, (x,)).square().sum()

    theirs = torch.autograd.grad(y.square().sum(), list(parameters.values()))
    for mine, wanted in zip(torch.func.grad(total)(parameters).values(), theirs, strict=True):
        torch.testing.assert_close(mine, wanted, **EXACT)


def test_the_option_is_told_saved_and_refused_like_the_others(tmp_path):
    layer = CPConv(3, 4, (3, 3), rank=8, recompute=True)
    assert layer.options()["recompute"] is True and "recompute=True" in repr(layer)
    assert "recompute" not in repr(CPConv(3, 4, (3, 3), rank=8))
    save(nn.Sequential(layer), tmp_path / "layer.safetensors")
    plain = nn.Sequential(CPConv(3, 4, (3, 3), rank=8))
    assert (
        load(tmp_path / "layer.safetensors", into=plain)[0].recompute is False
    )  # how, not what, it computes
    save(layer, tmp_path / "layer.safetensors")
    assert load(tmp_path / "layer.safetensors").recompute is True
    with pytest.raises(ValueError, match="recompute of CPConv is 1; expected True or False"):
        CPConv(3, 4, (3, 3), rank=8, recompute=1)
    with pytest.raises(ValueError, match="recompute of cp_conv is None"):
        cp_conv(torch.ones(1, 3, 5, 5), layer.weights, layer.factors, recompute=None)
