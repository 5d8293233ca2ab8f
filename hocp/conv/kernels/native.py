"""CP convolution by the compiled library, with its gradients.

Shapes: B batch, C input channels, T output channels, R rank; D, H, W spatial sizes, of which order 1 has the
last and order 2 the last two; K0, ... taps.
    x        (B, C, D, H, W)        any memory format; channels last spares a copy
    u, v     (C, R), (T, R)         factors of the channels
    weights  (R,)                   lambda
    factors  (K0, R), ...           those of the modes
    z        (panels, B D H W, P)   first product in panels of P components, the last filled up with zeros
    y        (B, T, D', H', W')     channels last

Nothing here records a graph or checks its arguments: all tensors are on the processor, of one dtype of
`DTYPES` and of the shapes that their plan was made for.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from ctypes import POINTER, byref, c_longlong, c_void_p
from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor

from hocp.conv.geometry import Geometry
from hocp.conv.kernels.build import library

MODES = 3  # spatial modes that the library knows: time, height, width
DTYPES = {torch.float32: "float", torch.float64: "double"}
#: Functions of the library, and how many pointers each takes beside the problem.
ARGUMENTS = {"product": 4, "product_backward": 6, "forward": 12, "backward": 19}
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
        self.shape, self.geometry, self._dtype = shape, geometry, dtype
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
        self._ones = torch.ones(1, rank, dtype=dtype)
        panel = library().hocp_panel(dtype.itemsize)
        self._x_strides = _strides(channels, size)
        self._y = (batch, out_channels, *output_size), _strides(out_channels, output_size)
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

    def new_x(self) -> Tensor:
        """Memory for a gradient of x, channels last."""
        return torch.empty_strided(self.shape, self._x_strides, dtype=self._dtype)

    def new_y(self) -> Tensor:
        """Memory for y, channels last."""
        return torch.empty_strided(*self._y, dtype=self._dtype)

    def new_z(self) -> Tensor:
        """Memory for z."""
        return torch.empty(self._z_shape, dtype=self._dtype)

    def last(self, x: Tensor) -> Tensor:
        """x, or a copy, with its channels last and nothing between its numbers in memory."""
        return x if x.stride() == self._x_strides else x.movedim(1, -1).contiguous()

    def last_of_y(self, grad: Tensor) -> Tensor:
        """The same of the gradient of y."""
        return grad if grad.stride() == self._y[1] else grad.movedim(1, -1).contiguous()

    def modes(self, factors: list[Tensor]) -> list[Tensor]:
        """The factors of the modes; the library has always a height: of one row for order 1."""
        return factors if len(factors) > 1 else [self._ones, *factors]


@lru_cache(maxsize=1024)
def _plan(*what: Any) -> Plan:
    return Plan(*what)


def plan(shape: torch.Size, geometry: Geometry, *, out_channels: int, rank: int, dtype: torch.dtype) -> Plan:
    """The plan for an x (B, C, D0, ...), for as many threads as torch has now."""
    return _plan(shape, geometry, out_channels, rank, dtype, torch.get_num_threads())


def _strides(channels: int, size: Sequence[int]) -> tuple[int, ...]:
    """Of (B, channels, D0, ...) with the channels last."""
    return (channels * prod(size), 1, *(channels * prod(size[mode + 1 :]) for mode in range(len(size))))


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
        memory = torch.empty(size + CACHE_LINE, dtype=torch.uint8)
        held = memory, -(-memory.data_ptr() // CACHE_LINE) * CACHE_LINE
        if size <= KEPT_SCRATCH:
            _own.scratch = held
    return held


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


_NO_PSI = Psi().arguments()


def product(plan: Plan, x: Tensor, u: Tensor) -> Tensor:
    """z = x u."""
    z = plan.new_z()
    plan.run("product", plan.last(x), u.contiguous(), z)
    return z


def product_backward(
    plan: Plan, x: Tensor, u: Tensor, grad_z: Tensor, *, wants_x: bool
) -> tuple[Tensor | None, Tensor]:
    """Gradients of x, None if it is not wanted, and of u."""
    u = u.contiguous()
    of_x, of_u = plan.new_x() if wants_x else None, torch.empty_like(u)
    plan.run("product_backward", plan.last(x), u, grad_z.contiguous(), of_x, of_u)
    return of_x, of_u


def forward(
    plan: Plan,
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    bias: Tensor | None,
    z: Tensor | None = None,
) -> Tensor:
    """y; z, where it is given, takes the first product."""
    y, (v, u, *modes) = plan.new_y(), [factor.contiguous() for factor in factors]
    given = (plan.last(x), u, weights.contiguous(), plan.modes(modes), v, _contiguous(bias))
    plan.run("forward" if z is None else "forward_keeping_z", *given, *_NO_PSI, y, z)
    return y


def backward(
    plan: Plan,
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    z: Tensor | None,
    grad: Tensor,
    *,
    wants_x: bool,
) -> tuple[Tensor | None, ...]:
    """Gradients of x, None if it is not wanted, lambda and the factors; a z of None is computed once more."""
    weights, (v, u, *own) = weights.contiguous(), [factor.contiguous() for factor in factors]
    modes, of_x = plan.modes(own), plan.new_x() if wants_x else None
    of_weights, of_v, of_u, *of_modes = map(torch.empty_like, (weights, v, u, *modes))
    given = (plan.last(x), u, weights, modes, v, *_NO_PSI, z, plan.last_of_y(grad))
    grads = (of_x, of_u, of_weights, of_modes, of_v, None, None, None)
    plan.run("backward" if z is None else "backward_from_z", *given, *grads)
    return of_x, of_weights, of_v, of_u, *of_modes[-len(own) :]


def rest_forward(
    plan: Plan,
    z: Tensor,
    weights: Tensor,
    v: Tensor,
    factors: Sequence[Tensor],
    bias: Tensor | None,
    *,
    psi: Psi,
) -> Tensor:
    """y from z; the factors are those of the modes."""
    y, modes = plan.new_y(), plan.modes([factor.contiguous() for factor in factors])
    given = (None, None, weights.contiguous(), modes, v.contiguous(), _contiguous(bias))
    plan.run("rest_forward", *given, *psi.arguments(), y, z.contiguous())
    return y


def rest_backward(
    plan: Plan,
    z: Tensor,
    weights: Tensor,
    v: Tensor,
    factors: Sequence[Tensor],
    grad: Tensor,
    *,
    psi: Psi,
) -> tuple[Tensor, ...]:
    """Gradients of z, scale, shift, lambda, v and the factors; those of psi also where it has no part."""
    z, weights, v, *own = [tensor.contiguous() for tensor in (z, weights, v, *factors)]
    modes = plan.modes(own)
    of_z, of_weights, of_v, *of_modes = map(torch.empty_like, (z, weights, v, *modes))
    of_scale, of_shift = weights.new_empty(2, weights.numel())
    given = (None, None, weights, modes, v, *psi.arguments(), z, plan.last_of_y(grad))
    plan.run("rest_backward", *given, None, None, of_weights, of_modes, of_v, of_scale, of_shift, of_z)
    return of_z, of_scale, of_shift, of_weights, of_v, *of_modes[-len(own) :]


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()
