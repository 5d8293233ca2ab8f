"""Generated kernels of every kind that a solver meets, and independent measures of a fit."""

import math

import numpy as np
import tensorly as tl
import torch
from torch import Tensor

EXACT_KINDS = ("low rank", "constant", "one entry", "repeated channels", "rank one")
REFUSED_KINDS = ("nan", "inf")
ORDERS = (1, 2, 3, 4, 5)


def random_shape(order: int, random: np.random.Generator) -> tuple[int, ...]:
    """Channels of 1 to 7, taps of 1 to 4 (1 to 3 from order 4 on)."""
    taps = random.integers(1, 5 if order < 4 else 4, order)
    return (*(int(n) for n in random.integers(1, 8, 2)), *(int(n) for n in taps))


def normal(shape: tuple[int, ...], random: np.random.Generator) -> Tensor:
    """Gaussian kernel in float64."""
    return torch.from_numpy(random.standard_normal(shape))


def low_rank(shape: tuple[int, ...], rank: int, random: np.random.Generator) -> Tensor:
    """Sum of ``rank`` random rank-one terms."""
    factors = [random.standard_normal((size, rank)) for size in shape]
    return torch.from_numpy(np.asarray(tl.cp_to_tensor((np.ones(rank), factors))))


def border(shape: tuple[int, ...], random: np.random.Generator) -> Tensor:
    """Derivative of a rank-one kernel: the limit of rank-2 kernels whose terms grow without bound."""
    pairs = [(random.standard_normal(size), random.standard_normal(size)) for size in shape]
    total = 0.0
    for moved in range(len(shape)):
        vectors = [pair[1 if mode == moved else 0] for mode, pair in enumerate(pairs)]
        total = total + np.asarray(tl.cp_to_tensor((np.ones(1), [vector[:, None] for vector in vectors])))
    return torch.from_numpy(np.asarray(total))


def one_entry(shape: tuple[int, ...], random: np.random.Generator) -> Tensor:
    """All zero but one."""
    kernel = torch.zeros(shape, dtype=torch.float64)
    kernel.view(-1)[int(random.integers(kernel.numel()))] = -2.5
    return kernel


def strided(shape: tuple[int, ...], random: np.random.Generator) -> Tensor:
    """Every second entry of a larger kernel with its modes turned round."""
    large = normal(tuple(2 * size for size in reversed(shape)), random)
    return large.permute(*reversed(range(len(shape))))[(slice(None, None, 2),) * len(shape)]


def holed(shape: tuple[int, ...], random: np.random.Generator, value: float) -> Tensor:
    """One entry that no solver can fit."""
    kernel = normal(shape, random)
    kernel.view(-1)[int(random.integers(kernel.numel()))] = value
    return kernel.float()


def decaying(shape: tuple[int, ...], random: np.random.Generator) -> Tensor:
    """Channel spectra that fall, as those of trained layers."""
    kernel = normal(shape, random)
    for mode in (0, 1):
        scale = torch.arange(1, shape[mode] + 1, dtype=torch.float64) ** -1.5
        kernel = kernel * scale.view(-1, *(1,) * (len(shape) - 1 - mode))
    return kernel


KINDS = {
    "normal": normal,
    "float32": lambda shape, random: normal(shape, random).float(),
    "half": lambda shape, random: normal(shape, random).half(),
    "bfloat16": lambda shape, random: normal(shape, random).bfloat16(),
    "decaying": decaying,
    "low rank": lambda shape, random: low_rank(shape, 2, random),
    "rank one": lambda shape, random: low_rank(shape, 1, random),
    "repeated channels": lambda shape, random: low_rank(shape[1:], 1, random).expand(shape),
    "zero": lambda shape, random: torch.zeros(shape),
    "constant": lambda shape, random: torch.full(shape, -0.7),
    "one entry": one_entry,
    "border": border,
    "huge": lambda shape, random: normal(shape, random) * 1e30,
    "overflows when squared": lambda shape, random: normal(shape, random) * 1e170,
    "tiny": lambda shape, random: normal(shape, random) * 1e-30,
    "vanishes when squared": lambda shape, random: normal(shape, random) * 1e-200,
    "denormal in float32": lambda shape, random: normal(shape, random).mul(1e-41).float(),
    "denormal": lambda shape, random: normal(shape, random) * 1e-310,
    "mixed scales": lambda shape, random: normal(shape, random) * 10 ** (12 * normal(shape, random)),
    "strided": strided,
    "expanded": lambda shape, random: normal((1, *shape[1:]), random).expand(shape),
    "nan": lambda shape, random: holed(shape, random, math.nan),
    "inf": lambda shape, random: holed(shape, random, -math.inf),
}


def scale_of(kernel: Tensor) -> float:
    """Largest magnitude, 1 for a zero kernel."""
    return kernel.double().abs().max().item() or 1.0


def relative_error(kernel: Tensor, rebuilt: np.ndarray) -> float:
    """Frobenius, both already divided by `scale_of`."""
    array = kernel.double().numpy() / scale_of(kernel)
    norm = np.linalg.norm(array)
    return float(np.linalg.norm(array - rebuilt) / norm) if norm else float(np.abs(rebuilt).max())


def norm_of(kernel: Tensor) -> float:
    """Norm of the kernel divided by `scale_of`."""
    return float(np.linalg.norm(kernel.double().numpy() / scale_of(kernel)))
