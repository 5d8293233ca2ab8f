"""Fit factorized kernels to dense ones: TensorLy's solvers in float64, with their failures told."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# TensorLy is imported where a kernel is decomposed: building and training networks does without it.


def fit_cp(
    kernel: Tensor, rank: int, *, iterations: int = 200, tolerance: float = 1e-9, seed: int = 0
) -> tuple[Tensor, list[Tensor], float]:
    """Kruskal form of a kernel by alternating least squares.

    Parameters
    ----------
    kernel : Tensor, (T, C, K0, ...)
    rank : int
    iterations : int
        At most.
    tolerance : float
        Change of the relative error at which to stop.
    seed : int
        Of the random columns where the rank exceeds a mode.

    Returns
    -------
    weights : Tensor, (R,), float64
    factors : list of Tensor, (T, R), (C, R), (K0, R), ..., float64, columns of unit length
    relative_error : float

    Raises
    ------
    ValueError
        If the kernel is not finite, or the solver's result is not.
    """
    import tensorly as tl
    from tensorly.cp_tensor import CPTensor, cp_normalize, cp_to_tensor
    from tensorly.decomposition import parafac

    array = _finite(kernel)
    if not array.any():
        return torch.zeros(rank, dtype=torch.float64), [_ones(n, rank) for n in array.shape], 0.0
    directions = _leading_directions(array, rank, np.random.default_rng(seed))
    with tl.backend_context("numpy", local_threadsafe=True):
        start = CPTensor((np.ones(rank), directions))
        try:
            _, factors = parafac(array, rank, init=start, n_iter_max=iterations, tol=tolerance)
        except np.linalg.LinAlgError as error:
            raise ValueError(_failed(kernel, rank)) from error
        weights, factors = cp_normalize((np.ones(rank), factors))
        found = cp_to_tensor((weights, factors))
    if not np.isfinite(found).all():
        raise ValueError(_failed(kernel, rank))
    return torch.from_numpy(weights), [torch.from_numpy(f) for f in factors], _relative_error(array, found)


def fit_tucker(
    kernel: Tensor, rank: tuple[int, int], *, iterations: int = 100
) -> tuple[Tensor, list[Tensor], float]:
    """Tucker form of a kernel's two channel modes, by higher-order orthogonal iteration from the HOSVD.

    Parameters
    ----------
    kernel : Tensor, (T, C, K0, ...)
    rank : (int, int)
        Of the modes T and C.

    Returns
    -------
    core : Tensor, (R_T, R_C, K0, ...), float64
    factors : list of Tensor, (T, R_T), (C, R_C), float64, orthonormal columns
    relative_error : float

    Raises
    ------
    ValueError
        If the kernel is not finite.
    """
    import tensorly as tl
    from tensorly.decomposition import partial_tucker
    from tensorly.tucker_tensor import tucker_to_tensor

    array = _finite(kernel)
    with tl.backend_context("numpy", local_threadsafe=True):
        (core, factors), _ = partial_tucker(array, list(rank), modes=[0, 1], n_iter_max=iterations)
        rest = [np.eye(n) for n in array.shape[2:]]
        found = tucker_to_tensor((core, [*factors, *rest]))
    return torch.from_numpy(core), [torch.from_numpy(f) for f in factors], _relative_error(array, found)


def _finite(kernel: Tensor) -> np.ndarray:
    """The kernel in float64."""
    array = kernel.detach().double().cpu().numpy()
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise ValueError(
            f"the kernel of shape {array.shape} has {bad} non-finite entries; repair or retrain the layer "
            "before factorizing it"
        )
    return array


def _leading_directions(array: np.ndarray, rank: int, random: np.random.Generator) -> list[np.ndarray]:
    """Starting factors: leading left singular vectors of each unfolding, filled up with random columns.

    From the small Gram matrix of the unfolding: TensorLy's own start asks for a full SVD, which for a wide
    layer wants terabytes.
    """
    factors = []
    for mode, size in enumerate(array.shape):
        unfolding = np.moveaxis(array, mode, 0).reshape(size, -1)
        _, vectors = np.linalg.eigh(unfolding @ unfolding.T)
        leading = vectors[:, ::-1][:, :rank]
        fill = random.standard_normal((size, rank - leading.shape[1])) / np.sqrt(size)
        factors.append(np.concatenate([leading, fill], axis=1))
    return factors


def _ones(size: int, rank: int) -> Tensor:
    """Columns of unit length for a zero kernel, whose directions mean nothing."""
    return torch.full((size, rank), size**-0.5, dtype=torch.float64)


def _relative_error(array: np.ndarray, found: np.ndarray) -> float:
    """Frobenius norm of the difference over that of the kernel."""
    norm = float(np.linalg.norm(array))
    return float(np.linalg.norm(array - found)) / norm if norm else 0.0


def _failed(kernel: Tensor, rank: int) -> str:
    """Text for a solver that found no finite answer."""
    return (
        f"alternating least squares found no finite rank-{rank} form of the kernel of shape "
        f"{tuple(kernel.shape)}; try a smaller rank or another seed"
    )
