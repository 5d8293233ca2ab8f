"""When a number counts as reproduced, and how the confidence of a published one is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from figures import verdicts
from figures.labels import labels
from figures.verdicts import Verdict, verdict
from hocp.contracts import published

numbers = st.floats(-2, 2)


@given(numbers, numbers, st.floats(0, 1))
def test_generated_data_never_get_a_verdict(paper, ours, tolerance):
    found = verdict(paper, ours, data="generated", tolerance=tolerance)
    assert found == Verdict("not comparable", "generated data")


@given(numbers, numbers, st.floats(0, 1), st.sampled_from(["licensed", "analytic"]))
def test_reproduced_means_within_the_tolerance(paper, ours, tolerance, data):
    good = verdict(paper, ours, data=data, tolerance=tolerance).word == "reproduced"
    if abs(ours - paper) > 1.0001 * tolerance + 1e-9:
        assert not good
    if abs(ours - paper) <= tolerance:
        assert good


@pytest.mark.parametrize(
    ("paper", "ours", "tolerance", "said"),
    [
        (0.50, 0.55, 0.05, "reproduced: within 0.05"),  # binary: 0.55 - 0.50 is a little above 0.05
        (0.50, 0.56, 0.05, "not reproduced: 0.06 above, tolerance 0.05"),
        (0.50, 0.44, 0.05, "not reproduced: 0.06 below, tolerance 0.05"),
        (7, 7, 0, "reproduced: within 0"),
        (7, 8, 0, "not reproduced: 1 above, tolerance 0"),
    ],
)
def test_verdicts_tell_distance_and_side(paper, ours, tolerance, said):
    assert str(verdict(paper, ours, data="licensed", tolerance=tolerance)) == said


def test_missing_numbers():
    assert str(verdict(0.5, None, data="licensed", why="no run")) == "not run: no run"
    assert str(verdict(0.5, None, data="generated", why="no run")) == "not run: no run"
    assert str(verdict(None, 0.5, data="generated")) == "no published number"
    with pytest.raises(ValueError, match="reason"):
        verdict(0.5, None, data="licensed")
    with pytest.raises(ValueError, match="data is 'real', expected one of generated"):
        verdict(0.5, 0.5, data="real")


def test_a_line_is_summed_up():
    good, bad = Verdict("reproduced", "within 1"), Verdict("not reproduced", "2 above, tolerance 1")
    none, generated = Verdict("no published number"), Verdict("not comparable", "generated data")
    assert verdicts.summary([good, good]) == "reproduced: within 1"
    assert verdicts.summary([good, bad, none]) == "1 of 2 reproduced"
    assert verdicts.summary([generated, none]) == "not comparable: generated data"
    assert verdicts.summary([none]) == verdicts.summary([]) == "no published number"
    assert verdicts.summary([good, generated]) == "reproduced: within 1; not comparable: generated data"


def test_every_level_has_its_own_mark_label_and_meaning():
    levels = published.load().levels
    assert set(verdicts.MARKS) == set(levels) == set(labels("confidence"))
    assert len(set(verdicts.MARKS.values())) == len(levels)


def test_the_legend_explains_what_is_shown_surest_first():
    levels = published.load().levels
    line = verdicts.legend(["recall", "primary", "recall"], levels)
    assert line.index(levels["primary"]) < line.index(levels["recall"])
    assert levels["secondary"] not in line
    assert verdicts.legend([], levels) == ""
    assert (verdicts.marked("0.71", "recall"), verdicts.marked("", "recall")) == ("0.71ʳ", "")
