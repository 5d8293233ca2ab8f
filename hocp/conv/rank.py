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

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hocp.conv.cp import CPConv


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
    """Sum of |weights| over all CP layers: the penalty of the paper's automatic rank selection.

    Raises
    ------
    ValueError
        If no CP layer learns its weights.
    """
    return torch.stack([layer.weights.abs().sum() for _, layer in _gated(module)]).sum()


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
    for _, layer in _gated(module):
        weights = layer.weights
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
    scale and shift are balanced instead, which a ReLU lets pass.

    Raises
    ------
    ValueError
        If no CP layer learns its weights.
    """
    for _, layer in _gated(module):
        norm = layer.rank_norm
        for index, factor in enumerate(layer.factors):
            if norm is None or index != 1:
                _move_scale([factor], layer.weights)
        if norm is not None:
            _move_scale([norm.weight.unsqueeze(0), norm.bias.unsqueeze(0)], layer.weights)


def sparsity(module: nn.Module) -> list[Sparsity]:
    """One row for each CP layer that learns its weights.

    Raises
    ------
    ValueError
        If there is none.
    """
    rows = []
    for name, layer in _gated(module):
        zeroed = int((layer.weights == 0).sum())
        rows.append(Sparsity(name, layer.rank, zeroed, zeroed / layer.rank))
    return rows


@torch.no_grad()
def prune_(module: nn.Module) -> None:
    """Remove the components with weight zero: every tensor of the CP layers shrinks, the output stays.

    The parameters are new objects afterwards; an optimizer made before must be made anew. A layer keeps at
    least one component.

    Raises
    ------
    ValueError
        If no CP layer learns its weights.
    """
    for _, layer in _gated(module):
        keep = layer.weights != 0
        if not keep.any():
            keep[0] = True
        if keep.all():
            continue
        layer.weights = _shrunk(layer.weights, keep)
        layer.factors = nn.ParameterList(_shrunk(factor, keep) for factor in layer.factors)
        if layer.rank_norm is not None:
            _prune_norm(layer.rank_norm, keep)


def _gated(module: nn.Module) -> Iterator[tuple[str, CPConv]]:
    """CP layers that learn their weights; refuse a network without any."""
    found = [
        (name, layer)
        for name, layer in module.named_modules()
        if isinstance(layer, CPConv) and layer.learn_weights
    ]
    if not found:
        raise ValueError(
            f"{type(module).__name__} has no CPConv that learns its weights, so there is no rank to select; "
            "build it with learn_weights=True"
        )
    return iter(found)


def _move_scale(parts: list[Tensor], weights: Tensor) -> None:
    """Divide columns by their common norm and multiply the weights by it; zero columns zero their weight."""
    norms = torch.cat(parts).norm(dim=0)
    safe = torch.where(norms > 0, norms, torch.ones_like(norms))
    for part in parts:
        part.div_(safe)
    weights.mul_(norms)


def _shrunk(parameter: nn.Parameter, keep: Tensor) -> nn.Parameter:
    """The kept columns as a new parameter."""
    return nn.Parameter(parameter[..., keep].clone(), requires_grad=parameter.requires_grad)


def _prune_norm(norm: nn.Module, keep: Tensor) -> None:
    """Shrink a batch norm of the rank channels."""
    norm.num_features = int(keep.sum())
    norm.weight, norm.bias = _shrunk(norm.weight, keep), _shrunk(norm.bias, keep)
    norm.running_mean, norm.running_var = norm.running_mean[keep].clone(), norm.running_var[keep].clone()
