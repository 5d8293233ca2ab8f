"""Rules of `transduce` for our layers and torch's own."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from hocp.conv.cp import CPConv
from hocp.conv.dense import CONVOLUTIONS, as_module, geometry_of
from hocp.conv.nd import batch_norm
from hocp.conv.separable import SeparableDepthwise
from hocp.conv.transduce import Options, layer_order, profile, transduce_layer
from hocp.conv.tucker import TuckerConv

_BY_ORDER = {
    order: tuple(
        getattr(nn, f"{name}{order}d")
        for name in ("Conv", "BatchNorm", "MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
    )
    for order in (1, 2, 3)
}
# The same for every order: they act on single numbers, or, as Linear behind `FramesLast`, on the last mode.
_UNCHANGED = (
    nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh,
    nn.Hardswish, nn.Hardsigmoid, nn.Softplus, nn.Dropout, nn.Linear, nn.SyncBatchNorm,
)  # fmt: skip


class FramesLast(nn.Module):
    """What ``nn.Flatten`` becomes: (B, C, T, H, W) -> (B, T, C H W), one row of features a frame."""

    def forward(self, x: Tensor) -> Tensor:
        """Bring time behind the batch and flatten the rest."""
        return x.movedim(2, 1).flatten(2)


for _order, _classes in _BY_ORDER.items():
    for _class in _classes:
        layer_order.register(_class, lambda module, order=_order: order)


@transduce_layer.register(CPConv)
def _cp(layer: CPConv, options: Options) -> CPConv:
    """A new temporal factor (K, R); every other tensor stays the same object."""
    layer.geometry = layer.geometry.with_new_mode(options.kernel_size)
    new = nn.Parameter(profile(options, layer.rank, layer.factors[0].detach()))
    factors = nn.ParameterList([*layer.factors[:2], new, *layer.factors[2:]])
    layer.factors = factors.train(layer.training)
    layer.temporal_modes = (0, *(mode + 1 for mode in layer.temporal_modes))
    if layer.rank_norm is not None:
        layer.rank_norm = transduce_layer(layer.rank_norm, options)
    return layer


@transduce_layer.register(SeparableDepthwise)
def _separable(layer: SeparableDepthwise, options: Options) -> SeparableDepthwise:
    """A new temporal factor, without a norm of its own: an untrained one would change the frames."""
    layer.geometry = layer.geometry.with_new_mode(options.kernel_size)
    new = nn.Parameter(profile(options, layer.channels, layer.factors[0].detach()))
    layer.factors = nn.ParameterList([new, *layer.factors]).train(layer.training)
    for mode, norm in enumerate(layer.norms):
        layer.norms[mode] = transduce_layer(norm, options)
    layer.norms.insert(0, nn.Identity().train(layer.training))
    layer.temporal_modes = (0, *(mode + 1 for mode in layer.temporal_modes))
    return layer


def inflate(kernel: Tensor, options: Options) -> Tensor:
    """(T, C, K0, ...) -> (T, C, K, K0, ...): the outer product with the initial factor, a column per T."""
    columns = profile(options, kernel.shape[0], kernel).t()
    ones = (1,) * (kernel.dim() - 2)
    return kernel.unsqueeze(2) * columns.reshape(kernel.shape[0], 1, -1, *ones)


@transduce_layer.register(TuckerConv)
def _tucker(layer: TuckerConv, options: Options) -> TuckerConv:
    """An inflated core; the channel factors stay the same objects."""
    layer.geometry = layer.geometry.with_new_mode(options.kernel_size)
    layer.core = nn.Parameter(inflate(layer.core.detach(), options), requires_grad=layer.core.requires_grad)
    return layer


def _conv(layer: nn.Module, options: Options) -> nn.Module:
    """An inflated dense convolution; a pointwise one stays pointwise, as shortcuts must."""
    geometry = geometry_of(layer)
    if set(geometry.kernel_size) == {1}:
        options = replace(options, kernel_size=1, init="identity")
    kernel = inflate(layer.weight.detach(), options)
    new = as_module(
        kernel, bias=layer.bias, geometry=geometry.with_new_mode(options.kernel_size), groups=layer.groups
    )
    for name, parameter in layer.named_parameters():
        new.get_parameter(name).requires_grad_(parameter.requires_grad)
    return new


def _batch_norm(norm: nn.Module, options: Options) -> nn.Module:
    """The batch norm of the next order, around the same parameters and buffers."""
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
    new.training = norm.training
    return new


def _pool(pool: nn.Module, options: Options) -> nn.Module:
    """The pooling of the next order that looks at one frame at a time."""
    order = options.order
    sizes = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
    given = {
        name: (time, *_each(getattr(pool, name), order))
        for name, time in sizes.items()
        if hasattr(pool, name)
    }
    same = ("return_indices", "ceil_mode", "count_include_pad", "divisor_override")
    given |= {name: getattr(pool, name) for name in same if hasattr(pool, name)}
    return getattr(nn, type(pool).__name__.replace(f"{order}d", f"{order + 1}d"))(**given)


def _adaptive_pool(pool: nn.Module, options: Options) -> nn.Module:
    """The adaptive pooling of the next order that keeps time."""
    new = getattr(nn, type(pool).__name__.replace(f"{options.order}d", f"{options.order + 1}d"))
    return new((None, *_each(pool.output_size, options.order)))


def _each(value: int | tuple[int, ...], order: int) -> tuple[int, ...]:
    """One number a mode."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * order


for _order in (1, 2):
    transduce_layer.register(CONVOLUTIONS[_order], _conv)
    transduce_layer.register(getattr(nn, f"BatchNorm{_order}d"), _batch_norm)
    for _name, _rule in (("MaxPool", _pool), ("AvgPool", _pool)):
        transduce_layer.register(getattr(nn, f"{_name}{_order}d"), _rule)
        transduce_layer.register(getattr(nn, f"Adaptive{_name}{_order}d"), _adaptive_pool)
for _class in _UNCHANGED:
    transduce_layer.register(_class, lambda module, options: module)


@transduce_layer.register(nn.Dropout1d)
@transduce_layer.register(nn.Dropout2d)
def _dropout(dropout: nn.Module, options: Options) -> nn.Module:
    """Whole channels are dropped, over all frames of a clip."""
    return getattr(nn, f"Dropout{options.order + 1}d")(dropout.p, dropout.inplace)


@transduce_layer.register(nn.Flatten)
def _flatten(flatten: nn.Flatten, options: Options) -> nn.Module:
    """Flatten each frame."""
    if (flatten.start_dim, flatten.end_dim) != (1, -1):
        raise ValueError(
            f"transduce knows nn.Flatten(1, -1) only, got nn.Flatten({flatten.start_dim}, "
            f"{flatten.end_dim}); flatten everything behind the batch"
        )
    return FramesLast()
