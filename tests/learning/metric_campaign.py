"""Edge cases of the metrics by the thousand, each against fractions, and the same bits from any batches.

    python -m tests.learning.metric_campaign --count 10000 --out results/reference/metric_cases.csv

A case is a kind, a seed and what `numpy.random` makes of it. Every metric under every convention has to be
the float nearest to the exact number, or `Undefined` exactly where the definition has none; and the sums must
be the same whatever batches the items came in, in whatever order the batches were joined.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from hocp.contracts import files
from hocp.statistics import measures
from hocp.statistics.exact import Sums, Undefined, merged
from tests.statistics import oracle

COLUMNS = ("kind", "cases", "items", "values", "undefined", "too_large", "failures", "seconds")
Pairs = tuple[np.ndarray, np.ndarray]


def _usual(random: np.random.Generator, kind: type = np.float64, most: int = 40) -> Pairs:
    n = int(random.integers(2, most))
    true = random.uniform(-1, 1, n)
    return (0.6 * true + random.normal(0, 0.3, n)).astype(kind), true.astype(kind)


def _constant(random: np.random.Generator) -> Pairs:
    x, y = _usual(random)
    sides = random.integers(1, 4)  # predictions, labels, or both
    return (np.full_like(x, 0.3) if sides & 1 else x), (
        np.full_like(y, random.choice([0.3, -0.1])) if sides & 2 else y
    )


def _short(random: np.random.Generator) -> Pairs:
    n = int(random.integers(0, 3))
    return random.uniform(-1, 1, n), random.uniform(-1, 1, n)


def _not_finite(random: np.random.Generator) -> Pairs:
    pairs = _usual(random)
    side = pairs[random.integers(2)]
    side[random.integers(len(side))] = random.choice([np.nan, np.inf, -np.inf])
    return pairs


def _zeros(random: np.random.Generator) -> Pairs:
    n = int(random.integers(1, 30))
    return random.choice([0.0, -0.0, 0.5, -0.5], n), random.choice([0.0, -0.0, 0.5, -0.5], n)


def _subnormal(random: np.random.Generator) -> Pairs:
    n = int(random.integers(2, 20))
    smallest = np.nextafter(0, 1)
    return random.integers(-9, 9, n) * smallest, random.integers(-9, 9, n) * smallest


def _huge(random: np.random.Generator) -> Pairs:
    n = int(random.integers(2, 20))
    return random.uniform(-1, 1, n) * 1.7e308, random.uniform(-1, 1, n) * 1.7e308


def _ranges(random: np.random.Generator) -> Pairs:
    """Magnitudes from the smallest to the largest in one case."""
    n = int(random.integers(2, 20))
    sides = (random.uniform(-1, 1, n) * 10.0 ** random.integers(-320, 300, n) for _ in range(2))
    return next(sides), next(sides)


def _offset(random: np.random.Generator) -> Pairs:
    """Tiny variance far from zero, where float64 sums of squares lose all digits."""
    n = int(random.integers(2, 30))
    return 1e6 + random.normal(0, 1e-9, n), 1e6 + random.normal(0, 1e-9, n)


def _equal(random: np.random.Generator) -> Pairs:
    _, true = _usual(random)
    return true.copy(), true


def _mixed_types(random: np.random.Generator) -> Pairs:
    x, y = _usual(random)
    return x.astype(random.choice([np.float16, np.float32])), y


KINDS: dict[str, Callable[[np.random.Generator], Pairs]] = {
    "float64": _usual,
    "float32": partial(_usual, kind=np.float32),
    "float16": partial(_usual, kind=np.float16),
    "mixed types": _mixed_types,
    "constant": _constant,
    "0 to 2 items": _short,
    "NaN or infinite": _not_finite,
    "zeros of both signs": _zeros,
    "subnormal": _subnormal,
    "largest floats": _huge,
    "all magnitudes": _ranges,
    "tiny variance far from zero": _offset,
    "exact match": _equal,
}


def shuffled(x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> Sums:
    """Sums of the items in random order, in random batches, joined in random order by pairs."""
    order = random.permutation(len(x))
    cuts = np.sort(random.integers(0, len(x) + 1, random.integers(0, 6)))
    parts = [Sums.of(x[batch], y[batch]) for batch in np.split(order, cuts)]
    while len(parts) > 1:
        first, second = (parts.pop(int(random.integers(len(parts)))) for _ in range(2))
        parts.append(first + second)
    return parts[0]


def check(x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> tuple[dict[str, int], list[str]]:
    """What came of one case: counts of values, undefined ones and overflows; and what is wrong."""
    sums = Sums.of(x, y)
    wrong = [] if shuffled(x, y, random) == sums else ["other batches, other sums"]
    counts = {"values": 0, "undefined": 0, "too_large": 0}
    finite = bool(np.isfinite(x).all() and np.isfinite(y).all())
    exact = [[Fraction(float(v)) for v in side] for side in (x, y)] if finite else None
    for name, measure, truth, judge in _questions():
        expected = truth(*exact) if finite else None
        try:
            value = measure(sums)
        except Undefined as error:
            if "too large" in str(error):
                counts["too_large"] += 1
                good = expected is not None and _overflows(expected, root=judge is oracle.nearest_root)
            else:
                counts["undefined"] += 1
                good = expected is None
        else:
            counts["values"] += 1
            good = expected is not None and judge(value, expected)
        wrong += [] if good else [f"{name} of {x.tolist()} and {y.tolist()}"]
    return counts, wrong


def _questions():
    """Name, ours, definition, and how the two are compared."""
    yield "mse", measures.mse, oracle.mse, oracle.nearest
    yield "rmse", measures.rmse, oracle.mse, oracle.nearest_root
    for how in measures.SIGNS:
        yield f"sagr {how}", partial(measures.sagr, sign=how), partial(oracle.sagr, how=how), oracle.nearest
    for how in measures.VARIANCES:
        ours, truth = partial(measures.ccc, variance=how), partial(oracle.ccc, variance=how)
        yield f"ccc {how}", ours, truth, oracle.nearest
        ours, truth = partial(measures.pcc, variance=how), partial(oracle.signed_square_of_pcc, variance=how)
        yield f"pcc {how}", ours, truth, oracle.nearest_root


def _overflows(exact: Fraction, *, root: bool) -> bool:
    largest = Fraction(sys.float_info.max)
    return abs(exact) > (largest**2 if root else largest)


def campaign(count: int, *, seed: int = 0) -> tuple[list[dict], list[str]]:
    """`count` cases, the kinds in turn: rows of the table, and what is wrong."""
    table = {kind: dict.fromkeys(COLUMNS[1:], 0) for kind in KINDS}
    wrong: list[str] = []
    for number in range(count):
        kind = list(KINDS)[number % len(KINDS)]
        random = np.random.default_rng([seed, number])
        begun = time.process_time()
        x, y = KINDS[kind](random)
        counts, found = check(x, y, random)
        wrong += [f"case {number}, {kind}: {text}" for text in found]
        for name, more in {**counts, "cases": 1, "items": len(x), "failures": len(found),
                           "seconds": time.process_time() - begun}.items():  # fmt: skip
            table[kind][name] += more
    return [{"kind": kind, **row, "seconds": round(row["seconds"], 2)} for kind, row in table.items()], wrong


def large(items: int, *, seed: int = 0, batch: int = 1_000_000) -> dict:
    """One case of very many float32 items that never are in memory together: two ways to batch them."""
    begun = time.process_time()
    first = merged(Sums.of(*_block(seed, k, batch)) for k in range(items // batch))
    seconds = time.process_time() - begun
    blocks = (_block(seed, k, batch) for k in reversed(range(items // batch)))
    cut = batch // 3
    second = merged(Sums.of(x[part], y[part]) for x, y in blocks for part in (np.s_[cut:], np.s_[:cut]))
    assert first.n == items
    expected = 2 * 0.6 * (1 / 3) / ((0.36 / 3 + 0.09) + 1 / 3)  # of the distribution drawn from
    near = math.isclose(measures.ccc(first), expected, abs_tol=10 / math.sqrt(items))
    return {
        "kind": f"{items:.0e} items, float32",
        "cases": 1,
        "items": items,
        "values": 1,
        "undefined": 0,
        "too_large": 0,
        "failures": int(first != second) + int(not near),
        "seconds": round(seconds, 2),
    }


def _block(seed: int, number: int, size: int) -> Pairs:
    random = np.random.default_rng([seed, 7, number])
    true = random.uniform(-1, 1, size)
    return (0.6 * true + random.normal(0, 0.3, size)).astype(np.float32), true.astype(np.float32)


def main(argv: list[str] | None = None) -> int:
    """Run the campaign; status 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, metavar="N", help="cases (%(default)s)")
    parser.add_argument(
        "--large", type=float, nargs="*", default=[1e6], metavar="N", help="items of large cases (1e6)"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="CSV", help="counts by kind")
    args = parser.parse_args(argv)
    rows, wrong = campaign(args.count)
    rows += [large(int(items)) for items in args.large]
    files.write_csv(args.out, COLUMNS, rows)
    print(*wrong[:20], sep="\n")
    sums = {name: sum(row[name] for row in rows) for name in ("cases", "values", "failures")}
    print(*(f"{count} {name}" for name, count in sums.items()), sep=", ")
    return int(sums["failures"] > 0)


if __name__ == "__main__":
    sys.exit(main())
