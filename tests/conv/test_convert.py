"""Dense convolutions to factorized ones and back."""

import numpy as np
import pytest
import tensorly as tl
import torch
from conv_oracles import CONV_MODULE, EXACT, double, kernel_oracle
from torch import nn

from hocp.conv import CPConv, TTConv, TuckerConv

GEOMETRY = {"stride": 2, "padding": 1, "dilation": 1, "padding_mode": "reflect"}


def low_rank(order: int, rank: int, *, dtype=torch.float64) -> nn.Module:
    """A dense convolution whose kernel has an exact CP form of the rank."""
    torch.manual_seed(order)
    factors = [double(n, rank) for n in (6, 5, *(3,) * order)]
    conv = CONV_MODULE[order](5, 6, 3, **GEOMETRY, dtype=dtype)
    with torch.no_grad():
        conv.weight.copy_(kernel_oracle(torch.ones(rank), factors))
    return conv


@pytest.mark.parametrize("backend", ["numpy", "pytorch"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_cp_finds_a_kernel_of_low_rank_again(order, backend):
    conv = low_rank(order, 2)
    with tl.backend_context(backend, local_threadsafe=True):
        layer = CPConv.from_conv(conv, rank=2, solver={"iterations": 2000})
    assert layer.relative_error < 1e-3
    x = double(2, 5, *(7,) * order)
    error = (layer(x) - conv(x)).norm() / conv(x).norm()
    assert error < 3e-3


@pytest.mark.parametrize("order", [1, 2, 3])
def test_reported_error_is_that_of_the_kernel(order):
    conv = low_rank(order, 8, dtype=torch.float32)
    for layer in (CPConv.from_conv(conv, rank=3), TuckerConv.from_conv(conv, rank=(4, 3))):
        true = (layer.to_kernel() - conv.weight).norm() / conv.weight.norm()
        assert layer.relative_error == pytest.approx(float(true.detach()), rel=1e-4)
        assert 0.01 < layer.relative_error < 1


@pytest.mark.parametrize("order", [1, 2, 3])
def test_tucker_of_full_rank_is_exact_and_truncation_keeps_the_best_subspaces(order):
    conv = low_rank(order, 8)
    x = double(2, 5, *(7,) * order)
    full = TuckerConv.from_conv(conv, rank=(6, 5))
    torch.testing.assert_close(full(x), conv(x), **EXACT)
    # One truncated mode: the best approximation is that of the unfolding, known from its singular values.
    layer = TuckerConv.from_conv(conv, rank=(3, 5))
    singular = np.linalg.svd(conv.weight.detach().reshape(6, -1).numpy(), compute_uv=False)
    best = np.sqrt((singular[3:] ** 2).sum() / (singular**2).sum())
    assert layer.relative_error == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("kind", [CPConv, TuckerConv])
def test_geometry_bias_dtype_and_mode_survive_the_round_trip(kind, order):
    conv = CONV_MODULE[order](4, 4, 3, **GEOMETRY, dtype=torch.float64).eval()
    layer = kind.from_conv(conv, rank=4)
    twin = layer.to_dense()
    assert not layer.training and not twin.training
    for name in (
        "stride",
        "padding",
        "dilation",
        "padding_mode",
        "kernel_size",
        "in_channels",
        "out_channels",
    ):
        assert getattr(twin, name) == getattr(conv, name)
    torch.testing.assert_close(twin.bias, conv.bias)
    assert twin.weight.dtype == layer.factors[0].dtype == torch.float64
    x = double(2, 4, *(7,) * order)
    torch.testing.assert_close(layer(x), twin(x), **EXACT)


@pytest.mark.parametrize("kernel", [(3,), (4, 3), (2, 4, 3)])
def test_same_padding_survives_the_round_trip(kernel):
    conv = CONV_MODULE[len(kernel)](3, 4, kernel, padding="same", dtype=torch.float64)
    layer = CPConv.from_conv(conv, rank=3)
    x = double(1, 3, *(8,) * len(kernel))
    assert layer(x).shape == conv(x).shape
    torch.testing.assert_close(layer.to_dense()(x), layer(x), **EXACT)


def test_zero_kernel_gives_zero_layer():
    conv = nn.Conv2d(3, 4, 3, bias=False)
    nn.init.zeros_(conv.weight)
    layer = CPConv.from_conv(conv, rank=2)
    assert layer.relative_error == 0 and not layer(torch.randn(1, 3, 5, 5)).any()


def test_wide_layer_needs_no_wide_svd():
    """TensorLy's own start asks for a full SVD of the 64 x 4608 unfolding, of wider ones for terabytes."""
    layer = CPConv.from_conv(nn.Conv2d(512, 64, 3), rank=2, solver={"iterations": 1})
    assert 0 < layer.relative_error < 1.5


def test_same_seed_gives_the_same_factors():
    conv = nn.Conv2d(3, 4, 3)
    one, two = (CPConv.from_conv(conv, rank=6, solver={"seed": 3}) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.factors, two.factors, strict=True))


def test_weights_that_are_not_learnt_move_into_the_first_factor():
    torch.manual_seed(0)
    weights, factors = double(4), [double(n, 4) for n in (3, 2, 3, 3)]
    layer = CPConv.from_factors(weights, factors, learn_weights=False)
    assert not any("weights" in name for name in layer.state_dict())
    assert sum(p.numel() for p in layer.parameters()) == 4 * (3 + 2 + 3 + 3)
    torch.testing.assert_close(layer.to_kernel().detach(), kernel_oracle(weights, factors), **EXACT)


@pytest.mark.parametrize("kind", [CPConv, TuckerConv, TTConv])
def test_the_reported_error_counts_the_rounding_to_the_dtype_of_the_layer(kind):
    torch.manual_seed(0)
    conv = nn.Conv1d(4, 4, 3, dtype=torch.float16)
    layer = kind.from_conv(conv, rank=4 if kind is TuckerConv else 12)
    exact = kind.from_conv(conv.float(), rank=4 if kind is TuckerConv else 12)
    assert exact.relative_error < 1e-6 < layer.relative_error < 3e-3


def test_what_a_dtype_cannot_hold_is_refused():
    conv = nn.Conv2d(8, 8, 3, dtype=torch.float16)
    nn.init.constant_(conv.weight, 6e4)
    with pytest.raises(ValueError, match=r"CPConv of this kernel has numbers that torch.float16 cannot hold"):
        CPConv.from_conv(conv, rank=1)


@pytest.mark.parametrize("kind", [CPConv, TuckerConv, TTConv])
def test_joint_layers_share_all_but_one_tensor_and_report_their_own_errors(kind):
    torch.manual_seed(0)
    convs = [nn.Conv2d(5, 6, 3, padding=1, stride=stride, dtype=torch.float64) for stride in (1, 2, 1)]
    layers = kind.from_convs(convs, rank=7 if kind is CPConv else 4)
    own = {CPConv: "weights", TuckerConv: "core", TTConv: "cores.0"}[kind]
    for layer, conv in zip(layers, convs, strict=True):
        error = (layer.to_kernel() - conv.weight).norm() / conv.weight.norm()
        assert layer.relative_error == pytest.approx(float(error.detach()), rel=1e-9)
        assert layer.geometry.stride == conv.stride and torch.equal(layer.bias, conv.bias)
        for (name, tensor), (_, first) in zip(
            layer.named_parameters(), layers[0].named_parameters(), strict=True
        ):
            assert (tensor is first) == (layer is layers[0] or name not in (own, "bias")), name
    joint = sum(
        layer.relative_error**2 * conv.weight.norm() ** 2 for layer, conv in zip(layers, convs, strict=True)
    )
    whole = torch.stack([conv.weight for conv in convs]).norm()
    assert 0 < float((joint.sqrt() / whole).detach()) < 1


def test_joint_layers_of_full_rank_are_exact():
    torch.manual_seed(0)
    convs = [nn.Conv1d(3, 4, 3, dtype=torch.float64) for _ in range(3)]
    x = double(2, 3, 8)
    for kind, rank in ((TuckerConv, (4, 3)), (TTConv, (9, 4))):
        for layer, conv in zip(kind.from_convs(convs, rank=rank), convs, strict=True):
            torch.testing.assert_close(layer(x), conv(x), **EXACT)
