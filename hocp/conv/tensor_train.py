"""Convolution with a kernel in tensor-train form: 1x1, one small 1-D convolution a mode, 1x1.

Shapes: B batch, C input channels, T output channels, g groups, N order; r0, ..., rN bond ranks; D0, ...
spatial sizes, time first; K0, ... taps.
    x        (B, C, D0, ...)                                       input, the batch may be missing
    cores    (1, C / g, r0), (r0, K0, r1), ..., (rN, T, 1)         in TensorLy-Torch's order: input first
    result   (B, T, D0', ...)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any, Self

import torch
from torch import Tensor, nn

from hocp.conv.checks import check_bias, check_rank, check_tensors
from hocp.conv.forms.stages import conv_mode, enter_rank_space, leave_rank_space
from hocp.conv.init import orthonormal_frame
from hocp.conv.layer import FactorizedConv, copy_into
from hocp.conv.nd import conv_nd, in_full_precision, pad
from hocp.conv.solvers import fit_tt


class TTConv(FactorizedConv):
    """N-d convolution whose kernel is a tensor train through the modes C, K0, ..., T.

    W[t, s, i, ...] = cores[0][0, s] cores[1][:, i] ... cores[N + 1][:, t, 0], a product of matrices. Unlike
    the 1-D convolutions of a `CPConv`, its own mix their channels.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : tuple of int
        Time first; its length is the order N.
    rank : int or tuple of N + 1 int
        Bond ranks r0, ..., rN; one number for all.
    implementation : {'auto', 'chain', 'dense'}
        Stage by stage (as 'auto' does), or rebuild the kernel; the results are equal.
    **options
        Of `FactorizedConv`: stride, padding, dilation, groups, bias, padding_mode, rank_norm,
        rank_activation, skip, skip_taps, device, dtype.

    Attributes
    ----------
    cores : ParameterList of (1, C / g, r0), (r0, K0, r1), ..., (rN, T, 1)

    Raises
    ------
    ValueError
        If an argument is of the wrong kind or out of range.
    """

    solver = staticmethod(fit_tt)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        *,
        rank: int | tuple[int, ...],
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        order = len(kernel_size) if isinstance(kernel_size, (tuple, list)) else 1
        ranks = _bond_ranks(rank, order)
        like = {"device": device, "dtype": dtype}
        super().__init__(in_channels, out_channels, kernel_size, rank_channels=ranks[0], **like, **options)
        sizes = (in_channels // self.groups, *self.geometry.kernel_size, out_channels)
        bonds = zip((1, *ranks), sizes, (*ranks, 1), strict=True)
        self.cores = nn.ParameterList(nn.Parameter(torch.empty(shape, **like)) for shape in bonds)
        self.reset_parameters()

    @property
    def rank(self) -> tuple[int, ...]:
        """Bond ranks r0, ..., rN."""
        return tuple(core.shape[2] for core in self.cores[:-1])

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw orthonormal columns, which keep the variance; the last stage has twice that, for a ReLU."""
        for core in self.cores[:-1]:
            left, taps, right = core.shape
            core.copy_(orthonormal_frame(left * taps, right).reshape(core.shape))
        rank, out, _ = self.cores[-1].shape
        last = orthonormal_frame(out, rank) * sqrt(self._gain * out / rank)
        self.cores[-1].copy_(last.t().unsqueeze(-1))
        self._reset_shared()

    def _convolve(self, x: Tensor) -> Tensor:
        """Channels last as in `hocp.conv.forms`."""
        if self.implementation == "dense":
            return conv_nd(x, self._kernel(), bias=self.bias, geometry=self.geometry, groups=self.groups)
        first, *middle, last = self.cores
        z, geometry = enter_rank_space(x, first[0], groups=self.groups, psi=self.psi), self.geometry
        if not geometry.symmetric_zeros:
            z, geometry = pad(z.movedim(-1, 1), geometry).movedim(1, -1), geometry.unpadded()
        for mode, core in enumerate(middle):
            z = conv_mode(z, core.permute(2, 0, 1), mode, geometry=geometry)
        return leave_rank_space(z, last[:, :, 0].t(), self.bias, groups=self.groups)

    def _kernel(self) -> Tensor:
        first, *rest = self.cores
        product = first[0]
        with in_full_precision(product):
            for core in rest:
                product = torch.tensordot(product, core, dims=1)
        return product.squeeze(-1).movedim(-1, 0)

    @classmethod
    def from_factors(cls, cores: Sequence[Tensor], *, bias: Tensor | None = None, **options: Any) -> Self:
        """A layer with copies of the given cores (1, C / g, r0), (r0, K0, r1), ..., (rN, T, 1).

        Raises
        ------
        ValueError
            If the cores do not form a train.
        """
        check_tensors(cores, layer="TTConv", name="cores")
        shapes = [tuple(core.shape) for core in cores]
        if len(shapes) < 3 or not _is_train(shapes):
            raise ValueError(
                f"cores of shapes {shapes} form no tensor train; expected (1, C / groups, r0), (r0, K0, r1), "
                "..., (rN, T, 1)"
            )
        options = {"device": cores[0].device, "dtype": cores[0].dtype, "bias": bias is not None} | options
        sizes, rank = [shape[1] for shape in shapes], tuple(shape[2] for shape in shapes[:-1])
        check_bias(bias, sizes[-1], layer="TTConv")
        groups = check_rank(options.get("groups", 1), layer="TTConv", name="groups")
        channels = (sizes[0] * groups, sizes[-1])
        layer = cls(*channels, tuple(sizes[1:-1]), rank=rank, **options)
        pairs = list(zip(layer.cores, cores, strict=True))
        copy_into(pairs if bias is None else [*pairs, (layer.bias, bias)])
        return layer

    @classmethod
    def _fit(cls, kernel: Tensor, rank: int | tuple[int, ...], **solver: Any) -> tuple[Any, ...]:
        return fit_tt(kernel, _bond_ranks(rank, kernel.dim() - 2), **solver)

    @classmethod
    def _fit_joint(cls, kernels: Tensor, rank: int | tuple[int, ...], **solver: Any) -> tuple[list, Any]:
        """A train through L, C, K0, ..., T; the core of the layers goes into each layer's first one."""
        bonds = (kernels.shape[0], *_bond_ranks(rank, kernels.dim() - 3))
        (layers, first, *shared), fit = fit_tt(kernels.movedim(0, 1), bonds, **solver)
        return [([torch.tensordot(row[None], first, dims=1), *shared],) for row in layers[0]], fit

    def _share_with(self, other: Self) -> None:
        """The first core is each layer's own."""
        for index in range(1, len(self.cores)):
            self.cores[index] = other.cores[index]

    def new_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Cores that transduction added, with their names."""
        for mode in self.temporal_modes:
            yield f"cores.{mode + 1}", self.cores[mode + 1]

    def options(self) -> dict[str, Any]:
        """Arguments of the constructor that make a layer of the same shape, but for device and dtype."""
        return super().options() | {"rank": self.rank}


def _bond_ranks(rank: object, order: int) -> tuple[int, ...]:
    """One checked rank a bond."""
    ranks = tuple(rank) if isinstance(rank, (tuple, list)) else (rank,) * (order + 1)
    if len(ranks) != order + 1:
        raise ValueError(
            f"rank of TTConv is {rank!r}; expected a whole number of at least 1, or {order + 1}, one for "
            f"each bond of a layer of order {order}"
        )
    return tuple(check_rank(each, layer="TTConv") for each in ranks)


def _is_train(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether bond ranks meet and the ends are closed."""
    if any(len(shape) != 3 for shape in shapes):
        return False
    bonds = [1, *(rank for shape in shapes for rank in (shape[0], shape[2])), 1]
    return all(left == right for left, right in zip(bonds[::2], bonds[1::2], strict=True))
