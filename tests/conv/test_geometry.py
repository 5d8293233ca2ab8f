"""Geometry: normal form, output size as torch has it, one-sided padding."""

import pytest
import torch
from conv_oracles import CONV_MODULE, convolutions
from hypothesis import given, settings

from hocp.conv import ConvNd, CPConv, Geometry
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


def test_one_sided_padding_is_causal_and_its_dense_twin_is_ours():
    layer = CPConv(2, 3, (3,), rank=2, padding=((2, 0),))  # causal
    x = torch.randn(1, 2, 6)
    y = layer(x)
    later = x.clone()
    later[..., 4:] = 0
    assert y.shape[-1] == 6 and torch.equal(layer(later)[..., :4], y[..., :4])
    assert layer.geometry.torch_padding() is None
    twin = layer.to_dense()
    assert isinstance(twin, ConvNd) and geometry_of(twin) == layer.geometry
    torch.testing.assert_close(twin(x), y)
