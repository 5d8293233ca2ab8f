"""What every solver shares: the record of a fit, the kernel brought to unit norm, the limits."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

STATUSES = ("converged", "stopped", "degenerate", "non-finite")
SECONDS = 60.0
MAX_BYTES = 4 << 30
LARGEST_NORM = 1e300  # of a kernel: the weights may exceed it, and are still to be representable in float64


@dataclass(frozen=True)
class Fit:
    """How a factorized kernel was found, and how good it is.

    Attributes
    ----------
    status : {'converged', 'stopped', 'degenerate', 'non-finite'}
        'converged': exact, or more iterations change nothing. 'stopped': the cap on iterations or on time
        came first; the result is sound, and more effort would improve it. 'degenerate': terms grow while they
        cancel each other, so that the bound on the sensitivity, not the residual, set the result.
        'non-finite': numbers overflowed, and the result is the last finite one.
    relative_error : float
        ||W - W'|| / ||W|| in the Frobenius norm, from the rebuilt kernel; 0 for a zero kernel.
    sensitivity : float
        Square root of the sum of the squared Frobenius norms of the rank-one terms, over ||W||. Orthogonal
        terms have at most 1, cancelling terms more. An independent relative error e in every column of every
        factor moves the kernel by about e * sqrt(number of modes) * sensitivity, relative to its norm. For
        Tucker and tensor train, whose other factors are orthonormal, it is the norm of the one core that is
        not, over ||W||; that never exceeds 1.
    iterations : int
        Sweeps over all factors, of all starts.
    restarts : int
        Starts beyond the first.
    seconds : float
        Wall-clock time.
    reason : str
        The status in words.
    """

    status: str
    relative_error: float
    sensitivity: float
    iterations: int = 0
    restarts: int = 0
    seconds: float = field(default=0.0, compare=False)
    reason: str = ""

    def __post_init__(self) -> None:
        assert self.status in STATUSES, self.status

    def __str__(self) -> str:
        """One line for a person."""
        effort = [_counted(self.iterations, "iteration"), _counted(self.restarts, "restart")]
        return (
            f"{self.status}: relative error {self.relative_error:.3g}, sensitivity {self.sensitivity:.3g}, "
            f"{', '.join(effort)}, {self.seconds:.3g} s ({self.reason})"
        )


@dataclass(frozen=True)
class UnitKernel:
    """A kernel as ``unit * norm * peak``, ``unit`` of norm 1 (or 0) in float64 on the CPU.

    Scaling in two steps keeps squares from overflowing and from vanishing.
    """

    unit: Tensor
    norm: float
    peak: float

    @classmethod
    def of(cls, kernel: Tensor, *, max_bytes: int, modes: int = 2) -> UnitKernel:
        """Bring a kernel of at least ``modes`` modes to unit norm.

        Raises
        ------
        ValueError
            If the kernel is not real floating point, empty, of too few modes, not finite, or too large.
        """
        _check_kind(kernel, modes)
        check_memory(4 * 8 * kernel.numel(), max_bytes, shape=kernel.shape, what="a copy in float64")
        double = kernel.detach().to(device="cpu", dtype=torch.float64)
        _check_finite(double)
        peak = double.abs().max().item()
        if peak == 0:
            return cls(torch.zeros_like(double), 0.0, 0.0)
        unit = double / peak
        norm = unit.norm().item()
        if math.log10(norm) + math.log10(peak) > math.log10(LARGEST_NORM):
            raise ValueError(
                f"the kernel of shape {tuple(kernel.shape)} has norm {norm:.3g} * {peak:.3g}, too large for "
                f"factors in float64; expected at most {LARGEST_NORM:.0e}: scale the kernel down"
            )
        return cls(unit / norm, norm, peak)

    def scaled(self, part: Tensor) -> Tensor:
        """The one part that carries the scale, from unit norm to the kernel's."""
        return part * self.norm * self.peak

    def unscaled(self, part: Tensor) -> Tensor:
        """Back, so that the reported error knows what rounding a tiny number lost."""
        return part / self.peak / self.norm


class Clock:
    """Time since the start of a fit, and its cap."""

    def __init__(self, seconds: float) -> None:
        self.cap = seconds
        self.start = time.perf_counter()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    @property
    def over(self) -> bool:
        """Whether the cap is reached."""
        return self.spent >= self.cap


def check_memory(needed: int, cap: int, *, shape: Sequence[int], what: str) -> None:
    """Refuse before anything is allocated."""
    if needed > cap:
        raise ValueError(
            f"factorizing the kernel of shape {tuple(shape)} needs about {needed} bytes for {what}; expected "
            f"at most max_bytes={cap}: lower the rank or raise max_bytes"
        )


def check_whole(name: str, value: object, least: int) -> None:
    """A whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} of the solver is {value!r}; expected a whole number of at least {least}")


def check_positive(name: str, value: object, *, zero: bool = False) -> None:
    """A finite number above 0, or from 0 on."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < 0 or (value == 0 and not zero):
        expected = "a finite number of at least 0" if zero else "a finite number above 0"
        raise ValueError(f"{name} of the solver is {value!r}; expected {expected}")


def check_max_error(value: object) -> None:
    """A bound on the relative error."""
    check_positive("max_error", value, zero=True)
    if value >= 1:
        raise ValueError(f"max_error is {value!r}; expected below 1, the relative error of a zero kernel")


def relative_error(kernel: UnitKernel, found: Tensor) -> float:
    """Frobenius distance of the rebuilt kernel from the one of unit norm."""
    return (kernel.unit - found).norm().item()


def _check_kind(kernel: object, modes: int) -> None:
    """A real floating-point tensor with entries."""
    if not isinstance(kernel, Tensor) or not kernel.is_floating_point():
        kind = kernel.dtype if isinstance(kernel, Tensor) else type(kernel).__name__
        raise ValueError(f"the kernel to factorize is {kind}; expected a real floating-point tensor")
    if kernel.dim() < modes or kernel.numel() == 0:
        raise ValueError(
            f"the kernel to factorize has shape {tuple(kernel.shape)}; expected (T, C, K0, ...) with at "
            f"least {modes} modes, none of size 0"
        )


def _check_finite(double: Tensor) -> None:
    """No NaN, no infinity."""
    bad = int((~double.isfinite()).sum())
    if bad:
        raise ValueError(
            f"the kernel of shape {tuple(double.shape)} has {bad} non-finite entries; repair or retrain the "
            "layer before factorizing it"
        )


def _counted(number: int, noun: str) -> str:
    """1 iteration, 2 iterations."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
