"""Between factorized layers and torch's dense convolutions: the same geometry, kernel and bias."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hocp.conv.geometry import Geometry

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
FUNCTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_FILLS = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def pad(x: Tensor, geometry: Geometry) -> Tensor:
    """Pad the spatial modes of (B, C, D0, ...) as the geometry says."""
    return F.pad(x, geometry.fill(), mode=_FILLS[geometry.padding_mode])


def dense_conv(x: Tensor, kernel: Tensor, *, bias: Tensor | None = None, geometry: Geometry) -> Tensor:
    """Convolve (B, C, D0, ...) with a kernel of shape (T, C, K0, ...) under any geometry."""
    if not geometry.symmetric_zeros:
        x, geometry = pad(x, geometry), geometry.unpadded()
    convolve = FUNCTIONS[geometry.order]
    padding = tuple(before for before, _ in geometry.padding)
    return convolve(x, kernel, bias, geometry.stride, padding, geometry.dilation)


def geometry_of(conv: nn.Module) -> Geometry:
    """Geometry of a dense convolution that can be factorized or transduced.

    Raises
    ------
    ValueError
        If the module is no plain ``nn.Conv1d``, ``nn.Conv2d`` or ``nn.Conv3d``, or has groups.
    """
    if not isinstance(conv, tuple(CONVOLUTIONS.values())):
        raise ValueError(f"got a {type(conv).__name__}; expected nn.Conv1d, nn.Conv2d or nn.Conv3d")
    if conv.groups != 1:
        raise ValueError(
            f"the convolution has groups={conv.groups}; only groups=1 can be factorized. Leave this layer "
            "dense"
        )
    return Geometry(conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.padding_mode)


def as_module(kernel: Tensor, *, bias: Tensor | None, geometry: Geometry) -> nn.Module:
    """The ``nn.ConvNd`` that has this kernel of shape (T, C, K0, ...), bias and geometry."""
    conv = CONVOLUTIONS[geometry.order](
        kernel.shape[1],
        kernel.shape[0],
        geometry.kernel_size,
        stride=geometry.stride,
        padding=geometry.torch_padding(),
        dilation=geometry.dilation,
        bias=bias is not None,
        padding_mode=geometry.padding_mode,
        device="meta",
    )
    # Built on the meta device, so that nothing is initialised only to be overwritten.
    conv.weight = nn.Parameter(kernel.detach().clone())
    if bias is not None:
        conv.bias = nn.Parameter(bias.detach().clone())
    return conv


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
