"""Ceilings are ordered as the science needs them, and for the reasons that the generator states."""

import numpy as np
import pytest

from data_prep.lookalike.afew_va import annotate
from data_prep.lookalike.ceilings import (
    ceilings,
    concordance,
    held_out_concordance,
    photo_ceilings,
    window_features,
)
from data_prep.lookalike.dynamics import Amounts
from data_prep.lookalike.seeds import stream


def test_concordance_by_hand():
    first, second = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0])
    # means 2, 3; variances 2/3, 2; covariance (1*1 + 0*1 + 1*2) / 3 = 1.
    assert concordance(first, second) == pytest.approx(2 * 1 / (2 / 3 + 2 + 1))
    assert concordance(first, first) == 1
    assert concordance(first, -first + 4) == pytest.approx(-1)


def test_regression_finds_what_is_there_and_nothing_else():
    rng = stream(0, "regression")
    train, test = rng.normal(size=(2, 1500, 6))
    rule = lambda x: np.sin(x[:, 0]) + 0.5 * x[:, 1] * x[:, 2]  # noqa: E731
    assert held_out_concordance(train, rule(train), test, rule(test)) > 0.9
    noise, other = rng.normal(size=(2, 1500))
    assert abs(held_out_concordance(train, noise, test, other)) < 0.12


def test_windows_by_hand():
    course = np.arange(40.0)[:, None] ** 2
    features = window_features(course, np.array([0, 20, 39]), window=4)
    first = [(0 + 1 + 4 + 9) / 4, np.std([0, 1, 4, 9]), np.sqrt((1 + 9 + 25) / 3), 0]
    np.testing.assert_allclose(features[0], first)
    np.testing.assert_allclose(features[1, 0], (18**2 + 19**2 + 20**2 + 21**2) / 4)
    np.testing.assert_allclose(features[2, [0, 3]], [(36**2 + 37**2 + 38**2 + 39**2) / 4, 39**2])


@pytest.mark.parametrize("dataset", ["afew_va", "sewa"])
def test_time_helps_and_labels_bound_it(dataset, statements):
    for axis, gain in (("valence", 0.12), ("arousal", 0.1)):
        ceiling = statements[dataset]["ceilings"][axis]
        assert 0.45 < ceiling["static"] < ceiling["temporal"] - gain
        assert 0.8 < ceiling["temporal"] < ceiling["labels"] < 1


def test_photographs_have_no_temporal_ceiling(statements):
    for name in ("affectnet", "affectnet_2021"):
        found = statements[name]["ceilings"]
        assert found["valence"]["temporal"] is None
        assert found["no_temporal"]
        for axis in ("valence", "arousal"):
            assert 0.6 < found[axis]["static"] < found[axis]["labels"]
    assert photo_ceilings(1, photos=300) != photo_ceilings(2, photos=300)


def test_each_disturbance_has_its_effect():
    """Without speech one frame suffices for valence; without motion time hardly helps arousal."""
    usual = ceilings(3, annotate, subjects=80)
    silent = ceilings(3, annotate, amounts=Amounts(speech=0, prosody=0), subjects=80)
    still = ceilings(3, annotate, amounts=Amounts(motion=0), subjects=80)
    assert silent["valence"]["static"] > usual["valence"]["static"] + 0.1
    assert silent["valence"]["temporal"] - silent["valence"]["static"] < 0.1
    gain, rest = (found["arousal"]["temporal"] - found["arousal"]["static"] for found in (usual, still))
    assert rest < 0.4 * gain
    assert still["arousal"]["temporal"] < usual["arousal"]["temporal"] - 0.1
