"""CP convolution by the compiled library, with its gradients.

Shapes: B batch, C input channels, T output channels, R rank; D, H, W spatial sizes, of which order 1 has the
last and order 2 the last two; K0, ... taps.
    x        (B, C, D, H, W)        contiguous or channels last; any other memory format is copied
    u, v     (C, R), (T, R)         factors of the channels
    weights  (R,)                   lambda
    factors  (K0, R), ...           those of the modes
    z        (panels, B D H W, P)   first product in panels of P components, the last filled up with zeros
    y        (B, T, D', H', W')     in the memory format of x

Nothing here records a graph or checks its arguments: all tensors are on the processor, and of the
dtype and the shapes that their plan was made for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hocp.conv.kernels.plan import Plan


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
        return self.scale, self.shift, self.relu


_NO_PSI = Psi().arguments()


def product(plan: Plan, x: Tensor, u: Tensor) -> Tensor:
    """z = x u."""
    z = plan.new_z()
    plan.run("product", *plan.input(x), u.contiguous(), z)
    return z


def product_backward(
    plan: Plan, x: Tensor, u: Tensor, grad_z: Tensor, *, wants_x: bool
) -> tuple[Tensor | None, Tensor]:
    """Gradients of x, None if it is not wanted, and of u."""
    u, (x, first) = u.contiguous(), plan.input(x)
    of_x, of_u = plan.new_x(first=first) if wants_x else None, torch.empty_like(u)
    plan.run("product_backward", x, first, u, grad_z.contiguous(), of_x, of_u)
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
    (x, first), (v, u, *modes) = plan.input(x), [factor.contiguous() for factor in factors]
    y = plan.new_y(first=first)
    given = (x, first, u, weights.contiguous(), plan.modes(modes), v, _contiguous(bias))
    plan.run("forward" if z is None else "forward_keeping_z", *given, *_NO_PSI, y, first, z)
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
    modes, (x, first) = plan.modes(own), plan.input(x)
    of_x = plan.new_x(first=first) if wants_x else None
    of_weights, of_v, of_u, *of_modes = map(torch.empty_like, (weights, v, u, *modes))
    given = (x, first, u, weights, modes, v, *_NO_PSI, z, *plan.output(grad))
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
    first: bool,
) -> Tensor:
    """y from z, with its channels first or last in memory; the factors are those of the modes."""
    y, modes = plan.new_y(first=first), plan.modes([factor.contiguous() for factor in factors])
    given = (None, False, None, weights.contiguous(), modes, v.contiguous(), _contiguous(bias))
    plan.run("rest_forward", *given, *psi.arguments(), y, first, z.contiguous())
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
    given = (None, False, None, weights, modes, v, *psi.arguments(), z, *plan.output(grad))
    plan.run("rest_backward", *given, None, None, of_weights, of_modes, of_v, of_scale, of_shift, of_z)
    return of_z, of_scale, of_shift, of_weights, of_v, *of_modes[-len(own) :]


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()
