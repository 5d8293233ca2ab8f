"""Metrics of valence and arousal from exact sums, under each convention that published code follows.

All values are float64, rounded once from the exact number. Which code base computes which variant:
results/README.md, and the vectors in tests/statistics/test_conventions_of_others.py.
"""

from collections.abc import Callable

from hocp.statistics.exact import STEP, Sums, Undefined, ratio, root

#: Convention -> what is taken from n when dividing: for the covariance, for the variances.
VARIANCES = {
    "population": (0, 0),
    "sample": (1, 1),
    "mixed_a": (1, 0),  # covariance over n - 1, variances over n: a perfect prediction scores above 1
    "mixed_b": (0, 1),  # covariance over n, variances over n - 1: a perfect prediction scores below 1
}

#: What counts as agreement of signs: strict has zero as a sign of its own; non_negative counts it as
#: positive; zeros_dropped leaves out labels of zero; zero_wrong counts them as wrong; product asks x y >= 0.
SIGNS = ("strict", "non_negative", "zeros_dropped", "zero_wrong", "product")

#: What the tables of the paper are compared with.
VARIANCE, SIGN = "population", "strict"


def _ready(sums: Sums, least: int = 1) -> None:
    if sums.nonfinite:
        raise Undefined(f"{sums.nonfinite} of {sums.n} values are not finite")
    if sums.n < least:
        raise Undefined(f"{sums.n} items, needs {least}")


def constant(sums: Sums) -> bool:
    """Whether predictions or labels are all equal, as those of a single frame are."""
    _, x, y, _ = sums.moments
    return x == 0 or y == 0


def matches(sums: Sums) -> bool:
    """Whether every prediction equals its label."""
    return sums.xx - 2 * sums.xy + sums.yy == 0


def mse(sums: Sums) -> float:
    """Mean squared error, in squared label units."""
    _ready(sums)
    return ratio(sums.xx - 2 * sums.xy + sums.yy, sums.n << 2 * STEP)


def rmse(sums: Sums) -> float:
    """Root mean squared error, in label units."""
    _ready(sums)
    return root(sums.xx - 2 * sums.xy + sums.yy, sums.n << 2 * STEP)


def pcc(sums: Sums, variance: str = VARIANCE) -> float:
    """Pearson's correlation; a mixed convention multiplies it by n / (n - 1), or the inverse."""
    _ready(sums, least=2)
    covariance, x, y, _ = sums.moments
    for name, value in (("predictions", x), ("labels", y)):
        if value == 0:
            raise Undefined(f"{name} are constant")
    less_c, less_v = _less(variance)
    up, down = (covariance * (sums.n - less_v)) ** 2, x * y * (sums.n - less_c) ** 2
    return root(up, down) if covariance >= 0 else -root(up, down)


def ccc(sums: Sums, variance: str = VARIANCE) -> float:
    """Lin's concordance, ``2 cov / (var_x + var_y + (mean_x - mean_y)^2)``; 0 where one side is constant."""
    _ready(sums)
    covariance, x, y, bias = sums.moments
    if x == y == 0:
        raise Undefined("predictions and labels are constant")
    less_c, less_v = _less(variance)
    n = sums.n
    down = (n - less_c) * (n * (x + y) + (n - less_v) * bias)
    return ratio(2 * n * (n - less_v) * covariance, down)


def _less(variance: str) -> tuple[int, int]:
    if variance not in VARIANCES:
        raise ValueError(f"variance is {variance!r}, expected one of {', '.join(VARIANCES)}")
    return VARIANCES[variance]


def sagr(sums: Sums, sign: str = SIGN) -> float:
    """Share of predictions whose sign agrees with the label's; `sign` says how, one of SIGNS."""
    _ready(sums)
    negative, mixed, _, _, zeros, zero_positive, _, positive_zero, positive = sums.signs
    opposed = sums.signs[2] + sums.signs[6]
    zero_labels = mixed + zeros + positive_zero
    agreed, of = {
        "strict": (negative + zeros + positive, sums.n),
        "non_negative": (negative + zeros + zero_positive + positive_zero + positive, sums.n),
        "zeros_dropped": (negative + positive, sums.n - zero_labels),
        "zero_wrong": (negative + positive, sums.n),
        "product": (sums.n - opposed, sums.n),
    }[_known(sign)]
    if not of:
        raise Undefined("every label is zero")
    return ratio(agreed, of)


def _known(sign: str) -> str:
    if sign not in SIGNS:
        raise ValueError(f"sign is {sign!r}, expected one of {', '.join(SIGNS)}")
    return sign


def zero_labels(sums: Sums) -> int:
    """How many labels are exactly zero: where the conventions of sign agreement part."""
    return sums.signs[1] + sums.signs[4] + sums.signs[7]


#: Metrics of the tables, under the default conventions.
METRICS: dict[str, Callable[[Sums], float]] = {"rmse": rmse, "sagr": sagr, "pcc": pcc, "ccc": ccc}
