"""Cost of a whole network by name, counted on torch's meta device: nothing is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from hocp.conv import NetworkCost, network_cost
from hocp.networks.registry import build, entry

ITEMSIZE = 4  # bytes of a float32


@dataclass(frozen=True)
class Profile:
    """A network and what one forward pass of one image or clip costs.

    Attributes
    ----------
    name : str
    outputs : int
    input_size : tuple of int
        (3, H, W) or (3, T, H, W).
    cost : NetworkCost
    """

    name: str
    outputs: int
    input_size: tuple[int, ...]
    cost: NetworkCost

    @property
    def parameter_bytes(self) -> int:
        """Of the learnable numbers, as float32."""
        return self.cost.parameters * ITEMSIZE

    @property
    def bytes(self) -> int:
        """Of the parameters and of every layer's output, as float32."""
        return self.parameter_bytes + self.cost.activation_bytes


def reference_input(name: str) -> tuple[int, ...]:
    """Input at which a network's cost is usually stated: torchvision's for ResNets, 32 x 32 for CIFAR."""
    if name.endswith("_cifar"):
        return (3, 32, 32)
    return (3, 224, 224) if entry(name).order == 2 else (3, 16, 112, 112)


def reference_outputs(name: str) -> int:
    """Ten classes of CIFAR-10, or valence and arousal."""
    return 10 if name.endswith("_cifar") else 2


def profile(
    name: str,
    *,
    outputs: int | None = None,
    width: float = 1.0,
    input_size: tuple[int, ...] | None = None,
    **options: Any,
) -> Profile:
    """Count a network.

    Parameters
    ----------
    name : str
    outputs : int, optional
        By default `reference_outputs`.
    width : float
    input_size : tuple of int, optional
        (3, H, W) or (3, T, H, W); by default `reference_input`.
    **options
        Of `hocp.networks.build`.

    Raises
    ------
    ValueError
        If the network does not exist, takes no such option, or cannot take the input.
    """
    outputs = reference_outputs(name) if outputs is None else outputs
    size = reference_input(name) if input_size is None else tuple(input_size)
    with torch.device("meta"):
        network = build(name, outputs=outputs, width=width, **options)
    return Profile(name, outputs, size, network_cost(network, size))


def shape_text(size: tuple[int, ...]) -> str:
    """(3, 224, 224) as "3x224x224"."""
    return "x".join(map(str, size))


def parse_shape(text: str, *, order: int) -> tuple[int, ...]:
    """Read "3x224x224" or "3x16x112x112".

    Raises
    ------
    ValueError
        If it is no such text, or not of the order's number of modes.
    """
    expected = "3xHEIGHTxWIDTH" if order == 2 else "3xFRAMESxHEIGHTxWIDTH"
    parts = text.lower().replace("×", "x").split("x")
    numbers = [int(part) if part.isascii() and part.isdigit() else 0 for part in parts]
    if len(numbers) != order + 1 or numbers[0] != 3 or min(numbers) < 1:
        example = "3x224x224" if order == 2 else "3x16x112x112"
        raise ValueError(f"--input is {text!r}; expected {expected} for this network, such as {example}")
    return tuple(numbers)
