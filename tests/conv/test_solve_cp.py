"""The solver of the Kruskal form, against TensorLy and over generated kernels of every kind."""

import math
import time
import warnings

import numpy as np
import pytest
import tensorly as tl
import torch
from solver_kernels import (
    EXACT_KINDS,
    KINDS,
    ORDERS,
    REFUSED_KINDS,
    border,
    low_rank,
    norm_of,
    normal,
    random_shape,
    relative_error,
    scale_of,
)
from tensorly.cp_tensor import CPTensor
from tensorly.decomposition import parafac

from hocp.conv.solvers import Fit, als, fit_cp
from hocp.conv.solvers.fit import STATUSES, Clock

pytestmark = pytest.mark.usefixtures("numpy_backend")

CASES_EACH = 5  # by 23 kinds and 5 orders: 575 kernels
SLACK = 30  # seconds; a guard against hanging, not a measurement


def rebuilt(kernel, weights, factors):
    """TensorLy's reconstruction in the kernel's scale."""
    return tl.cp_to_tensor((weights.numpy() / scale_of(kernel), [f.numpy() for f in factors]))


def assert_sound(kernel, rank, result, *, bound):
    """What every result owes its caller, whatever its status."""
    weights, factors, fit = result
    assert fit.status in STATUSES and fit.reason and fit.status in str(fit)
    assert weights.shape == (rank,) and weights.dtype == torch.float64
    assert [tuple(f.shape) for f in factors] == [(size, rank) for size in kernel.shape]
    assert weights.isfinite().all() and all(f.isfinite().all() for f in factors)
    assert (weights >= 0).all() and (weights.diff() <= 0).all()
    for factor in factors:
        torch.testing.assert_close(factor.norm(dim=0), torch.ones(rank, dtype=torch.float64))
    assert fit.relative_error == pytest.approx(
        relative_error(kernel, rebuilt(kernel, weights, factors)), rel=1e-6, abs=1e-9
    )
    length = float(np.linalg.norm(weights.numpy() / scale_of(kernel))) / (norm_of(kernel) or 1)
    assert fit.sensitivity == pytest.approx(length, rel=1e-6)
    assert fit.sensitivity <= bound * (1 + 1e-6) and fit.relative_error <= 1 + 1e-9
    assert fit.seconds < SLACK


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kernel_ends_in_a_named_status(kind, order):
    for case in range(CASES_EACH):
        random = np.random.default_rng([order, case, list(KINDS).index(kind)])
        shape = random_shape(order, random)
        rank = (1, 2, 3, max(shape) + 2, math.prod(shape[1:]) + 1)[case]
        kernel = KINDS[kind](shape, random)
        before = kernel.clone()
        bound = float(random.choice([1.0, 3.0, 10.0]))
        options = {
            "iterations": 60,
            "restarts": int(random.integers(3)),
            "seconds": 20,
            "max_sensitivity": bound,
        }
        if kind in REFUSED_KINDS:
            with pytest.raises(ValueError, match="1 non-finite entries; repair or retrain"):
                fit_cp(kernel, rank, **options)
            continue
        result = fit_cp(kernel, rank, **options)
        assert_sound(kernel, rank, result, bound=bound)
        assert torch.equal(kernel, before)
        if case == 4:  # one term for each slice entry is enough for any kernel
            assert result[2].status == "converged" and result[2].relative_error < 1e-6
        if kind == "zero":
            assert result[2].relative_error == 0 and not result[0].any()


@pytest.mark.parametrize("order", ORDERS)
def test_kernels_of_low_rank_are_found_again(order):
    shape = (8, 6, *(3,) * order)
    found = 0
    for rank in (1, 2, 4, 6):
        for seed in range(3):
            kernel = low_rank(shape, rank, np.random.default_rng([order, rank, seed]))
            result = fit_cp(kernel, rank)
            assert_sound(kernel, rank, result, bound=10)
            found += result[2].relative_error < 1e-7 and result[2].status == "converged"
    assert found >= 11


