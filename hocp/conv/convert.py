"""From dense convolutions to factorized layers, one by one or jointly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from inspect import signature
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from hocp.conv.dense import geometry_of

if TYPE_CHECKING:
    from hocp.conv.layer import FactorizedConv
    from hocp.conv.solvers.fit import Fit

CHANNELS = ("in_channels", "out_channels", "groups", "bias")
GEOMETRY = ("kernel_size", "stride", "padding", "dilation", "padding_mode")


class Convertible(ABC):
    """Classmethods that make a layer of convolutions; a factorization says how to fit and what to share."""

    solver: Callable[..., Any]  # fit_cp and the like, whose options `from_conv` takes

    @classmethod
    def from_conv(
        cls, conv: nn.Module, *, rank: Any, solver: Mapping[str, Any] | None = None, **options: Any
    ) -> Self:
        """Factorize a dense convolution, in float64; ``layer.fit`` tells how well that went.

        Parameters
        ----------
        conv : nn.Conv1d, nn.Conv2d, nn.Conv3d or hocp.conv.ConvNd
            Stays untouched. Geometry, groups, bias, dtype, device, mode of training and what is trainable are
            taken over.
        rank
            As the constructor takes it.
        solver : mapping, optional
            Options of `fit_cp`, `fit_tucker` or `fit_tt`, such as ``{"seconds": 10}``.
        **options
            Of the constructor.

        Raises
        ------
        ValueError
            If the module is no plain convolution, its kernel is not finite, an option would change the
            function, or the solver refuses the rank.
        """
        return convolution(cls, conv, rank=rank, solver=solver, options=options)

    @classmethod
    def from_convs(
        cls, convs: Sequence[nn.Module], *, rank: Any, solver: Mapping[str, Any] | None = None, **options: Any
    ) -> list[Self]:
        """Factorize several convolutions as one joint tensor with a mode for the layers, as T-Net does.

        The layers that come back share every tensor but one, into which the factor of the layer mode is
        multiplied: the weights (CP), the core (Tucker) or the first core (TT).

        Raises
        ------
        ValueError
            As `from_conv`, or if the kernels or groups differ in shape.
        """
        return joint_convolutions(cls, convs, rank=rank, solver=solver, options=options)

    @classmethod
    @abstractmethod
    def _fit(cls, kernel: Tensor, rank: Any, **solver: Any) -> tuple[Any, ...]:
        """Tensors of `from_factors`, then the fit."""

    @classmethod
    @abstractmethod
    def _fit_joint(cls, kernels: Tensor, rank: Any, **solver: Any) -> tuple[list[tuple[Any, ...]], Any]:
        """Of stacked kernels (L, T, C / g, K0, ...): the tensors of each layer, then the fit."""

    @abstractmethod
    def _share_with(self, other: Self) -> None:
        """Hold the very tensors of another layer, but for the one that is each layer's own."""


