"""The compiled functions as nodes of torch's graph.

Shapes as in `hocp.conv.kernels.native`; scale, shift (R,). Each node has a twin in torch's own operators,
which says what it computes and is used where gradients of gradients are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hocp.conv.forms.views import Views
from hocp.conv.kernels import native
from hocp.conv.kernels.native import Psi
from hocp.conv.kernels.plan import Plan


def _twin_gradients(
    twin: Callable[..., Tensor], tensors: Sequence[Tensor], grad: Tensor, needed: Sequence[bool]
) -> list[Tensor | None]:
    """Gradients of the twin, themselves with a graph.

    They are taken at aliases: one tensor may depend on another, and must not be followed to that one here.
    """
    own = [None if tensor is None else tensor.view_as(tensor) for tensor in tensors]
    wanted = [tensor for tensor, need in zip(own, needed, strict=True) if need]
    found = iter(torch.autograd.grad(twin(*own), wanted, grad, create_graph=True))
    return [next(found) if need else None for need in needed]


def _bias_gradient(grad: Tensor, needed: bool) -> Tensor | None:
    return grad.sum([0, *range(2, grad.dim())]) if needed else None


class Convolution(torch.autograd.Function):
    """y of x, lambda and the factors (v, u and those of the modes); keeps these and, if asked, z."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, keep: bool, bias: Tensor | None, *tensors: Tensor) -> Tensor:
        x, weights, *factors = tensors
        z = plan.new_z() if keep else None
        ctx.plan = plan
        ctx.save_for_backward(z, *tensors)
        return native.forward(plan, x, weights, factors, bias, z)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z, *tensors = ctx.saved_tensors
        needed = ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():
            grads = _twin_gradients(lambda *each: _convolution(ctx.plan, *each), tensors, grad, needed)
        else:
            x, weights, *factors = tensors
            grads = native.backward(ctx.plan, x, weights, factors, z, grad, wants_x=needed[0])
        return None, None, _bias_gradient(grad, ctx.needs_input_grad[2]), *grads


def _convolution(plan: Plan, x: Tensor, weights: Tensor, *factors: Tensor) -> Tensor:
    options = {"bias": None, "groups": 1, "psi": None}
    return Views().compute(x, weights, factors, geometry=plan.geometry, **options)


class Product(torch.autograd.Function):
    """z of x and u."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, x: Tensor, u: Tensor) -> Tensor:
        ctx.plan = plan
        ctx.save_for_backward(x, u)
        return native.product(plan, x, u)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():
            return None, *_twin_gradients(lambda x, u: _product(x, u, grad.shape), tensors, grad, needed)
        return None, *native.product_backward(ctx.plan, *tensors, grad, wants_x=needed[0])


def _product(x: Tensor, u: Tensor, shape: torch.Size) -> Tensor:
    panels, positions, panel = shape
    z = F.pad(x.movedim(1, -1).reshape(positions, -1) @ u, (0, panels * panel - u.shape[1]))
    return z.reshape(positions, panels, panel).transpose(0, 1)


class Rest(torch.autograd.Function):
    """y of z, scale, shift (both or none), lambda, v and the factors of the modes."""

    @staticmethod
    def forward(
        ctx: Any, plan: Plan, relu: bool, first: bool, bias: Tensor | None, *tensors: Tensor | None
    ) -> Tensor:
        z, scale, shift, weights, v, *factors = tensors
        ctx.plan, ctx.relu = plan, relu
        ctx.save_for_backward(*tensors)
        psi = Psi(scale, shift, relu)
        return native.rest_forward(plan, z, weights, v, factors, bias, psi=psi, first=first)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[4:]
        if torch.is_grad_enabled():
            twin = lambda *each: _rest(ctx.plan, ctx.relu, *each)  # noqa: E731
            grads = _twin_gradients(twin, tensors, grad, needed)
        else:
            z, scale, shift, weights, v, *factors = tensors
            psi = Psi(scale, shift, ctx.relu)
            grads = list(native.rest_backward(ctx.plan, z, weights, v, factors, grad, psi=psi))
            grads[1:3] = grads[1:3] if scale is not None else (None, None)
        return None, None, None, _bias_gradient(grad, ctx.needs_input_grad[3]), *grads


def _rest(
    plan: Plan,
    relu: bool,
    z: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    weights: Tensor,
    v: Tensor,
    *factors: Tensor,
) -> Tensor:
    batch, _, *size = plan.shape
    z = z.transpose(0, 1).reshape(batch, *size, -1)[..., : v.shape[1]]
    z = z if scale is None else z * scale + shift
    z = (torch.relu(z) if relu else z).movedim(-1, 1)
    return _convolution(plan, z, weights, v, torch.eye(v.shape[1], dtype=v.dtype), *factors)
