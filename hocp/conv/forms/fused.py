"""All three stages in one compiled call: see `hocp.conv.kernels`.

Shapes as in `hocp.conv.forms.call`; u (C, R) and v (T, R) are the factors of the channels, lambda in v.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv.forms.call import Call, Form, Operations, Psi, is_transformed
from hocp.conv.forms.counting import count
from hocp.conv.forms.views import Views
from hocp.conv.geometry import Geometry
from hocp.conv.kernels import build, native


class Fused(Form):
    """Panels of the rank stay in a core's cache from stage to stage; the backward pass keeps x and x U(C).

    Where torch looks into the call, as torch.compile does, it computes as 'views' does.
    """

    name = "fused"
    torch_form = Views()

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
        options = {"bias": bias, "geometry": geometry}
        if is_transformed():
            return self.torch_form.compute(x, weights, factors, groups=groups, psi=psi, **options)
        return _convolve(x, weights, factors, keep=True, **options)

    def compute_keeping_input(
        self, x: Tensor, weights: Tensor, factors: Sequence[Tensor], *, norm: nn.Module | None, **options: Any
    ) -> Tensor:
        return _convolve(x, weights, factors, bias=options["bias"], geometry=options["geometry"], keep=False)

    def supports(self, call: Call) -> str | None:
        if call.device != "cpu":
            return "it runs on the processor only"
        if call.dtype not in native.DTYPES:
            return f"it knows float32 and float64, not {str(call.dtype).removeprefix('torch.')}"
        if call.order > native.MODES:
            return f"it knows orders 1 to {native.MODES}"
        if call.groups > 1:
            return "it knows no groups"
        if call.psi:
            return "it knows no norm or activation in rank space"
        if call.geometry.padding_mode != "zeros":
            return "it pads with zeros only"
        return build.unavailable()

    def work(self, call: Call) -> Operations:
        work = count(call, [tuple(range(call.order))], copies=not call.channels_last)
        kept = call.positions_in * call.rank * call.dtype.itemsize if call.training else 0
        return replace(work, launches=3 if call.training else 2, saved=float(kept))


def _convolve(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    geometry: Geometry,
    keep: bool,
) -> Tensor:
    """With a node in the graph where one is wanted, which keeps x U(C) for the backward pass if asked."""
    tensors = (x, factors[1], factors[0] * weights, *factors[2:])
    learnt = any(tensor.requires_grad for tensor in (*tensors, bias) if tensor is not None)
    if learnt and torch.is_grad_enabled():
        return _Convolution.apply(geometry, keep, bias, *tensors)
    y, _ = native.forward(*tensors[:3], tensors[3:], bias=bias, geometry=geometry, keep=False)
    return y


class _Convolution(torch.autograd.Function):
    """The whole layer as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, geometry: Geometry, keep: bool, bias: Tensor | None, *tensors: Tensor) -> Tensor:
        x, u, v, *factors = tensors
        y, z = native.forward(x, u, v, factors, bias=bias, geometry=geometry, keep=keep)
        ctx.geometry = geometry
        ctx.save_for_backward(z, *tensors)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z, *tensors = ctx.saved_tensors
        needed = ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():  # gradients of gradients are wanted: let torch see what is computed
            grads = _torch_backward(tensors, grad, needed, ctx.geometry)
        else:
            x, u, v, *factors = tensors
            options = {"geometry": ctx.geometry, "wants_x": needed[0]}
            grads = native.backward(x, u, v, factors, z, grad, **options)
        grad_bias = grad.sum([0, *range(2, grad.dim())]) if ctx.needs_input_grad[2] else None
        return None, None, grad_bias, *grads


def _torch_backward(
    tensors: Sequence[Tensor], grad: Tensor, needed: Sequence[bool], geometry: Geometry
) -> list[Tensor | None]:
    """The same gradients by torch's own operators."""
    x, u, v, *factors = tensors
    one = v.new_ones(v.shape[1])
    y = Fused.torch_form.compute(x, one, (v, u, *factors), bias=None, geometry=geometry, groups=1, psi=None)
    wanted = [tensor for tensor, need in zip(tensors, needed, strict=True) if need]
    found = iter(torch.autograd.grad(y, wanted, grad, create_graph=True))
    return [next(found) if need else None for need in needed]
