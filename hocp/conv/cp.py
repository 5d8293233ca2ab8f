"""Convolution with a kernel in Kruskal (CP) form, as a module.

Shapes: B batch, C input channels, T output channels, g groups, R rank; D0, ... spatial sizes, time first; K0,
... taps.
    x        (B, C, D0, ...)                    input, the batch may be missing
    factors  (T, R), (C / g, R), (K0, R), ...   in TensorLy's order
    weights  (R,)                               lambda
    result   (B, T, D0', ...)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from hocp.conv import forms
from hocp.conv.checks import check_bias, check_channels, check_flag, check_rank
from hocp.conv.choice.choose import form_for
from hocp.conv.forms.call import Computation, is_transformed
from hocp.conv.forms.kept import KeptKernel
from hocp.conv.functional import check_factors, compute
from hocp.conv.init import balanced_directions, orthonormal_columns
from hocp.conv.layer import FactorizedConv, copy_into
from hocp.conv.prepared import Prepared, signature
from hocp.conv.solvers import fit_cp

_NAMES = tuple(map(str, range(66)))  # of a list's entries: torch's tensors have 64 modes at most


class CPConv(FactorizedConv):
    """N-d convolution whose kernel is kept in Kruskal form (the paper's HO-CPConv).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : tuple of int
        Time first; its length is the order.
    rank : int
        Number of components R.
    learn_weights : bool, default True
        Whether lambda is a parameter, as the lasso on it needs. If not, it is one throughout, absent from the
        state dict and not counted, as in the sizes that the paper reports.
    implementation : {'auto', 'chain', 'merged', 'views', 'dense'}
        How to compute; the results are equal. 'auto' takes the form that is fastest for each call;
        `hocp.conv.explain` says why. As 'dense', a layer in eval mode keeps its kernel until a factor
        changes.
    recompute : bool, default False
        Keep only the input for the backward pass, and compute once more what lies between.
    **options
        Of `FactorizedConv`: stride, padding, dilation, groups, bias, padding_mode, rank_norm,
        rank_activation, skip, skip_taps, device, dtype.

    Attributes
    ----------
    weights : Tensor, (R,)
    factors : ParameterList of (T, R), (C / g, R), (K0, R), ...
        In TensorLy's order.

    Raises
    ------
    ValueError
        If an argument is of the wrong kind or out of range.
    """

    IMPLEMENTATIONS = forms.IMPLEMENTATIONS
    solver = staticmethod(fit_cp)
    #: Chance of each component to be absent from a call in training; `drop_components_` sets it.
    component_dropout = 0.0

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        *,
        rank: int,
        learn_weights: bool = True,
        recompute: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        rank = check_rank(rank, layer="CPConv")
        check_flag(learn_weights, layer="CPConv", name="learn_weights")
        check_flag(recompute, layer="CPConv", name="recompute")
        like = {"device": device, "dtype": dtype}
        super().__init__(in_channels, out_channels, kernel_size, rank_channels=rank, **like, **options)
        self.recompute = recompute
        self._kept_kernel, self._prepared = KeptKernel(), Prepared()
        sizes = (out_channels, in_channels // self.groups, *self.geometry.kernel_size)
        self.factors = nn.ParameterList(nn.Parameter(torch.empty(size, rank, **like)) for size in sizes)
        if learn_weights:
            self.weights = nn.Parameter(torch.empty(rank, **like))
        else:
            self.register_buffer("weights", torch.ones(rank, **like), persistent=False)
        self.reset_parameters()

    @property
    def rank(self) -> int:
        """Number of components."""
        return self.factors[0].shape[1]

    @property
    def learn_weights(self) -> bool:
        """Whether lambda is a parameter."""
        return isinstance(self.weights, nn.Parameter)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw fresh factors that keep the variance of activations through a ReLU, as He initialisation does.

        Unit columns give each of the R channels the second moment of the input, and the 1-D convolutions keep
        it. The last stage sums R channels, so lambda^2 / T = 2 / R gives an output of twice that second
        moment, of which a ReLU keeps half. All scale is then in lambda, where the lasso of the paper acts.
        """
        channels = [orthonormal_columns(factor.shape[0], self.rank) for factor in self.factors[:2]]
        spatial = balanced_directions(self.geometry.kernel_size, self.rank)
        copy_into(list(zip(self.factors, channels + spatial, strict=True)))
        scale = math.sqrt(self._gain * self.out_channels / self.rank)
        if self.learn_weights:
            self.weights.fill_(scale)
        else:
            self.factors[0].mul_(scale)
        self._reset_shared()

    @property
    def _example(self) -> Tensor:
        """One that is at hand: no search through all modules in every call."""
        return self.weights

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, D0, ...) or (C, D0, ...).

        Raises
        ------
        ValueError
            If modes or channels are wrong or a mode is too short.
        """
        if self.psi is not None or self.skip is not None or self.component_dropout:
            return super().forward(x)
        weights, factors, bias = self._parameters.get("weights"), self._modules["factors"], self.bias
        weights = self._buffers.get("weights") if weights is None else weights
        if weights is None or "parametrizations" in self._modules or factors._modules:
            return super().forward(x)  # a tensor is worked out anew when it is asked for
        factors = _entries(factors)
        own = (weights, *factors) if bias is None else (weights, *factors, bias)
        how = (self.implementation, self.recompute, self.training, self.geometry)
        call = signature(x, *own, settings=how)
        if call is None:
            return super().forward(x)
        compute = self._prepared.get(call)
        if compute is not None:
            return compute(x, weights, factors, bias)
        y = super().forward(x)  # which checks
        if call not in self._prepared:
            self._prepared.keep(call, self._prepare(x, weights, factors))
        return y

    def _prepare(self, x: Tensor, weights: Tensor, factors: Sequence[Tensor]) -> Computation | None:
        """How calls like this one are computed, if all of them are alike."""
        if x.dim() < self.order + 2 or 1 in x.shape[2:]:  # the gradient's memory format is then looked after
            return None
        kept = self._is_constant(x, factors)
        form = form_for(self.implementation, x, weights, factors, kept=kept, **self._arguments())
        if form.name == "dense" and not self.training:  # its kernel is kept while nothing changes
            return None
        recompute = self.recompute and torch.is_grad_enabled()
        return form.prepare(x, weights, factors, recompute=recompute, **self._arguments())

    def _convolve(self, x: Tensor) -> Tensor:
        weights, factors = self.weights, _entries(self.factors)
        if self.component_dropout:
            weights = nn.functional.dropout(weights, self.component_dropout, self.training)
        return compute(
            x,
            weights,
            factors,
            implementation=self.implementation,
            recompute=self.recompute,
            norm=self.rank_norm,
            kept=self._kept_kernel if self._is_constant(x, factors) else None,
            **self._arguments(),
        )

    def _arguments(self) -> dict[str, Any]:
        """What every form is told beside input, weights and factors."""
        return {"bias": self.bias, "geometry": self.geometry, "groups": self.groups, "psi": self.psi}

    def call_of(self, x: Tensor) -> forms.Call:
        """What decides which form is fastest for an input (B, C, D0, ...) or (C, D0, ...).

        Raises
        ------
        ValueError
            If modes or channels do not fit.
        """
        x = check_channels(x, self.in_channels, order=self.order, layer="CPConv", like=self.factors[0])
        self.geometry.output_size(x.shape[2:])
        factors = _entries(self.factors)
        kept = self._is_constant(x, factors)
        return forms.Call.of(x, self.weights, factors, kept=kept, **self._arguments())

    def _is_constant(self, x: Tensor, factors: Sequence[Tensor]) -> bool:
        """Whether what is made of the factors may be kept: in eval mode, without gradients or stand-ins."""
        if self.training or is_transformed():
            return False
        own = (self.weights, *factors) if self.bias is None else (self.weights, *factors, self.bias)
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *own)):
            return False
        if x.is_cuda and torch.cuda.is_current_stream_capturing():
            return False
        real = all(type(factor) is nn.Parameter for factor in factors)  # not those of a functional_call
        return real and not any(tensor.is_inference() for tensor in own)

    def train(self, mode: bool = True) -> Self:
        """Set the mode, and forget the kernel kept in eval mode."""
        self._kept_kernel.forget()
        return super().train(mode)

    def _kernel(self) -> Tensor:
        return forms.kruskal_kernel(self.weights, tuple(self.factors))

    @classmethod
    def from_factors(
        cls, weights: Tensor, factors: Sequence[Tensor], *, bias: Tensor | None = None, **options: Any
    ) -> Self:
        """A layer with copies of the given weights (R,) and factors (T, R), (C / g, R), (K0, R), ...

        ``options`` are those of the constructor. With ``learn_weights=False`` the weights move into the first
        factor.

        Raises
        ------
        ValueError
            If the tensors do not belong together.
        """
        check_factors(weights, factors, layer="CPConv")
        out_channels, in_channels, *kernel = (factor.shape[0] for factor in factors)
        check_bias(bias, out_channels, layer="CPConv")
        options = {"device": weights.device, "dtype": weights.dtype, "bias": bias is not None} | options
        groups = check_rank(options.get("groups", 1), layer="CPConv", name="groups")
        channels = (in_channels * groups, out_channels)
        layer = cls(*channels, tuple(kernel), rank=weights.numel(), **options)
        if not layer.learn_weights:
            factors = [factors[0] * weights, *factors[1:]]
        copy_into([
            *zip(layer.factors, factors, strict=True),
            *([(layer.weights, weights)] if layer.learn_weights else []),
            *([] if bias is None else [(layer.bias, bias)]),
        ])  # fmt: skip
        return layer

    @classmethod
    def _fit(cls, kernel: Tensor, rank: int, **solver: Any) -> tuple[Any, ...]:
        return fit_cp(kernel, check_rank(rank, layer="CPConv"), **solver)

    @classmethod
    def _fit_joint(cls, kernels: Tensor, rank: int, **solver: Any) -> tuple[list[tuple[Any, ...]], Any]:
        """The factor of the layer mode, (L, R), goes into each layer's weights."""
        weights, (layers, *factors), fit = cls._fit(kernels, rank, **solver)
        return [(weights * row, factors) for row in layers], fit

    def _share_with(self, other: Self) -> None:
        """The weights are each layer's own."""
        if not self.learn_weights:
            raise ValueError(
                "learn_weights is False, but joint CPConv layers differ in their weights; use True"
            )
        for index, factor in enumerate(other.factors):
            self.factors[index] = factor

    def new_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Factors that transduction added, with their names."""
        for mode in self.temporal_modes:
            yield f"factors.{mode + 2}", self.factors[mode + 2]

    def options(self) -> dict[str, Any]:
        """Arguments of the constructor that make a layer of the same shape, but for device and dtype."""
        return super().options() | {
            "rank": self.rank,
            "learn_weights": self.learn_weights,
            "recompute": self.recompute,
        }


def _entries(tensors: nn.ParameterList) -> tuple[Tensor, ...]:
    """The entries of a list, from where it keeps them; its own iteration makes several Python calls for each.

    A parametrized entry is kept elsewhere, and the list is asked.
    """
    own, names = tensors._parameters, _NAMES[: len(tensors)]
    return tuple([own[name] for name in names]) if len(own) == len(names) else tuple(tensors)
