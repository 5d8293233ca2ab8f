"""Convolution with a kernel in Kruskal (CP) form, as a module.

Shapes: B batch, C input channels, T output channels, R rank; D0, ... spatial sizes, time first; K0, ... taps.
    x        (B, C, D0, ...)                input, the batch may be missing
    factors  (T, R), (C, R), (K0, R), ...   in TensorLy's order
    weights  (R,)                           lambda
    result   (B, T, D0', ...)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from hocp.conv import forms
from hocp.conv.dense import BATCH_NORMS, as_module, check_channels, geometry_of
from hocp.conv.functional import check_factors, compute
from hocp.conv.geometry import Geometry
from hocp.conv.init import balanced_directions, orthonormal_columns


class CPConv(nn.Module):
    """N-d convolution whose kernel is kept in Kruskal form (the paper's HO-CPConv).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : tuple of int
        Time first; its length is the order, 1 to 3.
    rank : int
        Number of components R.
    stride, padding, dilation, padding_mode
        As in ``torch.nn.ConvNd``.
    bias : bool, default False
        Off as in the paper, where a batch norm follows every convolution.
    learn_weights : bool, default True
        Whether lambda is a parameter, as the lasso on it needs. If not, it is one throughout, absent from the
        state dict and not counted, as in the sizes that the paper reports.
    rank_norm : {None, 'batch'}
        Batch norm of the R channels behind the first 1x1 stage, first half of the paper's psi.
    rank_activation : {None, 'relu'}
        Second half of psi.
    implementation : {'auto', 'chain', 'views', 'dense'}
        How to compute; the results are equal.

    Attributes
    ----------
    weights : Tensor, (R,)
    factors : ParameterList of (T, R), (C, R), (K0, R), ...
        In TensorLy's order.
    relative_error : float or None
        Of the kernel, ||W - W_cp|| / ||W||, for a layer made by `from_conv`.

    Raises
    ------
    ValueError
        If an argument is of the wrong kind or out of range.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        *,
        rank: int,
        stride: int | tuple[int, ...] = 1,
        padding: int | str | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        bias: bool = False,
        padding_mode: str = "zeros",
        learn_weights: bool = True,
        rank_norm: str | None = None,
        rank_activation: str | None = None,
        implementation: str = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("in_channels", in_channels), ("out_channels", out_channels), ("rank", rank)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} of CPConv is {value!r}; expected a whole number of at least 1")
        self.geometry = Geometry(kernel_size, stride, padding, dilation, padding_mode)
        self.implementation = forms.check_implementation(implementation)
        if implementation == "dense" and (rank_norm or rank_activation):
            raise ValueError(
                "implementation 'dense' of CPConv allows no rank_norm or rank_activation; use 'views'"
            )
        like = {"device": device, "dtype": dtype}
        sizes = (out_channels, in_channels, *self.geometry.kernel_size)
        self.factors = nn.ParameterList(nn.Parameter(torch.empty(size, rank, **like)) for size in sizes)
        if learn_weights:
            self.weights = nn.Parameter(torch.empty(rank, **like))
        else:
            self.register_buffer("weights", torch.ones(rank, **like), persistent=False)
        self.bias = nn.Parameter(torch.empty(out_channels, **like)) if bias else None
        self.rank_norm = _rank_norm(rank_norm, rank, self.order, **like)
        self.rank_activation = _rank_activation(rank_activation)
        self.relative_error: float | None = None
        self.temporal_modes: tuple[int, ...] = ()
        self.reset_parameters()

    @property
    def order(self) -> int:
        """Number of spatial modes."""
        return self.geometry.order

    @property
    def rank(self) -> int:
        """Number of components."""
        return self.factors[0].shape[1]

    @property
    def in_channels(self) -> int:
        """C."""
        return self.factors[1].shape[0]

    @property
    def out_channels(self) -> int:
        """T."""
        return self.factors[0].shape[0]

    @property
    def learn_weights(self) -> bool:
        """Whether lambda is a parameter."""
        return isinstance(self.weights, nn.Parameter)

    @property
    def psi(self) -> Callable[[Tensor], Tensor] | None:
        """The non-linearity in rank space, None where there is none."""
        linear = self.rank_norm is None and self.rank_activation is None
        return None if linear else self._norm_and_activate

    def _norm_and_activate(self, z: Tensor) -> Tensor:
        """Norm, then activation, of the rank channels (B, R, D0, ...)."""
        z = z if self.rank_norm is None else self.rank_norm(z)
        return z if self.rank_activation is None else self.rank_activation(z)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw fresh factors that keep the variance of activations through a ReLU, as He initialisation does.

        Unit columns give each of the R channels the second moment of the input, and the 1-D convolutions keep
        it. The last stage sums R channels, so lambda^2 / T = 2 / R gives an output of twice that second
        moment, of which a ReLU keeps half. All scale is then in lambda, where the lasso of the paper acts.
        """
        channels = [orthonormal_columns(n, self.rank) for n in (self.out_channels, self.in_channels)]
        spatial = balanced_directions(self.geometry.kernel_size, self.rank)
        for factor, fresh in zip(self.factors, channels + spatial, strict=True):
            factor.copy_(fresh)
        # A ReLU in rank space halves the second moment once more.
        gain = 2 if self.rank_activation is None else 4
        scale = math.sqrt(gain * self.out_channels / self.rank)
        if self.learn_weights:
            self.weights.fill_(scale)
        else:
            self.factors[0].mul_(scale)
        if self.bias is not None:
            self.bias.zero_()
        if self.rank_norm is not None:
            self.rank_norm.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, D0, ...) or (C, D0, ...)."""
        batched = check_channels(x, self.in_channels, order=self.order, layer="CPConv")
        y = compute(
            batched,
            self.weights,
            tuple(self.factors),
            bias=self.bias,
            geometry=self.geometry,
            psi=self.psi,
            implementation=self.implementation,
        )
        return y if batched is x else y.squeeze(0)

    def to_kernel(self) -> Tensor:
        """The full kernel, (T, C, K0, ...); differentiable.

        Raises
        ------
        ValueError
            If the layer has a non-linearity in rank space.
        """
        if self.psi is not None:
            raise ValueError(
                "this CPConv has a norm or activation in rank space, so no single kernel describes it; build "
                "it without rank_norm and rank_activation"
            )
        return forms.kruskal_kernel(self.weights, tuple(self.factors))

    def to_dense(self) -> nn.Module:
        """The equal ``nn.ConvNd``, with its own copy of the numbers."""
        return as_module(self.to_kernel(), bias=self.bias, geometry=self.geometry).train(self.training)

    @classmethod
    def from_factors(
        cls, weights: Tensor, factors: Sequence[Tensor], *, bias: Tensor | None = None, **options
    ) -> CPConv:
        """A layer with copies of the given weights (R,) and factors (T, R), (C, R), (K0, R), ...

        ``options`` are those of the constructor. With ``learn_weights=False`` the weights move into the first
        factor.
        """
        check_factors(weights, factors)
        out_channels, in_channels, *kernel = (factor.shape[0] for factor in factors)
        options = {"device": weights.device, "dtype": weights.dtype} | options
        layer = cls(
            in_channels, out_channels, tuple(kernel), rank=weights.numel(), bias=bias is not None, **options
        )
        with torch.no_grad():
            if layer.learn_weights:
                layer.weights.copy_(weights)
            else:
                factors = [factors[0] * weights, *factors[1:]]
            for own, given in zip(layer.factors, factors, strict=True):
                own.copy_(given)
            if bias is not None:
                layer.bias.copy_(bias)
        return layer

    @classmethod
    def from_conv(
        cls, conv: nn.Module, *, rank: int, iterations: int = 200, seed: int = 0, **options
    ) -> CPConv:
        """Factorize a dense convolution by alternating least squares in float64.

        The layer's ``relative_error`` tells how far its kernel is from the original.

        Raises
        ------
        ValueError
            If the module is no plain convolution, has groups or a non-finite kernel, or if the solver fails.
        """
        from hocp.conv.solve import fit_cp  # here, since TensorLy takes a second to import

        geometry = geometry_of(conv)
        weights, factors, error = fit_cp(conv.weight.detach(), rank, iterations=iterations, seed=seed)
        layer = cls.from_factors(
            weights.to(conv.weight),
            [factor.to(conv.weight) for factor in factors],
            bias=conv.bias,
            **{name: getattr(geometry, name) for name in ("stride", "padding", "dilation", "padding_mode")},
            **options,
        )
        layer.relative_error = error
        return layer.train(conv.training)

    def new_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Factors that transduction added, with their names."""
        for mode in self.temporal_modes:
            yield f"factors.{mode + 2}", self.factors[mode + 2]

    def extra_repr(self) -> str:
        """What the printed module shows."""
        g = self.geometry
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={g.kernel_size}, rank={self.rank}, "
            f"stride={g.stride}, padding={g.padding}, dilation={g.dilation}, bias={self.bias is not None}, "
            f"padding_mode={g.padding_mode!r}, implementation={self.implementation!r}"
        )


def _rank_norm(kind: str | None, rank: int, order: int, **like) -> nn.Module | None:
    """Batch norm of the rank channels."""
    if kind not in (None, "batch"):
        raise ValueError(f"rank_norm of CPConv is {kind!r}; expected None or 'batch'")
    return BATCH_NORMS[order](rank, **like) if kind else None


def _rank_activation(kind: str | None) -> nn.Module | None:
    """Activation of the rank channels; only positively homogeneous ones, since the lasso rescales them."""
    if kind not in (None, "relu"):
        raise ValueError(f"rank_activation of CPConv is {kind!r}; expected None or 'relu'")
    return nn.ReLU() if kind else None
