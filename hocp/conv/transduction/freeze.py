"""The two stages after transduction: first the new factors alone, then everything (Figure 1 of the paper).

Stage one leaves every old parameter and buffer bit-identical, whatever the optimizer: old parameters ask for
no gradient and hold none, so optimizers pass over them, weight decay included; and every layer that keeps
buffers (batch norms, those in rank space too, instance norms that track statistics, spectral norms) stays in
eval mode with its parameters frozen, even when the training loop calls ``module.train()``. So activations
are normalised by the statistics of the images, and the new factors learn for the network that is deployed.
Dropout follows the loop. In stage two the norms learn the statistics of clips.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType

from torch import nn

_REMEMBERED = "_asked_for_gradient"


def temporal_parameters(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Names and parameters that `transduce` added, and no others; what layers share comes once.

    Inflated dense kernels hold old and new numbers in one tensor; they count as old.
    """
    seen: set[int] = set()
    for path, layer in module.named_modules():
        if hasattr(layer, "new_parameters"):
            for name, parameter in layer.new_parameters():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield f"{path}.{name}".lstrip("."), parameter


def freeze_except_temporal(module: nn.Module) -> None:
    """Begin stage one: only the factors that transduction added are trained.

    Layers with running statistics stay in eval mode, whatever ``module.train()`` says, until `unfreeze`.

    Parameters
    ----------
    module : nn.Module
        Changed in place; `unfreeze` undoes it.

    Raises
    ------
    ValueError
        If the module has no such factors, or is frozen already.
    """
    new = {id(parameter) for _, parameter in temporal_parameters(module)}
    if not new:
        raise ValueError(
            "the module has no temporal factors to train; make it with hocp.conv.transduce, from a network "
            "with CPConv, TuckerConv, TTConv or SeparableDepthwise layers"
        )
    frozen = [name or "the module" for name, part in module.named_modules() if is_frozen(part)]
    if frozen:
        raise ValueError(f"{frozen[0]} is frozen already; call unfreeze first")
    parameters = dict(module.named_parameters())
    setattr(module, _REMEMBERED, {name: parameter.requires_grad for name, parameter in parameters.items()})
    for parameter in parameters.values():
        parameter.requires_grad_(id(parameter) in new)
        if id(parameter) not in new:
            parameter.grad = None
    for layer in _with_buffers(module):
        layer.train = MethodType(_stay_in_eval, layer)
        layer.training = False


def unfreeze(module: nn.Module) -> None:
    """Begin stage two: everything that was trainable before stage one is so again.

    What was added since, such as a new head, stays as it is. An optimizer made in stage one over
    ``module.parameters()`` knows all of them already; a new one forgets stage one's momentum.

    Raises
    ------
    ValueError
        If the module is not frozen.
    """
    if not is_frozen(module):
        raise ValueError("the module is not frozen; call freeze_except_temporal first")
    remembered = getattr(module, _REMEMBERED)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(remembered.get(name, parameter.requires_grad))
    delattr(module, _REMEMBERED)
    for layer in module.modules():
        if isinstance(vars(layer).get("train"), MethodType) and layer.train.__func__ is _stay_in_eval:
            del layer.train
            layer.training = module.training


def is_frozen(module: nn.Module) -> bool:
    """Whether stage one was begun for this very module."""
    return hasattr(module, _REMEMBERED)


def _with_buffers(module: nn.Module) -> list[nn.Module]:
    """Every layer that holds buffers itself, which training may change."""
    return [layer for layer in module.modules() if next(layer.buffers(recurse=False), None) is not None]


def _stay_in_eval(layer: nn.Module, mode: bool = True) -> nn.Module:
    """Stand-in for ``train`` of a frozen layer; what it contains follows the loop."""
    type(layer).train(layer, mode)
    layer.training = False
    return layer
