"""The solvers of the Tucker and tensor-train forms, against TensorLy, numpy and their bounds."""

import math
import time

import numpy as np
import pytest
import tensorly as tl
import torch
from solver_kernels import (
    KINDS,
    ORDERS,
    REFUSED_KINDS,
    norm_of,
    normal,
    random_shape,
    relative_error,
    scale_of,
)
from tensorly.decomposition import partial_tucker, tensor_train

from hocp.conv.solvers import fit_tt, fit_tucker, tt_ranks_for_error, tucker_ranks_for_error

pytestmark = pytest.mark.usefixtures("numpy_backend")

CASES_EACH = 3
ERRORS = (0.9, 0.4, 0.1, 1e-3, 0.0)
EXACT = 1e-11  # relative error that rounding alone may leave


def tucker_array(kernel, core, factors):
    """TensorLy's reconstruction, divided by the kernel's scale."""
    identities = [np.eye(size) for size in kernel.shape[2:]]
    return tl.tucker_to_tensor(
        (core.numpy() / scale_of(kernel), [*(f.numpy() for f in factors), *identities])
    )


def tt_array(kernel, cores):
    """TensorLy's reconstruction with the output channels first, divided by the kernel's scale."""
    arrays = [core.numpy() for core in cores]
    arrays[-1] = arrays[-1] / scale_of(kernel)
    return np.moveaxis(np.asarray(tl.tt_to_tensor(arrays)), -1, 0)


def tail(unfolding, rank):
    """Squared singular values beyond a rank, over all."""
    values = np.linalg.svd(unfolding, compute_uv=False)
    return float((values[rank:] ** 2).sum() / ((values**2).sum() or 1))


def drawn(kind, order, case):
    """A kernel and a random generator for the rest."""
    random = np.random.default_rng([order, case, list(KINDS).index(kind)])
    return KINDS[kind](random_shape(order, random), random), random


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_tucker_of_every_kernel(kind, order):
    for case in range(CASES_EACH):
        kernel, random = drawn(kind, order, case)
        rank = tuple(int(random.integers(1, size + 3)) for size in kernel.shape[:2])
        if kind in REFUSED_KINDS:
            with pytest.raises(ValueError, match="1 non-finite entries"):
                fit_tucker(kernel, rank)
            continue
        core, factors, fit = fit_tucker(kernel, rank)
        assert core.shape == (*rank, *kernel.shape[2:]) and core.isfinite().all()
        assert [tuple(f.shape) for f in factors] == list(zip(kernel.shape, rank, strict=False))
        for factor in factors:
            torch.testing.assert_close(factor.norm(dim=0), torch.ones(factor.shape[1]).double())
        error = relative_error(kernel, tucker_array(kernel, core, factors))
        assert fit.relative_error == pytest.approx(error, rel=1e-6, abs=1e-12)
        length = float(np.linalg.norm(core.numpy() / scale_of(kernel))) / (norm_of(kernel) or 1)
        assert fit.sensitivity == pytest.approx(length, rel=1e-6) and fit.sensitivity <= 1 + 1e-6
        assert fit.status in ("converged", "stopped") and fit.seconds < 30
        array = kernel.double().numpy() / scale_of(kernel)
        unfoldings = [np.moveaxis(array, mode, 0).reshape(len(factors[mode]), -1) for mode in (0, 1)]
        bound = math.sqrt(sum(tail(u, r) for u, r in zip(unfoldings, rank, strict=True)))
        assert error <= bound + 1e-7  # of the higher-order SVD


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_tensor_train_of_every_kernel(kind, order):
    for case in range(CASES_EACH):
        kernel, random = drawn(kind, order, case)
        ranks = tuple(int(r) for r in random.integers(1, 12, order + 1))
        if kind in REFUSED_KINDS:
            with pytest.raises(ValueError, match="1 non-finite entries"):
                fit_tt(kernel, ranks)
            continue
        cores, fit = fit_tt(kernel, ranks)
        bonds, sizes = (1, *ranks, 1), (*kernel.shape[1:], kernel.shape[0])
        assert [tuple(c.shape) for c in cores] == [(bonds[i], n, bonds[i + 1]) for i, n in enumerate(sizes)]
        assert all(core.isfinite().all() for core in cores)
        error = relative_error(kernel, tt_array(kernel, cores))
        assert fit.relative_error == pytest.approx(error, rel=1e-6, abs=1e-12)
        assert fit.status == "converged" and fit.sensitivity <= 1 + 1e-6
        array = np.moveaxis(kernel.double().numpy() / scale_of(kernel), 0, -1)
        parts = [math.prod(sizes[: bond + 1]) for bond in range(len(ranks))]
        lost = [tail(array.reshape(part, -1), rank) for part, rank in zip(parts, ranks, strict=True)]
        assert max(lost) - 1e-12 <= error**2 <= sum(lost) + 1e-12  # Oseledets 2011, theorem 2.2


