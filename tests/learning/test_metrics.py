"""Metrics by hand, against other libraries, and where they have no value."""

import numpy as np
import pytest
import torch
import torchmetrics.functional.regression as torchmetrics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, root_mean_squared_error

from hocp.learning import metrics

TRUE = [0.0, 1.0, 2.0, 3.0]
PREDICTED = [1.0, 1.0, 2.0, 4.0]


def test_by_hand():
    # Differences 1, 0, 0, 1; means 2 and 1.5; population variances 1.5 and 1.25; covariance 1.25.
    assert metrics.rmse(PREDICTED, TRUE) == pytest.approx(0.5**0.5)
    assert metrics.pcc(PREDICTED, TRUE) == pytest.approx(1.25 / (1.5 * 1.25) ** 0.5)
    assert metrics.ccc(PREDICTED, TRUE) == pytest.approx(2.5 / (1.5 + 1.25 + 0.25))
    assert metrics.sagr([0.0, -1.0, 1.0, 0.5], [0.0, -0.2, -0.1, 0.0]) == 0.5
    assert metrics.acc([1, 2, 3, 3], [1, 2, 3, 4]) == 0.75


def test_a_zero_label_agrees_with_zero_alone():
    assert metrics.sagr([1e-9], [0.0]) == 0
    assert metrics.sagr([0.0], [0.0]) == 1


@given(st.integers(3, 200), st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_other_libraries_agree(n, seed):
    random = np.random.default_rng(seed)
    true = random.uniform(-1, 1, n)
    predicted = 0.5 * true + random.normal(0, 0.3, n)
    assert metrics.rmse(predicted, true) == pytest.approx(root_mean_squared_error(true, predicted), rel=1e-9)
    assert metrics.pcc(predicted, true) == pytest.approx(pearsonr(predicted, true).statistic, rel=1e-9)
    # Ours has population moments: torchmetrics' sample variances
    # and covariance grow by n / (n - 1), the bias does not.
    sample = float(torchmetrics.concordance_corrcoef(torch.tensor(predicted), torch.tensor(true)))
    cov, total = np.cov(predicted, true)[0, 1], predicted.var(ddof=1) + true.var(ddof=1)
    bias = (predicted.mean() - true.mean()) ** 2
    assert sample == pytest.approx(2 * cov / (total + bias), rel=1e-6)
    shrink = (n - 1) / n
    assert metrics.ccc(predicted, true) == pytest.approx(2 * cov * shrink / (total * shrink + bias), rel=1e-9)
    assert abs(metrics.ccc(predicted, true)) <= abs(metrics.pcc(predicted, true)) + 1e-12
    classes = random.integers(0, 8, (2, n))
    assert metrics.acc(*classes) == pytest.approx(accuracy_score(classes[1], classes[0]))


def test_ends_of_the_scale():
    true = np.linspace(-1, 1, 11)
    assert metrics.ccc(true, true) == pytest.approx(1) and metrics.pcc(true, true) == pytest.approx(1)
    assert metrics.ccc(-true, true) == pytest.approx(-1)
    assert metrics.ccc(np.full(11, 0.3), true) == 0, (
        "constant predictions concord not at all, which is a number"
    )


@pytest.mark.parametrize(
    ("metric", "predicted", "true", "reason"),
    [
        ("pcc", [1.0, 1.0], [0.0, 1.0], "predictions are constant"),
        ("pcc", [0.0, 1.0], [1.0, 1.0], "labels are constant"),
        ("pcc", [1.0], [1.0], "1 items, needs 2"),
        ("ccc", [0.2, 0.2], [0.1, 0.1], "predictions and labels are constant"),
        ("rmse", [], [], "0 items"),
        ("sagr", [], [], "0 items"),
        ("rmse", [float("nan")], [0.0], "not finite"),
        ("ccc", [float("inf"), 0.0], [0.0, 1.0], "not finite"),
    ],
)
def test_no_number_has_a_reason(metric, predicted, true, reason):
    with pytest.raises(metrics.Undefined, match=reason):
        metrics.METRICS[metric](predicted, true)


def test_small_variances_are_still_numbers():
    true = np.linspace(-1, 1, 50)
    assert metrics.pcc(1e-6 * true + 0.5, true) == pytest.approx(1, abs=1e-6)
