"""The tensors of a module against those of a file: names, shapes, dtypes, and which are one and the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from hocp.conv.exchange.file import Content
from hocp.conv.exchange.layers import put


def state_of(module: nn.Module, *, where: str) -> dict[str, Tensor]:
    """The state dict, with the very parameters and buffers.

    Raises
    ------
    ValueError
        If an entry is no plain tensor with memory.
    """
    state = module.state_dict(keep_vars=True)
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"{where}: {name} is a {type(tensor).__name__}; a file holds tensors only")
        lacking = is_lazy(tensor) or tensor.is_meta
        if lacking or tensor.layout != torch.strided or tensor.is_quantized:
            kind = "without memory" if lacking else "sparse or quantized"
            raise ValueError(
                f"{where}: {name} is a tensor {kind}; expected a plain one, so run lazy layers once and "
                "give a module on the meta device memory with to_empty"
            )
    return state


def check_shapes(content: Content, expected: Mapping[str, Tensor], *, path: str | Path) -> None:
    """Refuse a file that lacks a tensor, or has one of another shape or kind of number.

    Raises
    ------
    ValueError
        Naming the tensors.
    """
    missing = [name for name in expected if content.tensor(name) is None]
    if missing:
        raise ValueError(
            f"{path} lacks {some(missing)}; it has {len(content.tensors)} tensors. Load into the "
            "architecture that was saved"
        )
    for name, tensor in expected.items():
        found = content.tensor(name)
        if found.shape != tensor.shape or found.is_floating_point() != tensor.is_floating_point():
            raise ValueError(
                f"{path}: {name} is {_kind(found)}, but the module wants {_kind(tensor)}; load into the "
                "architecture that was saved"
            )


def check_state(content: Content, state: Mapping[str, Tensor], *, path: str | Path) -> None:
    """Refuse a file whose tensors are not exactly those of a state dict.

    Raises
    ------
    ValueError
        Naming the tensors.
    """
    check_shapes(content, state, path=path)
    unexpected = sorted(content.names() - state.keys())
    if unexpected:
        raise ValueError(
            f"{path} has {some(unexpected)}, for which the module has no place; load into the "
            "architecture that was saved"
        )
    for name, tensor in state.items():
        found = content.tensor(name)
        if found.dtype != tensor.dtype:
            raise ValueError(
                f"{path}: {name} is {_kind(found)}, but the module has {_kind(tensor)}, which would "
                "change its numbers; convert the module with to(dtype) before loading, and back after it"
            )
    _check_ties(content, state, path)


def _check_ties(content: Content, state: Mapping[str, Tensor], path: str | Path) -> None:
    """Refuse a module in which one tensor stands for two of the file."""
    stored: dict[int, str] = {}
    for name, tensor in state.items():
        own = content.aliases.get(name, name)
        if stored.setdefault(id(tensor), own) != own:
            raise ValueError(
                f"{path}: {name} and {stored[id(tensor)]} are two tensors, but one and the same in the "
                "module; give the layers tensors of their own"
            )


@torch.no_grad()
def fill(module: nn.Module, content: Content, state: Mapping[str, Tensor]) -> None:
    """Copy the numbers of a checked file, and share what is shared in it."""
    for name, tensor in content.tensors.items():
        state[name].copy_(tensor)
    for alias, name in content.aliases.items():
        if state[alias] is not state[name]:
            put(module, alias, state[name])


def some(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    rest = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + rest


def _kind(tensor: Tensor) -> str:
    """Shape and dtype, as in an error text."""
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
