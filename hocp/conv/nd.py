"""Padding, convolution and batch norm of any order; torch's own up to order 3, where it has them.

Shapes: B batch, C input channels, T output channels, g groups; D0, ... spatial sizes; K0, ... taps.
    x        (B, C, D0, ...)
    kernel   (T, C / g, K0, ...)
    result   (B, T, D0', ...)
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from hocp.conv.checks import check_channels, check_flag, check_groups, check_like
from hocp.conv.geometry import Geometry

FUNCTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_IMAGES_AND_CLIPS = (4, 5)  # numbers of modes that torch has a channels-last format for


def pad(x: Tensor, geometry: Geometry) -> Tensor:
    """Pad the spatial modes of (B, C, D0, ...) as the geometry says.

    Written with slices, since torch's own padding knows neither other modes than zeros above order 3 nor
    modes that are padded in different ways.
    """
    if geometry.padding_mode == "zeros":
        return F.pad(x, geometry.fill())
    for mode, (kind, (before, after)) in enumerate(
        zip(geometry.padding_modes, geometry.padding, strict=True)
    ):
        if before or after:
            front = _border(x, mode + 2, before, kind=kind, front=True)
            back = _border(x, mode + 2, after, kind=kind, front=False)
            x = torch.cat([front, x, back], dim=mode + 2)
    return x


def _border(x: Tensor, dim: int, count: int, *, kind: str, front: bool) -> Tensor:
    """What stands on one side of one mode."""
    size = x.shape[dim]
    if kind == "reflect":
        return x.narrow(dim, 1 if front else size - 1 - count, count).flip(dim)
    if kind == "circular":
        return x.narrow(dim, size - count if front else 0, count)
    shape = list(x.shape)
    shape[dim] = count
    if kind == "zeros":
        return x.new_zeros(shape)
    return x.narrow(dim, 0 if front else size - 1, 1).expand(shape)


def conv_nd(
    x: Tensor, kernel: Tensor, *, geometry: Geometry, bias: Tensor | None = None, groups: int = 1
) -> Tensor:
    """Convolve under any geometry; above order 3 as a sum, over the first mode's taps, of one order less."""
    if not geometry.symmetric_zeros:
        x, geometry = pad(x, geometry), geometry.unpadded()
    if geometry.order in FUNCTIONS:
        padding = tuple(before for before, _ in geometry.padding)
        convolve = FUNCTIONS[geometry.order]
        x = x.contiguous() if _gradient_is_wrong(x, groups) else x
        return convolve(x, kernel, bias, geometry.stride, padding, geometry.dilation, groups)
    x, geometry = pad(x, geometry), geometry.unpadded()
    rest, batch = geometry.modes(slice(1, None)), x.shape[0]
    length, *_ = geometry.output_size(x.shape[2:])
    step, spread = geometry.stride[0], geometry.dilation[0]
    parts = []
    for tap in range(geometry.kernel_size[0]):
        seen = x[:, :, tap * spread : tap * spread + (length - 1) * step + 1 : step]
        parts.append(
            conv_nd(seen.movedim(2, 1).flatten(0, 1), kernel[:, :, tap], geometry=rest, groups=groups)
        )
    total = sum(parts[1:], parts[0])
    y = total.reshape(batch, length, *total.shape[1:]).movedim(1, 2)
    return y if bias is None else add_bias(y, bias)


def _gradient_is_wrong(x: Tensor, groups: int) -> bool:
    """Whether torch's gradient of the kernel may be wrong unless the channels come first in memory.

    In torch 2.13 it is for depthwise convolutions of clips in channels last, where the taps reach beyond few
    frames at both ends, on a processor that computes in bfloat16.
    """
    depthwise_clips = x.dim() == 5 and groups == x.shape[1] and x.device.type == "cpu"
    return depthwise_clips and torch.is_grad_enabled() and computed_in(x) == torch.bfloat16


def add_bias(y: Tensor, bias: Tensor) -> Tensor:
    """One number for each channel of (B, T, D0, ...), in the dtype that autocast may have chosen."""
    return y + bias.to(y.dtype).reshape(-1, *(1,) * (y.dim() - 2))


def in_full_precision(tensor: Tensor) -> AbstractContextManager:
    """Without autocast: a rebuilt kernel is as exact as its factors, and has their dtype."""
    device = tensor.device.type
    return torch.autocast(device, enabled=False) if under_autocast(device) else nullcontext()


def under_autocast(device: str) -> bool:
    """Whether autocast is on for a type of device; 'meta', which can be asked too, has none."""
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def computed_in(x: Tensor) -> torch.dtype:
    """The dtype of the products, which autocast may choose."""
    kind = x.device.type
    if under_autocast(kind) and x.dtype != torch.float64:
        return torch.get_autocast_dtype(kind)
    return x.dtype


def tf32_allowed() -> tuple[bool, bool]:
    """Whether a GPU may round float32 to TF32: in convolutions, in matrix products.

    From torch 2.9 on there are newer settings of it, and where these are used the older cannot be read.
    """
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    if hasattr(products, "fp32_precision"):
        return convolutions.conv.fp32_precision == "tf32", products.fp32_precision == "tf32"
    return convolutions.allow_tf32, products.allow_tf32


