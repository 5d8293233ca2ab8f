"""Rules of `transduce` for torch's other layers: each keeps looking at one frame at a time.

Where torch's layer of the next order can do that it is taken, with one tap in the new mode; where not, or
where there is none, the old layer is wrapped in `PerFrame`.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from hocp.conv.nd import BatchNormNd, batch_norm
from hocp.conv.transduction.frames import ChannelDropout, FramesBack, FramesLast, PerFrame
from hocp.conv.transduction.options import Options
from hocp.conv.transduction.transduce import layer_order, transduce_layer

# Of single numbers, of the channels (mode 1), or of the last modes: the same for every order.
_UNCHANGED = (
    nn.Identity, nn.Linear, nn.Dropout, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.SyncBatchNorm,
    nn.ChannelShuffle, ChannelDropout,
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Tanhshrink, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh,
    nn.Hardshrink, nn.Softplus, nn.Softshrink, nn.Softsign, nn.Threshold,
    nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d,
)  # fmt: skip
_PER_FRAME = (
    nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d,
    nn.LocalResponseNorm, nn.CrossMapLRN2d, nn.Softmax2d,
    nn.LPPool1d, nn.LPPool2d, nn.LPPool3d, nn.FractionalMaxPool2d, nn.FractionalMaxPool3d,
    nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d,
    nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d,
    nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d,
    nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d,
    nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d, nn.PixelShuffle, nn.PixelUnshuffle,
)  # fmt: skip
_WITH_ORDER = (
    "BatchNorm",
    "InstanceNorm",
    "MaxPool",
    "AvgPool",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "LPPool",
)


def _per_frame(layer: nn.Module, options: Options) -> PerFrame:
    """The layer itself, on every frame."""
    return PerFrame(layer, options.order)


@transduce_layer.register(PerFrame)
@transduce_layer.register(FramesLast)
@transduce_layer.register(FramesBack)
def _one_more(layer: PerFrame | FramesLast | FramesBack, options: Options) -> nn.Module:
    """Frames have one more mode."""
    layer.modes += 1
    return layer


def _batch_norm(norm: nn.Module, options: Options) -> nn.Module:
    """The batch norm of the next order, around the same parameters and buffers."""
    if isinstance(norm, nn.BatchNorm1d) and options.order > 1:
        return _per_frame(norm, options)  # between the linear layers of a head
    new = batch_norm(
        options.order + 1,
        norm.num_features,
        eps=norm.eps,
        momentum=norm.momentum,
        affine=norm.affine,
        track_running_stats=norm.track_running_stats,
        device="meta",
    )
    for name, parameter in norm.named_parameters(recurse=False):
        setattr(new, name, parameter)
    for name, buffer in norm.named_buffers(recurse=False):
        setattr(new, name, buffer)
    return new


def _layer_norm(norm: nn.LayerNorm | nn.RMSNorm, options: Options) -> nn.Module:
    """Over the last modes it stays as it is; from the channels on it sees a frame at a time."""
    modes = len(norm.normalized_shape)
    if modes <= options.order:
        return norm
    if modes == options.order + 1:
        return _per_frame(norm, options)
    raise ValueError(
        f"transduce got a {type(norm).__name__} over {tuple(norm.normalized_shape)} in a network of order "
        f"{options.order}; expected at most {options.order + 1} modes, channels and space"
    )


def _next_order(layer: nn.Module, options: Options) -> Callable[..., nn.Module] | None:
    """Torch's class of the next order, None where there is none."""
    return getattr(nn, type(layer).__name__.replace(f"{options.order}d", f"{options.order + 1}d"), None)


