"""Regularized, accelerated alternating least squares for the Kruskal form of a kernel of unit norm.

The objective is ||W - W'||^2 + mu * sum_r ||term_r||^2. With all other factors at unit columns, the second
sum is the squared norm of the factor being solved for, so that every step is a ridge regression, no step
raises the objective, and the squared sensitivity never exceeds 1 / mu. mu follows the squared residual: a
growth of the terms has to pay, and an exact fit is not held back. Bounding the terms is the idea of Phan et
al., "Stable Low-rank Tensor Decomposition for Compression of Convolutional Neural Network" (ECCV 2020);
extrapolating, and falling back where that fails, is that of Ang et al. (2020) and of Mitchell, Ye and De
Sterck (2020).

TensorLy's ``parafac`` has neither a cap on time nor a bound on the terms, and takes a full product with the
kernel for every factor; here two serve all of them.

Shapes: a, b the two longest modes, K0, ... the others, S their product; R rank. Factors are kept as rows,
(R, a), (R, b), (R, K0), ..., so that all products are of contiguous matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from hocp.conv.solvers.fit import Clock

GROWTH_PRICE = 0.01  # mu over the squared residual
FIRST_MU, LEAST_MU, MOST_MU = 1e-2, 1e-15, 1.0
MU_FALLS, MU_RISES = 0.5, 2.0
NEAR_BOUND = 0.9  # of the allowed sensitivity: within this, mu does not fall
EXACT = 1e-9  # relative error that counts as none
ROUNDING = 1e-9
OPPOSITE = -0.9  # cosine between two terms
WINDOW = 10  # sweeps over which progress is judged


class Form(NamedTuple):
    """A Kruskal form with unit rows, and its squared relative error."""

    weights: Tensor
    factors: list[Tensor]
    squared_error: float

    @property
    def error(self) -> float:
        """Relative error."""
        return math.sqrt(self.squared_error)

    @property
    def squared_sensitivity(self) -> float:
        """Sum of the squared norms of the terms."""
        return self.weights.square().sum().item()

    @property
    def sensitivity(self) -> float:
        """Its root."""
        return math.sqrt(self.squared_sensitivity)


@dataclass(frozen=True)
class Problem:
    """A kernel of unit norm with its two longest modes first, unfolded along the longest."""

    shape: tuple[int, ...]
    modes: tuple[int, ...]
    unfolding: Tensor

    @classmethod
    def of(cls, unit: Tensor) -> Problem:
        """Order the modes by size: the short ones are then solved for without the full kernel."""
        modes = tuple(sorted(range(unit.dim()), key=lambda mode: -unit.shape[mode]))
        ordered = unit.permute(modes).contiguous()
        return cls(tuple(ordered.shape), modes, ordered.flatten(1))

    def form(self, weights: Tensor, factors: list[Tensor]) -> Form:
        """Attach the error, from the rebuilt kernel."""
        found = (weights[:, None] * factors[0]).T @ khatri_rao(factors[1:])
        return Form(weights, factors, (self.unfolding - found).square().sum().item())

    def in_order(self, factors: list[Tensor]) -> list[Tensor]:
        """The factors as columns, (T, R), (C, R), ..., in the kernel's own order of modes."""
        places = {mode: factor.T.contiguous() for mode, factor in zip(self.modes, factors, strict=True)}
        return [places[mode] for mode in sorted(places)]


@dataclass(frozen=True)
class Limits:
    """When to stop, and how far the terms may grow."""

    iterations: int
    tolerance: float
    max_sensitivity: float
    clock: Clock
    target: float = EXACT  # relative error that is good enough


@dataclass(frozen=True)
class Descent:
    """State of one start: where it is, the best within the bound, and what moves it."""

    now: Form
    best: Form | None = None
    before: list[Tensor] | None = None
    mu: float = FIRST_MU
    momentum: float = 0.3
    sweeps: int = 0
    history: tuple[float, ...] = ()
    status: str | None = None  # None while it runs

    def bounded(self, form: Form, limits: Limits) -> Form | None:
        """The better of the best so far and a form, if that is within the bound."""
        allowed = form.sensitivity <= limits.max_sensitivity * (1 + ROUNDING)
        return form if allowed and (self.best is None or form.error < self.best.error) else self.best


def descend(problem: Problem, start: Descent, limits: Limits) -> Descent:
    """Sweep until converged, or until a limit."""
    state = replace(start, best=start.bounded(start.now, limits))
    while (status := _verdict(state, limits)) is None:
        state = _advance(problem, state, limits)
    return replace(state, status=status)


def _verdict(state: Descent, limits: Limits) -> str | None:
    """Why to stop now, None to go on."""
    if state.status is not None:
        return state.status
    if state.best is not None and state.best.error <= limits.target:
        return "converged"
    at_bound = state.now.sensitivity > NEAR_BOUND * limits.max_sensitivity
    if len(state.history) > WINDOW:
        settled = at_bound or state.mu <= max(LEAST_MU, 1.01 * GROWTH_PRICE * state.now.squared_error)
        gain = state.history[-WINDOW - 1] - state.history[-1]
        if settled and gain <= WINDOW * limits.tolerance * state.history[-1]:
            return "degenerate" if at_bound or _cancels(state.now) else "converged"
    if state.sweeps >= limits.iterations or limits.clock.over:
        return "degenerate" if at_bound or _cancels(state.now) else "stopped"
    return None


