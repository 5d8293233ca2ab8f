"""Between factorized layers and dense convolutions: the same geometry, groups, kernel and bias."""

from __future__ import annotations

from torch import Tensor, nn

from hocp.conv.geometry import Geometry
from hocp.conv.nd import ConvNd

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def geometry_of(conv: nn.Module) -> Geometry:
    """Geometry of a dense convolution.

    Raises
    ------
    ValueError
        If the module is no plain ``nn.Conv1d``, ``nn.Conv2d``, ``nn.Conv3d`` or `ConvNd`.
    """
    if isinstance(conv, ConvNd):
        return conv.geometry
    if not isinstance(conv, tuple(CONVOLUTIONS.values())):
        raise ValueError(f"got a {type(conv).__name__}; expected nn.Conv1d, nn.Conv2d, nn.Conv3d or ConvNd")
    return Geometry(conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.padding_mode)


def as_module(kernel: Tensor, *, bias: Tensor | None, geometry: Geometry, groups: int = 1) -> nn.Module:
    """The convolution that has this kernel of shape (T, C / g, K0, ...), bias and geometry.

    An ``nn.ConvNd`` where torch has one that fits, else a `ConvNd`.
    """
    channels = (kernel.shape[1] * groups, kernel.shape[0])
    options = {"groups": groups, "bias": bias is not None, "device": "meta"}
    # Built on the meta device, so that nothing is initialised only to be overwritten.
    padding = geometry.torch_padding()
    if geometry.order in CONVOLUTIONS and padding is not None:
        conv = CONVOLUTIONS[geometry.order](
            *channels,
            geometry.kernel_size,
            stride=geometry.stride,
            padding=padding,
            dilation=geometry.dilation,
            padding_mode=geometry.padding_mode,
            **options,
        )
    else:
        conv = ConvNd(*channels, geometry, **options)
    conv.weight = nn.Parameter(kernel.detach().clone())
    if bias is not None:
        conv.bias = nn.Parameter(bias.detach().clone())
    return conv
