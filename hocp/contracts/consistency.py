"""Whether published numbers can stand together: identities between RMSE, PCC and CCC of one set of frames.

Let labels have the standard deviation s, predictions p, their means differ by b, all over the same frames
with population moments; r is the PCC, c the CCC, e the RMSE. By definition

    c = 2 r s p / S   and   e^2 = S - 2 r s p,   with   S = s^2 + p^2 + b^2.

So e^2 = S (1 - c), and S = e^2 / (1 - c) is known; so is the product s p = c S / (2 r). As b^2 >= 0,
s^2 + p^2 <= S: s^2 lies between the roots of z^2 - S z + (s p)^2 = 0,

    s^2 in S / 2 (1 -+ sqrt(1 - (c / r)^2)),

which are real where |c| <= |r|: CCC cannot exceed PCC. Without a CCC there is an upper end alone: the best
affine map of the predictions leaves the error s sqrt(1 - r^2), and theirs is no smaller, so
s <= e / sqrt(1 - r^2).

Printed numbers are rounded: each stands for all that round to it, and an end of the interval is the extreme
over them. The lower end S / 2 (1 - sqrt(1 - (c / r)^2)) grows with e and c and falls with r. The upper one
grows with e and r; along c it grows up to 2 r^2 / (1 + r^2), where its derivative is zero, and falls after.

The sign agreement has no such bound: how often signs differ says nothing of the error without the labels'
density at zero.
"""

from decimal import Decimal
from math import inf, sqrt
from typing import NamedTuple


class Printed(NamedTuple):
    """A number as printed, and what rounds to it: [low, high)."""

    low: Decimal
    high: Decimal

    @classmethod
    def of(cls, text: str) -> "Printed":
        """From its digits: "0.60" is all from 0.595 to 0.605."""
        value = Decimal(text)
        half = Decimal(5).scaleb(value.as_tuple().exponent - 1)
        return cls(value - half, value + half)


class Spread(NamedTuple):
    """Interval of the labels' standard deviation."""

    low: float
    high: float

    def meet(self, other: "Spread") -> "Spread":
        """What both allow; empty where `low` exceeds `high`."""
        return Spread(max(self.low, other.low), min(self.high, other.high))

    @property
    def empty(self) -> bool:
        """Whether nothing is left."""
        return self.low > self.high


#: Labels on [-1, 1] deviate at most this much.
ANY = Spread(0.0, 1.0)


def exceeds(ccc: str, pcc: str) -> bool:
    """Whether a CCC is further from zero than the PCC, whatever was rounded away."""
    c, r = Printed.of(ccc), Printed.of(pcc)
    nearest = 0 if c.low <= 0 <= c.high else min(abs(c.low), abs(c.high))
    return nearest >= max(abs(r.low), abs(r.high))


def spread(rmse: str, pcc: str, ccc: str = "") -> Spread:
    """Interval to which a row confines the standard deviation of the labels.

    Parameters
    ----------
    rmse, pcc, ccc : str
        As printed; an empty `ccc` leaves the upper end alone.

    Returns
    -------
    Spread
        Empty where the three cannot come from one set of frames; `ANY` where they say nothing, as with a
        correlation that may be zero.
    """
    e, r = (tuple(map(float, Printed.of(text))) for text in (rmse, pcc))
    if not ccc:
        worst = max(abs(r[0]), abs(r[1]))
        return Spread(0.0, e[1] / sqrt(1 - worst**2) if worst < 1 else inf).meet(ANY)
    if exceeds(ccc, pcc):
        return Spread(inf, -inf)
    c = tuple(map(float, Printed.of(ccc)))
    if r[1] <= 0 or c[1] <= 0:
        return ANY
    top = min(r[1], 1.0)
    low = _end(max(e[0], 0.0), top, max(c[0], 0.0), -1)
    best = 2 * top**2 / (1 + top**2)
    high = _end(e[1], top, min(max(best, c[0], 0.0), c[1], top), +1)
    return Spread(low, high).meet(ANY)


def _end(e: float, r: float, c: float, sign: int) -> float:
    """One end of the interval for exact numbers."""
    if c >= 1:
        return inf if sign > 0 else 0.0
    return e * sqrt((1 + sign * sqrt(max(0.0, 1 - (c / r) ** 2))) / (2 * (1 - c)))


def floor(spread_low: float, pcc: str) -> float:
    """Least RMSE that labels of at least this standard deviation allow at a correlation: s sqrt(1 - r^2)."""
    r = max(abs(float(end)) for end in Printed.of(pcc))
    return spread_low * sqrt(max(0.0, 1 - r**2))
