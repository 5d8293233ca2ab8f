"""All stages in one compiled call; with a batch norm in rank space, in two. See `hocp.conv.kernels`.

Shapes as in `hocp.conv.forms.call`; u (C, R) and v (T, R) are the factors of the channels; z is the first
product, in the panels of `hocp.conv.kernels.native`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv.block import RankSpace, folded
from hocp.conv.forms.call import Call, Computation, Form, Operations, Psi, is_transformed
from hocp.conv.forms.counting import count
from hocp.conv.forms.views import Views
from hocp.conv.geometry import Geometry
from hocp.conv.kernels import build, native
from hocp.conv.kernels.functions import Convolution, Product, Rest
from hocp.conv.kernels.plan import DTYPES, MODES, Plan, plan_of
from hocp.conv.nd import is_channels_last


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
        run = self.prepare(x, weights, factors, recompute=False, bias=bias, geometry=geometry)
        return run(x, weights, factors, bias)

    def compute_keeping_input(
        self, x: Tensor, weights: Tensor, factors: Sequence[Tensor], *, norm: nn.Module | None, **options: Any
    ) -> Tensor:
        if options["psi"] is not None:
            return super().compute_keeping_input(x, weights, factors, norm=norm, **options)
        run = self.prepare(x, weights, factors, recompute=True, **options)
        return run(x, weights, factors, options["bias"])

    def prepare(
        self, x: Tensor, weights: Tensor, factors: Sequence[Tensor], *, recompute: bool, **options: Any
    ) -> Computation:
        plan = _plan(x, weights, factors, bias=options["bias"], geometry=options["geometry"])
        if _learns(x, weights, *factors, options["bias"]):
            return partial(_with_node, plan, keep=not recompute)
        return partial(native.forward, plan)

    def supports(self, call: Call) -> str | None:
        if call.device != "cpu":
            return "it runs on the processor only"
        if call.dtype not in DTYPES:
            return f"it knows float32 and float64, not {str(call.dtype).removeprefix('torch.')}"
        if call.order > MODES:
            return f"it knows orders 1 to {MODES}"
        if call.groups > 1:
            return "it knows no groups"
        if call.geometry.padding_mode != "zeros":
            return "it pads with zeros only"
        if call.psi == "other":
            return "in rank space it knows batch norm and ReLU, as layers have them, without hooks"
        return build.unavailable()

    def work(self, call: Call) -> Operations:
        work = count(call, [tuple(range(call.order))])
        kept = call.positions_in * call.rank * call.dtype.itemsize if call.training else 0
        return replace(work, launches=3 if call.training else 2, saved=float(kept))


def _plan(
    x: Tensor, weights: Tensor, factors: Sequence[Tensor], *, bias: Tensor | None, geometry: Geometry
) -> Plan:
    """The plan of a call whose tensors are sure to fit: the library finds their numbers by address alone.

    Raises
    ------
    ValueError
        If a tensor has another shape, dtype or device than the others and the geometry ask for.
    """
    out_channels, rank = factors[0].shape
    heights = (out_channels, x.shape[1], *geometry.kernel_size)
    given, expected = [weights, *factors], [(rank,), *((height, rank) for height in heights)]
    if bias is not None:
        given, expected = [*given, bias], [*expected, (out_channels,)]
    fits = len(given) == len(expected) and all(
        tensor.shape == shape and tensor.dtype == x.dtype and tensor.device == x.device
        for tensor, shape in zip(given, expected, strict=True)
    )
    if not fits:
        found = ", ".join(f"{tuple(t.shape)} of {t.dtype} on {t.device}" for t in given)
        raise ValueError(
            f"lambda, factors and bias of a CP convolution are {found}; expected the shapes "
            f"{', '.join(map(str, expected))}, of {x.dtype} on {x.device} as the input"
        )
    return plan_of(x.shape, geometry, out_channels=out_channels, rank=rank, dtype=x.dtype)


def _with_node(
    plan: Plan, x: Tensor, weights: Tensor, factors: Sequence[Tensor], bias: Tensor | None, *, keep: bool
) -> Tensor:
    """With a node in the graph, which keeps z for the backward pass if asked."""
    return Convolution.apply(plan, keep, bias, x, weights, *factors)


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
    plan, (v, u, *modes) = _plan(x, weights, factors, bias=bias, geometry=geometry), factors
    z = Product.apply(plan, x, u)
    scale, shift = (None, None) if psi.norm is None else psi.affine() or _of_batch(psi.norm, z)
    relu, first = psi.activation is not None, not is_channels_last(x)
    return Rest.apply(plan, relu, first, bias, z, scale, shift, weights, v, *modes)


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
