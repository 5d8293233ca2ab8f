"""Compiling at first use: what is kept, what is said where it fails, and that nothing half-made is left."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hocp.conv.kernels import build

ROOT = Path(__file__).resolve().parents[2]
LAYER = (
    "import torch; from hocp.conv import CPConv; from hocp.conv.kernels import build;"
    "x = torch.ones(1, 2, 5, 5); layer = CPConv(2, 2, (3, 3), rank=3, padding=1); layer(x);"
    "print(build.unavailable())"
)


def asked(tmp_path, **variables):
    """What a fresh process says of the library, after a layer in it has computed."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOCP_TUNING": "", **variables}
    command = [sys.executable, "-c", LAYER]
    run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def compiler(tmp_path, script):
    path = tmp_path / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_without_a_compiler_layers_compute_all_the_same(tmp_path):
    (tmp_path / "empty").mkdir()
    said = asked(tmp_path, PATH=str(tmp_path / "empty"), CXX="g++")
    assert said.startswith("no C++ compiler on the PATH")


def test_can_be_switched_off(tmp_path):
    assert asked(tmp_path, HOCP_NATIVE="0") == "$HOCP_NATIVE is 0"
    assert not (tmp_path / "cache").exists()


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(tmp_path):
    broken = compiler(tmp_path, 'echo "native.cpp:1: error: out of luck" >&2; exit 1')
    assert "error: out of luck" in asked(tmp_path, CXX=broken)
    assert list((tmp_path / "cache" / "hocp").iterdir()) == []


def test_a_library_that_does_not_load_is_named(tmp_path):
    """A compiler that writes something else."""
    odd = compiler(tmp_path, 'for last; do :; done; [ "$last" = --version ] || echo "no library" > "$last"')
    assert asked(tmp_path, CXX=odd).startswith("native.cpp cannot be compiled or loaded")


def test_a_cache_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert "cannot be compiled or loaded" in asked(tmp_path)


@pytest.mark.skipif(build.unavailable() is not None, reason=str(build.unavailable()))
def test_is_compiled_once(tmp_path):
    assert asked(tmp_path) == "None"
    (library,) = (tmp_path / "cache" / "hocp").iterdir()
    made = library.stat().st_mtime_ns
    assert asked(tmp_path) == "None"
    assert library.stat().st_mtime_ns == made
