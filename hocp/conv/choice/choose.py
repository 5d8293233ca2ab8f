"""The form that computes a call: the one asked for by name, or the fastest.

Shapes as in `hocp.conv.functional`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from hocp.conv.forms import FORMS, Call, Form, refusal


def form_for(
    implementation: str, x: Tensor, weights: Tensor, factors: Sequence[Tensor], **options: Any
) -> Form:
    """The named form, or the one chosen for 'auto'; ``options`` are those of `Call.of`.

    Raises
    ------
    ValueError
        If the named form cannot compute the call.
    """
    if is_transformed():
        return by_shape(factors, **options) if implementation == "auto" else FORMS[implementation]
    call = Call.of(x, weights, factors, **options)
    if implementation == "auto":
        return choose(call)
    form = FORMS[implementation]
    reason = form.supports(call)
    if reason is not None:
        raise refusal(form.name, reason)
    return form


def is_transformed() -> bool:
    """Whether torch only looks at the call, to repeat it with other sizes or on batches of it.

    So do torch.compile, torch.export and torch.jit.trace, and vmap, grad and the like of torch.func.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return True
    return torch._C._are_functorch_transforms_active()


def choose(call: Call) -> Form:
    """The form expected to be fastest for a call."""
    c, t, g = call.in_channels, call.out_channels, call.groups
    taps, rebuild = prod(call.geometry.kernel_size), 1 + call.rank / max(call.positions_in, 1)
    if call.psi or call.device != "cpu" or call.order > 3:
        return FORMS["views"]
    dense = max(c // g, 16) * max(t, 16) * taps * rebuild
    return FORMS["dense" if dense < call.rank * (c + t + 250 * g) else "views"]


def by_shape(factors: Sequence[Tensor], *, groups: int, psi: Any, **_: Any) -> Form:
    """The form for a call of which the sizes are not known: 'views', or 'dense' at large rank.

    Written in plain numbers, for torch.compile to follow. A position costs 'views' about R (C + T + 250 g)
    operations, where 250 stands for the memory traffic of the R-channel activations, and 'dense' the size of
    its kernel, with layers of fewer than 16 channels paid as if they had 16.
    """
    (t, rank), c = factors[0].shape, factors[1].shape[0]
    taps = prod([factor.shape[0] for factor in factors[2:]])  # a list: torch.compile cannot take a generator
    large = max(c, 16) * max(t, 16) * taps < rank * (c * groups + t + 250 * groups)
    known = psi is None and factors[0].device.type == "cpu" and len(factors) <= 5
    return FORMS["dense" if large and known else "views"]
