"""The full kernel of a CP convolution, from its factors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from hocp.conv.nd import in_full_precision


def kruskal_kernel(weights: Tensor, factors: Sequence[Tensor]) -> Tensor:
    """The full kernel W[t, s, i, ...] = sum_r weights[r] U0[t, r] U1[s, r] U2[i, r] ...

    One matrix product with the Khatri-Rao product of the later factors: an einsum over all factors
    contracts left to right, builds intermediates with the rank mode, and is many times slower at high rank.

    Parameters
    ----------
    weights : Tensor, (R,)
    factors : sequence of Tensor, (T, R), (C / g, R), (K0, R), ...

    Returns
    -------
    Tensor, (T, C / g, K0, ...)
    """
    with in_full_precision(weights):
        kernel = (factors[0] * weights) @ khatri_rao(factors[1:]).t()
    return kernel.reshape([factor.shape[0] for factor in factors])


def khatri_rao(factors: Sequence[Tensor]) -> Tensor:
    """Columnwise Kronecker product of (I, R), (J, R), ... -> (I J ..., R), the first mode slowest."""
    columns = factors[0]
    for factor in factors[1:]:
        columns = (columns.unsqueeze(1) * factor).flatten(0, 1)
    return columns
