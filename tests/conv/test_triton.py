"""The form on Triton: in its interpreter, in another process since the choice falls at triton's import."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from hocp.conv import CPConv
from hocp.conv.forms import FORMS, Call, triton
from hocp.conv.geometry import Geometry

HERE = Path(__file__).parent
without = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")


@without
def test_in_the_interpreter():
    """Each test of that file; its report is shown where one fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, str(HERE / "triton_interpreted.py")],
        cwd=HERE.parents[1],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_library_neither_needs_nor_imports_triton():
    program = (
        "import sys, torch; from hocp.conv import CPConv\n"
        "assert not any(name.split('.')[0] == 'triton' for name in sys.modules)\n"
        "sys.modules['triton'] = None\n"
        "CPConv(2, 2, (3, 3), rank=2)(torch.zeros(1, 2, 4, 4))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=HERE.parents[1])


def call(**changes):
    options = {"batch": 2, "in_channels": 4, "out_channels": 4, "groups": 1, "rank": 4, "size": (8, 8)}
    options |= {"geometry": Geometry((3, 3), padding=1), "device": "cuda", "processor": "some GPU"}
    return Call(**options | changes)


@without
@pytest.mark.parametrize(("changes", "reason"), [
    ({}, None),
    ({"device": "cpu"}, "need a CUDA device, and the input is on 'cpu'"),
    ({"geometry": Geometry((3,) * 4), "size": (8,) * 4}, "order 1 to 3, and this convolution has order 4"),
    ({"dtype": torch.complex64}, "compute in floating point, not in torch.complex64"),
    ({"rank": 2**25}, "2^31 numbers or more"),
])  # fmt: skip
def test_what_it_supports(changes, reason, monkeypatch):
    monkeypatch.setattr(triton, "INTERPRETED", False)
    found = FORMS["triton"].supports(call(**changes))
    assert found == reason if reason is None else reason in found


def test_says_in_words_what_is_missing(monkeypatch):
    layer = CPConv(4, 4, (3, 3), rank=4, implementation="triton")
    monkeypatch.setattr(triton, "INTERPRETED", False)
    monkeypatch.setattr(triton, "INSTALLED", True)
    with pytest.raises(ValueError, match="'triton' cannot be used: Triton's kernels need a CUDA device"):
        layer(torch.zeros(1, 4, 8, 8))
    monkeypatch.setattr(triton, "INSTALLED", False)
    with pytest.raises(ValueError, match=r"Triton 3\.3 or later is not installed"):
        layer(torch.zeros(1, 4, 8, 8))
