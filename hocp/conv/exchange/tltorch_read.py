"""From tensorly-torch's factorized convolutions to ours, the same numbers.

Shapes of theirs: T output channels, C input channels, R ranks, K0, ... taps, L layers of a joint tensor.
    CP      weights (R,), factors (T, R), (C, R), (K0, R), ...; joint: a factor (L, R) in front
    Tucker  core (R_T, R_C, R_0, ...), factors (T, R_T), (C, R_C), (K0, R_0), ...; joint: a mode L in front
    TT      cores (1, C, r0), (r0, K0, r1), ..., (rN, T, 1); joint: a core (1, L, r) in front
A joint tensor may have several modes of layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hocp.conv.cp import CPConv
from hocp.conv.layer import FactorizedConv
from hocp.conv.tensor_train import TTConv
from hocp.conv.tucker import TuckerConv


def from_tltorch(layer: nn.Module, **options: Any) -> FactorizedConv | list[FactorizedConv]:
    """Our layer that computes the same as one of tensorly-torch, with copies of its numbers.

    Weights, factors and tensor-train cores are equal bit for bit; a Tucker core takes in the factors of the
    taps. A tensor stays trainable or frozen. Which mode a transduction added is not told by their layer: set
    ``temporal_modes`` before `freeze_except_temporal`.

    Parameters
    ----------
    layer : tltorch.FactorizedConv, or a sub-layer of one
    **options
        Of our constructor, such as ``implementation``.

    Returns
    -------
    CPConv, TuckerConv or TTConv, or a list of them
        A list for a joint tensor, in the order of its indices; the layers share what the tensor does. A
        sub-layer comes alone.

    Raises
    ------
    ImportError
        If tensorly-torch is not installed.
    ValueError
        If it is no such layer, is neither CP, Tucker nor tensor train, or has hooks on its tensor, as those
        of their lasso and dropout.
    """
    tltorch = import_tltorch("from_tltorch")
    joint, index = layer, ()
    if hasattr(layer, "main_conv") and hasattr(layer, "indices"):
        joint, index = layer.main_conv, layer.indices
        index = tuple(index) if isinstance(index, (tuple, list)) else (index,)
    if not isinstance(joint, tltorch.FactorizedConv):
        raise ValueError(f"from_tltorch got a {type(layer).__name__}; expected a tltorch.FactorizedConv")
    _check_tensor(joint.weight, tltorch)
    if index or not joint.layers_shape:
        return _read(joint, index, options)
    layers = [_read(joint, each, options) for each in np.ndindex(*joint.layers_shape)]
    for each in layers[1:]:
        each._share_with(layers[0])
    return layers


def import_tltorch(caller: str) -> ModuleType:
    """The package, which only these conversions need.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import tltorch
    except ImportError as error:
        raise ImportError(f"{caller} needs the package tensorly-torch; pip install tensorly-torch") from error
    return tltorch


def _check_tensor(weight: nn.Module, tltorch: ModuleType) -> None:
    """Refuse forms that are not ours, and tensors that are changed on their way into the layer."""
    known = (tltorch.CPTensor, tltorch.TuckerTensor, tltorch.TTTensor)
    if not isinstance(weight, known) or any(tensor.is_complex() for tensor in _tensors(weight)):
        raise ValueError(
            f"from_tltorch got a layer with a {type(weight).__name__}; expected a real CPTensor, "
            "TuckerTensor or TTTensor"
        )
    if weight._forward_hooks or weight._forward_pre_hooks:
        raise ValueError(
            f"from_tltorch got a layer whose {type(weight).__name__} has hooks, as tensor lasso and dropout "
            "set them, so it computes something else than its numbers; remove them with tltorch.tensor_hooks"
        )


def _tensors(weight: nn.Module) -> list[Tensor]:
    """All numbers of one of their tensors."""
    return [*weight.parameters(), *weight.buffers()]


