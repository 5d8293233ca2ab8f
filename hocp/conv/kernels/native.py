"""CP convolution by the compiled library, with its gradients.

Shapes: B batch, C input channels, T output channels, R rank; D, H, W spatial sizes, of which order 1 has the
last and order 2 the last two; K0, ... taps.
    x        (B, C, D, H, W)        any memory format; channels last spares a copy
    u, v     (C, R), (T, R)         factors of the channels; lambda in that of the output
    factors  (K0, R), ...
    z        (panels, B D H W, P)   first product in panels of P components, the last filled up with zeros
    y        (B, T, D', H', W')     channels last
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from ctypes import POINTER, byref, c_longlong, c_void_p
from functools import lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor

from hocp.conv.geometry import Geometry
from hocp.conv.kernels.build import library

MODES = 3  # spatial modes that the library knows: time, height, width
DTYPES = {torch.float32: "float", torch.float64: "double"}
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


class _Plan:
    """One kind of call, prepared: what the library reads, its functions, and the shapes that follow."""

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        size: tuple[int, ...],
        geometry: Geometry,
        dtype: torch.dtype,
        threads: int,
    ) -> None:
        before = (pads[0] for pads in geometry.padding)
        self.output_size = geometry.output_size(size)
        steps = (geometry.kernel_size, geometry.stride, geometry.dilation)
        modes = zip(size, self.output_size, *steps, before, strict=True)
        absent = [_Mode(1, 1, 1, 1, 1, 0)] * (MODES - len(size))
        self.problem = _Problem(
            *channels, (_Mode * MODES)(*absent, *(_Mode(*mode) for mode in modes)), threads
        )
        self.forward = _function(f"hocp_forward_{DTYPES[dtype]}", arguments=9)
        self.backward = _function(f"hocp_backward_{DTYPES[dtype]}", arguments=12)
        panel, (batch, *_, rank) = library().hocp_panel(dtype.itemsize), channels
        self.z_shape = (-(-rank // panel), batch * prod(size), panel)

    def run(self, function: Any, *arguments: Any) -> None:
        """Call the function twice: it first says how much memory it needs."""
        call = (byref(self.problem), *arguments)
        memory = _scratch(function(*call, None))
        function(*call, -(-memory.data_ptr() // CACHE_LINE) * CACHE_LINE)


_plan = lru_cache(maxsize=1024)(_Plan)


def _function(name: str, *, arguments: int) -> Any:
    function = getattr(library(), name)
    function.argtypes, function.restype = [POINTER(_Problem), *[c_void_p] * (arguments - 1)], c_longlong
    return function


_own = threading.local()


def _scratch(size: int) -> Tensor:
    """Working memory, kept for the next call: fresh memory costs a page fault every 4 KiB."""
    held = getattr(_own, "scratch", None)
    if held is None or held.numel() < size + CACHE_LINE:
        held = torch.empty(size + CACHE_LINE, dtype=torch.uint8)
        if size <= KEPT_SCRATCH:
            _own.scratch = held
    return held


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _addresses(tensors: Sequence[Tensor | None]) -> Any:
    """Of the factors or of their gradients, None where a mode is missing."""
    return (c_void_p * MODES)(*[None] * (MODES - len(tensors)), *map(_address, tensors))


def _channels_behind(x: Tensor) -> Tensor:
    """(B, C, D0, ...) -> (B, D0, ..., C), contiguous."""
    return x.movedim(1, -1).contiguous()


def _with_height(factors: Sequence[Tensor]) -> list[Tensor]:
    """The library has always a height: of one row for order 1."""
    own = [factor.contiguous() for factor in factors]
    return own if len(own) > 1 else [torch.ones_like(own[0][:1]), *own]


def _plan_of(x: Tensor, v: Tensor, rank: int, geometry: Geometry) -> _Plan:
    channels = (x.shape[0], x.shape[1], v.shape[0], rank)
    return _plan(channels, tuple(x.shape[2:]), geometry, x.dtype, torch.get_num_threads())


def forward(
    x: Tensor,
    u: Tensor,
    v: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    geometry: Geometry,
    keep: bool,
) -> tuple[Tensor, Tensor | None]:
    """y, and z if it is to be kept for `backward`.

    Orders 1 to 3; all tensors on the processor and of one dtype of `DTYPES`. No graph is recorded.
    """
    plan, last = _plan_of(x, v, u.shape[1], geometry), _channels_behind(x)
    y = last.new_empty((x.shape[0], *plan.output_size, v.shape[0]))
    z = last.new_empty(plan.z_shape) if keep else None
    matrices = (u.contiguous(), _with_height(factors), v.contiguous())
    u_at, factors_at, v_at = matrices[0].data_ptr(), _addresses(matrices[1]), matrices[2].data_ptr()
    plan.run(plan.forward, last.data_ptr(), u_at, factors_at, v_at, _address(bias), y.data_ptr(), _address(z))
    return y.movedim(-1, 1), z


def backward(
    x: Tensor,
    u: Tensor,
    v: Tensor,
    factors: Sequence[Tensor],
    z: Tensor | None,
    grad: Tensor,
    *,
    geometry: Geometry,
    wants_x: bool = True,
) -> list[Tensor | None]:
    """Gradients of x (None if it is not wanted), u, v and the factors from that of y.

    Without z it is computed once more.
    """
    plan, last, grad = _plan_of(x, v, u.shape[1], geometry), _channels_behind(x), _channels_behind(grad)
    u, v, padded = u.contiguous(), v.contiguous(), _with_height(factors)
    grad_x = torch.empty_like(last) if wants_x else None
    grad_u, grad_v = torch.empty_like(u), torch.empty_like(v)
    grads = [torch.empty_like(factor) for factor in padded]
    given = (last.data_ptr(), u.data_ptr(), _addresses(padded), v.data_ptr(), grad.data_ptr(), _address(z))
    wanted = (_address(grad_x), grad_u.data_ptr(), _addresses(grads), grad_v.data_ptr())
    plan.run(plan.backward, *given, *wanted)
    return [None if grad_x is None else grad_x.movedim(-1, 1), grad_u, grad_v, *grads[-len(factors) :]]
