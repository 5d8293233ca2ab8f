"""Intervals and tests against brute force, scipy, all permutations, and simulation with known truth."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from hocp.statistics import bootstrap, clusters, measures, permutation
from hocp.statistics.exact import Sums
from tests.statistics import interval_coverage as coverage
from tests.statistics.made import clips

RANDOM = np.random.default_rng


def arrays(seed: int = 0, **more):
    """Predictions, labels and cluster numbers of a few clips."""
    one = clips(RANDOM(seed), **more)
    cluster = np.unique(one.clip, return_inverse=True)[1]
    return one.predicted["valence"], one.true["valence"], cluster


@pytest.mark.parametrize("metric", clusters.METRICS)
def test_resampled_sums_are_the_metric_of_the_frames_drawn(metric):
    """Brute force: gather the frames of the clips drawn and compute on them."""
    x, y, cluster = arrays(count=6)
    table = clusters.table(x, y, cluster, clusters=6)
    sums = bootstrap.resampled(table, resamples=50, random=RANDOM(1))
    drawn = RANDOM(1).integers(6, size=(50, 6))
    for row, found in zip(drawn, clusters.METRICS[metric](sums), strict=True):
        frames = np.concatenate([np.flatnonzero(cluster == k) for k in row])
        assert found == pytest.approx(measures.METRICS[metric](Sums.of(x[frames], y[frames])), rel=1e-9)


def test_all_methods_share_the_draws():
    tables = np.arange(12.0).reshape(6, 2)
    both = bootstrap.resampled(tables, resamples=700, random=RANDOM(2))
    assert np.array_equal(both[:, :1], bootstrap.resampled(tables[:, :1], resamples=700, random=RANDOM(2)))
    assert both.shape == (700, 2) and np.allclose(both[:, 1] - both[:, 0], 6)


@pytest.mark.parametrize("metric", clusters.METRICS)
def test_the_interval_is_scipy_s(metric):
    table = clusters.table(*arrays(count=15), clusters=15)
    compute = clusters.METRICS[metric]

    def statistic(index, axis=-1):
        return compute(table[index.astype(int)].sum(axis=-2))

    for method in ("BCa", "percentile"):
        theirs = stats.bootstrap((np.arange(15),), statistic, method=method, n_resamples=999, rng=RANDOM(3))
        drawn = theirs.bootstrap_distribution
        value, left = float(compute(table.sum(0))), compute(bootstrap.left_out(table))
        ours = (
            bootstrap.bca(value, drawn, left, level=0.95) if method == "BCa"
            else bootstrap.percentile(drawn, level=0.95)
        )  # fmt: skip
        assert ours[:2] == pytest.approx(tuple(theirs.confidence_interval), rel=1e-9)


def test_the_interval_by_our_draws_is_near_scipy_s():
    table = clusters.table(*arrays(count=30), clusters=30)
    theirs = stats.bootstrap(
        (np.arange(30),),
        lambda index, axis=-1: clusters.ccc(table[index.astype(int)].sum(-2)),
        n_resamples=4000,
        rng=RANDOM(4),
    ).confidence_interval
    drawn = clusters.ccc(bootstrap.resampled(table, resamples=4000, random=RANDOM(5)))
    ours = bootstrap.bca(
        float(clusters.ccc(table.sum(0))), drawn, clusters.ccc(bootstrap.left_out(table)), level=0.95
    )
    assert ours[:2] == pytest.approx(tuple(theirs), abs=0.03)


@pytest.mark.parametrize(
    ("left", "drawn", "reason"),
    [
        ([0.5] * 4, [0.5], "4 to draw from, an interval needs 5"),
        ([0.5] * 5 + [np.nan], [0.5, np.nan], "2 resamples have no value"),
    ],
)
def test_no_interval_has_a_reason(left, drawn, reason):
    found = bootstrap.bca(0.5, np.array(drawn), np.array(left), level=0.95)
    assert found[:2] == (None, None) and reason in found.reason


def test_equal_resamples_give_a_point():
    assert bootstrap.bca(0.5, np.full(9, 0.5), np.full(5, 0.5), level=0.95)[:2] == (0.5, 0.5)


def test_constant_sides_in_resamples():
    """As the exact metrics: one constant side is 0 for concordance, no number for correlation."""
    flat, true = np.full(6, 0.3), np.array([0.1, 0.2, 0.4, 0.1, 0.2, 0.4])
    table = clusters.table(flat, true, np.arange(6) // 3, clusters=2)
    assert clusters.ccc(table.sum(0)) == 0 and np.isnan(clusters.pcc(table.sum(0)))
    both = clusters.table(flat, flat, np.zeros(6, int), clusters=1)
    assert np.isnan(clusters.ccc(both.sum(0)))


def test_seeds_widen_the_interval():
    wide, narrow = (
        coverage.trial(
            coverage.simulate(RANDOM(1), count=40, seeds=4, offset=offset),
            resamples=800,
            level=0.95,
            random=RANDOM(2),
        )["percentile"]
        for offset in (0.6, 0.0)
    )
    assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)


def test_coverage_in_small():
    """At larger size: results/reference/interval_coverage.csv."""
    for count, seeds, least in ((25, 1, 0.87), (60, 3, 0.8)):
        for row in coverage.coverage(count, seeds, trials=150, resamples=400):
            assert least <= row["held"] <= 0.995, row


def test_the_truth_of_the_simulation():
    tables = coverage.simulate(RANDOM(0), count=20_000, seeds=1, offset=0.0)
    assert clusters.ccc(tables.sum(0)).mean() == pytest.approx(coverage.truth(0.0), abs=0.01)
    many = coverage.simulate(RANDOM(0), count=2000, seeds=150, offset=0.15)
    assert clusters.ccc(many.sum(0)).mean() == pytest.approx(coverage.truth(0.15), abs=0.02)


def pair(first: int = 1, second: int = 2, *, count=7, noise=(0.1, 0.3)) -> list[np.ndarray]:
    """Sums of two methods on the same clips, one seed; shape (K, 1, F)."""
    found = []
    for seed, amount in zip((first, second), noise, strict=True):
        x, y, cluster = arrays(seed, count=count, noise=amount)
        found.append(clusters.table(x, y, cluster, clusters=count)[:, None])
    return found


@pytest.mark.parametrize("metric", clusters.METRICS)
def test_p_is_scipy_s_over_all_swaps(metric):
    first, second = pair()
    both, compute = np.concatenate([first, second])[:, 0], clusters.METRICS[metric]
    ways, every = permutation.swaps(7, permutations=1000, random=RANDOM(0))
    assert every and len(ways) == 2**7
    theirs = stats.permutation_test(
        (np.arange(7), np.arange(7, 14)),
        lambda a, b: compute(both[a.astype(int)].sum(0)) - compute(both[b.astype(int)].sum(0)),
        permutation_type="samples",
        n_resamples=np.inf,
    )
    assert permutation.p_value(first, second, compute, ways, every=every) == pytest.approx(theirs.pvalue)


def test_p_by_hand_over_frames_swapped_one_clip_at_a_time():
    """Enumerate the swaps on the frames themselves."""
    (x, y, cluster), (other, _, _) = arrays(1, count=4, noise=0.1), arrays(2, count=4)
    gaps = []
    for way in product((False, True), repeat=4):
        moved = np.array(way)[cluster]
        a, b = np.where(moved, other, x), np.where(moved, x, other)
        gaps.append(measures.rmse(Sums.of(a, y)) - measures.rmse(Sums.of(b, y)))
    expected = np.mean(np.abs(gaps) >= abs(gaps[0]) - 1e-12)
    ways, every = permutation.swaps(4, permutations=16, random=RANDOM(0))
    first, second = pair(count=4)
    assert permutation.p_value(first, second, clusters.rmse, ways, every=every) == pytest.approx(expected)


def test_random_swaps_count_the_observed_one():
    first, second = pair(count=40, noise=(0.01, 0.9))
    ways, every = permutation.swaps(40, permutations=199, random=RANDOM(0))
    assert not every and len(ways) == 199
    assert permutation.p_value(first, second, clusters.ccc, ways, every=every) == 1 / 200


def test_equal_methods_get_p_one():
    first, _ = pair()
    ways, every = permutation.swaps(7, permutations=128, random=RANDOM(0))
    assert permutation.p_value(first, first, clusters.ccc, ways, every=every) == 1


def test_alike_methods_are_rarely_told_apart():
    """Two methods with errors of the same kind: about 5 % of p-values below 0.05."""
    ways, every = permutation.swaps(12, permutations=400, random=RANDOM(0))
    values = [
        permutation.p_value(
            *pair(2 * k, 2 * k + 1, count=12, noise=(0.3, 0.3)), clusters.ccc, ways, every=every
        )
        for k in range(150)
    ]
    assert 0.0 < np.mean(np.array(values) < 0.05) < 0.11
    assert 0.4 < np.mean(values) < 0.6


def test_a_difference_without_value_has_no_p():
    first, _ = pair(count=3)
    constant = clusters.table(np.full(6, 0.1), np.arange(6.0), np.arange(6) // 2, clusters=3)[:, None]
    ways, every = permutation.swaps(3, permutations=8, random=RANDOM(0))
    assert permutation.p_value(first, constant, clusters.pcc, ways, every=every) is None


def test_holm_by_hand():
    """Sorted 0.01 0.03 0.04 times 3 2 1: 0.03 0.06 0.04, the last raised to 0.06."""
    assert permutation.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert permutation.holm([0.9, 0.8]) == [1.0, 1.0]
    assert permutation.holm([]) == []
