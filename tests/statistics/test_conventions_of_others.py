"""Each convention gives what the code base it comes from computes, on vectors worked out by hand.

Vector: predictions 1 1 2 4, labels 0 1 2 3. Sums 8 and 6, of squares 22 and 14, of products 17. So n^2 times
the population moments are: covariance 4*17 - 8*6 = 20; variances 4*22 - 64 = 24 and 4*14 - 36 = 20; squared
distance of the means (8 - 6)^2 = 4. Over n: covariance 5/4, variances 3/2 and 5/4; over n - 1: covariance
5/3, variances 2 and 5/3; squared distance 1/4.
"""

from fractions import Fraction as F

import numpy as np
import pytest
import torch
import torchmetrics.functional.regression as torchmetrics

from hocp.learning import metrics
from hocp.statistics import measures, units
from hocp.statistics.conventions import processed
from hocp.statistics.exact import Sums
from tests.statistics.made import a_run

PREDICTED, TRUE = [1.0, 1.0, 2.0, 4.0], [0.0, 1.0, 2.0, 3.0]

#: Who computes concordance so -> convention, 2 cov / (var + var + squared distance) by hand.
CONCORDANCES = {
    "EmoNet, Aff-Wild, py-feat, MIMAMO's evaluation": (
        "population",
        2 * F(5, 4) / (F(3, 2) + F(5, 4) + F(1, 4)),
    ),
    "torchmetrics": ("sample", 2 * F(5, 3) / (2 + F(5, 3) + F(1, 4))),
    "ELIM_FER, EmotiEffLib's second function": ("mixed_a", 2 * F(5, 3) / (F(3, 2) + F(5, 4) + F(1, 4))),
    "AVEC 2019": ("mixed_b", 2 * F(5, 4) / (2 + F(5, 3) + F(1, 4))),
}


@pytest.mark.parametrize("who", CONCORDANCES)
def test_concordance(who):
    variance, by_hand = CONCORDANCES[who]
    assert (
        by_hand
        == {"population": F(5, 6), "sample": F(40, 47), "mixed_a": F(10, 9), "mixed_b": F(30, 47)}[variance]
    )
    assert metrics.ccc(PREDICTED, TRUE, variance=variance) == float(by_hand)


def test_emonet_goes_over_the_correlation():
    """2 r sd sd / (...), with r = 5/4 / sqrt(15/8) and population deviations: the same number."""
    r = metrics.pcc(PREDICTED, TRUE)
    assert r == pytest.approx((25 / 30) ** 0.5, rel=1e-15)
    assert 2 * r * 1.5**0.5 * 1.25**0.5 / 3 == pytest.approx(metrics.ccc(PREDICTED, TRUE), rel=1e-15)


@pytest.mark.parametrize(
    ("variance", "factor"), [("sample", F(1)), ("mixed_a", F(4, 3)), ("mixed_b", F(3, 4))]
)
def test_correlation(variance, factor):
    squared = F(20) ** 2 / (24 * 20) * factor**2
    assert metrics.pcc(PREDICTED, TRUE, variance=variance) == pytest.approx(float(squared) ** 0.5, rel=1e-15)


@pytest.mark.parametrize("n", [3, 8, 50, 4000])
def test_torchmetrics_is_the_sample_convention(n):
    random = np.random.default_rng(n)
    true = random.uniform(-1, 1, n)
    predicted = 0.5 * true + random.normal(0, 0.3, n)
    theirs = float(torchmetrics.concordance_corrcoef(torch.tensor(predicted), torch.tensor(true)))
    assert metrics.ccc(predicted, true, variance="sample") == pytest.approx(theirs, rel=1e-10)
    assert metrics.pcc(predicted, true) == pytest.approx(
        float(torchmetrics.pearson_corrcoef(torch.tensor(predicted), torch.tensor(true))), rel=1e-10
    )


def test_a_perfect_prediction_of_three_frames():
    """ELIM's form exceeds 1, AVEC's stays below: n / (n - 1) and its inverse."""
    true = [-0.5, 0.0, 0.5]
    assert metrics.ccc(true, true, variance="mixed_a") == 1.5
    assert metrics.ccc(true, true, variance="mixed_b") == 2 / 3
    assert metrics.ccc(true, true) == metrics.ccc(true, true, variance="sample") == 1


def test_aff_wild_has_no_root():
    assert metrics.mse(PREDICTED, TRUE) == 0.5  # differences 1 0 0 1
    assert metrics.rmse(PREDICTED, TRUE) == 0.5**0.5


