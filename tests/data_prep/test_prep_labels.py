"""Numbers that are none, and the scale of SEWA's labels."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep import labels
from data_prep.record import Quarantine, Scale


@given(st.floats(-1e6, 1e6))
def test_numbers_may_be_text(value):
    assert labels.number(value, "x") == labels.number(f" {value!r} ", "x") == value


@pytest.mark.parametrize("value", [None, "", "  ", "NULL", "null", "None", "N/A"])
def test_absent(value):
    with pytest.raises(Quarantine) as caught:
        labels.number(value, "valence")
    assert (caught.value.status, caught.value.note) == ("label_null", "no valence")


@pytest.mark.parametrize("value", [math.nan, math.inf, "nan", "-inf", "happy", [1], {}, "1,5", 10**400])
def test_not_a_number(value):
    with pytest.raises(Quarantine) as caught:
        labels.number(value, "valence")
    assert caught.value.status == "label_nan"


@pytest.mark.parametrize("value", [-1.01, 1.01, -3])
def test_labels_out_of_range_are_not_clipped(value):
    with pytest.raises(Quarantine) as caught:
        labels.within(value, -1, 1, "valence")
    assert caught.value.status == "label_range" and f"{value:g}" in caught.value.note


def test_labels_at_the_edge_pass():
    assert labels.within(1.0, -1, 1, "valence") == 1.0 and labels.within(-1 - 1e-9, -1, 1, "valence") < -1


UNIT, SIGNED = Scale(2.0, -1.0), Scale(1.0, 0.0)


@pytest.mark.parametrize(
    ("valence", "arousal", "expected"),
    [
        ((0.0, 1.0), (0.2, 0.9), UNIT),
        ((-0.09, 1.08), (0.0, 1.0), UNIT),  # the fusion overshoots a little
        ((-0.8, 0.9), (-0.2, 0.4), SIGNED),
    ],
)
def test_scale_is_measured(valence, arousal, expected):
    assert labels.unit_or_signed({"valence": valence, "arousal": arousal}) == expected


@pytest.mark.parametrize(
    ("valence", "arousal"),
    [((0.0, 1.0), (-0.5, 0.5)), ((-0.12, 0.9), (0.0, 1.0)), ((-0.12, 0.9), (-0.12, 0.9))],
)
def test_mixed_or_unclear_scale_stops(valence, arousal):
    with pytest.raises(ValueError, match="no common scale: valence") as caught:
        labels.unit_or_signed({"valence": valence, "arousal": arousal})
    assert f"{valence[0]:.3f} to {valence[1]:.3f}" in str(caught.value)
