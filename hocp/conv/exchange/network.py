"""Put described layers where they belong in a network, which stays as it was if the file does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from hocp.conv.dense import geometry_of
from hocp.conv.exchange.file import Content
from hocp.conv.exchange.layers import build, describe, is_described, materialise
from hocp.conv.exchange.state import check_shapes, check_state, fill, state_of
from hocp.conv.separable import SeparableDepthwise


def load_into(content: Content, network: nn.Module, path: str | Path) -> None:
    """Load into a network, or leave it as it was.

    Raises
    ------
    ValueError
        If the file does not fit the network.
    """
    state_of(network, where=f"load of {path}")
    undo: list[tuple[nn.Module, str, object]] = []
    try:
        for name in content.layers:
            undo.extend(_place(content, name, network, path))
        state = state_of(network, where=f"load of {path}")
        check_state(content, state, path=path)
    except ValueError:
        for owner, name, old in reversed(undo):
            setattr(owner, name, old)
        raise
    fill(network, content, state)


def _place(
    content: Content, name: str, network: nn.Module, path: str | Path
) -> Iterator[tuple[nn.Module, str, object]]:
    """Put a described layer into the network, unless one that is built alike stands there.

    Yields what it changed: owner, attribute, old value.
    """
    where, entry = f"{path}, layer {name!r}", content.layers[name]
    try:
        old = network.get_submodule(name)
    except AttributeError:
        raise ValueError(
            f"{where}: the network has no module of this name; load into the same architecture"
        ) from None
    new = build(entry, where=where)
    if is_described(old) and _alike(describe(old, where=where), entry):
        for attribute in ("temporal_modes", "fit"):
            if hasattr(new, attribute):
                yield old, attribute, getattr(old, attribute)
                setattr(old, attribute, getattr(new, attribute))
        return
    if not name:
        raise ValueError(
            f"{where}: the layer given is built otherwise; leave out into, and one is made of the file"
        )
    _check_function(old, new, where=where)
    give_memory(content, name, new, path=path, device=next(old.parameters()).device)
    _train_alike(old, new)
    for parent in list(network.modules()):
        for child, module in list(parent._modules.items()):
            if module is old:
                yield parent, child, old
                setattr(parent, child, new)


def _alike(own: dict, other: dict) -> bool:
    """Whether two descriptions are of the same tensors and the same function of them."""

    def essential(entry: dict) -> dict:
        how = ("implementation", "recompute")
        options = {key: value for key, value in entry["options"].items() if key not in how}
        return {"class": entry["class"], "options": options, "norms": entry["norms"]}

    return essential(own) == essential(other)


def _check_function(old: nn.Module, new: nn.Module, *, where: str) -> None:
    """Refuse to put a layer where one of another geometry stands."""
    found, needed = _function(old, where=where), _function(new, where=where)
    differing = [
        f"{key} {found[key]} instead of {value}" for key, value in needed.items() if found[key] != value
    ]
    if differing:
        raise ValueError(
            f"{where}: the network has there a {type(old).__name__} with {'; '.join(differing)}; load into "
            "the same architecture, a transduced file into transduce(network)"
        )


def _function(module: nn.Module, *, where: str) -> dict[str, object]:
    """Channels, groups and geometry, whatever the kernel's form."""
    geometry = module.geometry if is_described(module) else None
    try:
        geometry = geometry_of(module) if geometry is None else geometry
    except ValueError as error:
        raise ValueError(f"{where}: the network has there {error}; load into the same architecture") from None
    if isinstance(module, SeparableDepthwise):
        channels = (module.channels,) * 3
    else:
        channels = (module.in_channels, module.out_channels, module.groups)
    names = ("kernel_size", "stride", "padding", "dilation", "padding_mode")
    found = dict(zip(("in_channels", "out_channels", "groups"), channels, strict=True))
    return found | {name: getattr(geometry, name) for name in names}


def _train_alike(old: nn.Module, new: nn.Module) -> None:
    """Trainable where the old one was, or, for what it did not have, if any of it was."""
    before = {name: parameter.requires_grad for name, parameter in old.named_parameters()}
    for name, parameter in new.named_parameters():
        parameter.requires_grad_(before.get(name, any(before.values())))
    new.train(old.training)


def give_memory(
    content: Content, name: str, layer: nn.Module, *, path: str | Path, device: torch.device | str
) -> None:
    """Memory for a layer from `build`, if the file has what it asks for.

    Raises
    ------
    ValueError
        If a tensor is missing or of another shape.
    """
    prefix = f"{name}." if name else ""
    state = layer.state_dict()
    check_shapes(content, {prefix + own: tensor for own, tensor in state.items()}, path=path)
    materialise(layer, {own: content.tensor(prefix + own) for own in state}, device=device)
