"""Arguments that every layer checks in the same words."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import torch
from torch import Tensor


def whole(value: object, *, at_least: int) -> int | None:
    """The number as an int, whatever its type; None if it is a bool, no whole number, or too small."""
    if isinstance(value, bool):
        return None
    try:
        number = operator.index(value)
    except TypeError:
        return None
    return number if number >= at_least else None


def check_groups(in_channels: int, out_channels: int, groups: int, *, layer: str) -> tuple[int, int, int]:
    """The three as int, if they are whole numbers and the groups divide the channels.

    Raises
    ------
    ValueError
        Naming the layer, the argument and its value.
    """
    given = {"groups": groups, "in_channels": in_channels, "out_channels": out_channels}
    checked = {name: check_rank(value, layer=layer, name=name) for name, value in given.items()}
    for name in ("in_channels", "out_channels"):
        if checked[name] % checked["groups"]:
            raise ValueError(
                f"{name} of {layer} is {given[name]}, which groups={groups} does not divide; use a multiple"
            )
    return checked["in_channels"], checked["out_channels"], checked["groups"]


def check_channels(x: Tensor, channels: int, *, order: int, layer: str, like: Tensor | None = None) -> Tensor:
    """The input with a batch mode, if its modes and channels fit, and its dtype that of ``like``.

    Raises
    ------
    ValueError
        If it is no tensor, or the number of modes or of channels or the dtype is wrong.
    """
    if not isinstance(x, Tensor):
        raise ValueError(f"{layer} got a {type(x).__name__} as input; expected a torch.Tensor")
    if x.dim() not in (order + 1, order + 2) or x.shape[-order - 1] != channels:
        expected = ", ".join(["(batch", str(channels), *(f"size {mode}" for mode in range(order))]) + ")"
        raise ValueError(
            f"{layer} got an input of shape {tuple(x.shape)}; expected {expected}, with or without the batch"
        )
    if like is not None and x.dtype != like.dtype and not torch.is_autocast_enabled(x.device.type):
        raise ValueError(
            f"{layer} got an input of {x.dtype}, but its parameters are of {like.dtype}; convert one of "
            "them, or use torch.autocast"
        )
    return x if x.dim() == order + 2 else torch.unsqueeze(x, 0)


def check_like(dtype: object, device: object, *, layer: str) -> None:
    """Refuse what is no floating-point type, and what names no device."""
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ValueError(f"dtype of {layer} is {dtype!r}; expected a floating-point torch.dtype")
    if device is not None:
        try:
            torch.device(device)
        except (RuntimeError, TypeError) as error:
            raise ValueError(
                f"device of {layer} is {device!r}; expected a torch.device or its name, such as 'cuda:0'"
            ) from error


def check_flag(value: object, *, layer: str, name: str) -> bool:
    """The value, if it is True or False: any other would count as one of them in silence.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} of {layer} is {value!r}; expected True or False")
    return value


def check_rank(rank: object, *, layer: str, name: str = "rank") -> int:
    """The rank as an int, if it is a whole number of at least 1.

    Raises
    ------
    ValueError
        If it is not.
    """
    number = whole(rank, at_least=1)
    if number is None:
        raise ValueError(f"{name} of {layer} is {rank!r}; expected a whole number of at least 1")
    return number


def check_tensors(given: Sequence[Tensor], *, layer: str, name: str = "factors") -> None:
    """Refuse what is no sequence of tensors.

    Raises
    ------
    ValueError
        Naming the type that was found.
    """
    if isinstance(given, Tensor) or not hasattr(given, "__iter__"):
        raise ValueError(f"{name} of {layer} is a {type(given).__name__}; expected a list of torch.Tensor")
    for each in given:
        if not isinstance(each, Tensor):
            raise ValueError(
                f"{name} of {layer} contains a {type(each).__name__}; expected torch.Tensor throughout, see "
                "torch.as_tensor"
            )


def check_bias(bias: Tensor | None, channels: int, *, layer: str) -> None:
    """Refuse what is no bias of so many output channels.

    Raises
    ------
    ValueError
        If it is no tensor, or of another shape.
    """
    if bias is None:
        return
    found = f"of shape {tuple(bias.shape)}" if isinstance(bias, Tensor) else repr(bias)
    if not isinstance(bias, Tensor) or tuple(bias.shape) != (channels,):
        raise ValueError(f"bias of {layer} is {found}; expected None, or a tensor of shape ({channels},)")