@pytest.mark.parametrize("order", ORDERS)
def test_ranks_for_an_error_keep_it_and_are_tight(order):
    for kind in ("normal", "decaying", "low rank", "border", "constant", "tiny", "half"):
        kernel, _ = drawn(kind, order, 0)
        for error in ERRORS:
            ranks = tucker_ranks_for_error(kernel, error)
            assert fit_tucker(kernel, ranks)[2].relative_error <= max(error, EXACT)
            bonds = tt_ranks_for_error(kernel, error)
            assert fit_tt(kernel, bonds)[1].relative_error <= max(error, EXACT)
            array = kernel.double().numpy() / scale_of(kernel)
            unfoldings = [np.moveaxis(array, mode, 0).reshape(kernel.shape[mode], -1) for mode in (0, 1)]
            for mode in (0, 1):  # one less in either mode breaks the bound that chose them
                fewer = [r - (m == mode) for m, r in enumerate(ranks)]
                bound = math.sqrt(sum(tail(u, r) for u, r in zip(unfoldings, fewer, strict=True)))
                assert ranks[mode] == 1 or bound > error


def test_tucker_ranks_are_the_cheapest_that_the_bound_allows():
    kernel = KINDS["decaying"]((7, 6, 3, 2), np.random.default_rng(1))
    array = kernel.numpy()
    lost = [
        [
            tail(np.moveaxis(array, mode, 0).reshape(array.shape[mode], -1), r)
            for r in range(array.shape[mode] + 1)
        ]
        for mode in (0, 1)
    ]
    for error in (0.5, 0.2, 0.05):
        fits = [(r, c) for r in range(1, 8) for c in range(1, 7) if lost[0][r] + lost[1][c] <= error**2]
        cheapest = min(7 * r + 6 * c + 6 * r * c for r, c in fits)
        r, c = tucker_ranks_for_error(kernel, error)
        assert (r, c) in fits and 7 * r + 6 * c + 6 * r * c == cheapest


@pytest.mark.parametrize("order", (1, 2, 3))
def test_no_worse_than_tensorly(order):
    for seed in range(4):
        random = np.random.default_rng(seed)
        kernel = normal((9, 7, *(3,) * order), random)
        rank = (2 + seed, 5 - seed)
        (core, factors), _ = partial_tucker(kernel.numpy(), list(rank), modes=[0, 1], n_iter_max=100)
        theirs = relative_error(kernel, tucker_array(kernel, *_tensors(core * scale_of(kernel), factors)))
        assert fit_tucker(kernel, rank)[2].relative_error <= theirs * (1 + 1e-4)
        bonds = tuple(int(r) for r in random.integers(1, 6, order + 1))
        cores = list(tensor_train(np.moveaxis(kernel.numpy(), 0, -1), [1, *bonds, 1]))
        rebuilt = np.moveaxis(np.asarray(tl.tt_to_tensor(cores)), -1, 0) / scale_of(kernel)
        assert fit_tt(kernel, bonds)[1].relative_error == pytest.approx(
            relative_error(kernel, rebuilt), rel=1e-9
        )


