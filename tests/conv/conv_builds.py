"""Layers and inputs for drawn convolutions, and their kernels rebuilt from the layers' own tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from conv_cases import Case
from conv_oracles import double
from torch import Tensor, nn

from hocp.conv import ConvNd, CPConv, Geometry, SeparableDepthwise, TTConv, TuckerConv
from hocp.conv.forms import able


def implementations(layer: nn.Module, x: Tensor) -> tuple[str | None, ...]:
    """All that the layer can be asked for with this input; None for a class that has no choice."""
    if isinstance(layer, CPConv):
        return ("auto", *able(layer.call_of(x)))
    if isinstance(layer, (TuckerConv, TTConv)):
        return ("auto", "chain") if layer.psi else ("auto", "chain", "dense")
    return (None,)


def build(case: Case, *, implementation: str | None = None, **more: Any) -> nn.Module:
    """The layer of a case in float64, every parameter random, the same for every implementation."""
    torch.manual_seed(case.seed)
    options = {**case.given, "dtype": torch.float64, **more}
    if case.kind == "separable":
        layer = SeparableDepthwise(case.channels[0], case.kernel, **options)
    elif case.kind == "dense":
        geometry = Geometry(case.kernel, **case.given)
        layer = ConvNd(*case.channels, geometry, groups=case.groups, bias=case.bias, dtype=torch.float64)
    else:
        options |= {"groups": case.groups, "bias": case.bias, "skip": case.skip, "rank": case.rank}
        options["skip_taps"] = case.skip_taps
        options |= {"implementation": implementation or "auto", **_own(case)}
        layer = _CLASSES[case.kind](*case.channels, case.kernel, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(double(*parameter.shape))
    return layer


_CLASSES: dict[str, type[nn.Module]] = {
    "cp": CPConv, "cp without weights": CPConv, "tucker": TuckerConv, "train": TTConv
}  # fmt: skip


def _own(case: Case) -> dict[str, Any]:
    """Options of one class only."""
    if case.kind == "tucker":
        return {"separate_modes": case.separate}
    return {"learn_weights": False} if case.kind == "cp without weights" else {}


def make_input(case: Case) -> Tensor:
    """Random numbers in the memory layout of the case; 'unbatched' has no batch mode."""
    torch.manual_seed(case.seed + 1)
    shape = (case.batch, case.channels[0], *case.size)
    if case.layout == "unbatched":
        return double(*shape[1:])
    if case.layout == "channels last":
        return double(shape[0], *shape[2:], shape[1]).movedim(-1, 1)
    if case.layout == "sliced":
        return double(*(2 * length for length in shape))[tuple([slice(1, None, 2)] * len(shape))]
    if case.layout == "reversed modes":
        return double(*reversed(shape)).permute(*reversed(range(len(shape))))
    if case.layout == "expanded":
        return double(1, 1, *shape[2:]).expand(shape)
    return double(*shape)


def kernel_of(case: Case, layer: nn.Module) -> Tensor:
    """The kernel from the layer's own tensors as one einsum, by the definition of its form."""
    kernel = _KERNELS[case.kind](layer)
    if case.skip is None:
        return kernel
    centre = torch.zeros(case.kernel, dtype=torch.float64)
    centre[case.shortcut] = 1
    own = case.channels[0] // case.groups
    matrix = layer.skip_factor
    if matrix is None:  # output channel t of a group sees input channel t of the same group
        matrix = torch.tensor(
            [[float(t % own == s) for s in range(own)] for t in range(case.channels[1])]
        ).double()
    return kernel + torch.einsum("ts,k->tsk", matrix, centre.flatten()).reshape(kernel.shape)


def _kruskal(layer: nn.Module) -> Tensor:
    letters = "tsijklm"[: len(layer.factors)]
    columns = ",".join(f"{letter}r" for letter in letters)
    return torch.einsum(f"r,{columns}->{letters}", layer.weights, *layer.factors)


def _tucker(layer: nn.Module) -> Tensor:
    letters = "ijklm"[: layer.order]
    separate = letters[: len(layer.mode_factors)]
    kept = letters[len(separate) :]
    terms = [f"ab{kept}", "ta", "sb", *(f"{letter}b" for letter in separate)]
    return torch.einsum(f"{','.join(terms)}->ts{letters}", layer.core, *layer.factors, *layer.mode_factors)


def _train(layer: nn.Module) -> Tensor:
    modes, bonds = "sijklmt"[: layer.order + 1] + "t", "abcdefgh"
    terms = [f"{bonds[n]}{mode}{bonds[n + 1]}" for n, mode in enumerate(modes)]
    return torch.einsum(f"{','.join(terms)}->ts{modes[1:-1]}", *layer.cores)


def _separable(layer: nn.Module) -> Tensor:
    letters = "ijklm"[: layer.order]
    product = torch.einsum(f"{','.join(f'{letter}r' for letter in letters)}->r{letters}", *layer.factors)
    return product.unsqueeze(1)


_KERNELS: dict[str, Callable[[nn.Module], Tensor]] = {
    "cp": _kruskal, "cp without weights": _kruskal, "tucker": _tucker, "train": _train,
    "dense": lambda layer: layer.weight, "separable": _separable,
}  # fmt: skip
