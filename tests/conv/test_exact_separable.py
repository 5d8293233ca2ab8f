"""SeparableDepthwise with norms: every 1-D convolution padded and normed in its turn, orders 1 to 5."""

from math import prod

import torch
from conv_builds import build, make_input
from conv_cases import cases, examples
from conv_loops import Taps, loop_conv
from conv_oracles import EXACT, double
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn


def one_mode(taps: Taps, mode: int) -> Taps:
    """The geometry of one mode; the others stay as they are."""

    def only(values, rest):
        return tuple(value if n == mode else rest for n, value in enumerate(values))

    return Taps(only(taps.stride, 1), only(taps.padding, (0, 0)), only(taps.dilation, 1), taps.padding_mode)


def written_out(case, layer, x, norms):
    """One depthwise convolution with a kernel of one long mode after the other."""
    for mode, (factor, norm) in enumerate(zip(layer.factors, norms, strict=True)):
        shape = [1] * case.order
        shape[mode] = case.kernel[mode]
        kernel = factor.t().reshape(x.shape[1], 1, *shape)
        x = loop_conv(x, kernel, None, taps=one_mode(case.taps, mode), groups=x.shape[1])
        x = norm(x.flatten(2)).reshape(x.shape)
    return x


@examples(100)
@given(cases(kinds=("separable",)), st.booleans())
def test_each_mode_is_padded_convolved_and_normed_in_its_turn(case, training):
    x = make_input(case).requires_grad_()
    batched = x if x.dim() == case.order + 2 else x.unsqueeze(0)
    layer = build(case, norm="batch").train(training)
    norms = [nn.BatchNorm1d(layer.channels, dtype=torch.float64).train(training) for _ in layer.norms]
    for theirs, mine in zip(norms, layer.norms, strict=True):
        mine.running_mean.normal_()
        mine.running_var.uniform_(0.5, 2)
        mine.eps = theirs.eps = 0.1  # five norms of two nearly equal values would amplify roundings
        theirs.load_state_dict(mine.state_dict())
        theirs.weight, theirs.bias = mine.weight, mine.bias
    output_size = layer.geometry.output_size(case.size)
    sizes = [(*output_size[: mode + 1], *case.size[mode + 1 :]) for mode in range(case.order)]
    values = [batched.shape[0] * prod(size) for size in sizes]  # a channel, as each norm sees them
    assume(min(values) > 1 or not training)
    expected = written_out(case, layer, batched, norms)
    expected = expected if batched is x else expected.squeeze(0)
    y, probe, leaves = layer(x), double(*expected.shape), [x, *layer.parameters()]
    torch.testing.assert_close(y, expected, **EXACT)
    wanted = torch.autograd.grad((expected * probe).sum(), leaves)
    for mine, theirs in zip(torch.autograd.grad((y * probe).sum(), leaves), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, **EXACT)
    for mine, theirs in zip(layer.norms, norms, strict=True):
        for name, value in theirs.named_buffers():
            torch.testing.assert_close(mine.get_buffer(name), value, **EXACT)
