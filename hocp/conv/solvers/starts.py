"""Where alternating least squares starts.

Shapes: a, b the two longest modes, K0, ... the others, S their product; R rank. Factors as rows, (R, a), ...
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hocp.conv.solvers.algebra import left_svd, lost_energy, unit_columns
from hocp.conv.solvers.als import Form, Problem, unit_rows

FULL_SVD_WORK = 5e10  # a * b * min(a, b) * S up to which all singular vectors of the slices are computed
OVERSAMPLING = 10
PENCIL_RANK = 128  # above it, larger kernels are never so exact that the algebra pays


@dataclass(frozen=True)
class Slices:
    """Singular triplets of the slices, after the short modes are turned to their principal axes.

    The R largest triplets are mutually orthogonal rank-one terms: their sensitivity is at most 1, the squared
    error is the sum of the squared singular values left out, and from rank S * min(a, b) on they are exact.

    Attributes
    ----------
    axes : list of Tensor, (K, K) for each short mode
    left, values, right : Tensor, (S, a, n), (S, n), (S, n, b)
    """

    problem: Problem
    axes: list[Tensor]
    left: Tensor
    values: Tensor
    right: Tensor

    @classmethod
    def of(cls, problem: Problem, *, rank: int | None = None, seed: int = 0) -> Slices:
        """All triplets; for a rank, only as many as that needs where all would take too long."""
        axes = [_principal_axes(problem, mode) for mode in range(2, len(problem.shape))]
        slices = _turned_slices(problem, axes)
        return cls(problem, axes, *_triplets(slices, rank, seed))

    def rank_for(self, error: float) -> int:
        """Number of triplets whose sum is within a relative error of the kernel."""
        lost = lost_energy(self.values.flatten().sort(descending=True).values)
        return max(1, int((lost > error**2).sum()))

    def form(self, rank: int, *, seed: int = 0) -> Form:
        """The largest triplets; random directions of zero weight where there are fewer than the rank."""
        flat = self.values.flatten()
        order = flat.argsort(descending=True, stable=True)[:rank]
        which, column = order // self.values.shape[1], order % self.values.shape[1]
        places = torch.unravel_index(which, self.problem.shape[2:])
        short = [axis.T[place] for axis, place in zip(self.axes, places, strict=True)]
        factors = [self.left[which, :, column], self.right[which, column], *short]
        missing, random = rank - len(order), generator(seed)
        fresh = [unit_columns(size, missing, random).T for size in self.problem.shape]
        return self.problem.form(
            torch.cat([flat[order], flat.new_zeros(missing)]),
            [torch.cat(pair) for pair in zip(factors, fresh, strict=True)],
        )


def from_fibres(problem: Problem, rank: int, *, seed: int) -> Form:
    """Random mixtures of the kernel's own fibres, at zero weights: the first solve sets them."""
    tensor, random = problem.unfolding.view(problem.shape), generator(seed)
    factors = []
    for mode, size in enumerate(problem.shape):
        fibres = tensor.movedim(mode, 0).reshape(size, -1)
        mixed = fibres @ unit_columns(fibres.shape[1], rank, random)
        factors.append(unit_rows(mixed.T, unit_columns(size, rank, random).T)[1])
    return Form(torch.zeros(rank, dtype=torch.float64), factors, 1.0)


def from_pencil(problem: Problem, rank: int, *, seed: int) -> Form | None:
    """Simultaneous diagonalization of two mixtures of slices (Leurgans, Ross and Abel 1993).

    Finds a kernel of exact rank up to its longest mode; the slices run along the longest of the short modes,
    the others are merged. None where the algebra does not apply.
    """
    a, _, *rest = problem.shape
    if not rest or rest[0] == 1 or rank > min(a, problem.unfolding.shape[1] // rest[0], PENCIL_RANK):
        return None
    slices = problem.unfolding.view(problem.shape).movedim(2, -1).reshape(a, -1, rest[0])
    left = left_svd(problem.unfolding)[0][:, :rank]
    right = left_svd(slices.transpose(0, 1).flatten(1))[0][:, :rank]
    mixed = slices @ unit_columns(rest[0], 2, generator(seed))
    first, second = (left.T @ mixed.movedim(2, 0) @ right).unbind(0)
    ratio = torch.linalg.lstsq(second.T, first.T, driver="gelsd").solution.T
    directions = _real_basis(*torch.linalg.eig(ratio))
    inverse, failed = torch.linalg.inv_ex(directions)
    terms = inverse @ left.T @ problem.unfolding
    if failed or not terms.isfinite().all():
        return None
    factors = [(left @ directions).T, *_leading_directions(terms.view(rank, *problem.shape[1:]))]
    factors = [unit_rows(factor, torch.full_like(factor, factor.shape[1] ** -0.5))[1] for factor in factors]
    return Form(torch.zeros(rank, dtype=torch.float64), factors, 1.0)


def generator(seed: int) -> torch.Generator:
    """Own random numbers, so that the global ones stay untouched."""
    return torch.Generator().manual_seed(seed)


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


def _triplets(slices: Tensor, rank: int | None, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Singular value decompositions of slices (S, a, b): (S, a, n), (S, n), (S, n, b)."""
    count, a, b = slices.shape
    wanted = min(a, b) if rank is None else rank + OVERSAMPLING
    if 3 * wanted > min(a, b) or count * a * b * min(a, b) <= FULL_SVD_WORK:
        return torch.linalg.svd(slices, full_matrices=False)
    # The leading ones from a random range, with one power step (Halko, Martinsson and Tropp 2011).
    probe = torch.randn(count, b, wanted, generator=generator(seed), dtype=torch.float64)
    basis = torch.linalg.qr(slices @ (slices.transpose(1, 2) @ (slices @ probe)))[0]
    left, values, right = torch.linalg.svd(basis.transpose(1, 2) @ slices, full_matrices=False)
    return basis @ left, values, right


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
