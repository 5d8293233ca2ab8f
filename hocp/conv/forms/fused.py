"""All three stages in one compiled call: see `hocp.conv.kernels`.

Shapes as in `hocp.conv.forms.call`; u (C, R) and v (T, R) are the factors of the channels, lambda in v.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from hocp.conv.forms.call import Call, Form, Operations, Psi
from hocp.conv.forms.counting import count
from hocp.conv.forms.views import Views
from hocp.conv.geometry import Geometry
from hocp.conv.kernels import build, native


def is_transformed():
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or torch._C._are_functorch_transforms_active()


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
        tensors = (x, factors[1], factors[0] * weights, *factors[2:])
        learnt = any(tensor.requires_grad for tensor in (*tensors, bias) if tensor is not None)
        if learnt and torch.is_grad_enabled():
            return _Convolution.apply(geometry, bias, *tensors)
        y, _ = native.forward(*tensors[:3], tensors[3:], keep=False, **options)
        return y

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
        return count(call, [tuple(range(call.order))], copies=not call.channels_last)


class _Convolution(torch.autograd.Function):
    """The whole layer as one node of the graph."""

    @staticmethod
    def forward(
        ctx: Any, geometry: Geometry, bias: Tensor | None, x: Tensor, u: Tensor, v: Tensor, *factors: Tensor
    ) -> Tensor:
        y, z = native.forward(x, u, v, factors, bias=bias, geometry=geometry, keep=True)
        ctx.geometry = geometry
        ctx.save_for_backward(x, u, v, z, *factors)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, u, v, z, *factors = ctx.saved_tensors
        if torch.is_grad_enabled():  # gradients of gradients are wanted: let torch see what is computed
            grads = _torch_backward(ctx, x, u, v, factors, grad)
        else:
            grad_x, *others, own = native.backward(
                x, u, v, factors, z, grad, geometry=ctx.geometry, wants_x=ctx.needs_input_grad[2]
            )
            grads = (grad_x, *others, *own)
        grad_bias = grad.sum([0, *range(2, grad.dim())]) if ctx.needs_input_grad[1] else None
        return None, grad_bias, *grads


def _torch_backward(
    ctx: Any, x: Tensor, u: Tensor, v: Tensor, factors: Sequence[Tensor], grad: Tensor
) -> tuple[Tensor | None, ...]:
    """The same gradients by torch's own operators."""
    inputs = (x, u, v, *factors)
    y = Fused.torch_form.compute(
        x, v.new_ones(v.shape[1]), (v, u, *factors), bias=None, geometry=ctx.geometry, groups=1, psi=None
    )
    wanted = [tensor for tensor, needed in zip(inputs, ctx.needs_input_grad[2:], strict=True) if needed]
    found = iter(torch.autograd.grad(y, wanted, grad, create_graph=True))
    return tuple(next(found) if needed else None for needed in ctx.needs_input_grad[2:])
