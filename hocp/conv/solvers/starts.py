"""Where alternating least squares starts.

Shapes: a, b the two longest modes, K0, ... the others, S their product; R rank. Factors as rows, (R, a), ...
"""

from __future__ import annotations

import torch
from torch import Tensor

from hocp.conv.solvers.als import Form, Problem, unit_rows

FULL_SVD_WORK = 5e10  # a * b * min(a, b) * S up to which all singular vectors of the slices are computed
OVERSAMPLING = 10


def from_slices(problem: Problem, rank: int, generator: torch.Generator) -> Form:
    """Singular triplets of the slices, after the short modes are turned to their principal axes.

    The R largest triplets are mutually orthogonal rank-one terms: their sensitivity is at most 1, the squared
    error is the sum of the squared singular values left out, and from rank S * min(a, b) on they are exact.
    """
    axes = [_principal_axes(problem, mode) for mode in range(2, len(problem.shape))]
    left, values, right = _slice_triplets(problem, axes, rank, generator)
    count = min(rank, values.numel())
    order = values.flatten().argsort(descending=True, stable=True)[:count]
    which, column = order // values.shape[1], order % values.shape[1]
    rest = [
        basis.T[index]
        for basis, index in zip(axes, torch.unravel_index(which, problem.shape[2:]), strict=True)
    ]
    factors = [left[which, :, column], right[which, column], *rest]
    weights = values[which, column]
    return problem.form(*_filled_up(problem, weights, factors, rank, generator))


def rank_of_slices(problem: Problem, error: float) -> int:
    """Number of the largest triplets of the slices whose sum is within a relative error of the kernel."""
    axes = [_principal_axes(problem, mode) for mode in range(2, len(problem.shape))]
    values = torch.linalg.svdvals(_turned_slices(problem, axes)).flatten().sort().values
    return max(1, int((values.square().cumsum(0) > error**2).sum()))


def from_fibres(problem: Problem, rank: int, generator: torch.Generator) -> Form:
    """Random mixtures of the kernel's own fibres, at zero weights: the first solve sets them."""
    tensor = problem.unfolding.view(problem.shape)
    factors = []
    for mode, size in enumerate(problem.shape):
        fibres = tensor.movedim(mode, 0).reshape(size, -1)
        mixing = torch.randn(fibres.shape[1], rank, generator=generator, dtype=torch.float64)
        random = torch.randn(rank, size, generator=generator, dtype=torch.float64)
        factors.append(unit_rows((fibres @ mixing).T, unit_rows(random, random)[1])[1])
    return Form(torch.zeros(rank, dtype=torch.float64), factors, 1.0)


def from_pencil(problem: Problem, rank: int, generator: torch.Generator) -> Form | None:
    """Simultaneous diagonalization of two mixed slices (Leurgans et al. 1993); exact where R <= min(a, b).

    For ranks up to both long modes. None where the algebra does not apply.
    """
    a, b, *rest = problem.shape
    if rank > b or not rest:
        return None
    slices = problem.unfolding.view(a, b, -1)
    left = torch.linalg.svd(problem.unfolding, full_matrices=False)[0][:, :rank]
    right = torch.linalg.svd(slices.transpose(0, 1).reshape(b, -1), full_matrices=False)[0][:, :rank]
    mixing = torch.randn(slices.shape[2], 2, generator=generator, dtype=torch.float64)
    first, second = (left.T @ (slices @ mixing).movedim(2, 0) @ right).unbind(0)
    values, vectors = torch.linalg.eig(torch.linalg.lstsq(second.T, first.T, driver="gelsd").solution.T)
    directions = _real_basis(values, vectors)
    inverse, failed = torch.linalg.inv_ex(directions)
    if failed or not inverse.isfinite().all():
        return None
    terms = (inverse @ left.T @ problem.unfolding).view(rank, *problem.shape[1:])
    factors = [(left @ directions).T, *_leading_directions(terms)]
    ones = torch.ones(rank, dtype=torch.float64)
    factors = [unit_rows(factor, torch.full_like(factor, factor.shape[1] ** -0.5))[1] for factor in factors]
    return Form(0 * ones, factors, 1.0)


def _principal_axes(problem: Problem, mode: int) -> Tensor:
    """Orthonormal basis of one short mode, (K, K), by falling energy."""
    unfolding = problem.unfolding.view(problem.shape).movedim(mode, 0).flatten(1)
    return torch.linalg.eigh(unfolding @ unfolding.T)[1].flip(1)


def _turned_slices(problem: Problem, axes: list[Tensor]) -> Tensor:
    """Slices (S, a, b) along the principal axes of the short modes."""
    turned = problem.unfolding.view(problem.shape)
    for basis in axes:
        turned = torch.tensordot(turned, basis, dims=([2], [0]))
    return turned.reshape(*problem.shape[:2], -1).permute(2, 0, 1)


def _slice_triplets(
    problem: Problem, axes: list[Tensor], rank: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Singular value decompositions of all slices, (S, a, n), (S, n), (S, n, b)."""
    a, b = problem.shape[:2]
    slices = _turned_slices(problem, axes)
    wanted = rank + OVERSAMPLING
    if a * b * min(a, b) * len(slices) <= FULL_SVD_WORK or 3 * wanted > min(a, b):
        return torch.linalg.svd(slices, full_matrices=False)
    # Too large: the leading triplets from a random range (Halko et al. 2011), with one power step.
    probe = torch.randn(len(slices), b, wanted, generator=generator, dtype=torch.float64)
    basis = torch.linalg.qr(slices @ (slices.transpose(1, 2) @ (slices @ probe)))[0]
    left, values, right = torch.linalg.svd(basis.transpose(1, 2) @ slices, full_matrices=False)
    return basis @ left, values, right


def _filled_up(
    problem: Problem, weights: Tensor, factors: list[Tensor], rank: int, generator: torch.Generator
) -> tuple[Tensor, list[Tensor]]:
    """Random directions of zero weight, where the kernel has fewer terms than asked for."""
    missing = rank - len(weights)
    if missing == 0:
        return weights, [factor.contiguous() for factor in factors]
    fresh = [torch.randn(missing, n, generator=generator, dtype=torch.float64) for n in problem.shape]
    filled = [torch.cat([old, unit_rows(new, new)[1]]) for old, new in zip(factors, fresh, strict=True)]
    return torch.cat([weights, weights.new_zeros(missing)]), filled


def _real_basis(values: Tensor, vectors: Tensor) -> Tensor:
    """Eigenvectors as real columns; a conjugate pair gives its real and its imaginary part."""
    return torch.where(values.imag < 0, vectors.imag, vectors.real)


def _leading_directions(terms: Tensor) -> list[Tensor]:
    """Leading direction along each mode of every (b, K0, ...) tensor of a batch: rows (R, b), (R, K0), ..."""
    directions = []
    for mode in range(1, terms.dim()):
        unfolding = terms.movedim(mode, 1).flatten(2)
        directions.append(torch.linalg.svd(unfolding, full_matrices=False)[0][:, :, 0])
    return directions