@pytest.mark.parametrize("kind", EXACT_KINDS)
def test_simple_kernels_are_exact_at_their_rank(kind):
    random = np.random.default_rng(3)
    kernel = KINDS[kind]((5, 4, 3, 3), random)
    weights, _, fit = fit_cp(kernel, 2)
    assert fit.relative_error < 1e-6 and fit.status == "converged"
    if kind != "low rank":
        assert weights[1] < 1e-6 * weights[0]


def plain_als(kernel, rank, sweeps, *, init="random"):
    """TensorLy's unregularized solver: error and sensitivity."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights, factors = parafac(kernel.numpy(), rank, n_iter_max=sweeps, tol=0, init=init, random_state=0)
    lengths = weights * np.prod([np.linalg.norm(f, axis=0) for f in factors], axis=0)
    error = np.linalg.norm(kernel.numpy() - tl.cp_to_tensor((weights, factors)))
    norm = float(kernel.norm())
    return float(error) / norm, float(np.linalg.norm(lengths)) / norm


def w_state():
    """a a b + a b a + b a a: of rank 3, yet rank 2 comes as close as one likes (de Silva and Lim 2008)."""
    kernel = torch.zeros(2, 2, 2, dtype=torch.float64)
    kernel[0, 0, 1] = kernel[0, 1, 0] = kernel[1, 0, 0] = 1
    return kernel


def test_a_kernel_without_a_best_fit_stays_bounded_and_is_flagged():
    kernel = w_state()
    lengths = [plain_als(kernel, 2, sweeps)[1] for sweeps in (100, 1000, 10_000)]
    assert lengths[1] > 1.3 * lengths[0] and lengths[2] > 1.5 * lengths[1] > 6  # plain ALS never settles
    fits = [fit_cp(kernel, 2, max_sensitivity=bound)[2] for bound in (2, 4, 10)]
    assert all(fit.status == "degenerate" and "cancel" in fit.reason for fit in fits)
    for fit, bound in zip(fits, (2, 4, 10), strict=True):
        assert 0.7 * bound < fit.sensitivity <= bound * (1 + 1e-9)
    errors = [fit.relative_error for fit in fits]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.01
    assert fit_cp(kernel, 3)[2].status == "converged"


def test_terms_that_have_blown_up_are_brought_back_which_plain_least_squares_does_not():
    kernel, steep = w_state(), 1e-3  # ((a + e b)^3 - a^3) / e
    columns = np.array([[1.0, 1.0], [steep, 0.0]])
    start = CPTensor((np.array([1.0, -1.0]) / steep, [columns] * 3))
    assert plain_als(kernel, 2, 500, init=start)[1] > 500
    problem = als.Problem.of(kernel / kernel.norm())
    rows = [torch.from_numpy(columns / np.linalg.norm(columns, axis=0)).T.contiguous() for _ in range(3)]
    weights = torch.full((2,), 577.0, dtype=torch.float64)
    limits = als.Limits(500, 0.0, 5.0, Clock(SLACK))
    run = als.descend(problem, als.Descent(problem.form(weights, rows)), limits)
    assert run.status == "degenerate" and run.best.sensitivity <= 5 and run.best.error < 0.05


def test_long_cancelling_terms_are_flagged_before_they_reach_the_bound():
    fit = fit_cp(w_state(), 2, max_sensitivity=1000)[2]
    assert fit.status == "degenerate" and 5 < fit.sensitivity < 900


def test_longer_kernels_without_a_best_fit_are_flagged():
    statuses = []
    for seed in range(6):
        kernel = border((8, 6, 3, 3), np.random.default_rng(seed))
        result = fit_cp(kernel, 2)
        assert_sound(kernel, 2, result, bound=10)
        statuses.append(result[2].status)
    assert statuses.count("degenerate") >= 4


def test_no_worse_than_plain_least_squares_at_equal_sweeps():
    ratios, ours, theirs = [], [], []
    for seed in range(12):
        random = np.random.default_rng(seed)
        shape = (10, 8, *(3,) * (1 + seed % 3))
        kernel, rank = normal(shape, random), 5 + seed
        fit = fit_cp(kernel, rank, iterations=200, restarts=0, tolerance=0)[2]
        error, sensitivity = plain_als(kernel, rank, 200)
        ratios.append(fit.relative_error / error)
        ours.append(fit.sensitivity)
        theirs.append(sensitivity)
    assert np.mean(ratios) < 1.0 and max(ratios) < 1.1
    assert np.median(ours) < np.median(theirs) and max(ours) < 10


def test_scale_type_and_strides_do_not_matter():
    random = np.random.default_rng(0)
    kernel = normal((6, 5, 3, 3), random)
    reference = fit_cp(kernel, 4, seed=1)
    for twin in (kernel * 2.0**400, kernel * 2.0**-400, kernel.movedim(0, -1).contiguous().movedim(-1, 0)):
        weights, factors, fit = fit_cp(twin, 4, seed=1)
        assert fit == reference[2]
        assert all(torch.equal(a, b) for a, b in zip(factors, reference[1], strict=True))
        assert torch.equal(weights, reference[0] * (twin.norm() / kernel.norm()).log2().round().exp2())
    half = kernel.half()
    assert fit_cp(half, 4)[2] == fit_cp(half.double(), 4)[2]
    attached = kernel.clone().requires_grad_()
    assert not fit_cp(attached, 4)[0].requires_grad


def test_same_seed_same_bits_and_own_random_numbers():
    kernel = normal((6, 5, 3, 3), np.random.default_rng(0))
    torch.manual_seed(0)
    state = torch.get_rng_state()
    one = fit_cp(kernel, 7, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    two = fit_cp(kernel, 7, seed=3)
    assert torch.equal(one[0], two[0]) and one[2] == two[2]
    assert all(torch.equal(a, b) for a, b in zip(one[1], two[1], strict=True))


def test_the_time_cap_is_looked_at_before_every_sweep(monkeypatch):
    kernel = normal((6, 5, 3, 3), np.random.default_rng(0))
    ticks = iter(range(10**6))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    result = fit_cp(kernel, 7, seconds=15, iterations=10**6, tolerance=0)
    fit = result[2]
    assert fit.status == "stopped" and fit.reason == "cap of 15 s reached"
    assert 5 < fit.iterations < 15 and fit.restarts == 0
    monkeypatch.undo()
    assert_sound(kernel, 7, result, bound=10)


def test_every_start_gets_its_turn_however_many_iterations_are_allowed(monkeypatch):
    kernel = normal((16, 16, 3), np.random.default_rng(0))
    ticks = iter(range(10**6))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    fit = fit_cp(kernel, 20, seconds=200, iterations=10**6, tolerance=0)[2]
    assert fit.restarts == 2 and 150 < fit.iterations < 200


def test_the_iteration_cap_is_told():
    kernel = normal((6, 5, 3, 3), np.random.default_rng(0))
    fit = fit_cp(kernel, 7, iterations=3, restarts=0)[2]
    assert (fit.status, fit.iterations, fit.reason) == ("stopped", 3, "cap of 3 iterations reached")
    assert fit_cp(kernel, 7, iterations=3, restarts=2)[2].restarts == 2


def test_memory_is_refused_before_it_is_taken():
    kernel = torch.zeros(1).expand(100_000, 100_000, 3, 3)  # a view of one number
    with pytest.raises(
        ValueError, match=r"\(100000, 100000, 3, 3\) needs about \d{13,} bytes for rank 4"
    ) as told:
        fit_cp(kernel, 4)
    assert f"max_bytes={4 << 30}" in str(told.value) and "raise max_bytes" in str(told.value)
    with pytest.raises(ValueError, match=r"for rank 1000000; expected at most max_bytes=1000000000"):
        fit_cp(torch.ones(4, 4, 3), 10**6, max_bytes=10**9)


def test_numbers_that_overflow_end_the_run_with_the_last_finite_form(monkeypatch):
    kernel, sweeps = normal((6, 5, 3, 3), np.random.default_rng(0)), []
    true_sweep = als.sweep

    def breaking(problem, factors, mu):
        sweeps.append(mu)
        form = true_sweep(problem, factors, mu)
        return form._replace(squared_error=math.nan) if len(sweeps) > 4 else form

    monkeypatch.setattr(als, "sweep", breaking)
    result = fit_cp(kernel, 7, restarts=0)
    assert result[2].status == "non-finite" and result[2].iterations == 5
    monkeypatch.undo()
    assert_sound(kernel, 7, result, bound=10)


def test_a_singular_system_is_solved_all_the_same():
    """Equal columns and a ridge of nothing: Cholesky fails, least squares does not."""
    kernel = normal((4, 3, 3), np.random.default_rng(0))
    problem = als.Problem.of(kernel / kernel.norm())
    factors = [torch.ones(3, n, dtype=torch.float64) / n**0.5 for n in problem.shape]
    form = als.sweep(problem, factors, 0.0)
    assert form.weights.isfinite().all() and all(f.isfinite().all() for f in form.factors)
    assert form.error <= 1


@pytest.mark.parametrize(
    ("kernel", "options", "text"),
    [
        (torch.ones(3, 3, 3, dtype=torch.int64), {}, "is torch.int64; expected a real floating-point tensor"),
        (
            torch.ones(3, 3, 3, dtype=torch.complex64),
            {},
            "is torch.complex64; expected a real floating-point",
        ),
        (np.ones((3, 3, 3)), {}, "is ndarray; expected a real floating-point tensor"),
        (torch.ones(3), {}, r"has shape \(3,\); expected \(T, C, K0, ...\) with at least 2 modes"),
        (torch.ones(3, 0, 3), {}, r"has shape \(3, 0, 3\); expected .* none of size 0"),
        (torch.full((3, 3, 3), 1e305, dtype=torch.float64) * 1e5, {}, "27 non-finite entries"),
        (torch.full((3, 3, 3), 1e301, dtype=torch.float64), {}, "too large for factors in float64"),
        (torch.ones(3, 3, 3), {"rank": 0}, "rank of the solver is 0; expected a whole number of at least 1"),
        (torch.ones(3, 3, 3), {"rank": True}, "rank of the solver is True"),
        (torch.ones(3, 3, 3), {"rank": 2.0}, "rank of the solver is 2.0"),
        (torch.ones(3, 3, 3), {"iterations": 0}, "iterations of the solver is 0"),
        (torch.ones(3, 3, 3), {"restarts": -1}, "restarts of the solver is -1"),
        (torch.ones(3, 3, 3), {"seed": -1}, "seed of the solver is -1"),
        (torch.ones(3, 3, 3), {"seconds": 0}, "seconds of the solver is 0; expected a finite number above 0"),
        (torch.ones(3, 3, 3), {"seconds": math.inf}, "seconds of the solver is inf"),
        (torch.ones(3, 3, 3), {"tolerance": math.nan}, "tolerance of the solver is nan"),
        (torch.ones(3, 3, 3), {"max_bytes": 0}, "max_bytes of the solver is 0"),
        (
            torch.ones(3, 3, 3),
            {"max_sensitivity": 0.5},
            "max_sensitivity of the solver is 0.5; expected at least 1",
        ),
    ],
)
def test_wrong_use_is_told(kernel, options, text):
    with pytest.raises(ValueError, match=text):
        fit_cp(kernel, **({"rank": 2} | options))


def test_a_fit_reads_as_one_line():
    fit = Fit("stopped", 0.0123, 4.56, iterations=1, restarts=2, seconds=7.0, reason="cap of 7 s reached")
    assert str(fit) == (
        "stopped: relative error 0.0123, sensitivity 4.56, 1 iteration, 2 restarts, 7 s (cap of 7 s reached)"
    )
