"""Rebuild the kernel, then convolve: cheapest where the rank is large.

Shapes as in `hocp.conv.forms.call`; kernel (T, C / g, K0, ...).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor

from hocp.conv.forms.call import Call, Form, Operations, Psi, refusal
from hocp.conv.forms.kernel import kruskal_kernel
from hocp.conv.geometry import Geometry
from hocp.conv.nd import channels_last, computed_in, conv_nd

LANES = 16  # oneDNN pads the channels of a convolution to whole blocks

NOT_LINEAR = "with a rank-space norm or activation the layer is no single linear convolution"


class Dense(Form):
    """One dense convolution with the full kernel."""

    name = "dense"

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
        if psi is not None:
            raise refusal(self.name, NOT_LINEAR)
        return conv_nd(x, dense_kernel(weights, factors), bias=bias, geometry=geometry, groups=groups)

    def supports(self, call: Call) -> str | None:
        return NOT_LINEAR if call.psi else None

    def work(self, call: Call) -> Operations:
        own = (call.in_channels // call.groups, call.out_channels // call.groups)
        taps = prod(call.geometry.kernel_size)
        kernel, columns = call.out_channels * own[0] * taps, own[0] * taps * call.rank
        padded = call.groups * prod(-(-channels // LANES) * LANES for channels in own) * taps
        rebuilds = 0 if call.kept and not call.training else 1
        elements = (
            call.positions_in * call.in_channels
            + call.positions_out * call.out_channels
            + kernel
            + rebuilds * 2 * (columns + kernel)
        )
        times = 3 if call.training else 1
        convolution, rebuilding = padded * call.positions_out, rebuilds * kernel * call.rank
        native = _is_native(call)
        return Operations(
            matrix=2.0 * times * (rebuilding + (0 if native else convolution)),
            other=2.0 * times * (convolution if native else 0),
            bytes=float(times * elements * call.dtype.itemsize),
            launches=times * (1 + rebuilds * (call.order + 3)),
            saved=float((columns + kernel) * call.dtype.itemsize) if call.training else 0.0,
        )


def _is_native(call: Call) -> bool:
    """Whether torch takes its own, slower convolution: on a processor, for one small sample.

    The rule of ``use_mkldnn`` in ATen/native/Convolution.cpp.
    """
    alone = call.batch == 1 and call.groups == 1 and min(call.geometry.kernel_size[-2:]) <= 3
    return alone and call.device == "cpu" and call.in_channels * prod(call.size[:2]) <= 20480


def dense_kernel(weights: Tensor, factors: Sequence[Tensor]) -> Tensor:
    """The full kernel (T, C / g, K0, ...) in the memory format that its convolution wants.

    On a processor that is channels last: in a network with batch norms and ReLUs 10 to 40 % faster. On a GPU
    it is so in 16 bits, for tensor cores want it.
    """
    kernel = kruskal_kernel(weights, factors)
    last = kernel.device.type == "cpu" or computed_in(kernel).itemsize == 2
    return channels_last(kernel) if last else kernel