def convolution(
    kind: type[FactorizedConv],
    conv: nn.Module,
    *,
    rank: Any,
    solver: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> FactorizedConv:
    """What `FactorizedConv.from_conv` returns."""
    geometry_of(conv)  # before the solver works for a module that is none
    solver = checked_solver(kind, solver, where=kind.__name__)
    _check_options(kind, options)
    *tensors, fit = kind._fit(conv.weight.detach(), rank, **solver)
    return in_place_of(conv, kind, tensors=tensors, fit=fit, options=options)


def joint_convolutions(
    kind: type[FactorizedConv],
    convs: Sequence[nn.Module],
    *,
    rank: Any,
    solver: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> list[FactorizedConv]:
    """What `FactorizedConv.from_convs` returns."""
    if isinstance(convs, nn.Module) and not hasattr(convs, "__iter__"):
        raise ValueError(
            f"from_convs of {kind.__name__} got a {type(convs).__name__}; expected a list of convolutions, "
            "or use from_conv"
        )
    found = [(geometry_of(conv).kernel_size, tuple(conv.weight.shape), conv.groups) for conv in convs]
    if len(set(found)) != 1:
        shapes = ", ".join(f"{shape} with groups={groups}" for _, shape, groups in found) or "none"
        raise ValueError(
            f"from_convs of {kind.__name__} got kernels of shapes {shapes}; expected at least one layer, and "
            "the same shape and groups for all"
        )
    solver = checked_solver(kind, solver, where=kind.__name__)
    _check_options(kind, options)
    stack = torch.stack([conv.weight.detach().to(convs[0].weight) for conv in convs])
    parts, fit = kind._fit_joint(stack, rank, **solver)
    layers = [
        in_place_of(conv, kind, tensors=tensors, fit=fit, options=options)
        for conv, tensors in zip(convs, parts, strict=True)
    ]
    for layer in layers[1:]:
        layer._share_with(layers[0])
    return layers


def in_place_of(
    conv: nn.Module,
    kind: type[FactorizedConv],
    *,
    tensors: Sequence[Tensor | Sequence[Tensor]],
    fit: Fit,
    options: Mapping[str, Any],
) -> FactorizedConv:
    """A layer of these tensors that stands where the convolution stood."""
    geometry = geometry_of(conv)
    names = ("stride", "padding", "dilation", "padding_mode")
    taken_over = {name: getattr(geometry, name) for name in names} | {"groups": conv.groups}
    cast = [_like(part, conv.weight) for part in tensors]
    layer = kind.from_factors(*cast, bias=conv.bias, **(taken_over | dict(options)))
    layer.requires_grad_(conv.weight.requires_grad)
    if layer.bias is not None:
        layer.bias.requires_grad_(conv.bias.requires_grad)
    layer.fit = _of_stored_kernel(fit, layer, conv)
    return layer.train(conv.training)


@torch.no_grad()
def _of_stored_kernel(fit: Fit, layer: FactorizedConv, conv: nn.Module) -> Fit:
    """The fit with the error of this layer's own kernel, rounded as its dtype stores it."""
    wanted = conv.weight.to("cpu", torch.float64)
    stored = deepcopy(layer).to("cpu", torch.float64).to_kernel()
    if not stored.isfinite().all():
        raise ValueError(
            f"a {type(layer).__name__} of this kernel has numbers that {conv.weight.dtype} cannot hold; "
            "convert the network to torch.float32 first"
        )
    peak = wanted.abs().amax() if wanted.numel() else wanted.new_zeros(())
    if not peak:
        return fit
    error = ((stored - wanted) / peak).norm() / (wanted / peak).norm()  # by the peak, lest a square overflow
    return replace(fit, relative_error=float(error))


def _like(part: Tensor | Sequence[Tensor], weight: Tensor) -> Tensor | list[Tensor]:
    """In the dtype and on the device of the convolution."""
    return part.to(weight) if isinstance(part, Tensor) else [each.to(weight) for each in part]


def checked_solver(
    kind: type[FactorizedConv], solver: Mapping[str, Any] | None, *, where: str
) -> dict[str, Any]:
    """Options that the solver of this kind knows.

    Raises
    ------
    ValueError
        If they are no mapping, or one is unknown.
    """
    if solver is None:
        return {}
    if not isinstance(solver, Mapping):
        raise ValueError(f"solver of {where} is {solver!r}; expected its options, such as {{'seed': 1}}")
    legal = options_of(kind.solver)
    for name, value in solver.items():
        if name not in legal:
            raise ValueError(
                f"solver of {where} has {name}={value!r}; expected options of "
                f"hocp.conv.{kind.solver.__name__}: {', '.join(legal)}"
            )
    return dict(solver)


def options_of(function: Callable[..., Any]) -> list[str]:
    """Names of a function's keyword-only arguments."""
    found = signature(function).parameters.values()
    return [parameter.name for parameter in found if parameter.kind is parameter.KEYWORD_ONLY]


def _check_options(kind: type[FactorizedConv], options: Mapping[str, Any]) -> None:
    """Refuse what would make a layer that computes something else than the convolution did."""
    for name in ("rank_norm", "rank_activation", "skip"):
        if options.get(name) is not None:
            raise ValueError(
                f"{name} is {options[name]!r}, but a {kind.__name__} made of a convolution computes what "
                "that one did; leave it out, or build a fresh layer"
            )
    for name in (*CHANNELS, *GEOMETRY):
        if name in options:
            raise ValueError(
                f"{name} is {options[name]!r}, but a {kind.__name__} made of a convolution takes it over "
                "from that one; leave it out, or change the convolution"
            )