def _tensors(core, factors):
    """As the measures take them."""
    return torch.from_numpy(core), [torch.from_numpy(factor) for factor in factors]


def test_ranks_beyond_the_possible_are_exact_and_every_part_can_be_trained():
    kernel = normal((4, 3, 2, 2), np.random.default_rng(0))
    core, factors, fit = fit_tucker(kernel, (6, 5))
    assert fit.relative_error < 1e-12
    leaves = [core.requires_grad_(), *(f.requires_grad_() for f in factors)]
    mixed = torch.einsum("rcij,tr,uc->tuij", *leaves)
    (mixed - 2 * kernel).square().sum().backward()
    assert (core.grad.flatten(1).norm(dim=1) > 0).all() and (
        core.grad.transpose(0, 1).flatten(1).norm(dim=1) > 0
    ).all()
    cores, fit = fit_tt(kernel, (9, 9, 9))
    assert fit.relative_error < 1e-12
    leaves = [c.requires_grad_() for c in cores]
    joined = torch.einsum("xcr,ris,sju,uty->tcij", *leaves)
    torch.testing.assert_close(joined.detach(), kernel)
    (joined - 2 * kernel).square().sum().backward()
    assert all((c.grad.flatten(1).norm(dim=1) > 0).all() for c in leaves[1:])


def test_cores_left_of_the_last_are_orthonormal():
    cores, _ = fit_tt(normal((6, 5, 3, 3), np.random.default_rng(0)), (4, 6, 5))
    for core in cores[:-1]:
        flat = core.flatten(0, 1)
        torch.testing.assert_close(flat.T @ flat, torch.eye(flat.shape[1], dtype=torch.float64))


def test_tucker_looks_at_the_time_before_every_iteration(monkeypatch):
    kernel = normal((9, 7, 3, 3), np.random.default_rng(0))
    ticks = iter(range(1000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    fit = fit_tucker(kernel, (3, 3), seconds=4, tolerance=0)[2]
    assert fit.status == "stopped" and fit.iterations == 3 and "cap" in fit.reason


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda k: fit_tucker(k, 3), "rank of fit_tucker is 3; expected two whole numbers, for T and C"),
        (lambda k: fit_tucker(k, (3, 0)), "rank of the solver is 0"),
        (lambda k: fit_tucker(k, (3, 2.0)), "rank of the solver is 2.0"),
        (lambda k: fit_tucker(k, (2, 2), iterations=0), "iterations of the solver is 0"),
        (lambda k: fit_tucker(k, (2, 2), seconds=-1), "seconds of the solver is -1"),
        (
            lambda k: fit_tucker(k, (2, 2), max_bytes=10),
            r"\(4, 3, 2\) needs about 1152 bytes for rank \(2, 2\)",
        ),
        (lambda k: fit_tt(k, (2, 2, 2)), r"ranks of fit_tt are \(2, 2, 2\); expected 2 whole numbers"),
        (lambda k: fit_tt(k, 2), "ranks of fit_tt are 2"),
        (lambda k: fit_tt(k, (2, 0)), "rank of the solver is 0"),
        (lambda k: fit_tt(k, (10**5, 10**5)), r"needs about \d+ bytes for ranks \(100000, 100000\)"),
        (lambda k: fit_tt(k.long(), (2, 2)), "is torch.int64; expected a real floating-point tensor"),
        (lambda k: tucker_ranks_for_error(k, 1.0), "max_error is 1.0; expected below 1"),
        (lambda k: tt_ranks_for_error(k, -0.1), "max_error of the solver is -0.1"),
        (lambda k: tt_ranks_for_error(k, math.nan), "max_error of the solver is nan"),
    ],
)
def test_wrong_use_is_told(call, text):
    with pytest.raises(ValueError, match=text):
        call(torch.ones(4, 3, 2))
