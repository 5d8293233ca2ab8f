"""From order N to N + K: give a trained image network new modes such as time, the transduction of the paper.

Shapes: (B, C, H, W) -> (B, C, T, H, W); new modes are the first spatial ones. With the identity as initial
factor the new network applies the old one to every frame. Rules for layers are in `rules`
(ours and convolutions) and `torch_layers` (torch's other layers).
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import singledispatch

from torch import nn

from hocp.conv.transduction.freeze import is_frozen
from hocp.conv.transduction.options import Options, new_modes

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_REBUILT = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm)
_PLAIN = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}


def transduce(
    module: nn.Module,
    *,
    kernel_size: int | tuple[int, ...] = 3,
    init: str | tuple[str, ...] = "identity",
    centre: int | tuple[int | None, ...] | None = None,
) -> nn.Module:
    """A copy of a layer or network with one or more new modes, put first (Section 3 of the paper).

    `CPConv` and `SeparableDepthwise` get a new factor (K, R), `TuckerConv` a separate mode (K, R_C) on its
    rank channels, `TTConv` a core (r0, K, r0) behind the first one; all old tensors stay bit for bit. Dense
    kernels are inflated, pointwise ones to one tap as shortcuts need, others to ``kernel_size``. Norms,
    pooling, padding, up-sampling and dropout keep looking at one frame at a time: as torch's layer of the
    next order where there is an equal one, else wrapped in `PerFrame`. ``nn.Flatten`` before a classifier
    becomes `FramesLast`, so the output is (B, T, outputs). New modes have stride 1 and are padded with zeros,
    whatever the padding of space: as many frames come out as go in.

    Parameters
    ----------
    module : nn.Module
        Of any order; stays untouched.
    kernel_size : int or tuple of int, default 3
        Taps of the new mode, or of each one, outermost first.
    init : {'identity', 'average', 'random'}, or a tuple with one for each new mode
        Initial new factor: one at the centre; the mean over the window, zeros standing outside the clip;
        random unit columns (an orthonormal block for `TTConv`), which keep the second moment of activations
        where frames are independent. A skip around a block stays at the centre tap with all three, so
        'average' then means the old skip plus the averaged block.
    centre : int, or a tuple with one for each new mode, optional
        Tap on the present frame; the middle one by default, which an even kernel size does not have.
        ``kernel_size - 1`` gives causal layers, which see no later frame.

    Returns
    -------
    nn.Module
        Same class, dtype and device.

    Raises
    ------
    ValueError
        If an argument is wrong, the network is frozen, has layers of several orders, or has layers without a
        rule; the text lists every such layer. Rules for own layers are added with
        ``transduce_layer.register``.

    Notes
    -----
    Only modules are seen. Code in a ``forward`` that counts modes from the front, such as ``x.mean((2, 3))``
    or ``torch.flatten(x, 1)``, must be replaced by modules (``nn.AdaptiveAvgPool2d(1)``, ``nn.Flatten()``) or
    count from the back. Hooks stay on layers that are changed in place and are lost with those that are
    replaced. A batch norm without running statistics takes those of all frames together.

    Training then has two stages (Figure 1 of the paper): the new parameters alone, then everything.

    >>> import torch
    >>> from hocp.conv import CPConv, freeze_except_temporal, transduce, unfreeze
    >>> images = torch.nn.Sequential(CPConv(3, 4, (3, 3), rank=6, padding=1), torch.nn.BatchNorm2d(4))
    >>> clips = transduce(images)
    >>> freeze_except_temporal(clips)  # stage one: train as ever, only the temporal factors move
    >>> [name for name, parameter in clips.named_parameters() if parameter.requires_grad]
    ['0.factors.2']
    >>> unfreeze(clips)  # stage two: train everything, with a new optimizer and a smaller rate

    See `freeze_except_temporal` for what happens to batch norms in stage one.
    """
    modes = new_modes(kernel_size, init, centre)
    if any(map(is_frozen, module.modules())):
        raise ValueError("the module given to transduce is frozen for stage one; call unfreeze first")
    _refuse_unknown(module)
    order, moving = _order(module), deepcopy(module)
    for taps, start, tap in reversed(modes):
        _refuse_unknown(moving)  # again, since rules of own layers may return something without a rule
        moving = convert(moving, Options(taps, start, order, tap))
        order += 1
    return moving


@singledispatch
def transduce_layer(module: nn.Module, options: Options) -> nn.Module:
    """Rule for one kind of layer: return its form of the next order.

    The layer is a copy, which the rule may change and return. It is called once for each new mode, so what it
    returns must have a rule as well. A layer that looks at one frame at a time needs no more than
    ``transduce_layer.register(Own, lambda layer, options: PerFrame(layer, options.order))``.

    This rule is for containers: it replaces their children. Register it for an own container that holds
    parameters or buffers itself, if its ``forward`` uses them in a way that suits inputs of any order.
    """
    for name, child in module._modules.items():  # named_children() would pass over a child's second name
        if child is not None:
            setattr(module, name, convert(child, options))
    return module


def convert(module: nn.Module, options: Options) -> nn.Module:
    """Apply the rule, once for each shared layer, and keep the mode of training."""
    if id(module) not in options.done:
        training = module.training
        result = transduce_layer(module, options)
        result.training = training
        options.done[id(module)] = (module, result)  # keeps the old layer alive, hence its id unique
    return options.done[id(module)][1]


def _rule_of(module: nn.Module) -> type:
    """The class for which the rule of this layer was registered; ``object`` if there is none."""
    return next(kind for kind in type(module).__mro__ if kind in transduce_layer.registry)


def _leaves(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Layers with a rule of their own, and what is no container."""
    children = dict(module.named_children())
    container = children or isinstance(module, _CONTAINERS)  # an empty Sequential is a common shortcut
    if _rule_of(module) is not object or not container:
        yield name, module
        return
    if _own_tensors(module):
        yield name, module
    for child_name, child in children.items():
        yield from _leaves(child, f"{name}.{child_name}".strip("."))


