"""Geometry: normal form, output size as torch has it, and the text of each refusal."""

import pytest
import torch
from conv_oracles import CONV_MODULE, convolutions
from hypothesis import given, settings
from torch import nn

from hocp.conv import CPConv, Geometry, SeparableDepthwise, TuckerConv, cp_conv
from hocp.conv.dense import geometry_of


@settings(max_examples=100, deadline=None)
@given(convolutions())
def test_output_size_and_normal_form_are_those_of_torch(case):
    geometry = Geometry(case["kernel"], **case["options"])
    conv = CONV_MODULE[len(case["kernel"])](1, 1, case["kernel"], **case["options"])
    assert geometry.output_size(case["size"]) == conv(torch.zeros(1, 1, *case["size"])).shape[2:]
    assert geometry_of(conv) == geometry
    assert Geometry(**{name: getattr(geometry, name) for name in geometry.__dataclass_fields__}) == geometry
    again = CONV_MODULE[len(case["kernel"])](
        1, 1, geometry.kernel_size, geometry.stride, geometry.torch_padding(), geometry.dilation,
        padding_mode=geometry.padding_mode,
    )  # fmt: skip
    assert geometry_of(again) == geometry


def test_geometry_is_a_value():
    assert Geometry((3, 3), padding=1) == Geometry([3, 3], (1, 1), ((1, 1), (1, 1)), 1)
    assert len({Geometry((3, 3), padding="same"), Geometry((3, 3), padding=1)}) == 1
    assert Geometry((4,), padding="same").padding == ((1, 2),)
    with pytest.raises(AttributeError):
        Geometry((3,)).stride = (2,)


def test_one_sided_padding_works_in_layers_but_has_no_dense_module():
    layer = CPConv(2, 3, (3,), rank=2, padding=((2, 0),))  # causal
    x = torch.randn(1, 2, 6)
    y = layer(x)
    later = x.clone()
    later[..., 4:] = 0
    assert y.shape[-1] == 6 and torch.equal(layer(later)[..., :4], y[..., :4])
    with pytest.raises(ValueError, match=r"differs before and after.*functional.pad"):
        layer.to_dense()


