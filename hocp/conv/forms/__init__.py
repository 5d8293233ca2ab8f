"""Equivalent ways to compute one CP convolution, from slow and obvious to fast; a file each.

Every form computes F = rho(psi(X x_0 U(C)^T)) x_0 (U(T) diag(lambda)) + bias (Section 3 of the paper, with
the printed names of the two channel factors exchanged: the factor of the *input* channels acts first).
``psi`` is the optional non-linearity in rank space; padding belongs to rho, hence comes after psi.

To add a form, write its class beside the others and enter it in `FORMS`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hocp.conv.forms.call import Call, Form, Operations, Psi, refusal
from hocp.conv.forms.chain import Chain
from hocp.conv.forms.dense import Dense
from hocp.conv.forms.fused import Fused
from hocp.conv.forms.kernel import kruskal_kernel
from hocp.conv.forms.merged import Merged
from hocp.conv.forms.views import Views

FORMS: dict[str, Form] = {form.name: form for form in (Chain(), Merged(), Views(), Dense(), Fused())}
IMPLEMENTATIONS = ("auto", *FORMS)

__all__ = [
    "FORMS",
    "IMPLEMENTATIONS",
    "Call",
    "Form",
    "Operations",
    "Psi",
    "able",
    "check_implementation",
    "kruskal_kernel",
    "refusal",
]


def check_implementation(name: str, known: Sequence[str] = IMPLEMENTATIONS, *, layer: str = "cp_conv") -> str:
    """The name, if it is one of those known.

    Raises
    ------
    ValueError
        If it is not.
    """
    if name not in known:
        raise ValueError(f"implementation of {layer} is {name!r}; expected one of {', '.join(known)}")
    return name


def able(call: Call) -> list[str]:
    """Names of the forms that can compute a call."""
    return [name for name, form in FORMS.items() if form.supports(call) is None]
