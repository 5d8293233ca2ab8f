"""From our factorized convolutions to tensorly-torch's, the same numbers; shapes as in `tltorch_read`."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hocp.conv.cp import CPConv
from hocp.conv.exchange.tltorch_read import import_tltorch
from hocp.conv.layer import FactorizedConv
from hocp.conv.tensor_train import TTConv
from hocp.conv.tucker import TuckerConv

IMPLEMENTATIONS = ("factorized", "mobilenet", "reconstructed")


def to_tltorch(
    layers: FactorizedConv | Sequence[FactorizedConv], *, implementation: str = "factorized"
) -> nn.Module:
    """The layer of tensorly-torch that computes the same, with copies of the numbers.

    Weights, factors and tensor-train cores are equal bit for bit. A Tucker core takes in separate modes; the
    factors that theirs has for the taps are identities, which are not trained.

    Parameters
    ----------
    layers : CPConv, TuckerConv or TTConv, or a sequence of them
        A sequence becomes one joint tensor. Its layers share all tensors but one each, as those that
        ``from_convs`` makes.
    implementation : {'factorized', 'mobilenet', 'reconstructed'}
        How theirs is to compute.

    Returns
    -------
    tltorch.FactorizedConv

    Raises
    ------
    ImportError
        If tensorly-torch is not installed.
    ValueError
        If theirs cannot express the layers: order above 3, groups, padding other than with as many zeros
        before as after, a norm, activation or skip; or if they do not share what a joint tensor does.
    """
    tltorch = import_tltorch("to_tltorch")
    if implementation not in IMPLEMENTATIONS:
        known = ", ".join(IMPLEMENTATIONS)
        raise ValueError(f"implementation of to_tltorch is {implementation!r}; expected one of {known}")
    single = isinstance(layers, nn.Module)
    group = [layers] if single else list(layers)
    _check(group)
    first = group[0]
    tensor = first.factors[0] if hasattr(first, "factors") else first.cores[0]
    other = tltorch.FactorizedConv(
        first.in_channels,
        first.out_channels,
        first.geometry.kernel_size,
        n_layers=1 if single else len(group),
        factorization=_WRITERS[type(first)](tltorch, group, single),
        implementation=implementation,
        device=tensor.device,
        dtype=tensor.dtype,
        **_geometry(group, single=single),
        **_biases(group, single=single),
    )
    _copy_biases(other, group, single=single)
    return other.train(first.training)


def _check(group: Sequence[FactorizedConv]) -> None:
    """Refuse what theirs cannot express."""
    for layer in group:
        if type(layer) not in _WRITERS:
            raise ValueError(
                f"to_tltorch got a {type(layer).__name__}; expected a CPConv, TuckerConv or TTConv"
            )
        geometry, padded = layer.geometry, any(any(pads) for pads in layer.geometry.padding)
        for found, name, value, allowed in (
            (layer.order > 3, "order", layer.order, "1 to 3"),
            (layer.groups > 1, "groups", layer.groups, "1"),
            (layer.psi is not None, "rank_norm or rank_activation", "given", "none"),
            (layer.skip is not None, "skip", layer.skip, "None"),
            (padded and geometry.padding_mode != "zeros", "padding_mode", geometry.padding_mode, "'zeros'"),
            (
                any(a != b for a, b in geometry.padding),
                "padding",
                geometry.padding,
                "as much before as after",
            ),
        ):
            if found:
                raise ValueError(
                    f"{name} of this {type(layer).__name__} is {value!r}, which tensorly-torch cannot "
                    f"express; expected {allowed}. Use to_dense(), where the layer has one kernel"
                )
    _check_joint(group)


def _check_joint(group: Sequence[FactorizedConv]) -> None:
    """Refuse layers that do not share what the layers of a joint tensor do."""

    def key(layer: FactorizedConv) -> tuple[Any, ...]:
        shared = layer.cores[1:] if isinstance(layer, TTConv) else layer.factors
        return (type(layer), layer.geometry.kernel_size, *map(id, shared))

    if len({key(layer) for layer in group}) != 1:
        kinds = ", ".join(type(layer).__name__ for layer in group) or "none"
        raise ValueError(
            f"to_tltorch got a sequence of {len(group)} layers ({kinds}) that share no factors; "
            "expected one layer, or layers of one joint tensor as from_convs makes them"
        )


def _geometry(group: Sequence[FactorizedConv], *, single: bool) -> dict[str, Any]:
    """Stride, padding and dilation: a list for a layer, an array (L, N) for several."""
    found = {
        "stride": [list(layer.geometry.stride) for layer in group],
        "padding": [[before for before, _ in layer.geometry.padding] for layer in group],
        "dilation": [list(layer.geometry.dilation) for layer in group],
    }
    return {name: rows[0] if single else np.array(rows) for name, rows in found.items()}


def _biases(group: Sequence[FactorizedConv], *, single: bool) -> dict[str, Any]:
    """Which layers have a bias, in the two ways that theirs asks."""
    has = [layer.bias is not None for layer in group]
    return {"bias": any(has), "has_bias": has[0] if single else np.array(has)}


@torch.no_grad()
def _copy_biases(other: nn.Module, group: Sequence[FactorizedConv], *, single: bool) -> None:
    """The numbers of the biases; zeros stand where a layer of several has none."""
    if other.bias is None:
        return
    rows = [other.bias] if single else other.bias
    for row, layer in zip(rows, group, strict=True):
        row.copy_(torch.zeros_like(row) if layer.bias is None else layer.bias)
    other.bias.requires_grad_(any(layer.bias is not None and layer.bias.requires_grad for layer in group))


def _copy(tensor: Tensor) -> nn.Parameter:
    """A copy that is as trainable."""
    return nn.Parameter(tensor.detach().clone(), requires_grad=tensor.requires_grad)


def _stack(tensors: Sequence[Tensor]) -> nn.Parameter:
    """The layers' own tensors, (L, ...), trainable if one is."""
    trained = any(tensor.requires_grad for tensor in tensors)
    return nn.Parameter(torch.stack([tensor.detach() for tensor in tensors]), requires_grad=trained)


