"""Removing the components that the lasso has set to zero, from layers and from the optimizer's memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hocp.conv.cp import CPConv
from hocp.conv.ranks.gates import families, ranked


class Cut(NamedTuple):
    """A parameter and which of its columns stay."""

    parameter: nn.Parameter
    keep: Tensor


@torch.no_grad()
def prune_(module: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
    """Remove the components with weight zero: every tensor of the CP layers shrinks, the output stays.

    Of layers that share tensors, as `CPConv.from_convs` makes them, a component goes only where its weight is
    zero in all of them; they shrink together and stay shared. A layer keeps at least one component.

    Parameters
    ----------
    module : nn.Module
    optimizer : torch.optim.Optimizer, optional
        Trains on with the new parameters. What it remembers of the removed components is removed, so that the
        others move as if those had stayed at zero. Without it, an optimizer made before must be made anew.

    Raises
    ------
    ValueError
        If no CP layer learns its weights, or the optimizer remembers something that has no columns. Nothing
        is changed then.
    """
    kept = [(family, keep) for family in families(module) if not (keep := _kept(family)).all()]
    cuts = {id(p): Cut(p, keep) for family, keep in kept for layer in family for p in ranked(layer)}
    if optimizer is not None:
        _check_state(optimizer, cuts)
    new = {key: _shrunk(cut) for key, cut in cuts.items()}
    for family, keep in kept:
        for layer in family:
            _put(layer, new, keep)
    if optimizer is not None:
        _shrink_state(optimizer, cuts, new)


def _kept(family: list[CPConv]) -> Tensor:
    """Components that some layer of a family uses."""
    keep = torch.stack([layer.weights != 0 for layer in family]).any(dim=0)
    if not keep.any():
        keep[0] = True
    return keep


def _shrunk(cut: Cut) -> nn.Parameter:
    """The kept columns as a new parameter, its gradient as well."""
    old, keep = cut
    new = nn.Parameter(old[..., keep].clone(), requires_grad=old.requires_grad)
    if old.grad is not None:
        new.grad = old.grad[..., keep].clone()
    return new


def _put(layer: CPConv, new: Mapping[int, nn.Parameter], keep: Tensor) -> None:
    """Give a layer its new tensors."""
    norm = layer.rank_norm
    if layer.learn_weights:
        layer.weights = new[id(layer.weights)]
    else:
        layer.weights = layer.weights[keep]
    for index, factor in enumerate(layer.factors):
        layer.factors[index] = new.get(id(factor), factor)
    if norm is not None and norm.num_features == len(keep):  # not yet, through another layer
        norm.num_features = int(keep.sum())
        norm.weight, norm.bias = new[id(norm.weight)], new[id(norm.bias)]
        norm.running_mean, norm.running_var = norm.running_mean[keep].clone(), norm.running_var[keep].clone()


def _check_state(optimizer: torch.optim.Optimizer, cuts: Mapping[int, Cut]) -> None:
    """Refuse an optimizer that keeps what cannot be cut, such as the history of LBFGS."""
    for parameter, _ in cuts.values():
        for name, value in optimizer.state.get(parameter, {}).items():
            if not _has_columns(value, parameter) and not _is_number(value):
                shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(
                    f"prune_ cannot shrink {name!r} ({shape}) that {type(optimizer).__name__} remembers of a "
                    f"parameter of shape {tuple(parameter.shape)}; prune without it and make a new optimizer"
                )


def _has_columns(value: Any, parameter: nn.Parameter) -> bool:
    return isinstance(value, Tensor) and value.shape == parameter.shape


def _is_number(value: Any) -> bool:
    return (
        value is None or isinstance(value, (int, float)) or (isinstance(value, Tensor) and value.dim() == 0)
    )


def _shrink_state(
    optimizer: torch.optim.Optimizer, cuts: Mapping[int, Cut], new: Mapping[int, nn.Parameter]
) -> None:
    """Put the new parameters in the place of the old ones, with their share of what is remembered."""
    for group in optimizer.param_groups:
        group["params"] = [new.get(id(parameter), parameter) for parameter in group["params"]]
    for key, (old, keep) in cuts.items():
        if old in optimizer.state:
            optimizer.state[new[key]] = {
                name: value[..., keep].clone() if _has_columns(value, old) else value
                for name, value in optimizer.state.pop(old).items()
            }
