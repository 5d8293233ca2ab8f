"""The loop convolution, checked itself: against torch's modules and torch's padding, orders 1 to 3."""

import torch
from conv_builds import build, kernel_of, make_input
from conv_cases import cases, examples
from conv_loops import Taps, loop_conv, torch_conv_after_padding
from conv_oracles import EXACT, convolutions, double, torch_conv
from hypothesis import given


@examples(100)
@given(convolutions())
def test_loops_equal_torchs_own_module(case):
    """`convolutions` draws what torch's modules take; their padding in numbers is read off the module."""
    torch.manual_seed(case["seed"])
    c, t = case["channels"]
    x, kernel = double(case["batch"], c, *case["size"]), double(t, c, *case["kernel"])
    bias, options, order = double(t) if case["bias"] else None, case["options"], len(case["kernel"])
    if options["padding"] == "same":
        totals = [d * (k - 1) for k, d in zip(case["kernel"], options["dilation"], strict=True)]
        pairs = tuple((total // 2, total - total // 2) for total in totals)
    else:
        each = (0,) * order if options["padding"] == "valid" else options["padding"]
        pairs = tuple((pad, pad) for pad in each)
    taps = Taps(options["stride"], pairs, options["dilation"], (options["padding_mode"],) * order)
    torch.testing.assert_close(
        loop_conv(x, kernel, bias, taps=taps), torch_conv(x, kernel, bias=bias, options=options), **EXACT
    )


@examples(100)
@given(cases(kinds=("dense",), orders=(1, 2, 3)))
def test_loops_equal_torchs_convolution_of_what_torch_padded(case):
    layer, x = build(case), make_input(case)
    x = x if x.dim() == case.order + 2 else x.unsqueeze(0)
    options = {"taps": case.taps, "groups": case.groups}
    kernel = kernel_of(case, layer)
    torch.testing.assert_close(
        loop_conv(x, kernel, layer.bias, **options),
        torch_conv_after_padding(x, kernel, layer.bias, **options),
        **EXACT,
    )


def test_a_loop_by_hand():
    """Two taps, dilation 2, stride 2, one position in front from the far end: numbers worked out by hand."""
    x = torch.tensor([[[1.0, 2, 3, 4]]]).double()
    kernel = torch.tensor([[[10.0, 1]]]).double()
    taps = Taps((2,), ((1, 0),), (2,), ("circular",))
    found = loop_conv(x, kernel, torch.tensor([0.5]).double(), taps=taps)
    assert found.tolist() == [[[10 * 4 + 2 + 0.5, 10 * 2 + 4 + 0.5]]]