def pointwise(x: Tensor, matrix: Tensor, bias: Tensor | None = None, *, groups: int = 1) -> Tensor:
    """1x1 convolution of (B, C, D0, ...) with a matrix (T, C / g)."""
    order = x.dim() - 2
    if order in FUNCTIONS:
        return FUNCTIONS[order](x, matrix.reshape(*matrix.shape, *(1,) * order), bias, groups=groups)
    flat = F.conv1d(x.reshape(*x.shape[:2], prod(x.shape[2:])), matrix.unsqueeze(-1), bias, groups=groups)
    return flat.reshape(x.shape[0], matrix.shape[0], *x.shape[2:])


def channels_last(x: Tensor) -> Tensor:
    """``x`` in torch's channels-last format, where its order has one.

    Factorized layers keep the format of their input and need fewer copies in this one: their 1x1 stages are
    then plain matrix products. One call at the beginning of a network does for all its layers.
    """
    if x.dim() not in _IMAGES_AND_CLIPS:
        return x
    return x.movedim(1, -1).contiguous().movedim(-1, 1)  # vmap knows no memory_format


def is_channels_last(x: Tensor) -> bool:
    """Whether torch's convolutions take the channels of (B, C, D0, ...) as its last mode in memory."""
    if x.dim() not in _IMAGES_AND_CLIPS or x.is_contiguous():
        return False
    # By its strides, since part of a channels-last tensor, such as every other frame, has gaps.
    longer, channels, *spatial = x.stride()
    for stride in (*spatial, channels):
        if stride > longer:
            return False
        longer = stride
    return channels == 1


def in_format_of(y: Tensor, x: Tensor) -> Tensor:
    """``y`` in the memory format of ``x``, as torch's convolutions return it."""
    if not is_channels_last(x):
        return y.contiguous()
    return y if is_channels_last(y) else channels_last(y)


def batch_norm(order: int, channels: int, **options) -> nn.Module:
    """A batch norm for (B, C, D0, ...) of any order."""
    return _BATCH_NORMS.get(order, BatchNormNd)(channels, **options)


def normalise(norm: nn.Module, z: Tensor) -> Tensor:
    """Apply a norm to (B, C, D0, ...), whatever its memory format.

    But for images and clips the input is made contiguous: AOT autograd, on which compilers build, expects the
    gradient of torch's batch norm in the input's strides, and gets a contiguous one.
    """
    if z.dim() in _IMAGES_AND_CLIPS and 1 not in z.shape[2:]:
        return norm(z)
    return with_gradient_in_format(norm(z.contiguous()))


def with_gradient_in_format(x: Tensor) -> Tensor:
    """``x``, made so that its gradient will have its memory format where torch relies on that.

    On a processor, torch's batch norm (2.13) takes a gradient in another format than its input's for wrong
    numbers if a spatial mode has one position. A norm may stand in front of any layer, so layers hand back
    gradients in the format of what they got, as torch's convolutions do.
    """
    if x.dim() not in _IMAGES_AND_CLIPS or 1 not in x.shape[2:]:
        return x
    if x.is_contiguous():
        return x.flatten().reshape(x.shape)  # of which the gradient is contiguous
    last = x.movedim(1, -1)
    return last.flatten().reshape(last.shape).movedim(-1, 1) if last.is_contiguous() else x


class BatchNormNd(_BatchNorm):
    """Batch norm of an input of any order: torch's stops at three spatial modes."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(
                f"BatchNormNd got an input of shape {tuple(input.shape)}; expected (batch, channels, ...)"
            )


class ConvNd(nn.Module):
    """Dense convolution of any order under any `Geometry`: what torch's modules cannot hold.

    These are orders above 3, padding that differs before and after, and modes padded in different ways.

    Parameters
    ----------
    in_channels, out_channels : int
    geometry : Geometry
    groups : int
    bias : bool
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        geometry: Geometry,
        *,
        groups: int = 1,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        in_channels, out_channels, groups = check_groups(in_channels, out_channels, groups, layer="ConvNd")
        check_like(dtype, device, layer="ConvNd")
        check_flag(bias, layer="ConvNd", name="bias")
        if not isinstance(geometry, Geometry):
            raise ValueError(
                f"geometry of ConvNd is {geometry!r}; expected a Geometry, such as Geometry((3, 3))"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.geometry = geometry
        shape = (out_channels, in_channels // groups, *geometry.kernel_size)
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(out_channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    @property
    def order(self) -> int:
        """Number of spatial modes."""
        return self.geometry.order

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """He initialisation by fan-in; no bias."""
        self.weight.normal_(0, (2 / self.weight[0].numel()) ** 0.5)
        if self.bias is not None:
            self.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, D0, ...) or (C, D0, ...)."""
        batched = check_channels(x, self.in_channels, order=self.order, layer="ConvNd", like=self.weight)
        self.geometry.output_size(batched.shape[2:])
        y = conv_nd(batched, self.weight, geometry=self.geometry, bias=self.bias, groups=self.groups)
        y = in_format_of(y, batched)
        return y if batched is x else y.squeeze(0)

    def extra_repr(self) -> str:
        """What the printed module shows."""
        return f"{self.in_channels}, {self.out_channels}, {self.geometry}, groups={self.groups}"
