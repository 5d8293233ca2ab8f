"""Kruskal (CP) form of a kernel: several starts, the best of them within a bound on the terms' size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from hocp.conv.solvers.als import EXACT, Descent, Form, Limits, Problem, descend
from hocp.conv.solvers.fit import (
    MAX_BYTES,
    SECONDS,
    Clock,
    Fit,
    UnitKernel,
    check_memory,
    check_positive,
    check_whole,
)
from hocp.conv.solvers.starts import Slices, from_fibres, from_pencil

Factors = tuple[Tensor, list[Tensor], Fit]

ITERATIONS = 500
TOLERANCE = 1e-5
MAX_SENSITIVITY = 10.0
PROBE = 40  # sweeps of a start before the starts are compared
SOUND = ("converged", "stopped")
UNSOUND_MARGIN = 1.05


def fit_cp(
    kernel: Tensor,
    rank: int,
    *,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    restarts: int = 2,
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
    max_sensitivity: float = MAX_SENSITIVITY,
) -> Factors:
    """Kruskal form of a kernel by regularized alternating least squares.

    Parameters
    ----------
    kernel : Tensor, (T, C, K0, ...)
        Of any floating-point type, device and strides.
    rank : int
    iterations : int
        Sweeps over all factors at most, from the best start; the others get 40 before they are compared.
    tolerance : float
        Relative gain in error for each sweep below which the fit has converged.
    seed : int
        Of the random starts; the first start is not random.
    restarts : int
        Further starts at most. They are spared once a fit is exact.
    seconds : float
        Wall-clock time after which no sweep is begun.
    max_bytes : int
        Working memory, estimated beforehand.
    max_sensitivity : float
        Bound on ``Fit.sensitivity``, at least 1; the best fit within it is returned.

    Returns
    -------
    weights : Tensor, (R,), float64, not negative, falling
    factors : list of Tensor, (T, R), (C, R), (K0, R), ..., float64, columns of unit length
    fit : Fit

    Raises
    ------
    ValueError
        If the kernel is no real, finite, floating-point tensor of at least two modes, if an option is out of
        range, or if the memory would not suffice.
    """
    clock = Clock(seconds)
    limits = solver_limits(iterations, tolerance, max_sensitivity, clock)
    check_whole("rank", rank, 1)
    check_whole("restarts", restarts, 0)
    check_whole("seed", seed, 0)
    scaled, problem = prepare(kernel, rank, max_bytes)
    if scaled.peak == 0:
        return *zero_form(kernel.shape, rank), Fit("converged", 0.0, 0.0, reason="the kernel is zero")
    runs = _race(problem, _starts(problem, rank, seed, restarts), limits)
    return finished(scaled, problem, runs, limits, reason=_reason(runs[0], limits), restarts=len(runs) - 1)


def solver_limits(iterations: int, tolerance: float, max_sensitivity: float, clock: Clock) -> Limits:
    """The checked limits."""
    check_whole("iterations", iterations, 1)
    check_positive("tolerance", tolerance, zero=True)
    check_positive("seconds", clock.cap)
    check_positive("max_sensitivity", max_sensitivity)
    if max_sensitivity < 1:
        raise ValueError(
            f"max_sensitivity of the solver is {max_sensitivity!r}; expected at least 1, that of orthogonal "
            "terms"
        )
    return Limits(iterations, tolerance, float(max_sensitivity), clock)


def prepare(kernel: Tensor, rank: int, max_bytes: int) -> tuple[UnitKernel, Problem]:
    """The kernel at unit norm and ordered, once it is known that the memory suffices."""
    check_whole("max_bytes", max_bytes, 1)
    if isinstance(kernel, Tensor) and kernel.dim() >= 2 and kernel.numel():
        needed = working_bytes(tuple(kernel.shape), rank)
        check_memory(needed, max_bytes, shape=kernel.shape, what=f"rank {rank}")
    scaled = UnitKernel.of(kernel, max_bytes=max_bytes)
    return scaled, Problem.of(scaled.unit)


def working_bytes(shape: tuple[int, ...], rank: int) -> int:
    """Memory that a fit takes at its peak: copies of the kernel, its contractions, Gram matrices, factors."""
    longest, *others = sorted(shape, reverse=True)
    contracted = math.prod(others)
    return 8 * (7 * longest * contracted + 3 * rank * contracted + 4 * rank**2 + 8 * rank * sum(shape))


def _starts(problem: Problem, rank: int, seed: int, restarts: int) -> Iterator[Form]:
    """The start that needs no luck, then the algebraic one where it applies, then random ones."""
    yield Slices.of(problem, rank=rank, seed=seed).form(rank, seed=seed)
    for number in range(1, restarts + 1):
        algebraic = from_pencil(problem, rank, seed=seed) if number == 1 else None
        yield from_fibres(problem, rank, seed=seed + number) if algebraic is None else algebraic


def _race(problem: Problem, starts: Iterator[Form], limits: Limits) -> list[Descent]:
    """Probe every start, then run the best ones to their end until one is sound."""
    probe = replace(limits, iterations=min(limits.iterations, PROBE))
    runs: list[Descent] = []
    for form in starts:
        runs.append(descend(problem, Descent(form), probe))
        if limits.clock.over or _reached(runs[-1], limits):
            break
    runs.sort(key=_badness)
    for place, run in enumerate(runs):
        if run.status != "non-finite":
            runs[place] = descend(problem, replace(run, status=None), limits)
        if runs[place].status in SOUND:
            break
    return sorted(runs, key=_badness)


def _reached(run: Descent, limits: Limits) -> bool:
    """Whether no further start is needed."""
    return run.best is not None and run.best.error <= limits.target


def _badness(run: Descent) -> float:
    """Error of the best form within the bound; an unsound run has to be better by a margin."""
    if run.best is None:
        return math.inf
    return run.best.error * (1 if run.status in SOUND else UNSOUND_MARGIN)


def finished(
    scaled: UnitKernel,
    problem: Problem,
    runs: list[Descent],
    limits: Limits,
    *,
    reason: str,
    restarts: int = 0,
) -> Factors:
    """The first run in the kernel's scale and order of modes, with the record of all."""
    run = runs[0]
    assert run.best is not None  # the first start is within every allowed bound
    order = run.best.weights.argsort(descending=True, stable=True)
    weights = scaled.scaled(run.best.weights[order])
    factors = [factor[order] for factor in run.best.factors]
    kept = problem.form(scaled.unscaled(weights), factors)
    fit = Fit(
        run.status,
        kept.error,
        kept.sensitivity,
        iterations=sum(other.sweeps for other in runs),
        restarts=restarts,
        seconds=limits.clock.spent,
        reason=reason,
    )
    return weights, problem.in_order(factors), fit


def _reason(run: Descent, limits: Limits) -> str:
    """The status in words."""
    if run.status == "non-finite":
        return "numbers overflowed; this is the last finite form"
    if run.status == "degenerate":
        return (
            "terms grow while they cancel; another rank may fit better than this one, held at "
            f"max_sensitivity={limits.max_sensitivity:g}"
        )
    if run.status == "stopped":
        cap = f"{limits.clock.cap:g} s" if limits.clock.over else f"{limits.iterations} iterations"
        return f"cap of {cap} reached"
    if run.best.error <= EXACT:
        return "exact"
    if run.best.error <= limits.target:
        return f"error at most {limits.target:g}"
    return f"gain of at most {limits.tolerance:g} for each iteration"


def zero_form(shape: tuple[int, ...], rank: int) -> tuple[Tensor, list[Tensor]]:
    """Zero weights, and columns of unit length that mean nothing."""
    columns = [torch.full((size, rank), size**-0.5, dtype=torch.float64) for size in shape]
    return torch.zeros(rank, dtype=torch.float64), columns
