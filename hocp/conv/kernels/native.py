"""CP convolution by the compiled library, with its gradients.

Shapes: B batch, C input channels, T output channels, R rank; D, H, W spatial sizes, of which order 1 has the
last and order 2 the last two; K0, ... taps.
    x        (B, C, D, H, W)        any memory format; channels last spares a copy
    u, v     (C, R), (T, R)         factors of the channels
    factors  (K0, R), ...           those of the modes; lambda is in any factor
    z        (panels, B D H W, P)   first product in panels of P components, the last filled up with zeros
    y        (B, T, D', H', W')     channels last
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from ctypes import POINTER, byref, c_longlong, c_void_p
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor

from hocp.conv.geometry import Geometry
from hocp.conv.kernels.build import library

MODES = 3  # spatial modes that the library knows: time, height, width
DTYPES = {torch.float32: "float", torch.float64: "double"}
#: Functions of the library, and how many pointers each takes beside the problem.
ARGUMENTS = {"product": 4, "product_backward": 6, "forward": 11, "backward": 17}
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
        self.functions = {name: _function(f"hocp_{name}_{DTYPES[dtype]}", n) for name, n in ARGUMENTS.items()}
        panel, (batch, *_, rank) = library().hocp_panel(dtype.itemsize), channels
        self.z_shape = (-(-rank // panel), batch * prod(size), panel)

    def run(self, name: str, *arguments: Any) -> None:
        """Call a function twice: it first says how much memory it needs."""
        function, call = self.functions[name], (byref(self.problem), *map(_pointer, arguments))
        memory = _scratch(function(*call, None))
        function(*call, -(-memory.data_ptr() // CACHE_LINE) * CACHE_LINE)


_plan = lru_cache(maxsize=1024)(_Plan)


def _function(name: str, arguments: int) -> Any:
    function = getattr(library(), name)
    function.argtypes, function.restype = [POINTER(_Problem), *[c_void_p] * arguments], c_longlong
    return function


def _pointer(argument: Any) -> Any:
    """Where numbers stand; tensors of the modes as one list, with nothing for a mode that is missing."""
    if isinstance(argument, (list, tuple)):
        missing = [None] * (MODES - len(argument))
        return (c_void_p * MODES)(*missing, *(tensor.data_ptr() for tensor in argument))
    if isinstance(argument, Tensor):
        return argument.data_ptr() or CACHE_LINE  # an empty tensor has no place, but is not missing
    return argument


_own = threading.local()


def _scratch(size: int) -> Tensor:
    """Working memory, kept for the next call: fresh memory costs a page fault every 4 KiB."""
    held = getattr(_own, "scratch", None)
    if held is None or held.numel() < size + CACHE_LINE:
        held = torch.empty(size + CACHE_LINE, dtype=torch.uint8)
        if size <= KEPT_SCRATCH:
            _own.scratch = held
    return held


def _channels_behind(x: Tensor) -> Tensor:
    """(B, C, D0, ...) -> (B, D0, ..., C), contiguous."""
    return x.movedim(1, -1).contiguous()


def _with_height(factors: Sequence[Tensor]) -> list[Tensor]:
    """The library has always a height: of one row for order 1."""
    own = [factor.contiguous() for factor in factors]
    return own if len(own) > 1 else [torch.ones_like(own[0][:1]), *own]


@dataclass(frozen=True)
class Psi:
    """What happens to z before it is convolved: max(0, z scale + shift), each step if it is asked for.

    Attributes
    ----------
    scale, shift : Tensor, (R,), or None
    relu : bool
    """

    scale: Tensor | None = None
    shift: Tensor | None = None
    relu: bool = False

    def arguments(self) -> tuple[Any, ...]:
        return self.scale, self.shift, int(self.relu)


@dataclass(frozen=True)
class Layer:
    """What is fixed of a call: its plan for any rank, from the shape of x.

    Attributes
    ----------
    shape : torch.Size
        Of x, (B, C, D0, ...).
    geometry : Geometry
    """

    shape: torch.Size
    geometry: Geometry

    def plan(self, like: Tensor, *, out_channels: int, rank: int) -> _Plan:
        batch, channels, *size = self.shape
        problem = (batch, channels, out_channels, rank)
        return _plan(problem, tuple(size), self.geometry, like.dtype, torch.get_num_threads())


def product(layer: Layer, x: Tensor, u: Tensor) -> Tensor:
    """z = x u. Nothing here records a graph; all tensors are on the processor, of one dtype of `DTYPES`."""
    plan = layer.plan(x, out_channels=1, rank=u.shape[1])
    z = x.new_empty(plan.z_shape)
    plan.run("product", _channels_behind(x), u.contiguous(), z)
    return z


def product_backward(
    layer: Layer, x: Tensor, u: Tensor, grad_z: Tensor, *, wants_x: bool
) -> list[Tensor | None]:
    """Gradients of x, None if it is not wanted, and of u."""
    plan = layer.plan(x, out_channels=1, rank=u.shape[1])
    x, u, grad_z = _channels_behind(x), u.contiguous(), grad_z.contiguous()
    grad_x, grad_u = torch.empty_like(x) if wants_x else None, torch.empty_like(u)
    plan.run("product_backward", x, u, grad_z, grad_x, grad_u)
    return [None if grad_x is None else grad_x.movedim(-1, 1), grad_u]


def forward(
    layer: Layer,
    x: Tensor,
    u: Tensor,
    v: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    keep: bool,
) -> tuple[Tensor, Tensor | None]:
    """y, and z if it is to be kept for `backward`."""
    plan = layer.plan(x, out_channels=v.shape[0], rank=v.shape[1])
    y = x.new_empty((x.shape[0], *plan.output_size, v.shape[0]))
    z = x.new_empty(plan.z_shape) if keep else None
    given = (_channels_behind(x), u.contiguous(), _with_height(factors), v.contiguous(), bias)
    plan.run("forward", *given, *Psi().arguments(), y, z)
    return y.movedim(-1, 1), z


def backward(
    layer: Layer,
    x: Tensor,
    u: Tensor,
    v: Tensor,
    factors: Sequence[Tensor],
    z: Tensor | None,
    grad: Tensor,
    *,
    wants_x: bool,
) -> list[Tensor | None]:
    """Gradients of x, None if it is not wanted, u, v and the factors; without z it is computed once more."""
    plan = layer.plan(x, out_channels=v.shape[0], rank=v.shape[1])
    x, u, v, padded = _channels_behind(x), u.contiguous(), v.contiguous(), _with_height(factors)
    grad_x = torch.empty_like(x) if wants_x else None
    grads = [torch.empty_like(tensor) for tensor in (u, v, *padded)]
    given = (x, u, padded, v, *Psi().arguments(), z, _channels_behind(grad))
    plan.run("backward", *given, grad_x, grads[0], grads[2:], grads[1], None, None, None)
    return [None if grad_x is None else grad_x.movedim(-1, 1), *grads[:2], *grads[-len(factors) :]]


def rest_forward(
    layer: Layer, z: Tensor, v: Tensor, factors: Sequence[Tensor], *, psi: Psi, bias: Tensor | None
) -> Tensor:
    """y from z."""
    plan = layer.plan(z, out_channels=v.shape[0], rank=v.shape[1])
    y = z.new_empty((layer.shape[0], *plan.output_size, v.shape[0]))
    given = (None, None, _with_height(factors), v.contiguous(), bias, *psi.arguments())
    plan.run("forward", *given, y, z.contiguous())
    return y.movedim(-1, 1)


def rest_backward(
    layer: Layer, z: Tensor, v: Tensor, factors: Sequence[Tensor], grad: Tensor, *, psi: Psi
) -> list[Tensor]:
    """Gradients of z, scale, shift, v and the factors; those of scale and shift also where there is none."""
    plan = layer.plan(z, out_channels=v.shape[0], rank=v.shape[1])
    z, v, padded = z.contiguous(), v.contiguous(), _with_height(factors)
    grad_z, grad_v, grads = torch.empty_like(z), torch.empty_like(v), [torch.empty_like(f) for f in padded]
    grad_scale, grad_shift = v.new_empty(2, v.shape[1])
    given = (None, None, padded, v, *psi.arguments(), z, _channels_behind(grad))
    plan.run("backward", *given, None, None, grads, grad_v, grad_scale, grad_shift, grad_z)
    return [grad_z, grad_scale, grad_shift, grad_v, *grads[-len(factors) :]]
