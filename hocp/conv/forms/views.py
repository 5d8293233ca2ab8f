"""Matrix products for the 1x1 stages, depthwise conv2d on free views between them; channels last.

Shapes as in `hocp.conv.forms.call`; z (B g, D0, ..., R) is the rank space.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor
from torch.nn import functional as F

from hocp.conv.forms.call import Call, Form, Operations, Psi
from hocp.conv.forms.counting import count
from hocp.conv.forms.stages import conv_mode, depthwise, enter_rank_space, leave_rank_space
from hocp.conv.geometry import Geometry
from hocp.conv.nd import pad


class Views(Form):
    """Without one conv3d call: oneDNN has fast depthwise kernels for conv2d only.

    The backward pass of its depthwise conv3d is 5 to 10 times slower.
    """

    name = "views"

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
        z = enter_rank_space(x, factors[1], groups=groups, psi=psi)
        z = _depthwise(z, factors[2:], geometry=geometry)
        return leave_rank_space(z, factors[0] * weights, bias, groups=groups)

    def work(self, call: Call) -> Operations:
        pair = max(call.order - 2, 0)
        stages = [tuple(range(pair, call.order)), *((mode,) for mode in reversed(range(pair)))]
        return count(call, stages, copies=not call.channels_last)


def _depthwise(z: Tensor, factors: Sequence[Tensor], *, geometry: Geometry) -> Tensor:
    """All depthwise 1-D convolutions of (B, D0, ..., R).

    The last two modes are merged into one 2-D kernel, with the earlier modes folded into the batch; every
    earlier mode is the first mode of a view whose second mode holds all later ones.
    """
    if not geometry.symmetric_zeros:
        z = pad(z.movedim(-1, 1), geometry).movedim(1, -1)
        geometry = geometry.unpadded()
    pair = max(geometry.order - 2, 0)
    z = _last_modes(z, factors[pair:], geometry, pair)
    for mode in reversed(range(pair)):
        z = conv_mode(z, depthwise(factors[mode]), mode, geometry=geometry)
    return z


def _last_modes(z: Tensor, factors: Sequence[Tensor], geometry: Geometry, first: int) -> Tensor:
    """The last two modes (or the only one) as one depthwise conv2d on (B*, H, W, R)."""
    rank = z.shape[-1]
    if len(factors) == 1:
        return conv_mode(z, depthwise(factors[0]), first, geometry=geometry)
    kernel = (factors[0].unsqueeze(1) * factors[1]).permute(2, 0, 1).unsqueeze(1)
    folded = z.reshape(prod(z.shape[:-3]), *z.shape[-3:]).permute(0, 3, 1, 2)
    padding = tuple(before for before, _ in geometry.padding[first:])
    out = F.conv2d(folded, kernel, None, geometry.stride[first:], padding, geometry.dilation[first:], rank)
    out = out.permute(0, 2, 3, 1)
    return out.reshape(*z.shape[:-3], *out.shape[1:])
