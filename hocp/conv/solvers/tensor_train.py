"""Tensor-train form of a kernel, by successive singular value decompositions (Oseledets 2011, algorithm 1).

Shapes: T, C channels, K0, ... taps; r0, r1, ... the ranks of the N + 1 bonds between the N + 2 cores.
    cores    (1, C, r0), (r0, K0, r1), ..., (rN, T, 1)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hocp.conv.solvers.algebra import ROUNDING, left_svd, lost_energy, unit_columns
from hocp.conv.solvers.fit import (
    MAX_BYTES,
    SECONDS,
    Clock,
    Fit,
    UnitKernel,
    check_max_error,
    check_memory,
    check_positive,
    check_whole,
    relative_error,
)


def fit_tt(
    kernel: Tensor,
    ranks: Sequence[int],
    *,
    seed: int = 0,
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> tuple[list[Tensor], Fit]:
    """Tensor-train form of a kernel with its input channels first and its output channels last.

    The squared error is at most the sum over the bonds of the squared singular values lost there, and at most
    N + 1 times that of the best such form.

    Parameters
    ----------
    kernel : Tensor, (T, C, K0, ...)
        Of any floating-point type, device and strides.
    ranks : sequence of N + 1 int
        Of the bonds. What exceeds the possible gets random unit columns on its left and zeros on its right.
    seed : int
        Of these columns.
    seconds : float
        Accepted for uniformity: N + 1 decompositions always end, and none is broken off.
    max_bytes : int
        Working memory, estimated beforehand.

    Returns
    -------
    cores : list of Tensor, (1, C, r0), (r0, K0, r1), ..., (rN, T, 1), float64
        Orthonormal columns in all but the last.
    fit : Fit

    Raises
    ------
    ValueError
        If the kernel is no real, finite, floating-point tensor of at least two modes, if the ranks are not
        one whole number for each bond, or if the memory would not suffice.
    """
    clock = Clock(seconds)
    check_positive("seconds", seconds)
    check_whole("seed", seed, 0)
    wanted = _checked(ranks, kernel)
    scaled = _prepare(kernel, wanted, max_bytes)
    cores = _split(scaled.unit.movedim(0, -1), lambda bond, _: wanted[bond])
    cores[-1] = scaled.scaled(cores[-1])
    rounded = [*cores[:-1], scaled.unscaled(cores[-1]) if scaled.peak else cores[-1]]
    fit = Fit(
        "converged",
        relative_error(scaled, _joined(rounded).movedim(-1, 0)),
        rounded[-1].norm().item(),
        seconds=clock.spent,
        reason="successive singular value decompositions",
    )
    return _padded(cores, wanted, seed), fit


def tt_ranks_for_error(kernel: Tensor, max_error: float, *, max_bytes: int = MAX_BYTES) -> tuple[int, ...]:
    """Bond ranks whose error is provably at most ``max_error``.

    Every bond may lose an equal share of the squared error that the bonds before it have left over, so that
    `fit_tt` at these ranks keeps the bound.

    Raises
    ------
    ValueError
        If the bound is not in [0, 1), or the kernel is refused as by `fit_tt`.
    """
    check_max_error(max_error)
    scaled = _prepare(kernel, (), max_bytes)
    bonds = kernel.dim() - 1
    left_over = max(max_error, ROUNDING) ** 2

    def enough(bond: int, values: Tensor) -> int:
        nonlocal left_over
        lost = lost_energy(values)
        kept = max(1, int((lost > left_over / (bonds - bond)).sum()))
        left_over -= lost[kept].item()
        return kept

    return tuple(core.shape[2] for core in _split(scaled.unit.movedim(0, -1), enough)[:-1])


def _checked(ranks: Sequence[int], kernel: object) -> tuple[int, ...]:
    """One rank for each bond."""
    bonds = kernel.dim() - 1 if isinstance(kernel, Tensor) else None
    if not isinstance(ranks, (tuple, list)) or (bonds is not None and len(ranks) != bonds):
        raise ValueError(
            f"ranks of fit_tt are {ranks!r}; expected {bonds} whole numbers, one for each bond between the "
            "modes C, K0, ..., T"
        )
    for value in ranks:
        check_whole("rank", value, 1)
    return tuple(ranks)


def _prepare(kernel: Tensor, ranks: Sequence[int], max_bytes: int) -> UnitKernel:
    """The kernel at unit norm, once it is known that the memory suffices."""
    check_whole("max_bytes", max_bytes, 1)
    if isinstance(kernel, Tensor) and kernel.dim() >= 2 and kernel.numel():
        sizes = (*kernel.shape[1:], kernel.shape[0])
        bonds = (1, *ranks, 1) if ranks else (1,) * (len(sizes) + 1)
        cores = sum(bonds[i] * n * bonds[i + 1] for i, n in enumerate(sizes))
        needed = 8 * (6 * kernel.numel() + 2 * cores)
        check_memory(needed, max_bytes, shape=kernel.shape, what=f"ranks {tuple(ranks)}")
    return UnitKernel.of(kernel, max_bytes=max_bytes)


def _split(tensor: Tensor, choose: Callable[[int, Tensor], int]) -> list[Tensor]:
    """Cores of a tensor; ``choose(bond, singular values)`` says how many to keep."""
    cores, left, rest = [], 1, tensor
    for bond, size in enumerate(tensor.shape[:-1]):
        unfolding = rest.reshape(left * size, -1)
        basis, values = left_svd(unfolding)
        basis = basis[:, : choose(bond, values)]
        rest, left = basis.T @ unfolding, basis.shape[1]
        cores.append(basis.reshape(-1, size, left).contiguous())
    return [*cores, rest.reshape(left, tensor.shape[-1], 1).contiguous()]


def _joined(cores: list[Tensor]) -> Tensor:
    """The tensor of its cores."""
    product = cores[0]
    for core in cores[1:]:
        product = torch.tensordot(product, core, dims=1)
    return product.squeeze(-1).squeeze(0)


def _padded(cores: list[Tensor], ranks: tuple[int, ...], seed: int) -> list[Tensor]:
    """Zeros right of a bond and random unit columns left of it: exact, and still trainable."""
    generator = torch.Generator().manual_seed(seed)
    bonds, padded = (1, *ranks, 1), []
    for place, core in enumerate(cores):
        left, size, right = core.shape
        whole = core.new_zeros(bonds[place], size, bonds[place + 1])
        whole[:left, :, :right] = core
        fresh = unit_columns(left * size, bonds[place + 1] - right, generator)
        whole[:left, :, right:] = fresh.view(left, size, -1)
        padded.append(whole)
    return padded
