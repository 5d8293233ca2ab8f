"""Dropout of whole components of CP layers while they train (tensor dropout, Kolbeinsson et al. 2021)."""

from __future__ import annotations

from torch import nn

from hocp.conv.cp import CPConv


def drop_components_(module: nn.Module, chance: float) -> None:
    """Let every CP layer drop components at random in training, anew at each call, for the whole batch.

    Every weight is set to zero with this chance, the others are divided by ``1 - chance``, so that the
    expected kernel stays; in evaluation nothing is dropped. It works at every rank: of a layer with one
    component, nothing is left now and then. A setting of training, as a learning rate is: copies keep it,
    files do not.

    Parameters
    ----------
    module : nn.Module
        A layer or a network, changed in place.
    chance : float
        From 0, which ends it, to below 1.

    Raises
    ------
    ValueError
        If the chance is out of range, or there is no CP layer.
    """
    if isinstance(chance, bool) or not isinstance(chance, (int, float)) or not 0 <= chance < 1:
        raise ValueError(f"chance of drop_components_ is {chance!r}; expected a number from 0 to below 1")
    layers = [layer for layer in module.modules() if isinstance(layer, CPConv)]
    if not layers:
        raise ValueError(
            f"{type(module).__name__} has no CPConv, so there are no components to drop; factorize it first"
        )
    for layer in layers:
        layer.component_dropout = float(chance)
