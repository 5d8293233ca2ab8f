"""CP convolution as a function; see `hocp.conv.cp` for the module.

Shapes: B batch, C input channels, T output channels, g groups, R rank; D0, ... spatial sizes, time first; K0,
... taps.
    x        (B, C, D0, ...)                    input, the batch may be missing
    factors  (T, R), (C / g, R), (K0, R), ...   in TensorLy's order
    weights  (R,)                               lambda
    result   (B, T, D0', ...)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv import forms
from hocp.conv.checks import check_bias, check_channels, check_flag, check_groups, check_rank, check_tensors
from hocp.conv.choice.choose import form_for
from hocp.conv.forms.call import is_transformed
from hocp.conv.forms.kept import KeptKernel
from hocp.conv.geometry import Geometry
from hocp.conv.nd import conv_nd, in_format_of, with_gradient_in_format


def cp_conv(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | str | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    psi: Callable[[Tensor], Tensor] | None = None,
    implementation: str = "auto",
    recompute: bool = False,
) -> Tensor:
    """Convolve with the kernel W[t, s, i, ...] = sum_r weights[r] U0[t, r] U1[s, r] U2[i, r] ...

    Parameters
    ----------
    x : Tensor, (B, C, D0, ...) or (C, D0, ...)
    weights : Tensor, (R,)
    factors : sequence of Tensor, (T, R), (C / g, R), (K0, R), ...
    bias : Tensor, (T,), optional
    stride, padding, dilation, groups, padding_mode
        As in ``torch.nn.ConvNd``; padding also as (before, after) pairs.
    psi : callable (B g, R, D0, ...) -> (B g, R, D0, ...), optional
        Non-linearity between the first 1x1 stage and the depthwise ones.
    implementation : {'auto', 'chain', 'merged', 'views', 'dense'}
        Equal results by different computations; see `hocp.conv.forms`. 'auto' takes the one that is fastest
        for this call; `hocp.conv.explain` says why.
    recompute : bool, default False
        Keep only the input for the backward pass, and compute once more what lies between; ``psi`` is then
        called twice.

    Returns
    -------
    Tensor, (B, T, D0', ...) or (T, D0', ...)
        In the memory format of the input.

    Raises
    ------
    ValueError
        If shapes do not fit or an option is unknown.
    """
    check_factors(weights, factors, layer="cp_conv")
    geometry = Geometry(
        tuple(factor.shape[0] for factor in factors[2:]), stride, padding, dilation, padding_mode
    )
    forms.check_implementation(implementation)
    check_flag(recompute, layer="cp_conv", name="recompute")
    groups = check_rank(groups, layer="cp_conv", name="groups")
    out_channels, channels = factors[0].shape[0], factors[1].shape[0] * groups
    check_groups(channels, out_channels, groups, layer="cp_conv")
    check_bias(bias, out_channels, layer="cp_conv")
    psi = None if psi is None else _keeping_shape(psi)
    batched = check_channels(x, channels, order=geometry.order, layer="cp_conv", like=factors[1])
    options = {"bias": bias, "geometry": geometry, "groups": groups, "psi": psi}
    how = {"implementation": implementation, "recompute": recompute}
    geometry.output_size(batched.shape[2:])
    y = compute(with_gradient_in_format(batched), weights, factors, **how, **options)
    y = in_format_of(y, batched)
    return y if batched is x else y.squeeze(0)


def _keeping_shape(psi: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The non-linearity, refused where it changes the shape: what is left would be broadcast in silence."""
    if not callable(psi):
        raise ValueError(f"psi of cp_conv is {psi!r}; expected None or a function of a tensor")

    def checked(z: Tensor) -> Tensor:
        result = psi(z)
        if result.shape != z.shape:
            raise ValueError(
                f"psi of cp_conv made {tuple(result.shape)} of {tuple(z.shape)}; expected the same shape"
            )
        return result

    return checked


def compute(
    x: Tensor,
    weights: Tensor,
    factors: Sequence[Tensor],
    *,
    implementation: str,
    recompute: bool = False,
    norm: nn.Module | None = None,
    kept: KeptKernel | None = None,
    **options: Any,
) -> Tensor:
    """Compute by the named form; the result may have any memory format.

    ``norm`` is the batch norm within psi, if there is one; ``kept`` holds the kernel of a layer whose factors
    stay the same. ``options`` are bias, geometry, groups and psi.
    """
    form = form_for(implementation, x, weights, factors, kept=kept is not None, **options)
    if kept is not None and form.name == "dense":
        linear = {name: option for name, option in options.items() if name != "psi"}
        return conv_nd(x, kept.of(weights, factors), **linear)
    if recompute and torch.is_grad_enabled() and not is_transformed():
        return form.compute_keeping_input(x, weights, factors, norm=norm, **options)
    return form.compute(x, weights, factors, **options)


def check_factors(weights: Tensor, factors: Sequence[Tensor], *, layer: str) -> None:
    """Refuse factors that do not belong together."""
    check_tensors([weights], layer=layer, name="weights")
    check_tensors(factors, layer=layer)
    shapes = [tuple(factor.shape) for factor in factors]
    ranks = {shape[-1] if len(shape) == 2 else None for shape in shapes}
    if len(shapes) < 3 or ranks != {weights.numel()} or weights.dim() != 1:
        raise ValueError(
            f"{layer}: weights of shape {tuple(weights.shape)} and factors of shapes {shapes} do not belong "
            "together; expected (R,) and (T, R), (C / groups, R), then (K, R) for each spatial mode"
        )