#: Pairs: both negative; both zero; 1 and 0; both positive; -1 and 1; -1 and 0.
SIGN_PREDICTED, SIGN_TRUE = [-2.0, 0.0, 1.0, 1.0, -1.0, -1.0], [-1.0, 0.0, 0.0, 1.0, 1.0, 0.0]
AGREEMENTS = {
    "strict": F(3, 6),  # EmoNet: a zero label is right only with a zero prediction
    "non_negative": F(4, 6),
    "zeros_dropped": F(2, 3),
    "zero_wrong": F(2, 6),  # ELIM_FER: equal signs and a label that is not zero, over all
    "product": F(5, 6),
}


@pytest.mark.parametrize("sign", measures.SIGNS)
def test_sign_agreement(sign):
    assert metrics.sagr(SIGN_PREDICTED, SIGN_TRUE, sign=sign) == float(AGREEMENTS[sign])
    assert measures.zero_labels(Sums.of(SIGN_PREDICTED, SIGN_TRUE)) == 3


def _over(codes, metric, predicted, true, *, policy="excluded", weighted=False) -> tuple[float, int]:
    """Mean over units, and how many of them have no value."""
    parts = units.split(np.array(predicted), np.array(true), np.array(codes))
    found = units.values(parts, measures.METRICS[metric], moments=metric in ("pcc", "ccc"))
    return units.mean(found, policy=policy, weighted=weighted), found.undefined


def test_elim_averages_the_errors_of_batches():
    """Errors 1 1 in one batch, 0 0 in the next: 1/2; together it is the root of 1/2."""
    predicted, true = [1.0, 1.0, 0.0, 0.0], [0.0] * 4
    assert _over([0, 0, 1, 1], "rmse", predicted, true) == (0.5, 0)
    assert metrics.rmse(predicted, true) == 0.5**0.5


def test_omg_averages_videos():
    """Video 1 is predicted exactly: 1. Video 2 upside down, labels 0 1 2: -1. Video 3 half as wide: labels
    -1 0 1, variances 1/6 and 2/3, covariance 1/3: 4/5. By length 3 3 3 or 2 3 3, the mean is 4/15 or 7/40.
    """
    predicted = [5.0, 6.0, 7.0, 2.0, 1.0, 0.0, -0.5, 0.0, 0.5]
    true = [5.0, 6.0, 7.0, 0.0, 1.0, 2.0, -1.0, 0.0, 1.0]
    codes = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert _over(codes, "ccc", predicted, true)[0] == pytest.approx(float(F(4, 15)), rel=1e-15)
    shorter = [part[1:] for part in (codes, predicted, true)]
    assert _over(shorter[0], "ccc", *shorter[1:], weighted=True)[0] == pytest.approx(7 / 40, rel=1e-15)


def test_a_video_without_variance_is_nan_zero_or_dropped():
    """EmoNet and torchmetrics: no number; py-feat: 0 below 2 frames. The first clip is 1, the second constant
    and exact, the third constant and wrong, the fourth one frame and exact.
    """
    predicted, true = [0.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.3], [0.0, 1.0, 0.5, 0.5, 0.0, 0.0, 0.3]
    codes = [0, 0, 1, 1, 2, 2, 3]
    assert _over(codes, "ccc", predicted, true) == (1.0, 3)
    assert _over(codes, "ccc", predicted, true, policy="zero") == (0.25, 3)
    assert _over(codes, "ccc", predicted, true, policy="match") == (0.75, 3)
    with pytest.raises(metrics.Undefined, match="none of 3 units has a value"):
        _over(codes[2:], "ccc", predicted[2:], true[2:])


def test_mimamo_gives_predictions_the_spread_of_the_training_labels():
    """Predictions 0 1 2 have mean 1 and variance 2/3; training labels of deviation sqrt(8/3) double them."""
    one = a_run([0.0, 1.0, 2.0], [0.0, 0.0, 0.0])
    one.training[0]["valence"] = one.training[0]["valence"]._replace(deviation=(8 / 3) ** 0.5)
    assert processed(one, "valence", "std_matched") == pytest.approx([-1.0, 1.0, 3.0], rel=1e-15)
    same = a_run([0.2, 0.2], [0.0, 0.1])
    assert processed(same, "valence", "std_matched").tolist() == [0.2, 0.2]


def test_emonet_clips_predictions():
    one = a_run([-2.0, 0.5, 1.5], [0.0, 0.0, 0.0])
    assert processed(one, "valence", "clipped").tolist() == [-1.0, 0.5, 1.0]
    assert processed(one, "valence", "raw").tolist() == [-2.0, 0.5, 1.5]