REFUSALS = [
    (lambda: Geometry(3), r"kernel_size is 3; expected a tuple"),
    (lambda: Geometry(()), r"kernel_size is \(\)"),
    (lambda: Geometry((3, 3, 3, 3)), "1 to 3 spatial modes"),
    (lambda: Geometry((3, 0)), r"kernel_size is \(3, 0\); expected whole numbers of at least 1"),
    (lambda: Geometry((3, 2.5)), r"kernel_size is \(3, 2.5\)"),
    (lambda: Geometry((True,)), "kernel_size"),
    (lambda: Geometry((3, 3), stride=0), "stride is 0; expected whole numbers of at least 1"),
    (lambda: Geometry((3, 3), stride=(1, 2, 3)), r"stride is \(1, 2, 3\); expected one number or 2"),
    (lambda: Geometry((3, 3), dilation=-1), "dilation is -1"),
    (lambda: Geometry((3, 3), padding=-1), "padding is -1; expected whole numbers of at least 0"),
    (lambda: Geometry((3, 3), padding="full"), "padding is 'full'; expected numbers, 'same' or 'valid'"),
    (lambda: Geometry((3, 3), padding="same", stride=2), "padding 'same' needs stride 1"),
    (lambda: Geometry((3, 3), padding_mode="wrap"), "padding_mode is 'wrap'; expected one of zeros, reflect"),
    (lambda: Geometry((3, 3)).output_size((5,)), r"spatial size \(5,\); expected 2 modes"),
    (lambda: Geometry((3, 7)).output_size((5, 5)),
     "spatial mode 1 of the input has size 5, 5 with padding.*needs 7"),
    (lambda: Geometry((3,), padding=5, padding_mode="reflect").output_size((5,)), "at most 4"),
    (lambda: Geometry((3,), padding=6, padding_mode="circular").output_size((5,)), "at most 5"),
    (lambda: Geometry((3,)).with_new_mode(2), "even number.*use 1 or 3"),
    (lambda: CPConv(0, 2, (3,), rank=1), "in_channels of CPConv is 0"),
    (lambda: CPConv(2, 2.0, (3,), rank=1), "out_channels of CPConv is 2.0"),
    (lambda: CPConv(2, 2, (3,), rank=0), "rank of CPConv is 0; expected a whole number of at least 1"),
    (lambda: CPConv(2, 2, (3,), rank="same"), "rank of CPConv is 'same'"),
    (lambda: CPConv(2, 2, (3,), rank=1, implementation="fast"),
     "implementation is 'fast'; expected one of auto, chain, views, dense"),
    (lambda: CPConv(2, 2, (3,), rank=1, rank_norm="layer"), "rank_norm of CPConv is 'layer'"),
    (lambda: CPConv(2, 2, (3,), rank=1, rank_activation="gelu"), "rank_activation of CPConv is 'gelu'"),
    (lambda: CPConv(2, 2, (3,), rank=1, rank_norm="batch", implementation="dense"),
     "'dense' of CPConv allows no"),
    (lambda: CPConv(2, 2, (3,), rank=1, rank_activation="relu").to_kernel(), "no single kernel"),
    (lambda: CPConv(2, 2, (3, 3), rank=1)(torch.zeros(1, 3, 5, 5)),
     r"CPConv got an input of shape \(1, 3, 5, 5\); expected \(batch, 2, size 0, size 1\)"),
    (lambda: CPConv(2, 2, (3, 3), rank=1)(torch.zeros(1, 1, 2, 5, 5)), r"shape \(1, 1, 2, 5, 5\)"),
    (lambda: CPConv(2, 2, (3, 3), rank=1)(torch.zeros(1, 2, 5, 2)), "spatial mode 1 of the input has size 2"),
    (lambda: CPConv.from_conv(nn.Conv2d(4, 4, 3, groups=2), rank=2), "groups=2; only groups=1"),
    (lambda: CPConv.from_conv(nn.Linear(4, 4), rank=2), "got a Linear; expected nn.Conv1d"),
    (lambda: CPConv.from_conv(nn.ConvTranspose2d(4, 4, 3), rank=2), "got a ConvTranspose2d"),
    (lambda: CPConv.from_conv(broken(), rank=2), "2 non-finite entries"),
    (lambda: TuckerConv.from_conv(broken(), rank=2), "2 non-finite entries"),
    (lambda: CPConv.from_factors(torch.ones(2), [torch.ones(3, 2)] * 2), "do not belong together"),
    (lambda: cp_conv(torch.zeros(1, 2, 5), torch.ones(3), [torch.ones(2, 2)] * 3), "do not belong together"),
    (lambda: cp_conv(torch.zeros(1, 2, 5), torch.ones(2), [torch.ones(2, 2)] * 3, implementation="c"),
     "implementation is 'c'"),
    (lambda: cp_conv(torch.zeros(1, 2, 5), torch.ones(2), [torch.ones(2, 2)] * 3, psi=torch.relu,
                     implementation="dense"), "'dense' cannot be used with a rank-space"),
    (lambda: TuckerConv(2, 2, (3,), rank=(1, 2, 3)), r"rank of TuckerConv is \(1, 2, 3\)"),
    (lambda: TuckerConv(2, 0, (3,), rank=1), "out_channels of TuckerConv is 0"),
    (lambda: TuckerConv(2, 2, (3,), rank=1, implementation="views"), "one of factorized, dense"),
    (lambda: TuckerConv.from_conv(nn.Conv2d(4, 6, 3), rank=5), "exceeds the 4 input channels"),
    (lambda: TuckerConv.from_conv(nn.Conv2d(4, 6, 3), rank=(7, 2)), "exceeds the 6 output channels"),
    (lambda: TuckerConv.from_factors(torch.ones(2, 3, 3), (torch.ones(4, 3), torch.ones(4, 2))),
     "do not belong"),
    (lambda: SeparableDepthwise(0, (3,)), "channels of SeparableDepthwise is 0"),
    (lambda: SeparableDepthwise(2, (3,), norm="group"), "norm of SeparableDepthwise is 'group'"),
]  # fmt: skip


def broken() -> nn.Module:
    """A convolution that training has ruined."""
    conv = nn.Conv2d(2, 2, 3)
    with torch.no_grad():
        conv.weight[0, 0, 0, 0] = float("nan")
        conv.weight[1, 1, 2, 2] = float("inf")
    return conv


@pytest.mark.parametrize(("make", "text"), REFUSALS, ids=[text[:40] for _, text in REFUSALS])
def test_wrong_use_is_refused_with_value_expectation_and_place(make, text):
    with pytest.raises(ValueError, match=text):
        make()
