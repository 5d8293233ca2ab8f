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
from hocp.conv.kernels.native import Layer, Psi


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
    """y of x, u, v, lambda and the factors of the modes; keeps these and, if asked, z.

    Lambda goes into the taps of the first mode: to scale a factor of the channels would take far longer.
    """

    @staticmethod
    def forward(ctx: Any, layer: Layer, keep: bool, bias: Tensor | None, *tensors: Tensor) -> Tensor:
        x, u, v, weights, first, *others = tensors
        y, z = native.forward(layer, x, u, v, [first * weights, *others], bias=bias, keep=keep)
        ctx.layer = layer
        ctx.save_for_backward(z, *tensors)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z, *tensors = ctx.saved_tensors
        needed = ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():
            grads = _twin_gradients(lambda *each: _convolution(ctx.layer, *each), tensors, grad, needed)
        else:
            x, u, v, weights, first, *others = tensors
            factors = [first * weights, *others]
            gradients = native.backward(ctx.layer, x, u, v, factors, z, grad, wants_x=needed[0])
            of_x, of_u, of_v, of_first, *of_others = gradients
            grads = (of_x, of_u, of_v, (of_first * first).sum(0), of_first * weights, *of_others)
        return None, None, _bias_gradient(grad, ctx.needs_input_grad[2]), *grads


def _convolution(layer: Layer, x: Tensor, u: Tensor, v: Tensor, weights: Tensor, *factors: Tensor) -> Tensor:
    options = {"bias": None, "groups": 1, "psi": None}
    return Views().compute(x, weights, (v, u, *factors), geometry=layer.geometry, **options)


class Product(torch.autograd.Function):
    """z of x and u."""

    @staticmethod
    def forward(ctx: Any, layer: Layer, x: Tensor, u: Tensor) -> Tensor:
        ctx.layer = layer
        ctx.save_for_backward(x, u)
        return native.product(layer, x, u)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():
            return None, *_twin_gradients(lambda x, u: _product(x, u, grad.shape), tensors, grad, needed)
        return None, *native.product_backward(ctx.layer, *tensors, grad, wants_x=needed[0])


def _product(x: Tensor, u: Tensor, shape: torch.Size) -> Tensor:
    panels, positions, panel = shape
    z = F.pad(x.movedim(1, -1).reshape(positions, -1) @ u, (0, panels * panel - u.shape[1]))
    return z.reshape(positions, panels, panel).transpose(0, 1)


class Rest(torch.autograd.Function):
    """y of z, scale, shift (both or none), v and the factors."""

    @staticmethod
    def forward(ctx: Any, layer: Layer, relu: bool, bias: Tensor | None, *tensors: Tensor | None) -> Tensor:
        z, scale, shift, v, *factors = tensors
        ctx.layer, ctx.relu = layer, relu
        ctx.save_for_backward(*tensors)
        return native.rest_forward(layer, z, v, factors, psi=Psi(scale, shift, relu), bias=bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():
            twin = lambda *each: _rest(ctx.layer, ctx.relu, *each)  # noqa: E731
            grads = _twin_gradients(twin, tensors, grad, needed)
        else:
            z, scale, shift, v, *factors = tensors
            grads = native.rest_backward(ctx.layer, z, v, factors, grad, psi=Psi(scale, shift, ctx.relu))
            grads[1:3] = grads[1:3] if scale is not None else (None, None)
        return None, None, _bias_gradient(grad, ctx.needs_input_grad[2]), *grads


def _rest(
    layer: Layer,
    relu: bool,
    z: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    v: Tensor,
    *factors: Tensor,
) -> Tensor:
    batch, _, *size = layer.shape
    z = z.transpose(0, 1).reshape(batch, *size, -1)[..., : v.shape[1]]
    z = z if scale is None else z * scale + shift
    z = (torch.relu(z) if relu else z).movedim(-1, 1)
    one, rank = v.new_ones(v.shape[1]), v.shape[1]
    return _convolution(layer, z, torch.eye(rank, dtype=v.dtype), v, one, *factors)
