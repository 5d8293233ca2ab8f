"""Save and load factorized layers, and networks that hold some: safetensors with a versioned description.

No pickle, and nothing in a file is run. A file holds numbers and structure, not the state of training: what
is trainable, the mode of training and the device are those of the network that is loaded into.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from hocp.conv.exchange.file import Content, plain, read, write
from hocp.conv.exchange.layers import build, describe, is_described
from hocp.conv.exchange.network import give_memory, load_into
from hocp.conv.exchange.state import check_state, fill, state_of


def save(module: nn.Module, path: str | Path) -> None:
    """Write a layer or network to a safetensors file, which appears whole or not at all.

    Beside the tensors of the state dict, the file says of every `CPConv`, `TuckerConv`, `TTConv` and
    `SeparableDepthwise` how to build it: its rank above all, what transduction added, and how the solver
    fared. A tensor that several layers share is stored once.

    Parameters
    ----------
    module : nn.Module
        In a network, the modules of other classes are told by their tensors alone.
    path : path
        Its folder is created.

    Raises
    ------
    ValueError
        If a factorized layer was changed in a way that its options do not tell, or the state dict holds
        something else than plain tensors with memory.
    """
    where, module = f"save to {path}", _unwrapped(module)
    layers = {
        name: describe(layer, where=f"{where}, layer {name!r}")
        for name, layer in module.named_modules()
        if is_described(layer)
    }
    tensors, aliases, first = {}, {}, {}
    for name, tensor in state_of(module, where=where).items():
        if id(tensor) in first:
            aliases[name] = first[id(tensor)]
        else:
            first[id(tensor)] = name
            tensors[name] = plain(tensor)
    write(path, Content(layers, aliases, tensors))


def load(
    path: str | Path, *, into: nn.Module | None = None, device: torch.device | str | None = None
) -> nn.Module:
    """Read what `save` wrote, bit for bit.

    Parameters
    ----------
    path : path
    into : nn.Module, optional
        For the file of a network, one of the same architecture. Where the file has a factorized layer, it may
        hold a dense convolution or a factorized one of another rank, which is replaced; one that is built
        alike is loaded in place, so an optimizer keeps its parameters. A transduced network is loaded into
        the transduced architecture, ``load(path, into=transduce(network))``. On an error it stays as it was.
    device : torch.device or str, optional
        Where the tensors go; by default the CPU for a layer alone, and the network's own device.

    Returns
    -------
    nn.Module
        The layer, or ``into``. New layers are trainable where what they replace was.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not whole, not of this format or newer; a tensor is missing, unexpected or of another
        shape or dtype; or the network differs from the described one.
    """
    content = read(path)
    if into is None:
        module = _alone(content, path)
    else:
        module = into
        load_into(content, _unwrapped(into), path)
    return module if device is None else module.to(device)


def _unwrapped(module: nn.Module) -> nn.Module:
    """The module itself, without what torch.compile or DistributedDataParallel put around it."""
    if isinstance(module, nn.parallel.DistributedDataParallel):
        return _unwrapped(module.module)
    return getattr(module, "_orig_mod", module)


def _alone(content: Content, path: str | Path) -> nn.Module:
    """The layer of a file that holds nothing else."""
    if list(content.layers) != [""]:
        raise ValueError(
            f"{path} holds a network with {len(content.layers)} factorized layers; give a network of the "
            "same architecture: load(path, into=network)"
        )
    layer = build(content.layers[""], where=f"{path}, layer ''")
    give_memory(content, "", layer, path=path, device="cpu")
    state = state_of(layer, where=str(path))
    check_state(content, state, path=path)
    fill(layer, content, state)
    return layer
