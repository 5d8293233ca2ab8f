"""How often intervals hold the true value: concordance of simulated clips, whose truth is known.

    python -m tests.statistics.interval_coverage --trials 2000 --out results/reference/interval_coverage.csv

Clips have a mood of their own and are predicted with an error of their own; networks of several seeds have
offsets of their own. An interval of 95 % should hold the concordance of the population in 95 % of the trials.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from hocp.contracts import files
from hocp.statistics import bootstrap, clusters

COLUMNS = (
    "clusters",
    "seeds",
    "method",
    "level",
    "trials",
    "resamples",
    "held",
    "below",
    "above",
    "width",
    "seconds",
)
GAIN, CLIP, FRAME, OWN, NOISE = 0.7, 0.4, 0.2, 0.2, 0.15
SIZES = ((10, 1), (25, 1), (100, 1), (25, 3), (100, 3), (100, 5))


def truth(offset: float) -> float:
    """Concordance of the population, with deviations CLIP and FRAME of labels over a network with an offset.

    Offsets of seeds are normal with deviation `offset`; the mean over them by Gauss-Hermite quadrature.
    """
    labels = CLIP**2 + FRAME**2
    predictions = GAIN**2 * labels + OWN**2 + NOISE**2
    places, shares = np.polynomial.hermite_e.hermegauss(40)
    values = 2 * GAIN * labels / (labels + predictions + (offset * places) ** 2)
    return float(np.sum(shares * values) / np.sum(shares))


def simulate(random: np.random.Generator, *, count: int, seeds: int, offset: float) -> np.ndarray:
    """Sums of `count` clips of 5 to 40 frames, predicted by networks of `seeds` seeds; shape (K, S, F)."""
    clip = np.repeat(np.arange(count), random.integers(5, 41, count))
    labels = random.normal(0, CLIP, count)[clip] + random.normal(0, FRAME, len(clip))
    own = random.normal(0, OWN, count)[clip] + random.normal(0, NOISE, len(clip))
    return np.stack([
        clusters.table(GAIN * labels + own + random.normal(0, 1) * offset, labels, clip, clusters=count)
        for _ in range(seeds)
    ], axis=1)  # fmt: skip


def trial(tables: np.ndarray, *, resamples: int, level: float, random: np.random.Generator) -> dict:
    """Interval by each method."""
    count, seeds, _ = tables.shape
    sums = bootstrap.resampled(tables.reshape(count, -1), resamples=resamples, random=random)
    shares = bootstrap.seed_weights(seeds, resamples=resamples, random=random)
    drawn = (shares * clusters.ccc(sums.reshape(resamples, seeds, -1))).sum(-1)
    left = clusters.ccc(bootstrap.left_out(tables)).mean(-1)
    value = float(clusters.ccc(tables.sum(0)).mean())
    return {
        "BCa": bootstrap.bca(value, drawn, left, level=level),
        "percentile": bootstrap.percentile(drawn, level=level),
    }


def coverage(
    count: int, seeds: int, *, trials: int, resamples: int, level: float = 0.95, seed: int = 0
) -> list[dict]:
    """Rows for one size: how often the interval held the truth, lay below it, lay above it."""
    offset = 0.15 if seeds > 1 else 0.0
    wanted, begun = truth(offset), time.process_time()
    found: dict[str, list] = {"BCa": [], "percentile": []}
    for number in range(trials):
        random = np.random.default_rng([seed, count, seeds, number])
        tables = simulate(random, count=count, seeds=seeds, offset=offset)
        for method, interval in trial(tables, resamples=resamples, level=level, random=random).items():
            found[method].append(interval[:2])
    seconds = round(time.process_time() - begun, 1)
    rows = []
    for method, ends in found.items():
        low, high = np.array(ends).T
        below, above = float(np.mean(high < wanted)), float(np.mean(low > wanted))
        rows.append({"clusters": count, "seeds": seeds, "method": method, "level": level, "trials": trials,
                     "resamples": resamples, "held": round(1 - below - above, 4), "below": round(below, 4),
                     "above": round(above, 4), "width": round(float(np.mean(high - low)), 4),
                     "seconds": seconds})  # fmt: skip
    return rows


def main(argv: list[str] | None = None) -> int:
    """Simulate all sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--out", required=True, type=Path, metavar="CSV")
    args = parser.parse_args(argv)
    rows = [
        row for count, seeds in SIZES
        for row in coverage(count, seeds, trials=args.trials, resamples=args.resamples)
    ]  # fmt: skip
    files.write_csv(args.out, COLUMNS, rows)
    for row in rows:
        print(*(f"{name} {row[name]}" for name in COLUMNS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
