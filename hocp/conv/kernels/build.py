"""Compile `native.cpp` for this processor when it is first asked for, and load it.

The library is kept in the user's cache folder under a name that holds a hash of the source, the compiler, its
flags and the processor, so it is compiled once and never taken for another. Without a compiler nothing is
lost but time: every form that needs the library says so, and the others remain.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import torch

SOURCE = Path(__file__).with_name("native.cpp")
SWITCH = "HOCP_NATIVE"
#: Aligned loops: else the speed of the innermost one hangs on where in the library it happens to begin.
FLAGS = (
    *("-std=c++17", "-O3", "-march=native", "-falign-loops=64"),
    *("-fPIC", "-shared", "-fopenmp", "-Wl,--as-needed"),
)
SECONDS = 300  # that a compiler may take


class Unavailable(Exception):
    """Why there is no compiled library, in words."""


def unavailable() -> str | None:
    """None if the library is there, else the reason; the first call may compile for some seconds."""
    loaded = _loaded()
    return loaded if isinstance(loaded, str) else None


def library() -> ctypes.CDLL:
    """The library.

    Raises
    ------
    Unavailable
        If it cannot be had.
    """
    loaded = _loaded()
    if isinstance(loaded, str):
        raise Unavailable(loaded)
    return loaded


@cache
def _loaded() -> ctypes.CDLL | str:
    """The library or the reason why not; asked once a process."""
    if os.environ.get(SWITCH) == "0":
        return f"${SWITCH} is 0"
    compiler = shutil.which(os.environ.get("CXX") or "g++") or shutil.which("c++")
    if compiler is None:
        return "no C++ compiler on the PATH; install g++, or name one in $CXX"
    try:
        command = [compiler, *FLAGS, str(SOURCE), *map(str, _openmp())]
        path = _folder() / f"native-{_fingerprint(compiler, command)}.so"
        if not path.exists():
            _compile(command, path)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError, Unavailable) as error:
        return f"native.cpp cannot be compiled or loaded: {error}"


def _openmp() -> list[Path]:
    """The OpenMP library that torch has loaded: two of them would wait for each other's threads."""
    return sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))


def _folder() -> Path:
    """The user's cache folder, made if it is missing."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "hocp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _fingerprint(compiler: str, command: list[str]) -> str:
    """Hash of all that decides the library; ``-march=native`` is resolved to the processor's own flags."""
    asked = [compiler, "-march=native", "-Q", "--help=target", "--version"]
    target = subprocess.run(asked, capture_output=True, timeout=SECONDS, check=False).stdout
    files = sorted(SOURCE.parent.glob("*.h"))
    sources = [file.read_bytes() for file in (SOURCE, *files)]
    parts = (*sources, "\0".join(command).encode(), target)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _compile(command: list[str], path: Path) -> None:
    """Compile beside the place and move there in one step, so that no one loads half a library."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        result = Path(folder, path.name)
        run = subprocess.run([*command, "-o", str(result)], capture_output=True, text=True, timeout=SECONDS)
        if run.returncode:
            first = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr[:200])
            raise Unavailable(f"{Path(command[0]).name} says: {first.strip()}")
        result.replace(path)
