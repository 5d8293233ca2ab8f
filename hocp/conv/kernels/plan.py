"""What a call of the compiled library needs beside its tensors: prepared once for each kind of call.

Shapes as in `hocp.conv.kernels.native`.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from ctypes import POINTER, byref, c_longlong, c_void_p
from functools import cache, lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor

from hocp.conv.geometry import Geometry
from hocp.conv.kernels.build import library
from hocp.conv.nd import is_channels_last

MODES = 3  # spatial modes that the library knows: time, height, width
DTYPES = {torch.float32: "float", torch.float64: "double"}
#: Functions of the library, and how many pointers each takes beside the problem.
ARGUMENTS = {"product": 5, "product_backward": 7, "forward": 14, "backward": 21}
#: What is asked of them. How much working memory they need depends on it.
CALLS = {
    "product": "product",
    "product_backward": "product_backward",
    "forward": "forward",
    "forward_keeping_z": "forward",
    "rest_forward": "forward",
    "backward": "backward",
    "backward_from_z": "backward",
    "rest_backward": "backward",
}
CACHE_LINE = 64  # bytes
KEPT_SCRATCH = 64 << 20  # bytes of working memory that a thread keeps from call to call, at most


class _Mode(ctypes.Structure):
    _fields_ = [(name, c_longlong) for name in ("size", "out", "taps", "stride", "dilation", "before")]


class _Problem(ctypes.Structure):
    _fields_ = [
        *((name, c_longlong) for name in ("batch", "in_channels", "out_channels", "rank")),
        ("modes", _Mode * MODES),
        ("threads", c_longlong),
    ]


class Plan:
    """One kind of call, prepared: what the library reads, its functions, and the shapes that follow.

    Attributes
    ----------
    shape : torch.Size
        Of x, (B, C, D0, ...).
    geometry : Geometry
    """

    def __init__(
        self,
        shape: torch.Size,
        geometry: Geometry,
        out_channels: int,
        rank: int,
        dtype: torch.dtype,
        threads: int,
    ) -> None:
        self.shape, self.geometry = shape, geometry
        self._like = {"dtype": dtype, "device": "cpu"}  # whatever torch's default device is
        batch, channels, *size = shape
        output_size = geometry.output_size(size)
        before = (pads[0] for pads in geometry.padding)
        steps = (geometry.kernel_size, geometry.stride, geometry.dilation)
        modes = zip(size, output_size, *steps, before, strict=True)
        absent = [_Mode(1, 1, 1, 1, 1, 0)] * (MODES - len(size))
        self._problem = _Problem(
            *(batch, channels, out_channels, rank),
            (_Mode * MODES)(*absent, *(_Mode(*mode) for mode in modes)),
            threads,
        )
        self._functions = {call: _function(name, dtype) for call, name in CALLS.items()}
        self._bytes: dict[str, int] = {}
        self._ones = torch.ones(1, rank, **self._like)
        panel = library().hocp_panel(dtype.itemsize)
        self._x_strides = _strides(channels, size)
        self._y_shape = (batch, out_channels, *output_size)
        self._y_strides = _strides(out_channels, output_size)
        self._z_shape = (-(-rank // panel), batch * prod(size), panel)

    def run(self, call: str, *arguments: Any) -> None:
        """Call a function; the first time twice, since it first says how much memory it needs."""
        function, given = self._functions[call], (byref(self._problem), *map(self._pointer, arguments))
        size = self._bytes.get(call)
        if size is None:
            size = self._bytes[call] = function(*given, None)
        _held, address = _scratch(size)
        function(*given, address)

    def _pointer(self, argument: Any) -> Any:
        """Where numbers stand; those of the modes as one list, with nothing for a mode that is missing."""
        if isinstance(argument, Tensor):
            return argument.data_ptr() or CACHE_LINE  # an empty tensor has no place, but is not missing
        if isinstance(argument, list):
            missing = [None] * (MODES - len(argument))
            return (c_void_p * MODES)(*missing, *[tensor.data_ptr() for tensor in argument])
        return argument

    def new_x(self, *, first: bool) -> Tensor:
        """Memory for a gradient of x, channels first or last."""
        if first:
            return torch.empty(self.shape, **self._like)
        return torch.empty_strided(self.shape, self._x_strides, **self._like)

    def new_y(self, *, first: bool) -> Tensor:
        """Memory for y, channels first or last."""
        if first:
            return torch.empty(self._y_shape, **self._like)
        return torch.empty_strided(self._y_shape, self._y_strides, **self._like)

    def new_z(self) -> Tensor:
        """Memory for z."""
        return torch.empty(self._z_shape, **self._like)

    def input(self, x: Tensor) -> tuple[Tensor, bool]:
        """x as the library reads it, and whether its channels come first in memory, not last."""
        return _without_gaps(x, self._x_strides)

    def output(self, grad: Tensor) -> tuple[Tensor, bool]:
        """The same of the gradient of y."""
        return _without_gaps(grad, self._y_strides)

    def modes(self, factors: list[Tensor]) -> list[Tensor]:
        """The factors of the modes; the library has always a height: of one row for order 1."""
        return factors if len(factors) > 1 else [self._ones, *factors]


_plan = lru_cache(maxsize=1024)(Plan)


def plan_of(
    shape: torch.Size, geometry: Geometry, *, out_channels: int, rank: int, dtype: torch.dtype
) -> Plan:
    """The plan for an x (B, C, D0, ...), for as many threads as torch has now."""
    return _plan(shape, geometry, out_channels, rank, dtype, torch.get_num_threads())


def _strides(channels: int, size: Sequence[int]) -> tuple[int, ...]:
    """Of (B, channels, D0, ...) with the channels last."""
    return (channels * prod(size), 1, *(channels * prod(size[mode + 1 :]) for mode in range(len(size))))


def _without_gaps(tensor: Tensor, channels_last: tuple[int, ...]) -> tuple[Tensor, bool]:
    """With nothing between its numbers in memory, and whether the channels come first."""
    if tensor.stride() == channels_last:
        return tensor, False
    if tensor.is_contiguous():
        return tensor, prod(tensor.shape[2:]) > 1  # of one position it is both: strides are those of the last
    if is_channels_last(tensor):
        return tensor.movedim(1, -1).contiguous(), False
    return tensor.contiguous(), True


@cache
def _function(name: str, dtype: torch.dtype) -> Any:
    function = library()[f"hocp_{name}_{DTYPES[dtype]}"]
    pointers = [c_void_p] * ARGUMENTS[name]
    function.argtypes, function.restype = [POINTER(_Problem), *pointers], c_longlong
    return function


_own = threading.local()


def _scratch(size: int) -> tuple[Tensor, int]:
    """Working memory and where its first cache line begins.

    It is kept for the next call: fresh memory costs a page fault every 4 KiB.
    """
    held = getattr(_own, "scratch", None)
    if held is None or held[0].numel() < size + CACHE_LINE:
        memory = torch.empty(size + CACHE_LINE, dtype=torch.uint8, device="cpu")
        held = memory, -(-memory.data_ptr() // CACHE_LINE) * CACHE_LINE
        if size <= KEPT_SCRATCH:
            _own.scratch = held
    return held
