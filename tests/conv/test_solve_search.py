"""The search for the smallest Kruskal rank within an error, and the starts that it builds on."""

import math
import time

import numpy as np
import pytest
import tensorly as tl
import torch
from solver_kernels import KINDS, ORDERS, low_rank, normal, random_shape, relative_error, scale_of
from tensorly.cp_tensor import unfolding_dot_khatri_rao

from hocp.conv.solvers import als, cp_rank_for_error, fit_cp_to_error
from hocp.conv.solvers.starts import Slices, from_fibres, from_pencil

pytestmark = pytest.mark.usefixtures("numpy_backend")


def unit_problem(shape, seed=0, *, rank=None):
    """A kernel of unit norm, of exact rank where one is given."""
    random = np.random.default_rng(seed)
    kernel = normal(shape, random) if rank is None else low_rank(shape, rank, random)
    kernel = kernel / kernel.norm()
    return kernel, als.Problem.of(kernel)


@pytest.mark.parametrize("order", ORDERS)
def test_the_error_is_kept_and_the_record_is_true(order):
    for kind in ("normal", "decaying", "constant", "zero", "huge", "tiny", "half", "border", "strided"):
        random = np.random.default_rng([order, list(KINDS).index(kind)])
        kernel = KINDS[kind](random_shape(order, random), random)
        sizes = []
        for error in (0.8, 0.3, 0.0):
            weights, factors, fit = fit_cp_to_error(kernel, error, iterations=10)
            arrays = [f.numpy() for f in factors]
            true = relative_error(kernel, tl.cp_to_tensor((weights.numpy() / scale_of(kernel), arrays)))
            assert fit.relative_error == pytest.approx(true, rel=1e-6, abs=1e-9)
            assert true <= max(error, 2e-9) and fit.status == "converged" and fit.sensitivity <= 10
            sizes.append(len(weights))
        assert sizes == sorted(sizes)


def test_the_rank_of_an_exact_kernel_is_found():
    found = 0
    for seed in range(6):
        kernel = low_rank((8, 7, 3, 3), 1 + seed % 3, np.random.default_rng(seed))
        rank = cp_rank_for_error(kernel, 1e-3)
        found += rank <= 1 + seed % 3
    assert found >= 5


def test_the_search_beats_the_rank_that_is_sure():
    kernel, problem = unit_problem((8, 8, 3, 3))
    sure = Slices.of(problem).rank_for(0.3)
    assert cp_rank_for_error(kernel, 0.3) < 0.8 * sure


def test_no_time_gives_the_rank_that_is_sure(monkeypatch):
    kernel, problem = unit_problem((8, 8, 3, 3))
    ticks = iter(range(10**6))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    weights, _, fit = fit_cp_to_error(kernel, 0.3, seconds=0.5)
    assert len(weights) == Slices.of(problem).rank_for(0.3) and fit.relative_error <= 0.3
    assert fit.status == "stopped" and "the time ended the search" in fit.reason


@pytest.mark.parametrize("error", [-0.1, 1.0, math.nan, math.inf, "0.1", True])
def test_a_bound_that_is_none_is_refused(error):
    with pytest.raises(ValueError, match="max_error"):
        fit_cp_to_error(torch.ones(3, 3, 3), error)


def test_memory_is_refused_at_the_rank_that_needs_it():
    kernel, _ = unit_problem((8, 8, 3, 3))
    with pytest.raises(ValueError, match=r"bytes for rank \d+; expected at most max_bytes=50000"):
        fit_cp_to_error(kernel, 0.0, max_bytes=50_000)


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3), (4, 7, 3, 2), (3, 5, 2, 3, 2), (2, 3, 1, 4, 5)])
def test_slices_give_orthogonal_terms_with_a_known_error(shape):
    _, problem = unit_problem(shape)
    slices = Slices.of(problem)
    for rank in (1, 3, math.prod(shape)):
        form = slices.form(rank)
        terms = form.weights[:, None] * als.khatri_rao(form.factors)
        gram = terms @ terms.T
        torch.testing.assert_close(gram - gram.diag().diag(), torch.zeros_like(gram), atol=1e-12, rtol=0)
        assert form.sensitivity <= 1 + 1e-12
        assert form.squared_error == pytest.approx(1 - form.squared_sensitivity, abs=1e-12)
    assert form.error < 1e-7
    for error in (0.7, 0.2):
        rank = slices.rank_for(error)
        assert slices.form(rank).error <= error and (rank == 1 or slices.form(rank - 1).error > error)


def test_few_triplets_of_large_slices_come_near_those_of_all(monkeypatch):
    from hocp.conv.solvers import starts

    _, problem = unit_problem((60, 50, 3), rank=4)
    full = Slices.of(problem, rank=4)
    monkeypatch.setattr(starts, "FULL_SVD_WORK", 0)
    few = Slices.of(problem, rank=4)
    assert few.values.shape[1] < full.values.shape[1]
    assert few.form(4).error == pytest.approx(full.form(4).error, rel=1e-6)


@pytest.mark.parametrize(("shape", "rank"), [((9, 8, 3), 7), ((9, 4, 3, 3), 9), ((6, 6, 2, 2, 2), 6)])
def test_the_algebraic_start_solves_exact_kernels(shape, rank):
    _, problem = unit_problem(shape, rank=rank)
    solved = als.sweep(problem, from_pencil(problem, rank, seed=0).factors, 1e-15)
    assert solved.error < 1e-6


def test_the_algebraic_start_declines_where_it_has_no_meaning():
    assert from_pencil(unit_problem((6, 5))[1], 2, seed=0) is None
    assert from_pencil(unit_problem((6, 5, 1, 1))[1], 2, seed=0) is None
    assert from_pencil(unit_problem((6, 5, 3))[1], 7, seed=0) is None


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3), (4, 7, 3, 2), (3, 5, 2, 3, 2)])
def test_a_sweep_solves_each_ridge_regression_and_never_raises_the_objective(shape):
    kernel, problem = unit_problem(shape)
    form, mu = from_fibres(problem, 4, seed=1), 0.03
    objective = 1.0
    for _ in range(10):
        form = als.sweep(problem, form.factors, mu)
        dense = problem.form(form.weights, form.factors)
        assert form.squared_error == pytest.approx(dense.squared_error, abs=1e-12)
        value = form.squared_error + mu * form.squared_sensitivity
        assert value <= objective + 1e-12 and form.squared_sensitivity <= 1 / mu
        objective = value
    # The factor solved last meets its normal equations, with TensorLy's product as the other side.
    last = problem.modes[-1]
    columns = [f.numpy() for f in problem.in_order(form.factors)]
    product = unfolding_dot_khatri_rao(kernel.numpy(), (np.ones(4), columns), last)
    others = np.prod([f.T @ f for mode, f in enumerate(columns) if mode != last], axis=0)
    solved = columns[last] * form.weights.numpy()
    np.testing.assert_allclose(solved @ (others + mu * np.eye(4)), product, atol=1e-10)
