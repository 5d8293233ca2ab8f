"""CP convolution against torch's dense convolution of the kernel that TensorLy reconstructs, in float64."""

import pytest
import torch
from conv_oracles import EXACT, convolutions, differentiable_kernel, double, kernel_oracle, torch_conv
from hypothesis import given, settings
from torch import nn

from hocp.conv import CPConv, cp_conv

FORMS = ("auto", "chain", "merged", "views", "dense")  # in pure torch: of every dtype, traceable
LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def make(case):
    """Input, weights, factors and bias of one case."""
    torch.manual_seed(case["seed"])
    c, t = case["channels"]
    x = double(case["batch"], c, *case["size"])
    if case["channels_last"] and x.dim() in LAST:
        x = x.contiguous(memory_format=LAST[x.dim()])
    factors = [double(n, case["rank"]).requires_grad_() for n in (t, c, *case["kernel"])]
    weights = double(case["rank"]).requires_grad_()
    bias = double(t).requires_grad_() if case["bias"] else None
    return x.requires_grad_(), weights, factors, bias


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_output_and_every_gradient_equal_the_dense_convolution(case):
    x, weights, factors, bias = make(case)
    leaves = [x, weights, *factors, *([] if bias is None else [bias])]
    expected = torch_conv(x, differentiable_kernel(weights, factors), bias=bias, options=case["options"])
    probe = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * probe).sum(), leaves)
    for form in FORMS:
        y = cp_conv(x, weights, factors, bias=bias, implementation=form, **case["options"])
        torch.testing.assert_close(y, expected, **EXACT)
        for got, want in zip(torch.autograd.grad((y * probe).sum(), leaves), wanted, strict=True):
            torch.testing.assert_close(got, want, **EXACT)


@settings(max_examples=25, deadline=None)
@given(convolutions())
def test_module_kernel_and_dense_twin_agree_with_tensorly(case):
    x, weights, factors, bias = make(case)
    layer = CPConv.from_factors(weights, factors, bias=bias, **case["options"])
    kernel = kernel_oracle(weights, factors)
    torch.testing.assert_close(layer.to_kernel().detach(), kernel, **EXACT)
    twin = layer.to_dense()
    torch.testing.assert_close(twin.weight.detach(), kernel, **EXACT)
    torch.testing.assert_close(twin(x), layer(x), **EXACT)
    torch.testing.assert_close(layer(x[0]), layer(x)[0], **EXACT)


@pytest.mark.parametrize("form", FORMS)
def test_second_derivatives_exist_and_are_right(form):
    torch.manual_seed(0)
    factors = [double(n, 2).requires_grad_() for n in (2, 2, 2, 3)]
    weights = double(2).requires_grad_()
    x = double(1, 2, 4, 4).requires_grad_()
    torch.autograd.gradgradcheck(
        lambda x, w, *f: cp_conv(x, w, f, padding=1, implementation=form), (x, weights, *factors)
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_empty_batch(form, order):
    layer = CPConv(3, 5, (3,) * order, rank=2, padding=1, implementation=form)
    y = layer(torch.empty(0, 3, *(6,) * order, requires_grad=True))
    assert y.shape == (0, 5, *(6,) * order)
    y.sum().backward()


@pytest.mark.parametrize("form", ["chain", "merged", "views"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_psi_stands_between_the_first_stage_and_the_depthwise_ones(form, order):
    """Against the stages written out with nn.ConvNd modules; padding comes after psi, so zeros stay zeros."""
    torch.manual_seed(1)
    conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[order]
    layer = CPConv(
        3, 4, (3,) * order, rank=5, padding=1, stride=2, rank_norm="batch", rank_activation="relu",
        dtype=torch.float64, implementation=form,
    )  # fmt: skip
    with torch.no_grad():
        layer.rank_norm.weight.uniform_(0.5, 2)
        layer.rank_norm.bias.normal_()
    x = double(2, 3, *(7,) * order)
    first = conv(3, 5, 1, bias=False, dtype=torch.float64)
    rho = conv(5, 5, 3, padding=1, stride=2, groups=5, bias=False, dtype=torch.float64)
    last = conv(5, 4, 1, bias=False, dtype=torch.float64)
    ones = torch.ones(5, dtype=torch.float64)
    depthwise = [kernel_oracle(one, [f[:, r : r + 1] for f in layer.factors[2:]])
                 for r, one in enumerate(ones.split(1))]  # fmt: skip
    with torch.no_grad():
        first.weight.copy_(layer.factors[1].t().reshape(first.weight.shape))
        rho.weight.copy_(torch.stack(depthwise).unsqueeze(1))
        last.weight.copy_((layer.factors[0] * layer.weights).reshape(last.weight.shape))
    mean_and_variance = first(x).transpose(0, 1).flatten(1)
    shape = (1, -1, *(1,) * order)
    mean = mean_and_variance.mean(1).reshape(shape)
    std = (mean_and_variance.var(1, correction=0) + 1e-5).sqrt().reshape(shape)
    z = (first(x) - mean) / std * layer.rank_norm.weight.reshape(shape) + layer.rank_norm.bias.reshape(shape)
    torch.testing.assert_close(layer(x), last(rho(z.clamp_min(0))), **EXACT)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_dtype_is_kept(form, dtype):
    layer = CPConv(3, 5, (3, 3), rank=4, padding=1, bias=True, dtype=dtype, implementation=form)
    y = layer(torch.randn(2, 3, 6, 6, dtype=dtype))
    assert y.dtype == dtype
    exact = layer.double()(torch.randn(2, 3, 6, 6, dtype=torch.float64))
    assert exact.dtype == torch.float64


@pytest.mark.parametrize("form", FORMS)
def test_autocast_computes_in_half_precision_and_stays_near(form):
    torch.manual_seed(0)
    layer = CPConv(8, 8, (3, 3, 3), rank=6, padding=1, implementation=form)
    x = torch.randn(2, 8, 4, 6, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    error = (y.float() - layer(x)).norm() / layer(x).norm()
    assert error < 0.03  # a few roundings of 8 bits


@pytest.mark.parametrize("form", FORMS)
def test_compile_takes_the_layer_as_one_graph_and_export_keeps_its_output(form):
    layer = CPConv(3, 4, (3, 3, 3), rank=5, padding=1, implementation=form).eval()
    x = torch.randn(2, 3, 4, 6, 6)
    whole = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(whole(x), layer(x))
    exported = torch.export.export(layer, (x,)).module()
    torch.testing.assert_close(exported(x), layer(x))
