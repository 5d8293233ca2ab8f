"""Save and load a layer: every bit comes back, in a fresh process too."""

import json
import struct
import subprocess
import sys
from copy import deepcopy

import pytest
import torch
from exchange_cases import same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hocp.conv import (
    CPConv,
    SeparableDepthwise,
    TTConv,
    TuckerConv,
    transduce,
)
from hocp.conv.exchange import load, save

DTYPES = (torch.bfloat16, torch.float16, torch.float32, torch.float64)


@st.composite
def layers(draw) -> nn.Module:
    """Any layer of ours that can be built, of orders 1 to 4."""
    order, groups = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2]))
    kernel = tuple(draw(st.sampled_from([1, 3])) for _ in range(order))
    kind = draw(st.sampled_from([CPConv, TuckerConv, TTConv, SeparableDepthwise]))
    dtype = draw(st.sampled_from(DTYPES))
    geometry = {
        "stride": tuple(draw(st.integers(1, 2)) for _ in range(order)),
        "padding": tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(order)),
        "dilation": draw(st.integers(1, 2)),
        "padding_mode": draw(
            st.sampled_from(["zeros", "circular", ("zeros", "reflect", "circular", "replicate")[:order]])
        ),
    }
    if kind is SeparableDepthwise:
        return kind(4, kernel, norm=draw(st.sampled_from([None, "batch"])), dtype=dtype, **geometry)
    own = {
        CPConv: {"rank": 3, "learn_weights": draw(st.booleans())},
        TuckerConv: {"rank": (2, 3), "separate_modes": draw(st.integers(0, order - 1))},
        TTConv: {"rank": tuple(range(1, order + 2))},
    }[kind]
    block = {
        "rank_norm": draw(st.sampled_from([None, "batch"])),
        "rank_activation": draw(st.sampled_from([None, "relu"])),
        "skip": draw(st.sampled_from([None, "identity", "projection"])),
        "bias": draw(st.booleans()),
    }
    return kind(4, 4, kernel, groups=groups, dtype=dtype, **own, **block, **geometry)


@settings(max_examples=60, deadline=None)
@given(layers(), st.integers(0, 2**16))
def test_any_layer_comes_back_bit_for_bit(tmp_path_factory, layer, seed):
    path = tmp_path_factory.mktemp("any") / "layer.safetensors"
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed)))
    save(layer, path)
    drawn = torch.get_rng_state()
    other = load(path)
    assert torch.equal(torch.get_rng_state(), drawn)  # loading draws no random numbers
    assert type(other) is type(layer) and str(other) == str(layer) and same_bits(layer, other)
    x = torch.randn(2, 4, *(6,) * layer.order, dtype=next(layer.parameters()).dtype)
    assert torch.equal(layer.eval()(x), other.eval()(x))


def test_special_numbers_and_views_keep_their_bits(tmp_path):
    layer = CPConv(4, 6, (3,), rank=2, dtype=torch.float64)
    odd = torch.tensor([float("nan"), -0.0, float("inf"), 5e-324, 1.0, -1.0], dtype=torch.float64)
    layer.factors[0] = nn.Parameter(odd.repeat(4, 1).t()[:, ::2])  # a strided view of more numbers
    save(layer, tmp_path / "a.safetensors")
    assert same_bits(layer, load(tmp_path / "a.safetensors"))


def test_the_same_layer_gives_the_same_bytes_in_another_process(tmp_path, root):
    """safetensors itself writes several metadata entries in an order of chance."""
    code = (
        "import sys, torch; from hocp.conv import CPConv; from hocp.conv.exchange import save\n"
        "torch.manual_seed(0); save(CPConv(3, 4, (3, 3), rank=2, rank_norm='batch'), sys.argv[1])"
    )
    here, there = tmp_path / "here.safetensors", tmp_path / "there.safetensors"
    subprocess.run([sys.executable, "-c", code, there], check=True, cwd=root)
    torch.manual_seed(0)
    save(CPConv(3, 4, (3, 3), rank=2, rank_norm="batch"), here)
    assert here.read_bytes() == there.read_bytes()


def test_a_fresh_process_loads_it_and_gives_the_same_output(tmp_path, root):
    torch.manual_seed(0)
    layer, x = (
        transduce(CPConv(3, 4, (3, 3), rank=5, bias=True, rank_norm="batch")),
        torch.randn(2, 3, 4, 5, 5),
    )
    save(layer, tmp_path / "layer.safetensors")
    code = (
        "import sys, json, torch; from hocp.conv.exchange import load\n"
        "torch.manual_seed(0)\n"
        "layer = load(sys.argv[1]).eval()\n"
        "x = torch.tensor(json.loads(sys.argv[2]))\n"
        "assert not {'tltorch', 'onnx'} & set(sys.modules)\n"
        "print(json.dumps(layer(x).double().tolist()))"
    )
    command = [sys.executable, "-c", code, tmp_path / "layer.safetensors", json.dumps(x.double().tolist())]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout
    assert torch.equal(torch.tensor(json.loads(told)), layer.eval()(x))


