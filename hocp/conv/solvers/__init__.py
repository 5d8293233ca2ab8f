"""Fit factorized kernels to dense ones: the door to `hocp.conv.solvers`.

All take a kernel (T, C, K0, ...) of any floating-point type, device and strides, compute in float64 on the
CPU, and return float64 tensors and a `Fit`, which says how the fit ended and how good it is.
"""

from hocp.conv.solvers.cp import fit_cp
from hocp.conv.solvers.fit import Fit
from hocp.conv.solvers.search import cp_rank_for_error, fit_cp_to_error
from hocp.conv.solvers.tensor_train import fit_tt, tt_ranks_for_error
from hocp.conv.solvers.tucker import fit_tucker, tucker_ranks_for_error

__all__ = [
    "Fit",
    "cp_rank_for_error",
    "fit_cp",
    "fit_cp_to_error",
    "fit_tt",
    "fit_tucker",
    "tt_ranks_for_error",
    "tucker_ranks_for_error",
]
