"""What a measured time holds for: a processor or GPU, and a version of torch."""

from __future__ import annotations

from functools import cache

import torch

from hocp.contracts.record import processor


@cache
def machine(gpu: str = "") -> str:
    """Name of the GPU, or of this machine's processor with the instructions that torch uses, and of torch.

    >>> machine("NVIDIA H200").startswith("NVIDIA H200, torch ")
    True
    """
    name = gpu or f"{processor()} ({torch.backends.cpu.get_cpu_capability()})"
    return f"{name}, torch {torch.__version__}"
