"""Arguments that every layer checks in the same words."""

from __future__ import annotations

import torch
from torch import Tensor


def check_groups(in_channels: int, out_channels: int, groups: int, *, layer: str) -> None:
    """Refuse channels and groups that are no whole numbers or do not divide.

    Raises
    ------
    ValueError
        Naming the layer, the argument and its value.
    """
    given = {"in_channels": in_channels, "out_channels": out_channels, "groups": groups}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} of {layer} is {value!r}; expected a whole number of at least 1")
    for name in ("in_channels", "out_channels"):
        if given[name] % groups:
            raise ValueError(
                f"{name} of {layer} is {given[name]}, which groups={groups} does not divide; use a multiple"
            )


def check_channels(x: Tensor, channels: int, *, order: int, layer: str) -> Tensor:
    """The input with a batch mode, if its modes and channels fit.

    Raises
    ------
    ValueError
        If the number of modes or of channels is wrong.
    """
    if x.dim() not in (order + 1, order + 2) or x.shape[-order - 1] != channels:
        expected = ", ".join(["(batch", str(channels), *(f"size {mode}" for mode in range(order))]) + ")"
        raise ValueError(
            f"{layer} got an input of shape {tuple(x.shape)}; expected {expected}, with or without the batch"
        )
    return x if x.dim() == order + 2 else torch.unsqueeze(x, 0)


def check_dtype(dtype: object, *, layer: str) -> None:
    """Refuse what is no floating-point type."""
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ValueError(f"dtype of {layer} is {dtype!r}; expected a floating-point torch.dtype")


def check_rank(rank: object, *, layer: str, name: str = "rank") -> int:
    """The rank, if it is a whole number of at least 1.

    Raises
    ------
    ValueError
        If it is not.
    """
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ValueError(f"{name} of {layer} is {rank!r}; expected a whole number of at least 1")
    return rank
