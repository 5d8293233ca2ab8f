"""Matrix products, and the depthwise stage with its neighbours as Triton kernels; channels last, on a GPU.

Shapes as in `hocp.conv.forms.call`; z (B g, D0, ..., R) is the rank space.

The input of the depthwise stage and its result are kept for the backward pass; without one, the result of up
to 128 channels is not even written where that is quicker. Triton is imported by the first call, never before.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hocp.conv.block import RankSpace
from hocp.conv.forms.call import Call, Form, Operations, Psi, refusal
from hocp.conv.forms.counting import count
from hocp.conv.forms.stages import enter_rank_space, leave_rank_space
from hocp.conv.geometry import Geometry
from hocp.conv.nd import pad


def _installed() -> bool:
    """Whether Triton is there, of 3.3 or later: earlier ones know no tuples of tiles."""
    if find_spec("triton") is None:
        return False
    major, minor, *_ = version("triton").split(".")
    return (int(major), int(minor)) >= (3, 3)


INSTALLED = _installed()
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # by which Triton itself decides, at its import
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_ALIGNED = 32  # channels
#: Order -> which spatial mode stands on each of the kernels' three. Kernels walk along their first.
_PLACES = {1: (None, None, 0), 2: (0, None, 1), 3: (0, 1, 2)}


class TritonForm(Form):
    """One pass over the rank space in each direction."""

    name = "triton"

    def compute(
        self,
        x: Tensor,
        weights: Tensor,
        factors: Sequence[Tensor],
        *,
        bias: Tensor | None,
        geometry: Geometry,
        groups: int,
        psi: Psi | None,
    ) -> Tensor:
        reason = _reason(x.device.type, geometry, x.dtype)
        if reason is not None:
            raise refusal(self.name, reason)
        from hocp.conv.kernels import triton_ops

        if psi is None:
            weights, *factors = _aligned(weights, *factors)
        z = enter_rank_space(x, factors[1], groups=groups, psi=None)
        z, scale, shift, relu = _split(psi, z)
        if geometry.padding_mode != "zeros":  # padding with values of z commutes with what is left of psi
            z, geometry = pad(z.movedim(-1, 1), geometry).movedim(1, -1), geometry.unpadded()
        stage = _arguments(z, factors[2:], geometry, scale, shift, relu)
        size = geometry.output_size(z.shape[1:-1])
        if groups > 1 or torch.is_grad_enabled():
            z, last = triton_ops.stage(*stage), factors[0] * weights
            return leave_rank_space(z.reshape(z.shape[0], *size, z.shape[-1]), last, bias, groups=groups)
        y = triton_ops.stage_product(*stage, weights, factors[0].t().to(z.dtype), bias)
        return y.reshape(y.shape[0], *size, y.shape[-1]).movedim(-1, 1)

    def supports(self, call: Call) -> str | None:
        if call.rank * prod(call.size[-2:]) >= 2**31:
            return "a frame of its rank space has 2^31 numbers or more"
        return _reason(call.device, call.geometry, call.dtype)

    def work(self, call: Call) -> Operations:
        return count(call, [tuple(range(call.order))], copies=not call.channels_last)


def _reason(device: str, geometry: Geometry, dtype: torch.dtype) -> str | None:
    """Why the kernels cannot run, in words; None if they can."""
    if not INSTALLED:
        return "Triton 3.3 or later is not installed (pip install 'hocp[gpu]')"
    if device not in ("cuda", "meta") and not INTERPRETED:
        return f"Triton's kernels need a CUDA device, and the input is on {device!r}"
    if geometry.order not in _PLACES:
        return f"Triton's kernels have order 1 to 3, and this convolution has order {geometry.order}"
    return None if dtype in DTYPES else f"Triton's kernels compute in floating point, not in {dtype}"


def _aligned(*tensors: Tensor) -> Sequence[Tensor]:
    """The same sum of rank-1 terms with some zeros at the end, (..., R'), if the rank is large and uneven.

    Neither tensor cores nor loads of several numbers can take rows whose beginnings lie anywhere.
    """
    rank = tensors[0].shape[-1]
    zeros = -rank % _ALIGNED
    return [functional.pad(tensor, (0, zeros)) for tensor in tensors] if 0 < 8 * zeros <= rank else tensors


def _split(psi: Psi | None, z: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, bool]:
    """What of psi is computed at once, then scale, shift and ReLU that the kernel applies as it loads."""
    if psi is None:
        return z, None, None, False
    if not isinstance(psi, RankSpace) or not isinstance(psi.activation, torch.nn.ReLU | None):
        return _applied(psi, z), None, None, False
    affine, relu = psi.affine(), psi.activation is not None
    return (_applied(psi.normalised, z), None, None, relu) if affine is None else (z, *affine, relu)


def _applied(function: Psi, z: Tensor) -> Tensor:
    """A function of (B g, R, D0, ...), of z (B g, D0, ..., R)."""
    return function(z.movedim(-1, 1)).movedim(1, -1)


def stage_alone(z: Tensor, factors: Sequence[Tensor], *, geometry: Geometry) -> Tensor:
    """The depthwise stage of (B, R, D0, ...), zero-padded, without what stands around it in a layer."""
    reason = _reason(z.device.type, geometry, z.dtype)
    if reason is not None:
        raise refusal("triton", reason)
    from hocp.conv.kernels import triton_ops

    y = triton_ops.stage(*_arguments(z.movedim(1, -1), factors, geometry, None, None, False))
    return y.reshape(y.shape[0], *geometry.output_size(z.shape[2:]), y.shape[-1]).movedim(-1, 1)


def _arguments(z: Tensor, factors: Sequence[Tensor], geometry: Geometry, *seen: Any) -> tuple[Any, ...]:
    """Arguments of the operators for z (B, D0, ..., R), of size 1 and without factor where no mode stands."""
    places = _PLACES[geometry.order]
    size = [1 if mode is None else z.shape[mode + 1] for mode in places]
    spatial = [None if mode is None else factors[mode] for mode in places]
    return (z.reshape(z.shape[0], *size, z.shape[-1]), *spatial, *seen, _numbers(geometry))


def _numbers(geometry: Geometry) -> list[int]:
    """Stride, dilation, padding before and behind of the kernels' three modes."""
    before, behind = zip(*geometry.padding, strict=True)
    lists = ((geometry.stride, 1), (geometry.dilation, 1), (before, 0), (behind, 0))
    places = _PLACES[geometry.order]
    return [absent if mode is None else values[mode] for values, absent in lists for mode in places]