def _pool(pool: nn.Module, options: Options) -> nn.Module:
    """Indices count within a frame, so a pool that returns them stays as it is.

    So does a padded average: torch's of order 3 refuses frames smaller than the window, padding or not.
    """
    made = _next_order(pool, options)
    padded_mean = isinstance(pool, nn.AvgPool2d) and any(_each(pool.padding, 2))
    if made is None or getattr(pool, "return_indices", False) or padded_mean:
        return _per_frame(pool, options)
    sizes = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
    given = {
        name: (time, *_each(getattr(pool, name), options.order))
        for name, time in sizes.items()
        if hasattr(pool, name)
    }
    same = ("ceil_mode", "count_include_pad", "divisor_override")
    return made(**given, **{name: getattr(pool, name) for name in same if hasattr(pool, name)})


def _adaptive_pool(pool: nn.Module, options: Options) -> nn.Module:
    """None keeps a mode as long as it is."""
    made = _next_order(pool, options)
    if made is None or getattr(pool, "return_indices", False):
        return _per_frame(pool, options)
    return made((None, *_each(pool.output_size, options.order)))


def _each(value: int | tuple[int, ...], order: int) -> tuple[int, ...]:
    """One number a mode."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * order


def _dropout(dropout: nn.Module, options: Options) -> nn.Module:
    """Whole channels are dropped, over all frames of a clip."""
    if options.order > 2:
        return ChannelDropout(dropout.p)
    return getattr(nn, f"Dropout{options.order + 1}d")(dropout.p, dropout.inplace)


def _along(layer: nn.Module, options: Options) -> nn.Module:
    """The last mode is the last of a clip, too; others, such as channels or classes, are those of a frame."""
    if layer.dim == -1:
        return layer
    if layer.dim in (0, -options.order - 2):
        raise ValueError(
            f"transduce got a {type(layer).__name__} with dim={layer.dim}, the batch, which will hold other "
            "frames; use dim=1 for channels or classes, dim=-1 for the last mode"
        )
    return _per_frame(layer, options)


def _prelu(layer: nn.PReLU, options: Options) -> nn.Module:
    """With a number for each channel it must know where they are: last, behind `FramesLast`."""
    return layer if layer.num_parameters == 1 else _per_frame(layer, options)


@transduce_layer.register(nn.Flatten)
def _flatten(flatten: nn.Flatten, options: Options) -> nn.Module:
    """Features of each frame for linear layers."""
    modes = options.order + 2
    if flatten.start_dim not in (1, 1 - modes) or flatten.end_dim not in (-1, modes - 1):
        raise ValueError(
            f"transduce got nn.Flatten({flatten.start_dim}, {flatten.end_dim}) in a network of order "
            f"{options.order}; expected nn.Flatten(), which makes features of a frame. What lies behind "
            "others has another order: wrap all of it into one PerFrame"
        )
    return FramesLast()


@transduce_layer.register(nn.Unflatten)
def _unflatten(unflatten: nn.Unflatten, options: Options) -> nn.Module:
    """Features back to frames."""
    sizes = unflatten.unflattened_size
    numbers = all(isinstance(size, int) for size in sizes)
    if unflatten.dim not in (1, -1) or not numbers or len(sizes) != options.order + 1:
        raise ValueError(
            f"transduce got nn.Unflatten({unflatten.dim!r}, {tuple(sizes)}) in a network of order "
            f"{options.order}; expected nn.Unflatten(1, sizes), features to channels and space"
        )
    return FramesBack(sizes)


_RULES = {
    _batch_norm: (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, BatchNormNd),
    _layer_norm: (nn.LayerNorm, nn.RMSNorm),
    _pool: (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    _adaptive_pool: (
        nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
        nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
    ),
    _prelu: (nn.PReLU,),
    _dropout: (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    _along: (nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.GLU),
    _per_frame: _PER_FRAME,
    lambda layer, options: layer: _UNCHANGED,
}  # fmt: skip
for _rule, _classes in _RULES.items():
    for _class in _classes:
        transduce_layer.register(_class, _rule)
for _name in _WITH_ORDER:
    for _order in (1, 2, 3):
        layer_order.register(getattr(nn, f"{_name}{_order}d"), lambda module, order=_order: order)
