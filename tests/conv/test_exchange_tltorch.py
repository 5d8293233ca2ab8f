"""To tensorly-torch's layers and back: the same numbers, the same outputs, and no silent loss."""

import builtins
from collections.abc import Callable

import pytest
import torch
from conv_oracles import EXACT, double
from torch import nn

from hocp.conv import CPConv, SeparableDepthwise, TTConv, TuckerConv, freeze_except_temporal, transduce
from hocp.conv.exchange import from_tltorch, to_tltorch

tltorch = pytest.importorskip("tltorch")

KERNEL, STRIDE, PADDING, DILATION = (3, 2, 4), (2, 1, 3), (1, 0, 2), (1, 2, 1)
KINDS = {"cp": {"rank": 5}, "tucker": {"rank": (5, 3)}, "tt": {"rank": (2, 3, 4, 5)}}
CLASSES = {"cp": CPConv, "tucker": TuckerConv, "tt": TTConv}


def ours(kind: str, order: int, **options) -> nn.Module:
    """A layer in float64 whose every mode has another geometry."""
    rank = KINDS[kind]["rank"]
    geometry = {
        "stride": STRIDE[:order],
        "padding": PADDING[:order],
        "dilation": DILATION[:order],
    }
    rank = rank[: order + 1] if kind == "tt" else rank
    return CLASSES[kind](
        4, 6, KERNEL[:order], rank=rank, dtype=torch.float64, bias=True, **geometry | options
    )


