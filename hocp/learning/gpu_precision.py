"""The arithmetic that the GPU check compares: full float32, float32 with TF32, bfloat16 under autocast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Precision:
    """One way to compute, and how far from float64 it may be.

    Attributes
    ----------
    name : str
    tf32 : bool
        Whether matrix products and convolutions of float32 may round their factors to 11 bits.
    bf16 : bool
        Whether autocast rounds activations and parameters to 8 bits.
    bounds : dict
        Largest (output error, gradient error) by probe: Frobenius norm of the difference, relative to that
        of the reference; None is reported but not judged. On a CPU, float32 and bfloat16 stay below them in
        every network; TF32, which a CPU lacks, rounds fewer numbers than bfloat16 and to three bits more. A
        gradient that has nothing to do with the reference is off by 1 or more.
    """

    name: str
    tf32: bool
    bf16: bool
    bounds: dict[str, tuple[float, float | None]]


# Rounding flips units of a network with ReLU and max pooling, and each flip changes its gradient at once: how
# far the gradient is off says how many, not how well was computed. The smooth probe has neither.
PRECISIONS = (
    Precision("fp32", tf32=False, bf16=False, bounds={"as_built": (1e-4, 1e-1), "smooth": (1e-4, 1e-3)}),
    Precision("tf32", tf32=True, bf16=False, bounds={"as_built": (2e-1, None), "smooth": (1e-1, 2e-1)}),
    Precision("bf16", tf32=False, bf16=True, bounds={"as_built": (6e-1, None), "smooth": (3e-1, 6e-1)}),
)


def available(precision: Precision, device: torch.device) -> str:
    """Empty if the device can compute so, else the reason why not."""
    if device.type == "cuda":
        modern = torch.cuda.get_device_capability(device) >= (8, 0)
        return "" if modern or not (precision.tf32 or precision.bf16) else "needs compute capability 8.0"
    return "a CPU has no TF32" if precision.tf32 else ""


@contextmanager
def computing(precision: Precision, device: torch.device, *, autocast: bool = True) -> Iterator[None]:
    """Compute so within the block; the process's settings are restored behind it.

    Without autocast, tensors keep the dtype that they have.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = precision.tf32
    try:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision.bf16 and autocast):
            yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def synchronise(device: torch.device) -> None:
    """Wait until all that was asked of the device is done, so that a clock means something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
