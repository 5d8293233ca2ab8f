"""From N-d to (N+1)-d: give a trained image network a time mode, the transduction of the paper.

Shapes: (B, C, H, W) -> (B, C, T, H, W); the new mode is the first spatial one. With the identity as initial
factor the new network applies the old one to every frame.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from functools import singledispatch

import torch
from torch import Tensor, nn

INITS = ("identity", "average", "random")


@dataclass(frozen=True)
class Options:
    """What `transduce` was asked for, as handlers of `transduce_layer` see it.

    Attributes
    ----------
    kernel_size : int
        Taps of the new mode, odd.
    init : {'identity', 'average', 'random'}
    order : int
        Spatial modes of the network before.
    done : dict
        Layers transduced already by ``id``, so that a shared layer stays shared.
    """

    kernel_size: int
    init: str
    order: int
    done: dict[int, tuple[nn.Module, nn.Module]] = field(default_factory=dict, repr=False, compare=False)


def transduce(module: nn.Module, *, kernel_size: int = 3, init: str = "identity") -> nn.Module:
    """A copy of a layer or network with one more mode, time, put first.

    `CPConv` and `SeparableDepthwise` get a new factor and keep all old ones bit for bit. Dense and Tucker
    kernels are inflated, pointwise ones to one tap, others to ``kernel_size``. Batch norms, pooling and
    dropout change to the next order; pooling keeps time. ``nn.Flatten`` before a classifier becomes
    `FramesLast`, so the output is (B, T, outputs). Time has stride 1 and zero padding of half the kernel: as
    many frames come out as go in.

    Parameters
    ----------
    module : nn.Module
        Stays untouched.
    kernel_size : int, default 3
        Taps of the new mode; odd.
    init : {'identity', 'average', 'random'}
        Initial new factor: one at the centre; the mean over the window; random directions of unit length.

    Returns
    -------
    nn.Module
        Same class, dtype and device.

    Raises
    ------
    ValueError
        If ``kernel_size`` is even, ``init`` unknown, the order 3 already, or a layer has no rule; the text
        lists every such layer. Rules for own layers are added with ``transduce_layer.register``.
    """
    if (
        isinstance(kernel_size, bool)
        or not isinstance(kernel_size, int)
        or kernel_size < 1
        or kernel_size % 2 == 0
    ):
        raise ValueError(
            f"kernel_size of transduce is {kernel_size!r}; expected an odd whole number: an even one has no "
            "centre and would shift or lengthen the clip"
        )
    if init not in INITS:
        raise ValueError(f"init of transduce is {init!r}; expected one of {', '.join(INITS)}")
    options = Options(kernel_size, init, _order(module))
    unknown = [f"{name or 'the module'} ({type(layer).__name__})" for name, layer in _unknown(module)]
    if unknown:
        raise ValueError(
            f"transduce has no rule for {', '.join(unknown)}; add one with @transduce_layer.register, or "
            "replace the layer"
        )
    return _convert(deepcopy(module), options)


@singledispatch
def transduce_layer(module: nn.Module, options: Options) -> nn.Module:
    """Rule for one kind of layer: return its (N+1)-d form.

    The layer is a copy, which the rule may change and return. This rule is for containers: it replaces their
    children.
    """
    for name, child in module.named_children():
        setattr(module, name, _convert(child, options))
    return module


def _convert(module: nn.Module, options: Options) -> nn.Module:
    """Apply the rule, once for each shared layer, and keep the mode of training."""
    if id(module) not in options.done:
        training = module.training
        result = transduce_layer(module, options)
        result.training = training
        options.done[id(module)] = (module, result)  # keeps the old layer alive, hence its id unique
    return options.done[id(module)][1]


def _has_rule(module: nn.Module) -> bool:
    """Whether a rule was registered for the layer's class."""
    return transduce_layer.dispatch(type(module)) is not transduce_layer.dispatch(object)


def _unknown(module: nn.Module, name: str = "") -> list[tuple[str, nn.Module]]:
    """Leaves without a rule."""
    if _has_rule(module):
        return []
    children = list(module.named_children())
    if not children:
        return [(name, module)]
    return [
        found
        for child_name, child in children
        for found in _unknown(child, f"{name}.{child_name}".strip("."))
    ]


def _order(module: nn.Module) -> int:
    """Number of spatial modes of the network's layers."""
    orders = {order for layer in module.modules() if (order := layer_order(layer)) is not None}
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


def profile(options: Options, columns: int, like: Tensor) -> Tensor:
    """Initial new factor, (K, columns), in the dtype and on the device of ``like``."""
    taps = options.kernel_size
    if options.init == "average":
        return like.new_full((taps, columns), 1 / taps)
    if options.init == "random":
        draw = torch.randn(taps, columns, dtype=like.dtype, device=like.device)
        return nn.functional.normalize(draw, dim=0)
    factor = like.new_zeros(taps, columns)
    factor[taps // 2] = 1
    return factor
