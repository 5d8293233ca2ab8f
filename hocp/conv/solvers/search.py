"""Smallest rank of a Kruskal form for a bound on its error."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from torch import Tensor

from hocp.conv.solvers.als import Descent, Limits, descend
from hocp.conv.solvers.cp import (
    MAX_SENSITIVITY,
    TOLERANCE,
    Factors,
    finished,
    prepare,
    solver_limits,
    working_bytes,
    zero_form,
)
from hocp.conv.solvers.fit import MAX_BYTES, SECONDS, Clock, Fit, check_max_error, check_memory, check_whole
from hocp.conv.solvers.starts import Slices, from_pencil

SEARCH_ITERATIONS = 100
LEAST_ERROR = 1e-9  # below it the search asks for an exact form


def fit_cp_to_error(
    kernel: Tensor,
    max_error: float,
    *,
    iterations: int = SEARCH_ITERATIONS,
    seed: int = 0,
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
    max_sensitivity: float = MAX_SENSITIVITY,
) -> Factors:
    """Kruskal form of the smallest rank found whose relative error is at most ``max_error``.

    Ranks double until one fits, and are then bisected; each gets ``iterations`` sweeps at most. The singular
    values of the slices give a rank that surely fits, so that a cap on time never leaves the search without
    one. A fit may stop at a local minimum: the rank is the smallest found, not the smallest there is.

    Parameters
    ----------
    kernel : Tensor, (T, C, K0, ...)
    max_error : float
        In [0, 1); below 1e-9 an exact form is asked for, and counts from 1e-9 on.
    iterations, seed, seconds, max_bytes, max_sensitivity
        As in `fit_cp`; the time is that of the whole search.

    Returns
    -------
    weights : Tensor, (R,)
    factors : list of Tensor, (T, R), (C, R), (K0, R), ...
    fit : Fit
        'stopped' if the time ended the search.

    Raises
    ------
    ValueError
        As `fit_cp`, or if the bound is not in [0, 1).
    """
    check_max_error(max_error)
    clock = Clock(seconds)
    target = max(max_error, LEAST_ERROR)
    limits = replace(solver_limits(iterations, TOLERANCE, max_sensitivity, clock), target=target)
    check_whole("seed", seed, 0)
    scaled, problem = prepare(kernel, 1, max_bytes)
    if scaled.peak == 0:
        return *zero_form(kernel.shape, 1), Fit("converged", 0.0, 0.0, reason="the kernel is zero")
    found, runs = _search(Slices.of(problem), limits, seed, max_bytes)
    verdict = "the time ended the search" if found.status == "stopped" else "the smallest that fits"
    reason = f"error at most {target:g}; {verdict}, of {len(runs)} ranks tried"
    ordered = [found, *(run for run in runs if run.best is not found.best)]
    return finished(scaled, problem, ordered, limits, reason=reason)


def cp_rank_for_error(kernel: Tensor, max_error: float, **options) -> int:
    """Rank of `fit_cp_to_error`, whose options it takes."""
    return len(fit_cp_to_error(kernel, max_error, **options)[0])


def _search(slices: Slices, limits: Limits, seed: int, max_bytes: int) -> tuple[Descent, list[Descent]]:
    """The run of the smallest rank that fits, and all runs."""
    low, high = 0, slices.rank_for(limits.target)  # low does not fit, high does
    found, runs, rank = None, [], 1
    while high - low > 1 and not limits.clock.over:
        run = _attempt(slices, rank, limits, seed, max_bytes)
        runs.append(run)
        if _error(run) <= limits.target:
            found, high = run, rank
        else:
            low = rank
        rank = min(2 * rank, high - 1) if found is None else (low + high) // 2
    if found is None:
        found = _attempt(slices, high, limits, seed, max_bytes)
        runs.append(found)
    return (replace(found, status="stopped") if high - low > 1 else found), runs


def _attempt(slices: Slices, rank: int, limits: Limits, seed: int, max_bytes: int) -> Descent:
    """One rank, from the start that needs no luck; where that fails, from the algebraic one.

    The latter finds kernels whose own rank is this low, which sweeps from the former may never reach.
    """
    problem = slices.problem
    needed = working_bytes(problem.shape, rank)
    check_memory(needed, max_bytes, shape=problem.shape, what=f"rank {rank}")
    run = descend(problem, Descent(slices.form(rank, seed=seed)), limits)
    algebraic = None if _error(run) <= limits.target else from_pencil(problem, rank, seed=seed)
    if algebraic is None:
        return run
    return min(run, descend(problem, Descent(algebraic), limits), key=_error)


def _error(run: Descent) -> float:
    """Of the best sound form, infinite where there is none."""
    return inf if run.best is None else run.best.error
