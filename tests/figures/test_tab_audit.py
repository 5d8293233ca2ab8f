"""The audit: intervals hold the truth for simulated labels, are tight, and flag what is known."""

import copy
import math

import numpy as np
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from table_inputs import pipe_rows, read_long

from figures import audit, tab_audit
from hocp.contracts import published
from hocp.contracts.consistency import ANY, Printed, exceeds, floor, spread

KNOWN = published.load()


def measured(labels, predictions):
    """RMSE, PCC and CCC by their definitions, population moments."""
    pcc = np.corrcoef(labels, predictions)[0, 1]
    apart = (labels.mean() - predictions.mean()) ** 2
    ccc = 2 * np.cov(labels, predictions, bias=True)[0, 1] / (labels.var() + predictions.var() + apart)
    return math.sqrt(((labels - predictions) ** 2).mean()), pcc, ccc


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(0.05, 0.5),
    st.floats(0.01, 0.6),
    st.floats(0.1, 2),
    st.floats(-0.3, 0.3),
    st.sampled_from([2, 3, 4]),
)
def test_the_interval_holds_the_labels_standard_deviation(seed, sd, noise, slope, shift, digits):
    draw = np.random.default_rng(seed)
    labels = sd * draw.standard_normal(50)
    predictions = slope * labels + noise * draw.standard_normal(50) + shift
    rmse, pcc, ccc = measured(labels, predictions)
    assume(labels.std() < 1)
    texts = [f"{value:.{digits}f}" for value in (rmse, pcc, ccc)]
    found = spread(*texts)
    assert found.low - 1e-9 <= labels.std() <= found.high + 1e-9
    assert not exceeds(texts[2], texts[1])
    assert labels.std() <= spread(*texts[:2]).high + 1e-9
    assert floor(float(labels.std()), texts[1]) <= rmse + 1e-9


@pytest.mark.parametrize(
    "row",
    [
        ("0.35", "0.71", "0.71"),
        ("0.24", "0.84", "0.75"),
        ("0.43", "0.05", "0.03"),
        ("0.31", "0.17", "0.16"),
        ("0.20", "0.64", "0.57"),
    ],
)
def test_the_interval_is_no_wider_than_needed(row):
    """Against all exact numbers on a fine grid that round to the printed ones."""
    grids = [np.linspace(*map(float, Printed.of(text)), 101) for text in row]
    lows, highs = [], []
    for c in grids[2]:
        e, r = np.meshgrid(grids[0], grids[1])
        real, whole, possible = (
            np.sqrt(np.clip(1 - (c / r) ** 2, 0, None)),
            e**2 / (2 * (1 - c)),
            c <= r + 1e-12,
        )
        lows.append(np.sqrt(whole * (1 - real)).min(initial=9, where=possible))
        highs.append(np.sqrt(whole * (1 + real)).max(initial=0, where=possible))
    found = spread(*row)
    assert found.low == pytest.approx(min(lows), abs=1e-4)
    assert found.high == pytest.approx(max(highs), abs=1e-4)


def test_rounding_is_that_of_the_digits():
    assert [float(end) for end in Printed.of("0.60")] == [0.595, 0.605]
    assert [float(end) for end in Printed.of("0.407")] == [0.4065, 0.4075]


@pytest.mark.parametrize(
    ("ccc", "pcc", "bad"),
    [
        ("0.20", "0.18", True),
        ("0.52", "0.51", True),
        ("0.71", "0.71", False),
        ("0.556", "0.575", False),
        ("0.41", "0.407", False),
    ],
)
def test_ccc_above_pcc(ccc, pcc, bad):
    assert exceeds(ccc, pcc) == bad


def test_what_says_nothing_confines_nothing():
    assert tuple(spread("0.30", "0.00", "0.00")) == pytest.approx((0, 0.305), abs=1e-3)  # s^2 <= S
    assert spread("0.30", "-0.20", "-0.10") == ANY
    assert spread("0.30", "0.20", "0.40").empty


#: Common intervals as derived by others from the same tables.
DERIVED = {
    ("affectnet", "valence"): (0.410, 0.486),
    ("affectnet", "arousal"): (0.342, 0.403),
    ("sewa", "valence"): (0.283, 0.382),
    ("sewa", "arousal"): (0.270, 0.408),
    ("afew_va", "valence"): (0.222, 0.254),
    ("afew_va", "arousal"): (0.178, 0.199),
}


@pytest.mark.parametrize("key", DERIVED, ids=" ".join)
def test_common_intervals_are_those_of_another_derivation(key):
    table, dimension = key
    lines = [line for line in audit.lines(KNOWN, table) if line.dimension == dimension]
    assert tuple(audit.common(lines)) == pytest.approx(DERIVED[key], abs=0.0015)


def rows_of(tmp_path, path=None):
    tab_audit.main([*(["--published", str(path)] if path else []), "--out", str(tmp_path / "tab_audit")])
    return read_long(tmp_path / "tab_audit")


def test_the_two_known_cells_are_flagged_and_no_other(tmp_path):
    rows = rows_of(tmp_path)
    doubtful = {(r["dataset"], r["method"], r["dimension"]) for r in rows if r["outcome"] == "doubtful"}
    assert doubtful == {("sewa", "sewa_svm", "arousal"), ("afew_va", "affwildnet", "valence")}
    assert {r["quoted"] for r in rows if r["outcome"] == "doubtful"} == {"yes"}
    assert len(rows) == sum(3 * 2 * len(KNOWN.document[t]["rows"]) + 2 for t in published.EMOTION)


@pytest.mark.parametrize(
    ("method", "cell", "value", "check"),
    [
        ("hocp", "ccc", 0.80, "ccc_at_most_pcc"),
        ("hocp_transduction", "rmse", 0.60, "label_spread"),
        ("r3d18", "rmse", 0.05, "rmse_floor"),
    ],
)
def test_a_planted_slip_is_found(tmp_path, method, cell, value, check):

    document = copy.deepcopy(dict(KNOWN.document))
    row = next(r for r in document["sewa"]["rows"] if r["method"] == method)
    row["valence"][cell] = value
    (tmp_path / "paper.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    rows = rows_of(tmp_path, tmp_path / "paper.yaml")
    assert (method, check) in {(r["method"], r["check"]) for r in rows if r["outcome"] == "doubtful"}


def test_the_page_shows_numbers_interval_and_finding(tmp_path):
    rows_of(tmp_path)
    text = (tmp_path / "tab_audit.md").read_text("utf-8")
    lines = {tuple(row[:2]): row for row in pipe_rows(text)}
    assert lines["SVM, video features (SEWA paper) (quoted)", "arousal"][-1].startswith(
        "doubtful: CCC above PCC"
    )
    assert lines["VGG-Face + 2M images (quoted)", "valence"][-1] == "consistent"
    assert text.count("Standard deviations of the labels that all rows allow") == 3
    assert "valence 0.283 to 0.382" in text
