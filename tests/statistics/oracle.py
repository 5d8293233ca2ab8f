"""Metrics by their definitions, in fractions, two passes; and what it means to be rounded once."""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

#: Variance convention -> what is taken from n for the covariance and for the variances.
LESS = {"population": (0, 0), "sample": (1, 1), "mixed_a": (1, 0), "mixed_b": (0, 1)}


def sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


@lru_cache(maxsize=4)
def _centred(x: tuple[Fraction, ...], y: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """Sums of products and squares about the means, and the squared distance of the means."""
    a, b = sum(x) / len(x), sum(y) / len(y)
    products = sum((p - a) * (q - b) for p, q in zip(x, y, strict=True))
    squares = (sum((v - c) ** 2 for v in values) for values, c in ((x, a), (y, b)))
    return products, *squares, (a - b) ** 2


def moments(x: Sequence[Fraction], y: Sequence[Fraction], variance: str) -> tuple[Fraction, ...]:
    """Covariance, variances and squared distance of the means."""
    n, (less_c, less_v) = len(x), LESS[variance]
    products, first, second, bias = _centred(tuple(x), tuple(y))
    return products / (n - less_c), first / (n - less_v), second / (n - less_v), bias


def ccc(x, y, variance="population") -> Fraction | None:
    """None where there is no value."""
    if not x or (len(set(x)) == 1 and len(set(y)) == 1):
        return None
    covariance, first, second, bias = moments(x, y, variance)
    return 2 * covariance / (first + second + bias)


def signed_square_of_pcc(x, y, variance="population") -> Fraction | None:
    """r |r|: a root is not a fraction."""
    if len(x) < 2 or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    covariance, first, second, _ = moments(x, y, variance)
    return covariance * abs(covariance) / (first * second)


def mse(x, y) -> Fraction | None:
    return sum((p - q) ** 2 for p, q in zip(x, y, strict=True)) / len(x) if x else None


def sagr(x, y, how="strict") -> Fraction | None:
    pairs = list(zip(x, y, strict=True))
    if how == "zeros_dropped":
        pairs = [(p, q) for p, q in pairs if q != 0]
    agree = {
        "strict": lambda p, q: sign(p) == sign(q),
        "non_negative": lambda p, q: (p >= 0) == (q >= 0),
        "zeros_dropped": lambda p, q: sign(p) == sign(q),
        "zero_wrong": lambda p, q: sign(p) == sign(q) and q != 0,
        "product": lambda p, q: p * q >= 0,
    }[how]
    return Fraction(sum(agree(p, q) for p, q in pairs), len(pairs)) if pairs else None


def neighbours(value: float) -> tuple[Fraction, Fraction]:
    """Midpoints to the floats beside a value: what lies between them rounds to it."""
    sides = []
    for end in (-math.inf, math.inf):
        other = math.nextafter(value, end)
        step = (
            Fraction(other) - Fraction(value)
            if math.isfinite(other)
            else Fraction(math.copysign(2.0**971, end))
        )
        sides.append(Fraction(value) + step / 2)
    return sides[0], sides[1]


def nearest(value: float, exact: Fraction) -> bool:
    """Whether no float is nearer to an exact number."""
    low, high = neighbours(value)
    return low <= exact <= high


def nearest_root(value: float, signed_square: Fraction) -> bool:
    """The same for a root, known by its square with the root's sign."""
    low, high = neighbours(value)
    return low * abs(low) <= signed_square <= high * abs(high)