def _read(joint: nn.Module, index: Sequence[int], options: dict[str, Any]) -> FactorizedConv:
    """One layer of a joint tensor, or the only one, for which the index is empty."""
    weight, heads = joint.weight, len(joint.layers_shape)
    # One by one: a slice of their list registers the factors anew. Transduction may have added a wider one.
    factors = [weight.factors[mode] for mode in range(len(weight.factors))]
    dtype = reduce(torch.promote_types, (tensor.dtype for tensor in _tensors(weight)))
    rows = list(zip(factors[:heads], index, strict=True))
    bias = joint.bias
    if heads and bias is not None:
        bias = bias[tuple(index)] if joint.has_bias[tuple(index)] else None
    taken_over = {
        name: getattr(joint, name)[tuple(index)].tolist() for name in ("stride", "padding", "dilation")
    }
    options = {"dtype": dtype} | taken_over | options
    if hasattr(weight, "core"):
        return _tucker(weight.core, rows, factors[heads:], bias=bias, options=options)
    if hasattr(weight, "weights"):
        return _cp(weight.weights, rows, factors[heads:], bias=bias, options=options)
    return _tt(rows, factors[heads:], bias=bias, options=options)


Rows = Sequence[tuple[Tensor, int]]


def _cp(
    weights: Tensor, rows: Rows, factors: Sequence[Tensor], *, bias: Tensor | None, options: dict[str, Any]
) -> CPConv:
    """Each factor of the layer modes has a row that goes into the weights."""
    fixed = not rows and not isinstance(weights, nn.Parameter) and bool((weights == 1).all())
    own = reduce(torch.mul, (factor[row] for factor, row in rows), weights)
    layer = CPConv.from_factors(own, factors, bias=bias, **({"learn_weights": not fixed} | options))
    pairs = [*zip(layer.factors, factors, strict=True), (layer.bias, bias)]
    _train_alike([*pairs, (layer.weights, own)] if layer.learn_weights else pairs)
    return layer


def _tucker(
    core: Tensor, rows: Rows, factors: Sequence[Tensor], *, bias: Tensor | None, options: dict[str, Any]
) -> TuckerConv:
    """The core takes in the rows of the layer modes, and the factors of the taps but for identities."""
    trained = core.requires_grad
    for factor, row in rows:
        core = torch.tensordot(factor[row], core, dims=1)
    for mode, factor in enumerate(factors[2:], start=2):
        if not _is_identity(factor):
            core = torch.tensordot(core, factor, dims=([mode], [1])).movedim(-1, mode)
    layer = TuckerConv.from_factors(core, factors[:2], bias=bias, **options)
    _train_alike([*zip(layer.factors, factors[:2], strict=True), (layer.bias, bias)])
    layer.core.requires_grad_(trained)
    return layer


def _tt(rows: Rows, cores: Sequence[Tensor], *, bias: Tensor | None, options: dict[str, Any]) -> TTConv:
    """The first core takes in the matrices of the layer modes."""
    first, *rest = cores
    trained = first.requires_grad
    if rows:
        matrix = reduce(torch.matmul, (core[:, row, :] for core, row in rows))
        first = torch.tensordot(matrix, first, dims=1)
    layer = TTConv.from_factors([first, *rest], bias=bias, **options)
    _train_alike([*zip(layer.cores[1:], rest, strict=True), (layer.bias, bias)])
    layer.cores[0].requires_grad_(trained)
    return layer


def _is_identity(factor: Tensor) -> bool:
    """Whether a factor changes nothing, not even a bit."""
    rows, columns = factor.shape
    return rows == columns and torch.equal(factor, torch.eye(rows, dtype=factor.dtype, device=factor.device))


def _train_alike(pairs: Iterable[tuple[Tensor | None, Tensor | None]]) -> None:
    """Trainable where theirs is."""
    for own, theirs in pairs:
        if own is not None:
            own.requires_grad_(theirs.requires_grad)