def _cancels(form: Form) -> bool:
    """Whether two terms, both longer than the kernel, nearly undo each other."""
    long = form.weights > 1
    return bool((_gram([factor[long] for factor in form.factors]) < OPPOSITE).any())


def _advance(problem: Problem, state: Descent, limits: Limits) -> Descent:
    """One sweep, from an extrapolated point where the last steps went well."""
    point = state.now.factors
    if state.before is not None:
        pairs = zip(point[1:], state.before[1:], strict=True)
        point = point[:1] + [unit_rows(a + state.momentum * (a - b), a)[1] for a, b in pairs]
    new = sweep(problem, point, state.mu)
    state = replace(state, sweeps=state.sweeps + 1)
    if not math.isfinite(new.squared_error):
        return replace(state, status="non-finite")
    if state.before is not None and _objective(new, state.mu) > _objective(state.now, state.mu):
        return replace(state, before=None, momentum=max(0.1, state.momentum / 2))
    best = state.bounded(new, limits)
    return replace(
        state,
        now=new,
        best=best,
        before=state.now.factors,
        mu=_next_mu(state.mu, new, limits.max_sensitivity),
        momentum=min(0.95, 1.1 * state.momentum),
        history=(*state.history[-WINDOW:], (best or new).error),
    )


def _objective(form: Form, mu: float) -> float:
    """What no plain sweep raises."""
    return form.squared_error + mu * form.squared_sensitivity


def _next_mu(mu: float, form: Form, bound: float) -> float:
    """Up where the terms are too long, else down to a fixed price of growth."""
    if form.sensitivity > bound:
        return min(MOST_MU, MU_RISES * mu)
    if form.sensitivity > NEAR_BOUND * bound:
        return mu
    return max(LEAST_MU, min(mu, GROWTH_PRICE * form.squared_error), MU_FALLS * mu)


def sweep(problem: Problem, factors: list[Tensor], mu: float) -> Form:
    """Solve for each factor in turn."""
    _, b, *rest = problem.shape
    factors, rank = list(factors), len(factors[0])
    minor = khatri_rao(factors[2:]) if rest else factors[0].new_ones(rank, 1)
    product = khatri_rao([factors[1], minor]) @ problem.unfolding.T
    weights = _update(factors, 0, product, mu)
    contracted = (factors[0] @ problem.unfolding).view(rank, b, -1)
    product = torch.bmm(contracted, minor[:, :, None]).squeeze(2)
    weights = _update(factors, 1, product, mu)
    if rest:
        contracted = torch.bmm(factors[1][:, None, :], contracted).view(rank, *rest)
        for mode in range(2, len(factors)):
            product = _contract_all_but(contracted, factors[2:], mode - 2)
            weights = _update(factors, mode, product, mu)
    inner = (product * factors[-1]).sum(dim=1) @ weights
    squared_error = (1 - 2 * inner + weights @ _gram(factors) @ weights).item()
    # The difference above cancels: below this it is mostly rounding.
    if squared_error < 1e-9:
        return problem.form(weights, factors)
    return Form(weights, factors, squared_error)


def _update(factors: list[Tensor], mode: int, product: Tensor, mu: float) -> Tensor:
    """Ridge regression for one factor, in place of the old one; returns the lengths of its rows."""
    others = _gram([factor for other, factor in enumerate(factors) if other != mode])
    others.diagonal().add_(mu)
    triangle, failed = torch.linalg.cholesky_ex(others)
    if failed and not others.isfinite().all():
        solved = torch.full_like(product, math.nan)
    elif failed:
        solved = torch.linalg.lstsq(others, product, driver="gelsd").solution
    else:
        solved = torch.cholesky_solve(product, triangle)
    weights, factors[mode] = unit_rows(solved, factors[mode])
    return weights


def _contract_all_but(tensor: Tensor, factors: list[Tensor], kept: int) -> Tensor:
    """(R, K0, K1, ...) against the rows of all factors but one, (R, K_kept)."""
    for mode in reversed(range(len(factors))):
        if mode != kept:
            places = [-1 if other == mode else 1 for other in range(tensor.dim() - 1)]
            tensor = (tensor * factors[mode].view(len(tensor), *places)).sum(dim=mode + 1, keepdim=True)
    return tensor.flatten(1)


def _gram(factors: list[Tensor]) -> Tensor:
    """Inner products of the rank-one terms, (R, R)."""
    product = factors[0] @ factors[0].T
    for factor in factors[1:]:
        product *= factor @ factor.T
    return product


def khatri_rao(factors: list[Tensor]) -> Tensor:
    """Row-wise Kronecker product of (R, m), (R, n), ...: (R, m * n * ...)."""
    product = factors[0]
    for factor in factors[1:]:
        product = (product[:, :, None] * factor[:, None, :]).flatten(1)
    return product


def unit_rows(rows: Tensor, instead: Tensor) -> tuple[Tensor, Tensor]:
    """Lengths, and rows of unit length; where a row vanished, another direction instead."""
    lengths = rows.norm(dim=1)
    vanished = lengths == 0
    directions = rows / lengths.masked_fill(vanished, 1)[:, None]
    return lengths, torch.where(vanished[:, None], instead, directions)
