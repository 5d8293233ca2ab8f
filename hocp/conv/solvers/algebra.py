"""Matrix steps that the solvers share."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDING = 1e-12  # relative error that float64 cannot resolve


def left_svd(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Left singular vectors (m, k) and singular values (k,), k = min(m, n), of an (m, n) matrix.

    A wide one goes through a triangular factor first: far faster, and as exact, unlike its Gram matrix.
    """
    rows, columns = matrix.shape
    if columns > rows:
        matrix = torch.linalg.qr(matrix.T, mode="r")[1].T
    vectors, values, _ = torch.linalg.svd(matrix, full_matrices=False)
    return vectors, values


def lost_energy(values: Tensor) -> Tensor:
    """Squared norm lost by keeping the first r of k singular values, r = 0 ... k."""
    tail = values.square().flip(0).cumsum(0).flip(0)
    return torch.cat([tail, tail.new_zeros(1)])


def unit_columns(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Random columns of unit length, (rows, columns)."""
    random = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    return random / random.norm(dim=0)