def theirs(kind: str, order: int, **options) -> nn.Module:
    """Their layer with random numbers instead of uninitialised memory."""
    layer = tltorch.FactorizedConv(
        4, 6, KERNEL[:order], order=order, factorization=kind, rank=0.5, dtype=torch.float64,
        stride=list(STRIDE[:order]), padding=list(PADDING[:order]), **options,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


def image(order: int) -> torch.Tensor:
    return double(2, 4, *(9, 8, 10)[:order])


@pytest.mark.parametrize("implementation", ["factorized", "mobilenet", "reconstructed"])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_theirs_computes_the_same_and_comes_back_bit_for_bit(kind, order, implementation):
    torch.manual_seed(order)
    layer, x = ours(kind, order), image(order)
    with torch.no_grad():
        layer.bias.normal_()
    other = to_tltorch(layer, implementation=implementation)
    torch.testing.assert_close(other(x), layer(x), **EXACT)
    back = from_tltorch(other)
    assert type(back) is type(layer) and back.options() == layer.options()
    for name, tensor in layer.state_dict().items():
        assert torch.equal(back.state_dict()[name], tensor), name


def test_their_tensors_are_ours_bit_for_bit_and_copies():
    cp, tt, tucker = (ours(kind, 2) for kind in ("cp", "tt", "tucker"))
    weight = to_tltorch(cp).weight
    assert torch.equal(weight.weights, cp.weights)
    for mode, factor in enumerate(cp.factors):
        assert torch.equal(weight.factors[mode], factor) and weight.factors[mode] is not factor
    for mode, core in enumerate(tt.cores):
        assert torch.equal(to_tltorch(tt).weight.factors[mode], core)
    weight = to_tltorch(tucker).weight
    assert torch.equal(weight.core, tucker.core) and torch.equal(weight.factors[3], torch.eye(2).double())


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_of_theirs_becomes_ours(kind, order):
    """Their Tucker factorizes the taps, too: ours takes those factors into its core."""
    torch.manual_seed(order)
    other, x = theirs(kind, order, bias=True, implementation="factorized"), image(order)
    layer = from_tltorch(other)
    torch.testing.assert_close(layer(x), other(x), **EXACT)
    kernel = other.weight.to_tensor()
    torch.testing.assert_close(layer.to_kernel(), kernel.movedim(-1, 0) if kind == "tt" else kernel, **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_joint_layers_both_ways(kind):
    torch.manual_seed(0)
    convs = [nn.Conv2d(4, 4, 3, padding=n, stride=1 + n, bias=n != 1).double() for n in range(3)]
    layers = CLASSES[kind].from_convs(convs, rank={"cp": 4, "tucker": (3, 2), "tt": 2}[kind])
    joint, x = to_tltorch(layers), double(2, 4, 9, 9)
    back = from_tltorch(joint)
    for number, layer in enumerate(layers):
        torch.testing.assert_close(joint[number](x), layer(x), **EXACT)
        assert torch.equal(back[number](x), layer(x)) and torch.equal(
            from_tltorch(joint[number])(x), layer(x)
        )
        for own, returned in zip(layer.parameters(), back[number].parameters(), strict=True):
            assert torch.equal(own, returned)

    def distinct(group: list) -> int:
        return len({id(parameter) for layer in group for parameter in layer.parameters()})

    assert distinct(back) == distinct(layers)


@pytest.mark.parametrize("kind", KINDS)
def test_their_joint_tensor_with_two_modes_of_layers(kind):
    torch.manual_seed(0)
    other = theirs(kind, 2, n_layers=(2, 3), bias=True)
    other.has_bias[:] = True
    layers, x = from_tltorch(other), image(2)
    assert len(layers) == 6
    for layer, index in zip(layers, ((i, j) for i in range(2) for j in range(3)), strict=True):
        torch.testing.assert_close(layer(x), other(x, index), **EXACT)


def test_a_layer_that_they_transduced():
    """Their new factor is float32 whatever the layer is; what is frozen stays so."""
    torch.manual_seed(0)
    other = theirs("cp", 2, bias=True)
    other.transduct(3, mode=0, padding=1)
    layer = from_tltorch(other)
    assert layer.geometry.padding == ((1, 1), (1, 1), (0, 0)) and layer.factors[2].dtype == torch.float64
    assert [name for name, p in layer.named_parameters() if p.requires_grad] == ["factors.2"]
    x = double(2, 4, 5, 9, 8)
    torch.testing.assert_close(layer(x), other.double()(x), **EXACT)
    layer.temporal_modes = (0,)
    freeze_except_temporal(layer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_that_we_transduced(kind):
    layer = transduce(ours(kind, 2, padding=1))
    x = double(2, 4, 5, 9, 8)
    torch.testing.assert_close(to_tltorch(layer)(x), layer(x), **EXACT)
    torch.testing.assert_close(from_tltorch(to_tltorch(layer))(x), layer(x), **EXACT)


def test_what_trains_there_is_what_trains_here():
    layer = ours("tucker", 2)
    layer.factors[0].requires_grad_(False)
    layer.eval()
    other = to_tltorch(layer)
    trained = sum(p.numel() for p in other.parameters() if p.requires_grad)
    assert trained == sum(p.numel() for p in layer.parameters() if p.requires_grad) and not other.training
    back = from_tltorch(other)
    assert [p.requires_grad for p in back.parameters()] == [p.requires_grad for p in layer.parameters()]
    assert not from_tltorch(to_tltorch(ours("cp", 2, learn_weights=False))).learn_weights


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_other_dtypes_keep_their_bits(dtype):
    layer = ours("cp", 2).to(dtype)
    back = from_tltorch(to_tltorch(layer))
    for own, returned in zip(layer.parameters(), back.parameters(), strict=True):
        assert returned.dtype == dtype and torch.equal(own, returned)


REFUSED: dict[str, tuple[Callable, str]] = {
    "groups": (lambda: ours("cp", 2, groups=2), "groups of this CPConv is 2, .*expected 1"),
    "order": (lambda: CPConv(4, 6, (3,) * 4, rank=2), "order of this CPConv is 4, .*expected 1 to 3"),
    "padding mode": (
        lambda: ours("tt", 2, padding_mode="circular"),
        "padding_mode of this TTConv is 'circular'",
    ),
    "one-sided": (lambda: ours("cp", 2, padding=((1, 0), (0, 0))), r"padding of this CPConv is \(\(1, 0\), "),
    "psi": (
        lambda: ours("tucker", 2, rank_activation="relu"),
        "rank_norm or rank_activation of this TuckerConv",
    ),
    "skip": (lambda: CPConv(4, 4, (3,), rank=2, skip="identity"), "skip of this CPConv is 'identity'"),
    "another layer": (lambda: SeparableDepthwise(4, (3,)), "got a SeparableDepthwise; expected a CPConv"),
    "nothing": (list, "sequence of 0 layers"),
    "strangers": (
        lambda: [ours("cp", 2), ours("cp", 2)],
        r"2 layers \(CPConv, CPConv\) that share no factors",
    ),
}


@pytest.mark.parametrize("make, text", REFUSED.values(), ids=REFUSED)
def test_what_theirs_cannot_express_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        to_tltorch(make())


def test_an_unknown_implementation_is_refused():
    with pytest.raises(
        ValueError, match="implementation of to_tltorch is 'fast'; expected one of factorized"
    ):
        to_tltorch(ours("cp", 2), implementation="fast")


def test_what_is_none_of_theirs_is_refused():
    with pytest.raises(ValueError, match=r"got a Conv2d; expected a tltorch\.FactorizedConv"):
        from_tltorch(nn.Conv2d(3, 3, 3))
    with pytest.raises(ValueError, match="a layer with a DenseTensor; expected a real CPTensor"):
        dense = {"factorization": "dense", "implementation": "reconstructed"}
        from_tltorch(tltorch.FactorizedConv(3, 4, (3, 3), **dense))


def test_a_layer_whose_tensor_is_changed_on_its_way_is_refused():
    """Their dropout is a hook on the tensor; once it is gone, the layer is taken."""
    other = theirs("tucker", 2)
    tltorch.tensor_hooks.tensor_dropout(other.weight, p=0.5)
    with pytest.raises(ValueError, match="TuckerTensor has hooks"):
        from_tltorch(other)
    tltorch.tensor_hooks.remove_tensor_dropout(other.weight)
    from_tltorch(other)


@pytest.mark.parametrize("convert", [to_tltorch, from_tltorch])
def test_without_the_package_the_error_names_it(monkeypatch, convert):
    real = builtins.__import__

    def without(name, *rest):
        if name == "tltorch":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="needs the package tensorly-torch; pip install tensorly-torch"):
        convert(ours("cp", 2))
