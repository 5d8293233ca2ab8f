"""The file of `hocp.conv.exchange`: tensors in safetensors form, and one JSON text that describes them.

Nothing in a file is ever run: it holds numbers, names and JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hocp.contracts.files import publish

FORMAT, VERSION = "hocp.conv", 1


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes
    ----------
    layers : dict
        Path in the network -> description of a factorized layer.
    aliases : dict
        Name of a tensor -> name under which the same tensor is stored.
    tensors : dict
        Name -> tensor.
    """

    layers: dict[str, dict[str, Any]]
    aliases: dict[str, str]
    tensors: dict[str, Tensor]

    def tensor(self, name: str) -> Tensor | None:
        """The tensor of a name, or of what it is an alias of."""
        return self.tensors.get(self.aliases.get(name, name))

    def names(self) -> set[str]:
        """Names of all tensors, aliases among them."""
        return {*self.tensors, *self.aliases}


def write(path: str | Path, content: Content) -> None:
    """Publish a file; the same content gives the same bytes.

    All that describes the tensors is one text, since safetensors writes several in an order of chance.
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "layers": content.layers,
        "aliases": content.aliases,
    }
    text = json.dumps(header, sort_keys=True, allow_nan=False, separators=(",", ":"))
    with publish(path) as scratch:
        save_file(content.tensors, scratch, metadata={FORMAT: text})


def read(path: str | Path) -> Content:
    """Read a file, with copies of its tensors on the CPU.

    Raises
    ------
    ValueError
        If it is no safetensors file, is damaged, was written by something else or by a newer version.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected a file written by hocp.conv.save")
    try:
        with safe_open(path, framework="pt") as file:
            header = _header(path, file.metadata() or {})
            # Cloned: what safetensors gives are views of the whole file.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no safetensors file, or is not whole ({error}); expected one written by "
            "hocp.conv.save; copy or write it again"
        ) from None
    for alias, name in header["aliases"].items():
        if name not in tensors or alias in tensors:
            raise ValueError(f"{path}: alias {alias!r} of {name!r} does not fit its tensors; write it again")
    return Content(header["layers"], header["aliases"], tensors)


def _header(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The description, checked as far as it can be without the tensors."""
    if FORMAT not in metadata:
        found = ", ".join(sorted(metadata)) or "none"
        raise ValueError(
            f"{path} is a safetensors file of another kind: its metadata has the keys {found}, expected "
            f"{FORMAT!r}; read a plain one with safetensors.torch.load_file and network.load_state_dict"
        )
    try:
        header = json.loads(metadata[FORMAT])
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: metadata {FORMAT!r} is not JSON ({error}); write the file again") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"{path}: metadata {FORMAT!r} does not describe a file of that format")
    version = header.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= VERSION:
        raise ValueError(
            f"{path} has format version {version!r}; this hocp reads 1 to {VERSION}, so update it, or save "
            "the network again with this one"
        )
    for key, kind in (("layers", dict), ("aliases", str)):
        table = header.get(key)
        if not isinstance(table, dict) or not all(isinstance(value, kind) for value in table.values()):
            raise ValueError(f"{path}: {key} of the metadata is no table of {kind.__name__}; write it again")
    return header


def plain(tensor: Tensor) -> Tensor:
    """A contiguous copy on the CPU, which shares memory with no other."""
    return tensor.detach().to("cpu").clone(memory_format=torch.contiguous_format)
