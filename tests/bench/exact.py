"""How far a float32 result is from float64: of dense convolutions for layers, of the dense twin for networks.

Shapes: B batch, C channels; spatial sizes time first, K taps.
    x, upstream, y   (B, C, D0, ...)
    kernel           (C, C, K0, ...)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from tests.bench import peers
from tests.bench.calls import prepare
from tests.bench.cases import LayerCase

_CONVOLVE = {2: nn.functional.conv2d, 3: nn.functional.conv3d}


def layer_error(result: Sequence[Tensor], name: str, case: LayerCase) -> float:
    """Largest relative error of output, input gradient and parameter gradients, each in its norm.

    Output and input gradient are compared for the first sample, parameter gradients for all.
    """
    found = [result[0][:1], *(tensor[:1] for tensor in result[1:2]), *result[2:]]
    return max(relative(a, b) for a, b in zip(found, _expected(_numbers(name), case), strict=False))


def relative(found: Tensor, expected: Tensor) -> float:
    """|| found - expected || / || expected ||."""
    return float((found.double() - expected).norm() / expected.norm())


def _numbers(name: str) -> str:
    """The peer that stands for all with the same numbers: the CP layers share theirs."""
    return "hocp chain" if name.startswith(("hocp", "tltorch")) else name


@lru_cache(maxsize=4)
def _expected(name: str, case: LayerCase) -> tuple[Tensor, ...]:
    """Output, input gradient, parameter gradients, by a dense convolution with the full kernel."""
    layer = peers.build(name, case).double()
    parameters = list(layer.parameters())
    full = peers.kernel(name, layer, case.order)
    example = prepare(nn.Identity(), case.input_shape, "contiguous", layer=True)
    x = example.x[:1].double().requires_grad_()
    y = _CONVOLVE[case.order](x, full.detach(), padding=1)
    (of_input,) = torch.autograd.grad(y, x, example.upstream[:1].double())
    of_parameters = torch.autograd.grad(full, parameters, _kernel_gradient(case.input_shape))
    return y.detach(), of_input, *of_parameters


@lru_cache(maxsize=1)
def _kernel_gradient(shape: tuple[int, ...]) -> Tensor:
    """Gradient for the full kernel, the same whatever the kernel is."""
    example = prepare(nn.Identity(), shape, "contiguous", layer=True)
    order, channels = len(shape) - 2, shape[1]
    nothing = torch.zeros(channels, channels, *(3,) * order, dtype=torch.float64, requires_grad=True)
    y = _CONVOLVE[order](example.x.double(), nothing, padding=1)
    (gradient,) = torch.autograd.grad(y, nothing, example.upstream.double())
    return gradient
