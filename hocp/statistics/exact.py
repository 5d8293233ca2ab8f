"""Exact sums of pairs of floats: any order, any batches and any number of workers give the same bits.

A finite float is a whole number of steps of 2^-1074. So the sums of x, y, x^2, y^2 and xy are whole numbers
too, which Python holds without rounding; a metric is a ratio of them, rounded once. `Sums.of` takes a batch,
``+`` joins two: exact, hence commutative and associative.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from math import isqrt
from operator import mul

import numpy as np
from numpy.typing import ArrayLike

#: A float is a multiple of 2^-STEP, with room for how `numpy.frexp` splits the smallest ones.
STEP = 1074 + 53
#: Items taken at once; bounds the memory, changes nothing else.
CHUNK = 1 << 16
#: Bits that a whole number of int64 may have.
ROOM = 62


class Undefined(ValueError):
    """There is no number; the text says why."""


@dataclass(frozen=True)
class Sums:
    """All that the metrics need of some pairs of prediction x and label y.

    Attributes
    ----------
    n : int
        Pairs, those that are not finite among them.
    x, y : int
        Sums in steps of 2^-STEP.
    xx, yy, xy : int
        Sums of products in steps of 2^-(2 STEP).
    signs : tuple of 9 ints
        Pairs by sign: entry ``3 (sign x + 1) + (sign y + 1)``.
    nonfinite : int
        Pairs with a NaN or an infinity, in no sum; with any, no metric has a value.
    """

    n: int = 0
    x: int = 0
    y: int = 0
    xx: int = 0
    yy: int = 0
    xy: int = 0
    signs: tuple[int, ...] = (0,) * 9
    nonfinite: int = 0

    @classmethod
    def of(cls, predicted: ArrayLike, true: ArrayLike) -> "Sums":
        """Sums of a batch: two sequences of equal length, of float16, float32, float64 or whole numbers.

        Raises
        ------
        ValueError
            If they are not flat, not of equal length, or not numbers of these kinds.
        """
        x, y = _floats(predicted, "predictions"), _floats(true, "labels")
        if x.shape != y.shape:
            raise ValueError(f"{len(x)} predictions and {len(y)} labels, expected as many of each")
        if len(x) <= CHUNK:
            return _chunk(x, y)
        return merged(_chunk(x[k : k + CHUNK], y[k : k + CHUNK]) for k in range(0, len(x), CHUNK))

    @cached_property
    def moments(self) -> tuple[int, int, int, int]:
        """Covariance, both variances and the squared distance of the means, of the population.

        All times one and the same factor, which cancels in every correlation; n^2 and the powers of two that
        the four share are in it.
        """
        n, x, y = self.n, self.x, self.y
        four = n * self.xy - x * y, n * self.xx - x * x, n * self.yy - y * y, (x - y) ** 2
        joined = four[0] | four[1] | four[2] | four[3]
        shared = max((joined & -joined).bit_length() - 1, 0)
        return tuple(value >> shared for value in four)

    def __add__(self, other: "Sums") -> "Sums":
        """Sums of both together."""
        signs = tuple(a + b for a, b in zip(self.signs, other.signs, strict=True))
        names = (field.name for field in fields(self) if field.name != "signs")
        return Sums(signs=signs, **{name: getattr(self, name) + getattr(other, name) for name in names})


def merged(parts: Iterable[Sums]) -> Sums:
    """Sums of all parts together; the order does not matter."""
    total = Sums()
    for part in parts:
        total += part
    return total


def _floats(values: ArrayLike, name: str) -> np.ndarray:
    """A flat array of float16, float32 or float64; whole numbers become float64."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} have shape {array.shape}, expected one axis")
    if array.dtype.kind in "iub" or not array.size:
        return array.astype(np.float64)
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise ValueError(f"{name} are {array.dtype}, expected float16, float32, float64 or whole numbers")
    return array


def _chunk(x: np.ndarray, y: np.ndarray) -> Sums:
    good = np.isfinite(x) & np.isfinite(y)
    lost = len(x) - int(np.count_nonzero(good))
    if lost:
        x, y = x[good], y[good]
    codes = 3 * np.sign(x).astype(np.int64) + np.sign(y).astype(np.int64) + 4
    a, down_a = _whole(x)
    b, down_b = _whole(y)
    return Sums(
        n=len(good),
        x=sum(a) << (STEP - down_a),
        y=sum(b) << (STEP - down_b),
        xx=sum(map(mul, a, a)) << 2 * (STEP - down_a),
        yy=sum(map(mul, b, b)) << 2 * (STEP - down_b),
        xy=sum(map(mul, a, b)) << (2 * STEP - down_a - down_b),
        signs=tuple(np.bincount(codes, minlength=9).tolist()),
        nonfinite=lost,
    )


def _whole(values: np.ndarray) -> tuple[list[int], int]:
    """Finite floats as whole numbers of steps of 2^-down: the numbers, and the one `down` of all."""
    mantissa, exponent = np.frexp(values)
    bits = np.finfo(values.dtype).nmant + 1
    whole = np.ldexp(mantissa, bits).astype(np.int64)
    exponent = exponent.astype(np.int64) - bits
    present = exponent[whole != 0]
    if not present.size:
        return [0] * len(values), 0
    lowest = int(present.min())
    shift = np.where(whole != 0, exponent - lowest, 0)
    if int(shift.max()) + bits <= ROOM:
        return (whole << shift).tolist(), -lowest
    return [w << s for w, s in zip(whole.tolist(), shift.tolist(), strict=True)], -lowest


def mean(values: Sequence[float], weights: Sequence[int]) -> float:
    """Weighted mean of finite floats, exact and rounded once: their order does not matter."""
    whole, down = _whole(np.asarray(values, np.float64))
    total, count = sum(map(mul, whole, weights)), sum(weights)
    return ratio(total << max(-down, 0), count << max(down, 0))


def ratio(numerator: int, denominator: int) -> float:
    """The float nearest to a ratio of whole numbers, ties to even.

    Raises
    ------
    Undefined
        If no float is that large.
    """
    try:
        return numerator / denominator  # Python rounds this once, correctly
    except OverflowError:
        raise Undefined("the value is too large for a float") from None


def root(numerator: int, denominator: int) -> float:
    """The float nearest to the square root of a ratio of whole numbers, ties to even.

    The root is taken to 64 bits or more as a whole number; whether anything is left is kept as one more bit,
    so that rounding that number to a float rounds the root itself.
    """
    shift = max(0, 130 - numerator.bit_length() + denominator.bit_length())
    shift += shift % 2
    quotient, rest = divmod(numerator << shift, denominator)
    whole = isqrt(quotient)
    left = rest != 0 or whole * whole != quotient
    return ratio(2 * whole + left, 2 << shift // 2)
