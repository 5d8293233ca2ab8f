"""First numbers of what transduction adds: the identity, the mean over the window, or a random draw.

Shapes: K taps of the new mode, R channels that it acts on, r0 the first bond rank of a tensor train.
    factor   (K, R)        depthwise
    core     (r0, K, r0)   mixes the channels
    kernel   (T, C / g, K, K0, ...) of (T, C / g, K0, ...)
"""

from __future__ import annotations

import torch
from torch import Tensor

from hocp.conv.init import orthonormal_columns
from hocp.conv.transduction.options import Options


def new_factor(options: Options, columns: int, like: Tensor) -> Tensor:
    """Initial new factor, (K, columns), in the dtype and on the device of ``like``.

    Random columns have unit length, so that each channel keeps the second moment of independent frames.
    """
    taps = options.kernel_size
    if options.init == "average":
        return like.new_full((taps, columns), 1 / taps)
    if options.init == "random":
        return orthonormal_columns(taps, columns).to(like)
    factor = like.new_zeros(taps, columns)
    factor[options.tap] = 1
    return factor


def new_core(options: Options, rank: int, like: Tensor) -> Tensor:
    """Initial new core, (rank, K, rank).

    A random one is a (rank K, rank) matrix with orthonormal columns: each channel that leaves is a unit
    combination of those that enter, over all taps, and so keeps the second moment of independent inputs.
    """
    if options.init == "random":
        q, r = torch.linalg.qr(torch.randn(rank * options.kernel_size, rank, dtype=torch.float64))
        return (q * r.diagonal().sign()).reshape(rank, options.kernel_size, rank).to(like)
    eye = torch.eye(rank, dtype=like.dtype, device=like.device)
    return new_factor(options, rank, like).t().unsqueeze(-1) * eye.unsqueeze(1)


def inflated(kernel: Tensor, options: Options) -> Tensor:
    """(T, C / g, K0, ...) -> (T, C / g, K, K0, ...): times the initial factor, a column for each T."""
    if options.init == "identity":  # without products, which would spread infinities over the other taps
        new = kernel.new_zeros(*kernel.shape[:2], options.kernel_size, *kernel.shape[2:])
        new[:, :, options.tap] = kernel
        return new
    columns = new_factor(options, kernel.shape[0], kernel).t()
    ones = (1,) * (kernel.dim() - 2)
    return kernel.unsqueeze(2) * columns.reshape(kernel.shape[0], 1, -1, *ones)
