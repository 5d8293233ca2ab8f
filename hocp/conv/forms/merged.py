"""1x1, one depthwise N-d convolution with all spatial factors merged, 1x1: fewest passes over the rank space.

Shapes as in `hocp.conv.forms.call`; z (B g, R, D0, ...) is the rank space.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from hocp.conv.forms.call import Call, Form, Operations, Psi
from hocp.conv.forms.counting import count
from hocp.conv.forms.kernel import khatri_rao
from hocp.conv.forms.stages import fold_groups
from hocp.conv.geometry import Geometry
from hocp.conv.nd import conv_nd, pointwise


class Merged(Form):
    """All stages through torch's convolution of the same order, in the input's memory format.

    It multiplies prod K numbers a
    position where the chain multiplies sum K, and reads and writes the rank space once instead of N times.
    """

    name = "merged"

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
        rank = weights.numel()
        kernel = khatri_rao(factors[2:]).t().reshape(rank, 1, *geometry.kernel_size)
        z = conv_nd(z, kernel, geometry=geometry, groups=rank)
        z = z.reshape(x.shape[0], groups * rank, *z.shape[2:])
        return pointwise(z, factors[0] * weights, bias, groups=groups)

    def work(self, call: Call) -> Operations:
        return count(call, [tuple(range(call.order))])
