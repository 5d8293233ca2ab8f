"""Rank of CP layers, selected by the paper's lasso during training and pruned for real.

The recipe, inside a training loop::

    loss.backward()
    optimizer.step()
    rebalance_(network)    # all scale into the weights, function unchanged
    soft_threshold_(network, rate * gamma, scales=adam_scales(optimizer))  # proximal step: exact zeros

and after it ``prune_(network)``. The penalty reaches the weights that multiply the task's output, once;
weights of both signs are treated alike. With an optimizer that scales its steps, such as Adam, the proximal
step must be scaled in the same way (Yun, Lozano and Yang, NeurIPS 2021): a component then goes if the task
pulls at it by less than gamma, which is the condition of the lasso. Unscaled, all components of an
Adam-trained network go nearly together, whatever the task needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hocp.conv.cp import CPConv
from hocp.conv.ranks.gates import distinct_weights, families, gated, uses


class Sparsity(NamedTuple):
    """How many components of one layer the lasso has removed.

    Attributes
    ----------
    layer : str
        Path in the network.
    rank, zeroed : int
        Components, and those with weight zero.
    share : float
        zeroed / rank.
    """

    layer: str
    rank: int
    zeroed: int
    share: float


def lasso(module: nn.Module) -> Tensor:
    """Sum of |weights| over all CP layers, shared ones once: the paper's penalty for rank selection.

    Raises
    ------
    ValueError
        If no CP layer learns its weights.
    """
    return torch.stack([weights.abs().sum() for weights in distinct_weights(module)]).sum()


@torch.no_grad()
def soft_threshold_(
    module: nn.Module, amount: float, *, scales: Mapping[nn.Parameter, Tensor] | None = None
) -> None:
    """Proximal step of the lasso, in place: every weight comes nearer to zero and stops there.

    A layer's largest weight keeps its value if all would become zero: a layer without components passes
    nothing on.

    Parameters
    ----------
    module : nn.Module
    amount : float
        Learning rate times gamma.
    scales : mapping from a layer's ``weights`` to Tensor, (R,), optional
        What the optimizer divides its steps by; the amount is divided by it, too. `adam_scales` gives it for
        Adam, plain gradient descent needs none. Layers without an entry are passed over: nothing trains them.

    Raises
    ------
    ValueError
        If the amount is negative, or no CP layer learns its weights.
    """
    if not amount >= 0:
        raise ValueError(f"amount of soft_threshold_ is {amount!r}; expected at least 0: rate times penalty")
    for weights in distinct_weights(module):
        if scales is not None and weights not in scales:
            continue
        threshold = amount if scales is None else amount / scales[weights]
        shrunk = weights.sign() * (weights.abs() - threshold).clamp_min(0)
        if not shrunk.any():
            largest = weights.abs().argmax()
            shrunk[largest] = weights[largest]
        weights.copy_(shrunk)


def adam_scales(optimizer: torch.optim.Optimizer) -> dict[nn.Parameter, Tensor]:
    """What ``torch.optim.Adam`` or ``AdamW`` divided its last step by, for each parameter it has moved."""
    scales = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter)
            if state:
                unbiased = state["exp_avg_sq"] / (1 - group["betas"][1] ** float(state["step"]))
                scales[parameter] = unbiased.sqrt() + group["eps"]
    return scales


@torch.no_grad()
def rebalance_(module: nn.Module) -> None:
    """Give all factor columns unit length and move their norms into the weights; the function is unchanged.

    Without it a network dodges the penalty: it shrinks a weight and lets a factor's column grow. With a norm
    in rank space, the factor in front of it stays, since the norm takes its scale out, and the norm's own
    scale and shift are balanced instead, which a ReLU lets pass. What layers share is scaled once, and its
    norms go into the weights of each of them.

    Raises
    ------
    ValueError
        If no CP layer learns its weights.
    """
    for family in families(module):
        for places in uses(family):
            layers = [use.layer for use in places]
            weighed = [layer for layer in family if any(layer.weights is other.weights for other in layers)]
            can_take = all(layer.learn_weights for layer in layers) and set(weighed) <= set(layers)
            if can_take and all(use.balanced for use in places):
                _move_scale(places[0].tensors, layers)


def sparsity(module: nn.Module) -> list[Sparsity]:
    """One row for each CP layer that learns its weights.

    Raises
    ------
    ValueError
        If there is none.
    """
    rows = []
    for name, layer in gated(module):
        zeroed = int((layer.weights == 0).sum())
        rows.append(Sparsity(name, layer.rank, zeroed, zeroed / layer.rank))
    return rows


def _move_scale(parts: tuple[Tensor, ...], layers: list[CPConv]) -> None:
    """Divide columns by their common norm, and multiply the layers' weights by it, once for each use.

    Zero columns zero their weight.
    """
    norms = torch.cat([part.reshape(-1, part.shape[-1]) for part in parts]).norm(dim=0)
    safe = torch.where(norms > 0, norms, torch.ones_like(norms))
    for part in parts:
        part.div_(safe)
    for weights in {id(layer.weights): layer.weights for layer in layers}.values():
        times = Counter(layer for layer in layers if layer.weights is weights)
        weights.mul_(norms ** max(times.values()))