def _own_tensors(module: nn.Module) -> list[str]:
    """Names of parameters and buffers that the module itself holds."""
    own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    return [name for name, _ in own]


def _objection(module: nn.Module) -> str | None:
    """Why a layer cannot be transduced, as a remark behind its class; None if it can be."""
    rule, kind, own = _rule_of(module), type(module), _own_tensors(module)
    if rule is object:
        holder = own and next(module.children(), None) is not None
        return f", which holds {', '.join(own)} itself" if holder else ""
    if not rule.__module__.startswith("torch."):
        return None
    if isinstance(module, _REBUILT):
        if hasattr(module, "cls_to_become"):
            return ", which has no sizes yet"
        if hasattr(module, "parametrizations") or not set(own) <= _PLAIN:
            return ", whose tensors are computed from others: remove the parametrization or mask first"
    changed = any(getattr(kind, n, None) is not getattr(rule, n, None) for n in ("forward", "_conv_forward"))
    return f", a {rule.__name__} with a forward of its own" if changed else None


def _refuse_unknown(module: nn.Module) -> None:
    """Raise for layers without a rule, all in one list."""
    unknown = [
        f"{name or 'the module'} ({type(layer).__name__}{objection})"
        for name, layer in _leaves(module)
        if (objection := _objection(layer)) is not None
    ]
    if unknown:
        raise ValueError(
            f"transduce has no rule for {', '.join(unknown)}; add one with @transduce_layer.register, or "
            "replace the layer"
        )


def _order(module: nn.Module) -> int:
    """Number of spatial modes of the network's layers."""
    leaves = [(layer, order) for _, layer in _leaves(module) if (order := layer_order(layer)) is not None]
    # A BatchNorm1d also stands between the linear layers of a head, whatever the network's order.
    sure = {order for layer, order in leaves if not isinstance(layer, nn.BatchNorm1d)}
    orders = sure or {order for _, order in leaves}
    if len(orders) != 1:
        raise ValueError(
            f"transduce found layers of orders {sorted(orders) or 'none'}; expected one order throughout. "
            "Replace the layers of another order"
        )
    return orders.pop()


@singledispatch
def layer_order(module: nn.Module) -> int | None:
    """Number of spatial modes of a layer, None where it has no say in it."""
    order = getattr(module, "order", None)
    return order if isinstance(order, int) else None