def written_by_hand(header: dict, numbers: list[float], shapes: dict[str, list[int]]) -> bytes:
    """A safetensors file, byte by byte, as its format says."""
    table, offset = {"__metadata__": {"hocp.conv": json.dumps(header)}}, 0
    for name, shape in shapes.items():
        size = 4
        for length in shape:
            size *= length
        table[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + struct.pack(f"<{len(numbers)}f", *numbers)


def test_a_file_of_version_1_is_read_for_ever(tmp_path):
    """Written out here, so that no later writer can take the format along when it changes."""
    options = {
        "in_channels": 1, "out_channels": 1, "kernel_size": [2], "stride": [1], "padding": [[0, 1]],
        "dilation": [1], "groups": 1, "bias": True, "padding_mode": "zeros", "rank_norm": None,
        "rank_activation": None, "skip": None, "implementation": "auto", "rank": 1, "learn_weights": True,
    }  # fmt: skip
    fit = {"status": "converged", "relative_error": 0.25, "sensitivity": "inf", "iterations": 3,
           "restarts": 1, "seconds": 0.5, "reason": "exact"}  # fmt: skip
    entry = {"class": "CPConv", "options": options, "norms": {}, "temporal_modes": [0], "fit": fit}
    header = {"format": "hocp.conv", "version": 1, "layers": {"": entry}, "aliases": {}}
    shapes = {"bias": [1], "factors.0": [1, 1], "factors.1": [1, 1], "factors.2": [2, 1], "weights": [1]}
    path = tmp_path / "old.safetensors"
    path.write_bytes(written_by_hand(header, [0.5, 3.0, 1.0, 1.0, 10.0, 2.0], shapes))
    layer = load(path)
    assert layer.temporal_modes == (0,)
    assert layer.fit.status == "converged" and layer.relative_error == 0.25
    assert layer.fit.sensitivity == float("inf")
    # (x[i] + 10 x[i + 1]) * 3 * 2 + 0.5, with a zero behind
    assert layer(torch.tensor([[1.0, 2.0]])).tolist() == [[126.5, 12.5]]


def test_constants_of_norms_are_kept(tmp_path):
    layer = CPConv(3, 4, (3,), rank=2, rank_norm="batch")
    layer.rank_norm.eps, layer.rank_norm.momentum = 1e-3, None
    save(layer, tmp_path / "a.safetensors")
    other = load(tmp_path / "a.safetensors")
    assert (other.rank_norm.eps, other.rank_norm.momentum) == (1e-3, None)


def test_a_device_may_be_named(tmp_path):
    save(CPConv(3, 4, (3,), rank=2), tmp_path / "a.safetensors")
    assert load(tmp_path / "a.safetensors", device="meta").weights.is_meta
    into = deepcopy(load(tmp_path / "a.safetensors"))
    assert load(tmp_path / "a.safetensors", into=into, device="cpu") is into


def test_an_older_file_survives_a_save_that_fails(tmp_path):
    path = tmp_path / "a.safetensors"
    save(CPConv(3, 4, (3,), rank=2), path)
    before = path.read_bytes()
    with pytest.raises(ValueError):
        save(nn.Sequential(CPConv(3, 4, (3,), rank=2), nn.LazyLinear(3)), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind, rank", [(CPConv, 3), (TuckerConv, (2, 3)), (TTConv, (2, 3, 2))])
def test_a_dense_convolution_of_this_very_rank_goes_there_and_back(tmp_path, kind, rank):
    torch.manual_seed(0)
    layer = kind(4, 6, (3, 3), rank=rank, dtype=torch.float64, bias=True, padding=(0, 2), stride=(2, 1))
    dense = layer.to_dense()
    assert torch.equal(dense.weight, layer.to_kernel()) and torch.equal(dense.bias, layer.bias)
    again = kind.from_conv(dense, rank=rank)
    assert again.relative_error < 1e-6 and again.options() == layer.options()
    torch.testing.assert_close(again.to_kernel(), layer.to_kernel(), rtol=1e-5, atol=1e-5)
    save(again, tmp_path / "again.safetensors")
    loaded = load(tmp_path / "again.safetensors")
    assert torch.equal(loaded.to_dense().weight, again.to_dense().weight) and loaded.fit == again.fit
    assert loaded.fit.seconds == again.fit.seconds  # which == leaves out
