"""The form that computes a call: the one asked for by name, or the fastest.

Shapes as in `hocp.conv.functional`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

from torch import Tensor

from hocp.conv.choice.decide import UNKNOWN, decide
from hocp.conv.choice.tuning import known
from hocp.conv.forms import FORMS, Call, Form, refusal
from hocp.conv.forms.call import is_transformed


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


_changes = 0


@lru_cache(maxsize=4096)
def choose(call: Call) -> Form:
    """The form expected to be fastest for a call; remembered, since every call of a layer asks."""
    return FORMS[decide(call).taken]


def reconsider() -> None:
    """Forget what was chosen, after something new was measured."""
    global _changes
    _changes += 1
    choose.cache_clear()


def read_again() -> None:
    """Forget all that is known but for the tuning file, and read that anew when next asked."""
    known.cache_clear()
    reconsider()


def changes() -> int:
    """How often what was chosen has been forgotten."""
    return _changes


def by_shape(factors: Sequence[Tensor], *, groups: int, psi: Any, **_: Any) -> Form:
    """The form for a call of which the sizes are not known: 'views', or 'dense' at large rank.

    Written in plain numbers, for torch.compile to follow. A position costs 'views' about R (C + T + 250 g)
    operations, where 250 stands for the memory traffic of the R-channel activations, and 'dense' the size of
    its kernel, with layers of fewer than 16 channels paid as if they had 16.
    """
    (t, rank), c = factors[0].shape, factors[1].shape[0]
    taps = prod([factor.shape[0] for factor in factors[2:]])  # a list: torch.compile cannot take a generator
    large = max(c, 16) * max(t, 16) * taps < rank * (c * groups + t + 250 * groups)
    judged = psi is None and factors[0].device.type == "cpu" and len(factors) <= 5
    return FORMS["dense" if large and judged else UNKNOWN]
