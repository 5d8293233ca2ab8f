"""Independent references and a space of options for the convolution tests."""

from __future__ import annotations

import numpy as np
import tensorly as tl
import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_MODULE = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def kernel_oracle(weights: Tensor, factors: list[Tensor]) -> Tensor:
    """TensorLy's own reconstruction."""
    arrays = [factor.detach().double().numpy() for factor in factors]
    with tl.backend_context("numpy", local_threadsafe=True):
        return torch.from_numpy(np.asarray(tl.cp_to_tensor((weights.detach().double().numpy(), arrays))))


def differentiable_kernel(weights: Tensor, factors: list[Tensor]) -> Tensor:
    """The definition as one einsum, for gradients."""
    letters = "abcde"[: len(factors)]
    return torch.einsum(",".join(["r", *(f"{x}r" for x in letters)]) + f"->{letters}", weights, *factors)


def torch_conv(x: Tensor, kernel: Tensor, *, bias: Tensor | None, options: dict) -> Tensor:
    """Dense convolution through torch's own module, whatever its padding."""
    module = CONV_MODULE[x.dim() - 2](
        kernel.shape[1],
        kernel.shape[0],
        tuple(kernel.shape[2:]),
        bias=bias is not None,
        dtype=x.dtype,
        **options,
    )
    tensors = {"weight": kernel} if bias is None else {"weight": kernel, "bias": bias}
    return torch.func.functional_call(module, tensors, (x,))


@st.composite
def convolutions(draw) -> dict:
    """A legal convolution: order, sizes, stride, padding, dilation, padding mode, bias, rank, seed."""
    order = draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(order))

    kernel, dilation, mode = (
        each(1, 4),
        each(1, 2),
        draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"])),
    )
    if draw(st.booleans()):
        padding, stride = draw(st.sampled_from(["same", "valid"])), (1,) * order
    else:
        padding, stride = each(0, 3), each(1, 3)
    window = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    # Large enough for the window and for every padding mode.
    size = tuple(w + 3 + draw(st.integers(0, 3)) for w in window)
    return {
        "size": size,
        "kernel": kernel,
        "options": {"stride": stride, "padding": padding, "dilation": dilation, "padding_mode": mode},
        "batch": draw(st.integers(1, 2)),
        "channels": (draw(st.integers(1, 4)), draw(st.integers(1, 4))),
        "rank": draw(st.integers(1, 5)),
        "bias": draw(st.booleans()),
        "channels_last": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**16)),
    }


def double(*shape: int) -> Tensor:
    """Random numbers in float64."""
    return torch.randn(*shape, dtype=torch.float64)