def _fixed(tensor: Tensor) -> nn.Parameter:
    """What theirs has and ours has not, kept from training."""
    return nn.Parameter(tensor, requires_grad=False)


def _identity(size: int, like: Tensor) -> nn.Parameter:
    """A factor that changes nothing."""
    return _fixed(torch.eye(size, dtype=like.dtype, device=like.device))


def _cp(tltorch: ModuleType, group: Sequence[CPConv], single: bool) -> nn.Module:
    """The weights of several layers are the rows of a factor."""
    first = group[0]
    factors = [_copy(factor) for factor in first.factors]
    if single:
        weights = _copy(first.weights) if first.learn_weights else first.weights.clone()
        return tltorch.CPTensor(weights, factors)
    rows = _stack([layer.weights for layer in group])
    return tltorch.CPTensor(_fixed(torch.ones_like(first.weights)), [rows, *factors])


def _tucker(tltorch: ModuleType, group: Sequence[TuckerConv], single: bool) -> nn.Module:
    """The cores of several layers are the slices of one."""
    first = group[0]
    taps = [_identity(size, first.core) for size in first.geometry.kernel_size]
    factors = [*(_copy(factor) for factor in first.factors), *taps]
    cores = [_whole_core(layer) for layer in group]
    if single:
        return tltorch.TuckerTensor(_copy(cores[0]), factors)
    return tltorch.TuckerTensor(_stack(cores), [_identity(len(group), first.core), *factors])


def _whole_core(layer: TuckerConv) -> Tensor:
    """The core, (R_T, R_C, K0, ...), with the separate modes in it."""
    core = layer.core
    for factor in reversed(layer.mode_factors):
        core = core.unsqueeze(2) * factor.t().reshape(1, *factor.t().shape, *(1,) * (core.dim() - 2))
    return core


def _tt(tltorch: ModuleType, group: Sequence[TTConv], single: bool) -> nn.Module:
    """The first cores of several layers are the slices of one, which a core (1, L, L) chooses."""
    first = group[0]
    if single:
        return tltorch.TTTensor([_copy(core) for core in first.cores])
    choice = _fixed(
        torch.eye(len(group), dtype=first.cores[0].dtype, device=first.cores[0].device).unsqueeze(0)
    )
    slices = _stack([layer.cores[0][0] for layer in group])
    return tltorch.TTTensor([choice, slices, *(_copy(core) for core in list(first.cores)[1:])])


_WRITERS = {CPConv: _cp, TuckerConv: _tucker, TTConv: _tt}
