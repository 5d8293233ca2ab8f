"""The definition, word for word: 1x1, one depthwise 1-D convolution a mode, 1x1.

Shapes as in `hocp.conv.forms.call`; z (B g, R, D0, ...) is the rank space.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from hocp.conv.forms.call import Call, Form, Operations, Psi
from hocp.conv.forms.counting import count
from hocp.conv.forms.stages import depthwise_mode, fold_groups
from hocp.conv.geometry import Geometry
from hocp.conv.nd import pad, pointwise


class Chain(Form):
    """All stages through torch's convolution of the same order, in the input's memory format."""

    name = "chain"

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
        z = pointwise(fold_groups(x, groups), factors[1].t())
        z = z if psi is None else psi(z)
        z = _depthwise(z, factors[2:], geometry=geometry)
        z = z.reshape(x.shape[0], groups * weights.numel(), *z.shape[2:])
        return pointwise(z, factors[0] * weights, bias, groups=groups)

    def work(self, call: Call) -> Operations:
        return count(call, [(mode,) for mode in range(call.order)])


def _depthwise(z: Tensor, factors: Sequence[Tensor], *, geometry: Geometry) -> Tensor:
    """One depthwise 1-D convolution after the other, each with the stride and padding of its own mode."""
    if not geometry.symmetric_zeros:
        z, geometry = pad(z, geometry), geometry.unpadded()
    for mode, factor in enumerate(factors):
        z = depthwise_mode(z, factor, mode, geometry=geometry)
    return z
