"""What the paper's block adds to a factorized convolution: a non-linearity in rank space, and a skip."""

from __future__ import annotations

from typing import Any

from torch import nn

from hocp.conv.geometry import Geometry
from hocp.conv.nd import batch_norm

SKIPS = (None, "identity", "projection")


def make_rank_norm(
    kind: str | None, order: int, channels: int, *, layer: str, **like: Any
) -> nn.Module | None:
    """Batch norm of the rank channels, or none.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    if kind not in (None, "batch"):
        raise ValueError(f"rank_norm of {layer} is {kind!r}; expected None or 'batch'")
    return batch_norm(order, channels, **like) if kind else None


def make_rank_activation(kind: str | None, *, layer: str) -> nn.Module | None:
    """Activation of the rank channels; a positively homogeneous one, since the lasso rescales them.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    if kind not in (None, "relu"):
        raise ValueError(f"rank_activation of {layer} is {kind!r}; expected None or 'relu'")
    return nn.ReLU() if kind else None


def check_skip(
    skip: str | None, in_channels: int, out_channels: int, *, geometry: Geometry, layer: str
) -> str | None:
    """The skip, if the layer can have it.

    Raises
    ------
    ValueError
        If it is unknown, the kernel has no centre, or the channels do not allow the identity.
    """
    if skip not in SKIPS:
        raise ValueError(f"skip of {layer} is {skip!r}; expected None, 'identity' or 'projection'")
    if skip and any(taps % 2 == 0 for taps in geometry.kernel_size):
        raise ValueError(
            f"skip of {layer} is {skip!r}, but kernel_size {geometry.kernel_size} has an even entry and so "
            "no centre; use odd ones"
        )
    if skip == "identity" and in_channels != out_channels:
        raise ValueError(
            f"skip of {layer} is 'identity', but in_channels is {in_channels} and out_channels "
            f"{out_channels}; use 'projection'"
        )
    return skip
