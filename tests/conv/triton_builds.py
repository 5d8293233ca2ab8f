"""Triton kernels built for a GPU that need not be there: what the launches ask for, down to machine code.

``python tests/conv/triton_builds.py FILE`` writes what each kernel takes of a multiprocessor as a table.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from hocp.conv.kernels import triton_launch
from hocp.conv.kernels.triton_launch import Modes

HOPPER = GPUTarget("cuda", 90, 32)
KERNELS = ("depthwise", "factor_gradients", "sum_of_parts")
_TYPES = {torch.float16: "*fp16", torch.bfloat16: "*bf16", torch.float32: "*fp32", torch.float64: "*fp64"}
_THREE = Modes((3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1))
_TWO = Modes((3, 1, 3), (1, 1, 1), (1, 1, 1), (1, 0, 1))
_STRIDED = Modes((3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1))


@dataclass(frozen=True)
class Launch:
    """One launch that was asked for."""

    kernel: Any
    arguments: dict[str, Any]
    options: dict[str, int]


@dataclass(frozen=True)
class Usage:
    """What a program of a kernel takes: registers of a thread, bytes spilled, bytes of shared memory."""

    registers: int
    spilled: int
    shared: int


class Recorder:
    """Stands for a kernel and notes its launches instead of making them."""

    def __init__(self, kernel: Any, launches: list[Launch]) -> None:
        self.kernel, self.launches = kernel, launches

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        return self._note

    def _note(self, *args: Any, **given: Any) -> None:
        options = {name: given.pop(name) for name in ("num_warps", "num_stages", "maxnreg") if name in given}
        arguments = dict(zip(self.kernel.arg_names, args, strict=False)) | given
        assert set(arguments) == set(self.kernel.arg_names)
        self.launches.append(Launch(self.kernel, arguments, options))


@contextmanager
def recorded() -> Iterator[list[Launch]]:
    """All launches inside the block, of which none is made; every tile is tried."""
    launches: list[Launch] = []
    stand_ins = {name: Recorder(getattr(triton_launch, name), launches) for name in KERNELS}

    def all_tiles(key: Any, candidates: list[Any], launch: Any, *, on: Any) -> Any:
        for tile in candidates[:-1]:
            launch(tile)
        return candidates[-1]

    with mock.patch.multiple(triton_launch, fastest=all_tiles, **stand_ins):
        yield launches


def build(launch: Launch, target: GPUTarget = HOPPER) -> Any:
    """Compile as a launch would: ones and missing tensors are constants, pointers are aligned."""
    names, signature, constants, attributes = launch.kernel.arg_names, {}, {}, {}
    fixed = {parameter.name for parameter in launch.kernel.params if parameter.is_constexpr}
    for place, name in enumerate(names):
        value = launch.arguments[name]
        if name in fixed or value is None or (isinstance(value, int) and value == 1):
            signature[name], constants[name] = "constexpr", value
            continue
        signature[name] = _TYPES[value.dtype] if isinstance(value, torch.Tensor) else _integer(value)
        if isinstance(value, torch.Tensor) or value % 16 == 0:
            attributes[place,] = [["tt.divisibility", 16]]
    source = ASTSource(launch.kernel, signature, constants, attributes)
    return triton.compile(source, target=target, options=launch.options)


def _integer(value: int) -> str:
    return "i32" if value < 2**31 else "i64"


def usage(built: Any) -> Usage:
    """As the tool of the CUDA toolkit that comes with Triton reads it from the machine code."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(built.asm["cubin"])
        file.flush()
        command = [str(tool), "-res-usage", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    registers, stack = re.search(r"REG:(\d+) STACK:(\d+)", text).groups()
    return Usage(int(registers), int(stack), built.metadata.shared)


def loop_length(built: Any) -> int:
    """Instructions of the longest loop in the machine code: of the kernels, the walk's, for one frame."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/nvdisasm"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(built.asm["cubin"])
        file.flush()
        text = subprocess.run([str(tool), "-c", file.name], capture_output=True, text=True, check=True).stdout
    labels, count, longest = {}, 0, 0
    for line in text.splitlines():
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            labels[label[1]] = count
        elif instruction := re.match(r"\s+/\*[0-9a-f]+\*/\s+(.*?);", line):
            back = re.search(r"BRA.*`\((\.L_x_\d+)\)", instruction[1])
            count += 1
            if back and back[1] in labels:
                longest = max(longest, count - labels[back[1]])
    return longest


def numbers_a_thread(launch: Launch) -> float:
    """How many numbers of a frame one thread computes; 0 of kernels that walk along none."""
    given = launch.arguments
    if "BLOCK1" not in given:
        return 0
    numbers = given["ROWS"] * given["COLUMNS"] * given["BLOCK1"] * given["BLOCK2"] * given["BLOCK_R"]
    return numbers / (32 * launch.options["num_warps"])


def launches_of(case: str, dtype: torch.dtype) -> list[Launch]:
    """What one of `CASES` launches, on tensors without memory."""
    with recorded() as launches:
        CASES[case](dtype)
    return launches


def _tensors(dtype: torch.dtype, modes: Modes, rank: int) -> tuple[Any, list[Any], Any]:
    size = (8, 56, 56) if modes.taps[1] > 1 else (56, 1, 56)
    out = [-(-size // step) for size, step in zip(size, modes.stride, strict=True)]
    factors = [torch.empty(taps, rank, device="meta") if taps > 1 else None for taps in modes.taps]
    z, y = (torch.empty(2, *sizes, rank, dtype=dtype, device="meta") for sizes in (size, out))
    return z, factors, y


def _forward(modes: Modes, rank: int = 64, *, affine: bool = False, relu: bool = False):
    def launch(dtype: torch.dtype) -> None:
        z, factors, y = _tensors(dtype, modes, rank)
        row = torch.empty(rank, device="meta") if affine else None
        triton_launch.convolve(z, factors, y, modes=modes, scale=row, shift=row, relu=relu)

    return launch


def _product(modes: Modes, rank: int, *, affine: bool = False):
    def launch(dtype: torch.dtype) -> None:
        z, factors, y = _tensors(dtype, modes, rank)
        row = torch.empty(rank, device="meta") if affine else None
        matrix, bias = torch.empty(rank, rank, dtype=dtype, device="meta"), torch.empty(rank, device="meta")
        options = {"modes": modes, "scale": row, "shift": row, "relu": affine, "matrix": matrix, "bias": bias}
        options["weights"] = torch.empty(rank, device="meta")
        before, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, True
        try:
            triton_launch.convolve(z, factors, y, **options)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before

    return launch


def _backward(modes: Modes, rank: int = 64, *, affine: bool = False, relu: bool = False):
    def launch(dtype: torch.dtype) -> None:
        z, factors, dy = _tensors(dtype, modes, rank)
        row = torch.empty(rank, device="meta") if affine else None
        seen = {"modes": modes, "scale": row, "shift": row, "relu": relu}
        triton_launch.convolve_transposed(dy, factors, torch.empty_like(z), z=z, **seen)
        triton_launch.factors_gradients(z, dy, factors, **seen)

    return launch


CASES = {
    "3-D": _forward(_THREE),
    "3-D, rank 70": _forward(_THREE, 70),
    "3-D, stride 2": _forward(_STRIDED),
    "3-D, affine and ReLU": _forward(_THREE, affine=True, relu=True),
    "2-D": _forward(_TWO),
    "2-D, affine and ReLU": _forward(_TWO, affine=True, relu=True),
    "3-D, last product, 64 channels": _product(_THREE, 64),
    "3-D, last product, 128 channels": _product(_THREE, 128),
    "3-D, last product, stride 2": _product(_STRIDED, 128),
    "3-D, last product, affine and ReLU": _product(_THREE, 64, affine=True),
    "2-D, last product, 64 channels": _product(_TWO, 64),
    "3-D backward": _backward(_THREE),
    "3-D backward, stride 2": _backward(_STRIDED),
    "3-D backward, affine and ReLU": _backward(_THREE, affine=True, relu=True),
    "3-D backward, ReLU": _backward(_THREE, relu=True),
    "2-D backward": _backward(_TWO),
}


def rows() -> Iterator[dict[str, Any]]:
    """One row a kernel, case, dtype and tile."""
    for case in CASES:
        for dtype in (torch.bfloat16, torch.float32):
            for launch in launches_of(case, dtype):
                parts = ("BLOCK", "ROWS", "COLUMNS", "AHEAD", "FETCH")
                blocks = {name: value for name, value in launch.arguments.items() if name.startswith(parts)}
                machine_code, numbers = build(launch), numbers_a_thread(launch)
                built = usage(machine_code)
                length = f"{loop_length(machine_code) / numbers:.1f}" if numbers else ""
                yield {
                    "kernel": launch.kernel.__name__,
                    "case": case,
                    "dtype": str(dtype).removeprefix("torch."),
                    "tile": " ".join(f"{name}={value}" for name, value in blocks.items()),
                    "frames": launch.arguments.get("frames", ""),
                    "warps": launch.options["num_warps"],
                    "instructions_a_number": length,
                    "registers": built.registers,
                    "spilled_bytes": built.spilled,
                    "shared_bytes": built.shared,
                    "target": f"sm_{HOPPER.arch}",
                    "triton": triton.__version__,
                }


if __name__ == "__main__":
    table = list(rows())
    with Path(sys.argv[1]).open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
