"""All stages in one compiled call; with a batch norm in rank space, in two. See `hocp.conv.kernels`.

Shapes as in `hocp.conv.forms.call`; u (C, R) and v (T, R) are the factors of the channels; z is the first
product, in the panels of `hocp.conv.kernels.native`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv.block import RankSpace, folded
from hocp.conv.forms.call import Call, Form, Operations, Psi, is_transformed
from hocp.conv.forms.counting import count
from hocp.conv.forms.views import Views
from hocp.conv.geometry import Geometry
from hocp.conv.kernels import build, native
from hocp.conv.kernels.functions import Convolution, Product, Rest
from hocp.conv.kernels.native import Layer


class Fused(Form):
    """Panels of the rank stay in a core's cache from stage to stage; the backward pass keeps x and z.

    Where torch looks into the call, as torch.compile does, it computes as 'views' does.
    """

    name = "fused"

    def compute(
        self,
        x: Tensor,
        weights: Tensor,
        factors: Sequence[Tensor],
        *,
        bias: Tensor | None,
        geometry: Geometry,
        groups: int,
        psi: Psi | None,
    ) -> Tensor:
        if is_transformed():
            options = {"bias": bias, "geometry": geometry, "groups": groups, "psi": psi}
            return Views().compute(x, weights, factors, **options)
        if psi is not None:
            return _with_psi(x, weights, factors, bias=bias, geometry=geometry, psi=psi)
        return _convolve(x, weights, factors, bias=bias, geometry=geometry, keep=True)

    def compute_keeping_input(
        self, x: Tensor, weights: Tensor, factors: Sequence[Tensor], *, norm: nn.Module | None, **options: Any
    ) -> Tensor:
        if options["psi"] is not None:
            return super().compute_keeping_input(x, weights, factors, norm=norm, **options)
        return _convolve(x, weights, factors, bias=options["bias"], geometry=options["geometry"], keep=False)

    def supports(self, call: Call) -> str | None:
        if call.device != "cpu":
            return "it runs on the processor only"
        if call.dtype not in native.DTYPES:
            return f"it knows float32 and float64, not {str(call.dtype).removeprefix('torch.')}"
        if call.order > native.MODES:
            return f"it knows orders 1 to {native.MODES}"
        if call.groups > 1:
            return "it knows no groups"
        if call.geometry.padding_mode != "zeros":
            return "it pads with zeros only"
        if call.psi == "other":
            return "in rank space it knows batch norm and ReLU, as layers have them, without hooks"
        return build.unavailable()

    def work(self, call: Call) -> Operations:
        work = count(call, [tuple(range(call.order))], copies=not call.channels_last)
        kept = call.positions_in * call.rank * call.dtype.itemsize if call.training else 0
        return replace(work, launches=3 if call.training else 2, saved=float(kept))


def _convolve(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    geometry: Geometry,
    keep: bool,
) -> Tensor:
    """With a node in the graph where one is wanted, which keeps z for the backward pass if asked."""
    layer, (v, u, first, *others) = Layer(x.shape, geometry), factors
    if _learns(x, weights, *factors, bias):
        return Convolution.apply(layer, keep, bias, x, u, v, weights, first, *others)
    return native.forward(layer, x, u, v, [first * weights, *others], bias=bias, keep=False)[0]


def _learns(*tensors: Tensor | None) -> bool:
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors if t is not None)


def _with_psi(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None,
    geometry: Geometry,
    psi: RankSpace,
) -> Tensor:
    """The norm is one scale and shift a component, which the second call applies as it reads z."""
    layer, (v, u, first, *others) = Layer(x.shape, geometry), factors
    z = Product.apply(layer, x, u)
    scale, shift = (None, None) if psi.norm is None else psi.affine() or _of_batch(psi.norm, z)
    return Rest.apply(layer, psi.activation is not None, bias, z, scale, shift, v, first * weights, *others)


def _of_batch(norm: nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift (R,) of a batch norm by the batch's statistics, which its running ones follow."""
    if z.shape[1] == 1:
        raise ValueError(
            "rank_norm got one value a channel, of which training takes no variance; use a larger batch "
            "or input, or eval()"
        )
    both = torch.var_mean(z, dim=1, correction=0)
    variance, mean = (each.flatten()[: norm.num_features] for each in both)
    if norm.training and norm.track_running_stats:
        _track(norm, mean.detach(), variance.detach(), count=z.shape[1])
    return folded(norm, mean, variance)


@torch.no_grad()
def _track(norm: nn.Module, mean: Tensor, variance: Tensor, *, count: int) -> None:
    """Update running statistics as torch's batch norm does: with the unbiased variance."""
    norm.num_batches_tracked.add_(1)
    share = norm.momentum if norm.momentum is not None else 1 / float(norm.num_batches_tracked)
    norm.running_mean.lerp_(mean, share)
    norm.running_var.lerp_(variance * (count / (count - 1)), share)
