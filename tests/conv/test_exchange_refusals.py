"""What a file or module must not be: every refusal names the file, what is wrong and what to do."""

import json
import random
import struct

import pytest
import torch
from safetensors.torch import save_file

from hocp.conv import CPConv
from hocp.conv.exchange import load, save


def read_parts(path) -> tuple[dict, dict, bytes]:
    """Our description, the table of tensors, the numbers."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    table = json.loads(content[8 : 8 + length])
    return json.loads(table.pop("__metadata__")["hocp.conv"]), table, content[8 + length :]


def write_parts(path, header, table: dict, numbers: bytes) -> None:
    """The file of these parts."""
    text = header if isinstance(header, str) else json.dumps(header)
    packed = json.dumps({"__metadata__": {"hocp.conv": text}, **table}).encode()
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + numbers)


@pytest.fixture
def path(tmp_path):
    """A file with one layer."""
    torch.manual_seed(0)
    save(CPConv(3, 4, (3, 3), rank=5, bias=True, rank_norm="batch"), tmp_path / "layer.safetensors")
    return tmp_path / "layer.safetensors"


@pytest.mark.parametrize("cut", [0, 5, 8, 40, -700, -1])
def test_a_truncated_file(path, cut):
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(
        ValueError, match=r"layer\.safetensors is no safetensors file, or is not whole .*again"
    ):
        load(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04" + bytes(200), b"\x80\x04\x95" + bytes(90), random.Random(0).randbytes(99)],
    ids=["empty", "zip", "pickle", "noise"],
)
def test_something_else_than_safetensors(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no safetensors file"):
        load(path)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent.safetensors")
    with pytest.raises(ValueError, match="is a folder; expected a file"):
        load(tmp_path)


def test_another_kind_of_safetensors_file(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"keys format, expected 'hocp\.conv'; read a plain one with"):
        load(tmp_path / "a.safetensors")


HEADERS = {
    "version is of a later hocp": (
        lambda h: h.update(version=2),
        "version 2; this hocp reads 1 to 1, so update it",
    ),
    "version is no number": (lambda h: h.update(version="1"), "version '1'"),
    "version is absent": (lambda h: h.pop("version"), "version None"),
    "another format": (lambda h: h.update(format="other"), "does not describe a file of that format"),
    "layers are a list": (lambda h: h.update(layers=[]), "layers of the metadata is no table of dict"),
    "aliases to nothing": (lambda h: h.update(aliases={"x": "y"}), "alias 'x' of 'y' does not fit"),
    "aliases are numbers": (
        lambda h: h.update(aliases={"x": 1}),
        "aliases of the metadata is no table of str",
    ),
    "unknown class": (
        lambda h: h["layers"][""].update({"class": "os.system"}),
        "class is 'os.system'; expected one of CPConv",
    ),
    "class is a list": (
        lambda h: h["layers"][""].update({"class": []}),
        r"class is \[\]; expected one of CPConv",
    ),
    "unknown option": (lambda h: h["layers"][""]["options"].update(colour=1), "makes no CPConv .*colour"),
    "device option": (lambda h: h["layers"][""]["options"].update(device="cuda"), "makes no CPConv .*device"),
    "wrong option": (
        lambda h: h["layers"][""]["options"].update(rank=0),
        "makes no CPConv .*rank of CPConv is 0",
    ),
    "huge rank": (
        lambda h: h["layers"][""]["options"].update(rank=10**12),
        r"but the module wants \(1000000000000,\)",
    ),
    "no options": (lambda h: h["layers"][""].pop("options"), "makes no CPConv .*options"),
    "options a text": (lambda h: h["layers"][""].update(options="rank"), "makes no CPConv"),
    "a norm too many": (
        lambda h: h["layers"][""]["norms"].update(other={"eps": 1, "momentum": 1}),
        "norms are",
    ),
    "norm without eps": (
        lambda h: h["layers"][""]["norms"].update(rank_norm={}),
        "makes no CPConv .*lacks 'momentum'",
    ),
    "norm forgotten": (lambda h: h["layers"][""].update(norms={}), "has rank_norm.bias.*has no place"),
    "a mode too many": (
        lambda h: h["layers"][""].update(temporal_modes=[2]),
        r"temporal_modes is \[2\].*0 to 1",
    ),
    "unknown status": (lambda h: h["layers"][""].update(fit={"status": "fine"}), "fit.status is 'fine'"),
    "fit of other fields": (
        lambda h: h["layers"][""].update(fit={"status": "converged"}),
        "makes no CPConv .*relative_error",
    ),
    "no description": (lambda h: h.update(layers={}), "network with 0 factorized layers.*into=network"),
    "other path": (lambda h: h.update(layers={"a": h["layers"][""]}), "network with 1 factorized layers"),
}


@pytest.mark.parametrize("change, text", HEADERS.values(), ids=HEADERS)
def test_a_description_that_is_wrong(path, change, text):
    header, table, numbers = read_parts(path)
    change(header)
    write_parts(path, header, table, numbers)
    with pytest.raises(ValueError, match=text) as refusal:
        load(path)
    assert "layer.safetensors" in str(refusal.value)


@pytest.mark.parametrize("text", ["{", "[]", "1", "null", "[" * 100_000])
def test_a_description_that_is_none(path, text):
    _, table, numbers = read_parts(path)
    write_parts(path, text, table, numbers)
    with pytest.raises(ValueError, match=r"layer\.safetensors: metadata 'hocp\.conv'"):
        load(path)


TENSORS = {
    "missing": (lambda t: t.pop("bias"), r"lacks bias; it has 10 tensors"),
    "renamed": (lambda t: t.update(bios=t.pop("bias")), "lacks bias"),
    "unexpected": (lambda t: t.update(bios=t["bias"].clone()), "has bios, for which the module has no place"),
    "many unexpected": (
        lambda t: t.update({f"x{i}": torch.ones(1) for i in range(9)}),
        "x0, x1, x2, x3 and 5 more",
    ),
    "shape": (lambda t: t.update(bias=torch.ones(5)), r"bias is \(5,\) float32, but the module wants \(4,\)"),
    "modes": (lambda t: t.update(weights=torch.ones(5, 1)), r"weights is \(5, 1\)"),
    "whole numbers": (lambda t: t.update(bias=torch.ones(4, dtype=torch.int32)), r"bias is \(4,\) int32"),
}


@pytest.mark.parametrize("change, text", TENSORS.values(), ids=TENSORS)
def test_tensors_that_are_wrong(path, change, text):
    header, _, _ = read_parts(path)
    tensors = dict(load(path).state_dict())
    change(tensors)
    save_file(tensors, path, metadata={"hocp.conv": json.dumps(header)})
    with pytest.raises(ValueError, match=text):
        load(path)


STRANGE = [
    None,
    True,
    0,
    -1,
    2,
    10**19,
    10**40,
    1.5,
    float("nan"),
    "",
    "x",
    [],
    [1],
    [1, 2, 3],
    [[1, 1]] * 2,
    {},
]


def places(value, place=()):
    """Paths to everything inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield (*place, key)
        yield from places(part, (*place, key))


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_file_is_read_or_refused_whatever_the_damage(path, seed):
    """Other errors than ValueError would be our own mistakes; some damage, as to a number, does not show."""
    draw, (header, table, numbers), whole = random.Random(seed), read_parts(path), path.read_bytes()
    refused = 0
    for attempt in range(60):
        if attempt % 2:
            content = bytearray(whole)
            for _ in range(draw.choice([1, 3, 9])):
                content[draw.randrange(len(content))] = draw.randrange(256)
            path.write_bytes(content)
        else:
            changed = json.loads(json.dumps(header))
            *way, last = draw.choice(list(places(changed)))
            inner = changed
            for key in way:
                inner = inner[key]
            inner[last] = draw.choice(STRANGE)
            write_parts(path, changed, table, numbers)
        try:
            load(path)
        except ValueError:
            refused += 1
    assert refused > 20
