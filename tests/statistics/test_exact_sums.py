"""Sums that do not depend on batches, values rounded once; a campaign of edge cases in small."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hocp.learning import metrics
from hocp.statistics import measures
from hocp.statistics.exact import Sums, Undefined, mean, merged, ratio, root
from tests.learning import metric_campaign
from tests.statistics import oracle

#: Any finite floats at all, both signs of zero and subnormal ones among them.
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PAIRS = st.lists(st.tuples(FLOATS, FLOATS), max_size=20)
NARROW = st.sampled_from([np.float16, np.float32]).flatmap(
    lambda kind: arrays.arrays(
        kind, st.integers(0, 12), elements={"allow_nan": False, "allow_infinity": False}
    )
)


def sums(pairs) -> Sums:
    x, y = np.array(pairs, float).reshape(-1, 2).T
    return Sums.of(x, y)


@given(PAIRS, PAIRS, PAIRS)
@settings(max_examples=60, deadline=None)
def test_joining_is_exact_commutative_and_associative(a, b, c):
    first, second, third = map(sums, (a, b, c))
    assert first + second == second + first == sums(a + b)
    assert (first + second) + third == first + (second + third) == sums(c + a + b)
    assert first + Sums() == first


@given(PAIRS)
@settings(max_examples=60, deadline=None)
def test_sums_are_those_of_fractions(pairs):
    found = sums(pairs)
    exact = [(Fraction(x), Fraction(y)) for x, y in pairs]
    unit = Fraction(1, 2**1127)
    assert found.x * unit == sum(x for x, _ in exact) and found.y * unit == sum(y for _, y in exact)
    assert found.xx * unit**2 == sum(x * x for x, _ in exact)
    assert found.yy * unit**2 == sum(y * y for _, y in exact)
    assert found.xy * unit**2 == sum(x * y for x, y in exact)


@given(NARROW)
@settings(max_examples=60, deadline=None)
def test_narrow_floats_are_the_same_numbers_as_wide_ones(values):
    other = values[::-1]
    assert Sums.of(values, other) == Sums.of(values.astype(np.float64), other.astype(np.float64))


@given(st.integers(0, 10**40), st.integers(1, 10**40))
def test_roots_are_rounded_once(numerator, denominator):
    assert oracle.nearest_root(root(numerator, denominator), Fraction(numerator, denominator))


@given(st.integers(1, 2**60))
def test_roots_of_squares_are_exact(value):
    assert root(value**2, 1) == float(value)


@given(st.lists(st.tuples(st.floats(-1e300, 1e300), st.integers(1, 99)), min_size=1, max_size=9))
def test_means_are_rounded_once(parts):
    values, weights = zip(*parts, strict=True)
    exact = sum(Fraction(value) * weight for value, weight in parts) / sum(weights)
    assert oracle.nearest(mean(values, weights), exact)


def test_no_float_is_that_large():
    with pytest.raises(Undefined, match="too large"):
        ratio(10**400, 1)


def test_differs_from_numpy_only_by_rounding():
    random = np.random.default_rng(3)
    true = random.uniform(-1, 1, 5000).astype(np.float32)
    predicted = (0.5 * true + random.normal(0, 0.3, 5000)).astype(np.float32)
    x, y = predicted.astype(float), true.astype(float)
    naive = 2 * np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert metrics.ccc(predicted, true) == pytest.approx(naive, rel=1e-13)
    assert metrics.rmse(predicted, true) == pytest.approx(np.sqrt(np.mean((x - y) ** 2)), rel=1e-13)
    assert metrics.pcc(predicted, true) == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-13)


def test_what_float64_cannot_see_is_seen():
    """Variance of 1e-18 about 1e6: sums of squares in float64 lose it altogether."""
    true = 1e6 + np.array([0.0, 1.0, 2.0]) * 2**-33
    assert metrics.pcc(true, true) == 1 and metrics.ccc(true, true) == 1
    assert np.mean(true**2) - np.mean(true) ** 2 != pytest.approx(np.var(true), rel=0.5)


def test_what_is_not_finite_is_counted_and_named():
    found = Sums.of([0.1, math.nan, 0.3, math.inf], [0.0, 0.1, math.nan, 0.2])
    assert (found.n, found.nonfinite) == (4, 3)
    for measure in measures.METRICS.values():
        with pytest.raises(Undefined, match="3 of 4 values are not finite"):
            measure(found)


@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        ([0.1], [0.1, 0.2], "1 predictions and 2 labels"),
        ([[0.1]], [0.1], r"predictions have shape \(1, 1\)"),
        (["a"], [0.1], "predictions are <U1"),
        ([0.1], [1j], "labels are complex128"),
    ],
)
def test_what_is_no_pair_of_sequences_is_refused(predicted, true, message):
    with pytest.raises(ValueError, match=message):
        Sums.of(predicted, true)


def test_unknown_conventions_are_named():
    with pytest.raises(ValueError, match=r"variance is 'ddof1'.*population"):
        metrics.ccc([0.0, 1.0], [0.0, 1.0], variance="ddof1")
    with pytest.raises(ValueError, match=r"sign is 'loose'.*strict"):
        metrics.sagr([0.0], [0.0], sign="loose")


def test_workers_and_chunks_give_the_same_bits(monkeypatch):
    random = np.random.default_rng(5)
    x, y = random.normal(size=(2, 300)) * 10.0 ** random.integers(-300, 300, (2, 300))
    whole = Sums.of(x, y)
    shares = [Sums.of(x[k::7], y[k::7]) for k in range(7)]
    assert merged(shares) == merged(reversed(shares)) == whole
    monkeypatch.setattr("hocp.statistics.exact.CHUNK", 11)
    assert Sums.of(x, y) == whole


def test_a_campaign_of_edge_cases():
    rows, wrong = metric_campaign.campaign(325, seed=1)
    assert wrong == []
    assert {row["cases"] for row in rows} == {25}
    by_kind = {row["kind"]: row for row in rows}
    assert by_kind["NaN or infinite"]["values"] == 0 and by_kind["largest floats"]["too_large"] > 0


def test_the_campaign_can_fail(monkeypatch):
    monkeypatch.setitem(oracle.LESS, "sample", (0, 1))
    assert metric_campaign.campaign(1)[1] != []


def test_many_items_in_batches():
    assert metric_campaign.large(200_000, batch=50_000)["failures"] == 0
