"""Adam (Kingma and Ba, 2015), as `torch.optim.Adam` does it.

`torch.optim` imports PyTorch's compiler when the first optimizer is made: four seconds, a fifth of one of
the suite's short runs. The tests hold this one against PyTorch's.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


class Adam:
    """Adam with L2 weight decay on kernels, factors and matrices, none on biases, norms and CP weights.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
        In an order that is the same for the same network; it identifies them in `state`.
    betas : pair of float
    weight_decay : float
        Added to the gradient times the parameter, for parameters of two and more dimensions.
    epsilon : float
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        epsilon: float = 1e-8,
    ):
        self.parameters = list(parameters)
        self.betas, self.weight_decay, self.epsilon = tuple(betas), weight_decay, epsilon
        self.steps = 0
        self.mean = [torch.zeros_like(p) for p in self.parameters]
        self.square = [torch.zeros_like(p) for p in self.parameters]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Move the parameters that have a gradient."""
        self.steps += 1
        triples = zip(self.parameters, self.mean, self.square, strict=True)
        moving = [triple for triple in triples if triple[0].grad is not None]
        if not moving:
            return
        parameters, mean, square = map(list, zip(*moving, strict=True))
        gradients = [self._gradient(parameter) for parameter in parameters]
        torch._foreach_lerp_(mean, gradients, 1 - self.betas[0])
        torch._foreach_mul_(square, self.betas[1])
        torch._foreach_addcmul_(square, gradients, gradients, 1 - self.betas[1])
        scale = torch._foreach_sqrt(square)
        torch._foreach_div_(scale, (1 - self.betas[1] ** self.steps) ** 0.5)
        torch._foreach_add_(scale, self.epsilon)
        torch._foreach_addcdiv_(parameters, mean, scale, -lr / (1 - self.betas[0] ** self.steps))

    def scales(self) -> dict[nn.Parameter, torch.Tensor]:
        """What the last step was divided by, for each parameter that it moved; proximal steps need it."""
        unbiased = 1 - self.betas[1] ** self.steps
        return {
            parameter: (square / unbiased).sqrt() + self.epsilon
            for parameter, square in zip(self.parameters, self.square, strict=True)
            if parameter.grad is not None
        }

    def _gradient(self, parameter: nn.Parameter) -> torch.Tensor:
        if self.weight_decay and parameter.ndim > 1:
            return parameter.grad.add(parameter, alpha=self.weight_decay)
        return parameter.grad

    def state(self) -> dict[str, Any]:
        """All that `load` needs to go on."""
        return {"steps": self.steps, "mean": self.mean, "square": self.square}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state of an optimizer of the same parameters."""
        self.steps = state["steps"]
        for own, saved in ((self.mean, state["mean"]), (self.square, state["square"])):
            for tensor, value in zip(own, saved, strict=True):
                tensor.copy_(value)
