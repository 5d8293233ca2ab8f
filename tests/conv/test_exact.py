"""Every layer, every option, orders 1 to 5: output and all gradients equal two dense convolutions, to 1e-10.

The kernel is rebuilt by one einsum from the layer's own tensors; torch convolves it up to order 3, loops
written from the definition convolve it at every order.
"""

import torch
from conv_builds import build, implementations, kernel_of, make_input
from conv_cases import cases, examples
from conv_loops import loop_conv, torch_conv_after_padding
from conv_oracles import EXACT, double
from hypothesis import given
from torch import nn

from hocp.conv import ConvNd, cp_conv

TORCH = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
FACTORIZED = ("cp", "cp without weights", "tucker", "train")


def dense(case, layer, x, oracle):
    """What an oracle makes of the rebuilt kernel."""
    batched = x if x.dim() == case.order + 2 else x.unsqueeze(0)
    groups = case.channels[0] if case.kind == "separable" else case.groups
    bias = getattr(layer, "bias", None)
    y = oracle(batched, kernel_of(case, layer), bias, taps=case.taps, groups=groups)
    return y if batched is x else y.squeeze(0)


@examples(200)
@given(cases())
def test_output_and_every_gradient_equal_those_of_the_dense_convolution(case):
    layer, x = build(case), make_input(case).requires_grad_()
    leaves, wanted = [x, *layer.parameters()], []
    for oracle in (loop_conv, torch_conv_after_padding)[: 2 if case.order <= 3 else 1]:
        y = dense(case, layer, x, oracle)
        torch.manual_seed(case.seed)
        probe = double(*y.shape)
        wanted.append((y, torch.autograd.grad((y * probe).sum(), leaves)))
    for name in implementations(layer, x):
        layer.implementation = name
        y = layer(x)
        got = torch.autograd.grad((y * probe).sum(), leaves)
        for output, gradients in wanted:
            torch.testing.assert_close(y, output, **EXACT)
            for mine, theirs in zip(got, gradients, strict=True):
                torch.testing.assert_close(mine, theirs, **EXACT)


@examples(100)
@given(cases(kinds=FACTORIZED))
def test_layer_kernel_twin_and_a_layer_rebuilt_from_its_options_agree(case):
    layer, x = build(case), make_input(case)
    kernel = kernel_of(case, layer)
    torch.testing.assert_close(layer.to_kernel(), kernel, **EXACT)
    y, twin = layer(x), layer.to_dense()
    fits = case.order in TORCH and layer.geometry.torch_padding() is not None
    assert type(twin) is (TORCH[case.order] if fits else ConvNd)
    torch.testing.assert_close(twin.weight, kernel, check_layout=False, **EXACT)
    torch.testing.assert_close(twin(x), y, **EXACT)
    again = type(layer)(**layer.options(), dtype=torch.float64)
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again(x), y) and again.options() == layer.options()


@examples(100)
@given(cases(kinds=("cp",), skips=(None,)))
def test_the_function_is_the_layer(case):
    layer, x = build(case), make_input(case)
    for name in implementations(layer, x):
        layer.implementation = name
        y = cp_conv(
            x, layer.weights, list(layer.factors), bias=layer.bias, groups=case.groups, implementation=name,
            **case.given,
        )  # fmt: skip
        assert torch.equal(y, layer(x))


@examples(100)
@given(cases())
def test_repeated_calls_are_bit_equal_and_the_input_is_untouched(case):
    layer, x = build(case), make_input(case)
    before = x.clone()
    first = layer(x)
    assert torch.equal(layer(x), first) and torch.equal(x, before)
