"""The two stages after transduction: first the new factors alone, then everything (Figure 1 of the paper).

Stage one leaves every old parameter and buffer bit-identical, whatever the optimizer: old parameters ask for
no gradient and hold none, so optimizers pass over them, weight decay included; and batch norms, all old, stay
in eval mode with their affine parameters frozen, even when the training loop calls ``module.train()``.
Dropout follows the loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

_REMEMBERED = "_asked_for_gradient"


def temporal_parameters(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Names and parameters that `transduce` added, and no others.

    Inflated dense and Tucker kernels hold old and new numbers in one tensor; they count as old.
    """
    for path, layer in module.named_modules():
        if hasattr(layer, "new_parameters"):
            for name, parameter in layer.new_parameters():
                yield f"{path}.{name}".lstrip("."), parameter


def freeze_except_temporal(module: nn.Module) -> None:
    """Begin stage one: only the factors that transduction added are trained.

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
        raise ValueError("the module has no temporal factors to train; make it with hocp.conv.transduce")
    if hasattr(module, _REMEMBERED):
        raise ValueError("the module is frozen already; call unfreeze first")
    parameters = dict(module.named_parameters())
    setattr(module, _REMEMBERED, {name: parameter.requires_grad for name, parameter in parameters.items()})
    for parameter in parameters.values():
        parameter.requires_grad_(id(parameter) in new)
        if id(parameter) not in new:
            parameter.grad = None
    for norm in _norms(module):
        norm.train = MethodType(_stay_in_eval, norm)
        norm.eval()


def unfreeze(module: nn.Module) -> None:
    """Begin stage two: everything that was trainable before stage one is so again.

    Raises
    ------
    ValueError
        If the module is not frozen.
    """
    if not hasattr(module, _REMEMBERED):
        raise ValueError("the module is not frozen; call freeze_except_temporal first")
    remembered = getattr(module, _REMEMBERED)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(remembered[name])
    delattr(module, _REMEMBERED)
    for norm in _norms(module):
        del norm.train
        norm.train(module.training)


def _norms(module: nn.Module) -> list[nn.Module]:
    """Every batch norm, those in rank space included."""
    return [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]


def _stay_in_eval(norm: nn.Module, mode: bool = True) -> nn.Module:
    """Stand-in for ``train`` of a frozen norm."""
    return nn.Module.train(norm, False)
