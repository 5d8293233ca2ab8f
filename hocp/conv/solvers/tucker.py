"""Tucker form of a kernel's two channel modes, by higher-order orthogonal iteration.

Shapes: T, C channels, K0, ... taps, S their product; R_T, R_C ranks.
"""

from __future__ import annotations

import math

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

ITERATIONS = 100
TOLERANCE = 1e-9


def fit_tucker(
    kernel: Tensor,
    rank: tuple[int, int],
    *,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> tuple[Tensor, list[Tensor], Fit]:
    """Tucker form of a kernel's two channel modes, starting from the higher-order SVD.

    The squared error is at most the sum of the squared singular values that the two unfoldings lose, and at
    most twice that of the best such form (De Lathauwer et al. 2000); iteration only lowers it.

    Parameters
    ----------
    kernel : Tensor, (T, C, K0, ...)
        Of any floating-point type, device and strides.
    rank : (int, int)
        Of the modes T and C. What exceeds a mode's own size gets random unit columns and zeros in the core.
    iterations : int
        At most.
    tolerance : float
        Gain in relative error for each iteration below which the fit has converged.
    seed : int
        Of the columns beyond a mode's size.
    seconds : float
        Wall-clock time after which no iteration is begun.
    max_bytes : int
        Working memory, estimated beforehand.

    Returns
    -------
    core : Tensor, (R_T, R_C, K0, ...), float64
    factors : list of Tensor, (T, R_T), (C, R_C), float64, orthonormal columns
    fit : Fit

    Raises
    ------
    ValueError
        If the kernel is no real, finite, floating-point tensor of at least two modes, if an option is out of
        range, or if the memory would not suffice.
    """
    clock = Clock(seconds)
    check_whole("iterations", iterations, 1)
    check_positive("tolerance", tolerance, zero=True)
    check_whole("seed", seed, 0)
    scaled, possible = _prepare(kernel, rank, clock, max_bytes)
    unit = scaled.unit
    factors = [_leading(unit, mode, r) for mode, r in enumerate(possible)]
    errors = [_projection_error(unit, factors)]
    while len(errors) <= iterations and not clock.over:
        factors[0] = _leading(_project(unit, factors[1], 1), 0, possible[0])
        factors[1] = _leading(_project(unit, factors[0], 0), 1, possible[1])
        errors.append(_projection_error(unit, factors))
        if errors[-2] - errors[-1] <= tolerance:
            break
    core = scaled.scaled(_project(_project(unit, factors[0], 0), factors[1], 1))
    error = relative_error(scaled, _expand(scaled.unscaled(core), factors)) if scaled.peak else 0.0
    converged = len(errors) > 1 and errors[-2] - errors[-1] <= tolerance
    fit = Fit(
        "converged" if converged else "stopped",
        error,
        scaled.unscaled(core).norm().item() if scaled.peak else 0.0,
        iterations=len(errors) - 1,
        seconds=clock.spent,
        reason=f"gain below {tolerance:g}" if converged else "cap on iterations or time reached",
    )
    return *_padded(core, factors, rank, seed), fit


def tucker_ranks_for_error(
    kernel: Tensor, max_error: float, *, max_bytes: int = MAX_BYTES
) -> tuple[int, int]:
    """Ranks (R_T, R_C) of the fewest parameters whose error is provably at most ``max_error``.

    The bound is that of the higher-order SVD, from the singular values of the two unfoldings; `fit_tucker` at
    these ranks keeps it.

    Raises
    ------
    ValueError
        If the bound is not in [0, 1), or the kernel is refused as by `fit_tucker`.
    """
    check_max_error(max_error)
    scaled, sizes = _prepare(kernel, (1, 1), Clock(SECONDS), max_bytes)
    unit, sizes = scaled.unit, tuple(scaled.unit.shape[:2])
    if scaled.peak == 0:
        return 1, 1
    lost = [lost_energy(left_svd(_unfold(unit, mode))[1]) for mode in (0, 1)]
    allowed = max(max_error, ROUNDING) ** 2
    taps = unit.numel() // (sizes[0] * sizes[1])
    fitting = []
    for out_rank in range(1, len(lost[0])):
        enough = (lost[1] <= allowed - lost[0][out_rank]).nonzero()
        if len(enough):
            in_rank = max(1, int(enough[0]))
            size = sizes[0] * out_rank + sizes[1] * in_rank + out_rank * in_rank * taps
            fitting.append((size, out_rank, in_rank))
    _, out_rank, in_rank = min(fitting)
    return out_rank, in_rank


def _prepare(
    kernel: Tensor, rank: tuple[int, int], clock: Clock, max_bytes: int
) -> tuple[UnitKernel, tuple[int, int]]:
    """The kernel at unit norm, and the ranks as far as the modes allow."""
    check_positive("seconds", clock.cap)
    check_whole("max_bytes", max_bytes, 1)
    if not isinstance(rank, (tuple, list)) or len(rank) != 2:
        raise ValueError(f"rank of fit_tucker is {rank!r}; expected two whole numbers, for T and C")
    for value in rank:
        check_whole("rank", value, 1)
    if isinstance(kernel, Tensor) and kernel.dim() >= 2 and kernel.numel():
        size = max(kernel.numel(), rank[0] * rank[1] * math.prod(kernel.shape[2:]))
        check_memory(8 * 6 * size, max_bytes, shape=kernel.shape, what=f"rank {tuple(rank)}")
    scaled = UnitKernel.of(kernel, max_bytes=max_bytes)
    return scaled, tuple(min(r, _possible(kernel.shape, mode)) for mode, r in enumerate(rank))


def _possible(shape: torch.Size, mode: int) -> int:
    """Rank that the unfolding of a mode can have."""
    return min(shape[mode], math.prod(shape) // shape[mode])


def _unfold(tensor: Tensor, mode: int) -> Tensor:
    """One mode first, the others flattened."""
    return tensor.movedim(mode, 0).flatten(1)


def _leading(tensor: Tensor, mode: int, rank: int) -> Tensor:
    """Leading left singular vectors of an unfolding, (size, rank)."""
    return left_svd(_unfold(tensor, mode))[0][:, :rank]


def _project(tensor: Tensor, factor: Tensor, mode: int) -> Tensor:
    """The mode's size becomes the factor's number of columns."""
    return torch.tensordot(factor.T, tensor.movedim(mode, 0), dims=1).movedim(0, mode)


def _expand(core: Tensor, factors: list[Tensor]) -> Tensor:
    """The kernel of a core and its two factors."""
    return _project(_project(core, factors[0].T, 0), factors[1].T, 1)


def _projection_error(unit: Tensor, factors: list[Tensor]) -> float:
    """Relative error of the projection onto both subspaces."""
    kept = _project(_project(unit, factors[0], 0), factors[1], 1).norm().item()
    return math.sqrt(max(0.0, 1 - kept**2))


def _padded(
    core: Tensor, factors: list[Tensor], rank: tuple[int, int], seed: int
) -> tuple[Tensor, list[Tensor]]:
    """Zeros in the core and random unit columns beside it: exact, and still trainable."""
    generator = torch.Generator().manual_seed(seed)
    whole = core.new_zeros(*rank, *core.shape[2:])
    whole[: core.shape[0], : core.shape[1]] = core
    columns = []
    for factor, wanted in zip(factors, rank, strict=True):
        fresh = unit_columns(len(factor), wanted - factor.shape[1], generator)
        columns.append(torch.cat([factor, fresh], dim=1))
    return whole, columns
