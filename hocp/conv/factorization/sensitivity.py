"""Before a budget is spent: how the error of each layer falls with its rank, and how much the network minds.

Tucker and tensor train: from the singular values that a truncation loses, for every rank at once. CP: from
the singular values of the kernel's slices, which bound the error from above, drawn down to a few quick fits.

Shapes: T, C / g channels, K0, ... taps; kernels of unit norm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from math import inf
from typing import Any

import torch
from torch import Tensor

from hocp.conv.cp import CPConv
from hocp.conv.factorization.targets import Target
from hocp.conv.layer import FactorizedConv
from hocp.conv.ranks.ladder import Ladder
from hocp.conv.tucker import TuckerConv

QUICK = {"iterations": 20, "restarts": 0, "seconds": 10.0}
FRACTIONS = (27, 9, 3, 1.7, 1)  # of the largest rank of use, where CP is fitted
PROBE_ERROR = 0.3  # kernel error at which the network's answer is best measured


def error_curve(target: Target, ladder: Ladder, top: int, solver: Mapping[str, Any]) -> Tensor:
    """Estimated relative error of the kernel at the levels 1 to ``top``, never rising.

    Parameters
    ----------
    target : Target
    ladder : Ladder
    top : int
    solver : mapping
        The caller's options of the solver; those of the quick fits are tighter.

    Returns
    -------
    Tensor, (top,), float64
    """
    kernel = target.weight.detach().to(device="cpu", dtype=torch.float64)
    norm = kernel.norm()
    if not norm.isfinite() or not norm:
        return torch.zeros(top, dtype=torch.float64)
    kernel = kernel / norm
    if issubclass(ladder.kind, CPConv):
        errors = _drawn_down(_slice_tails(kernel, top), target, ladder, solver)
    elif issubclass(ladder.kind, TuckerConv):
        errors = _tucker_errors(kernel, [ladder.rank(level) for level in range(1, top + 1)])
    else:
        errors = _train_errors(kernel, [ladder.rank(level) for level in range(1, top + 1)])
    return errors.clamp(0, 1).cummin(0).values


def _slice_tails(kernel: Tensor, top: int) -> Tensor:
    """Error of the R largest singular triplets of all slices, for R = 1 to top: an upper bound for CP.

    Slices lie in the two longest modes; the others are turned to their principal axes before.
    """
    order = sorted(range(kernel.dim()), key=lambda mode: -kernel.shape[mode])
    turned = kernel.permute(order)
    for mode in range(2, turned.dim()):
        unfolding = turned.movedim(mode, 0).flatten(1)
        axes = torch.linalg.eigh(unfolding @ unfolding.T)[1]
        turned = torch.tensordot(turned, axes, dims=([mode], [0])).movedim(-1, mode)
    slices = turned.flatten(2).movedim(-1, 0)
    energies = torch.linalg.svdvals(slices).flatten().square().sort(descending=True).values
    tails = (1 - energies.cumsum(0)).clamp_min(0).sqrt()
    return torch.cat([tails, tails.new_zeros(top)])[:top]


def _drawn_down(bound: Tensor, target: Target, ladder: Ladder, solver: Mapping[str, Any]) -> Tensor:
    """The bound times a factor that meets quick fits at a few levels, linear in between."""
    top = len(bound)
    levels = sorted({max(1, int(top / fraction)) for fraction in FRACTIONS})
    factors = []
    for level in levels:
        error = quick_layer(target, ladder, level, solver).relative_error
        factors.append(min(1.0, error / max(bound[level - 1].item(), 1e-12)))
    return bound * _between(torch.arange(1, top + 1), levels, factors)


def _between(at: Tensor, places: Sequence[int], values: Sequence[float]) -> Tensor:
    """Linear interpolation, constant outside."""
    result = torch.full(at.shape, values[0], dtype=torch.float64)
    for i in range(len(places) - 1):
        share = ((at - places[i]) / (places[i + 1] - places[i])).clamp(0, 1).double()
        result = result + share * (values[i + 1] - values[i])
    return result


def _tucker_errors(kernel: Tensor, ranks: Sequence[tuple[int, int]]) -> Tensor:
    """Error of the truncated higher-order SVD of both channel modes, which iteration only lowers."""
    core = kernel
    for mode in (0, 1):
        unfolding = kernel.movedim(mode, 0).flatten(1)
        axes = torch.linalg.eigh(unfolding @ unfolding.T)[1].flip(1)
        core = torch.tensordot(core, axes, dims=([mode], [0])).movedim(-1, mode)
    kept = core.flatten(2).square().sum(2).cumsum(0).cumsum(1)
    out, channels = torch.tensor(ranks).T - 1
    return (1 - kept[out, channels]).clamp_min(0).sqrt()


def _train_errors(kernel: Tensor, ranks: Sequence[tuple[int, ...]]) -> Tensor:
    """Root of the energy that the unfoldings lose together, an upper bound of the error of the train."""
    train = kernel.movedim(0, -1)
    lost = torch.zeros(len(ranks), dtype=torch.float64)
    for bond, kept in enumerate(zip(*ranks, strict=True)):
        rows = train.flatten(0, bond).flatten(1)
        energies = torch.linalg.svdvals(rows).square()
        tails = torch.cat([energies.flip(0).cumsum(0).flip(0), energies.new_zeros(1)])
        lost += tails[torch.tensor(kept)]
    return lost.sqrt()


def probe_level(errors: Tensor) -> int:
    """Level whose error is nearest to the one at which the network's answer is measured."""
    return 1 + int((errors.clamp_min(1e-12) / PROBE_ERROR).log().abs().argmin())


def quick_layer(target: Target, ladder: Ladder, level: int, solver: Mapping[str, Any]) -> FactorizedConv:
    """A layer of this level, good enough to see what its error does to the network."""
    options = dict(solver)
    if issubclass(ladder.kind, CPConv):
        options |= QUICK | {"seconds": min(QUICK["seconds"], solver.get("seconds", QUICK["seconds"]))}
    return ladder.kind.from_conv(target.convs[0], rank=ladder.rank(level), solver=options, **ladder.options)


def kernel_error(target: Target, layer: FactorizedConv) -> float:
    """||W - W'|| / ||W|| in float64, of the kernel as the layer stores it."""
    dense = target.weight.detach().to(device="cpu", dtype=torch.float64)
    found = deepcopy(layer).to(device="cpu", dtype=torch.float64).to_kernel().detach()
    peak = dense.abs().max()
    if not peak:
        return inf if found.any() else 0.0
    return (((dense - found) / peak).norm() / (dense / peak).norm()).item()  # squares of tiny numbers vanish
