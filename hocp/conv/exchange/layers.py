"""Factorized layers as JSON descriptions, and back: class, options, norms, transduced modes, fit."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from hocp.conv.cp import CPConv
from hocp.conv.separable import SeparableDepthwise
from hocp.conv.solvers.fit import STATUSES, Fit
from hocp.conv.tensor_train import TTConv
from hocp.conv.tucker import TuckerConv

CLASSES = {kind.__name__: kind for kind in (CPConv, SeparableDepthwise, TTConv, TuckerConv)}


def is_described(module: nn.Module) -> bool:
    """Whether a file says how to build the module: our own classes, not those derived from them."""
    return CLASSES.get(type(module).__name__) is type(module)


def describe(layer: nn.Module, *, where: str) -> dict[str, Any]:
    """JSON value from which `build` makes an equal layer, but for the numbers.

    Raises
    ------
    ValueError
        If the layer was changed in a way that its options do not tell.
    """
    entry = {
        "class": type(layer).__name__,
        "options": _separable_options(layer) if isinstance(layer, SeparableDepthwise) else layer.options(),
        "norms": {
            name: {"eps": norm.eps, "momentum": norm.momentum}
            for name, norm in layer.named_modules()
            if isinstance(norm, _BatchNorm)
        },
        "temporal_modes": list(layer.temporal_modes),
        "fit": _fit_fields(getattr(layer, "fit", None)),
    }
    entry = json.loads(json.dumps(entry, allow_nan=False))
    _check_unchanged(layer, build(entry, where=where), where=where)
    return entry


def build(entry: Mapping[str, Any], *, where: str) -> nn.Module:
    """The layer of a description, on the meta device: shapes without numbers.

    Raises
    ------
    ValueError
        If the class is unknown or an option is wrong; begins with ``where``.
    """
    name = entry.get("class")
    kind = CLASSES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(
            f"{where}: class is {name!r}; expected one of {', '.join(CLASSES)}. A newer hocp may know it"
        )
    try:
        layer = _unfilled(kind)(**entry["options"], device="meta")
        layer.__class__ = kind
        _set_norms(layer, entry["norms"])
        layer.temporal_modes = _modes(entry["temporal_modes"], layer.order)
        if kind is not SeparableDepthwise:
            layer.fit = _fit(entry["fit"])
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, OverflowError) as error:
        told = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{where}: its description makes no {kind.__name__} ({told})") from None
    return layer


def _unfilled(kind: type[nn.Module]) -> type[nn.Module]:
    """The class without its initialisation, which would draw numbers only for them to be overwritten."""
    return type(kind.__name__, (kind,), {"reset_parameters": lambda self: None})


def _separable_options(layer: SeparableDepthwise) -> dict[str, Any]:
    """Arguments of the constructor; that transduced modes have no norm is told by the norms."""
    geometry = layer.geometry
    return {
        "channels": layer.channels,
        "kernel_size": geometry.kernel_size,
        "stride": geometry.stride,
        "padding": geometry.padding,
        "dilation": geometry.dilation,
        "padding_mode": geometry.padding_mode,
        "norm": "batch" if any(isinstance(norm, _BatchNorm) for norm in layer.norms) else None,
    }


def _set_norms(layer: nn.Module, norms: Mapping[str, Mapping[str, Any]]) -> None:
    """Give the norms their constants, and take away those that the described layer does not have."""
    found = {name: norm for name, norm in layer.named_modules() if isinstance(norm, _BatchNorm)}
    for name, norm in found.items():
        if name in norms:
            momentum = norms[name]["momentum"]
            norm.eps, norm.momentum = float(norms[name]["eps"]), None if momentum is None else float(momentum)
        else:
            parent, _, child = name.rpartition(".")
            setattr(layer.get_submodule(parent), child, nn.Identity())
    if not norms.keys() <= found.keys():
        raise ValueError(f"norms are {sorted(norms)}, but the options make {sorted(found)}")


def _modes(value: object, order: int) -> tuple[int, ...]:
    """Spatial modes that transduction added, checked."""
    if not isinstance(value, list) or any(type(mode) is not int or not 0 <= mode < order for mode in value):
        raise ValueError(f"temporal_modes is {value!r}; expected a list of modes, 0 to {order - 1}")
    return tuple(value)


def _fit_fields(fit: Fit | None) -> dict[str, Any] | None:
    """Fields of a fit; numbers that JSON has not, as text."""
    if fit is None:
        return None
    fields = dataclasses.asdict(fit)
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }


def _fit(fields: Mapping[str, Any] | None) -> Fit | None:
    """The fit of its fields."""
    if fields is None:
        return None
    if fields["status"] not in STATUSES:
        raise ValueError(f"fit.status is {fields['status']!r}; expected one of {', '.join(STATUSES)}")
    numbers = {name: float(fields[name]) for name in ("relative_error", "sensitivity", "seconds")}
    return Fit(**(dict(fields) | numbers))


def _check_unchanged(layer: nn.Module, twin: nn.Module, *, where: str) -> None:
    """Refuse to describe a layer whose parts are no longer those that its constructor makes."""

    def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
        return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}

    own, expected = shapes(layer), shapes(twin)
    differing = sorted(name for name in {*own, *expected} if own.get(name) != expected.get(name))
    parts = {name: type(part) for name, part in twin.named_modules() if name and name != "rank_norm"}
    changed = [name for name, kind in parts.items() if not isinstance(_part(layer, name), kind)]
    if differing or changed:
        raise ValueError(
            f"{where}: {', '.join(differing + changed)} of this {type(layer).__name__} are not what its "
            "options make; undo parametrizations and exchanged parts, or keep its state dict instead"
        )
    if isinstance(layer, CPConv) and not layer.learn_weights and not bool((layer.weights == 1).all()):
        raise ValueError(
            f"{where}: learn_weights is False, but weights are not one throughout, and a file does not hold "
            "them; multiply factors[0] by them and fill them with ones"
        )


def _part(layer: nn.Module, name: str) -> nn.Module | None:
    """A submodule, None where there is none."""
    try:
        return layer.get_submodule(name)
    except AttributeError:
        return None


def materialise(layer: nn.Module, like: Mapping[str, Tensor], *, device: torch.device | str) -> None:
    """Give a layer from `build` memory, in the dtypes of ``like``; filled with ones, as fixed weights are."""
    default = next(tensor.dtype for tensor in like.values() if tensor.is_floating_point())
    tensors = [*layer.named_parameters(), *layer.named_buffers()]
    for name, tensor in tensors:
        dtype = like[name].dtype if name in like else default
        new = torch.ones(tensor.shape, dtype=dtype, device=device)
        put(layer, name, nn.Parameter(new) if isinstance(tensor, nn.Parameter) else new)


def put(module: nn.Module, name: str, tensor: Tensor) -> None:
    """Set a parameter or buffer by its dotted name."""
    parent, _, own = name.rpartition(".")
    setattr(module.get_submodule(parent), own, tensor)
