"""Tables of differences and of conventions, and the intervals and controls in the emotion tables."""

import numpy as np
import pytest
from table_inputs import pipe_rows, read_long, runs, write_runs

from figures import tab_comparisons, tab_conventions, tab_sewa, uncertain
from hocp.contracts import files, record
from hocp.statistics import conventions
from tests.statistics.made import a_run as made
from tests.statistics.made import clips


def interval(unit, **changes):
    return {
        "dataset": "sewa",
        "method": "hocp",
        "dimension": "valence",
        "metric": "ccc",
        "value": 0.5,
        "low": 0.31,
        "high": 0.66,
        "level": 0.9,
        "resamples": 100,
        "unit": unit,
        "seeds": 1,
        "clusters": 12,
        "data": "generated",
        **changes,
    }


def control(method, value, **changes):
    return {
        "dataset": "sewa",
        "method": method,
        "data": "generated",
        "fold": 0,
        "convention": "pooled",
        "dimension": "valence",
        "metric": "ccc",
        "value": value,
        "n": 9,
        "note": "made up",
        **changes,
    }


def table(tmp_path, *intervals, controls=()):
    """tab_sewa with these; long form and Markdown."""
    for name, columns, rows in (
        ("intervals", record.INTERVALS, intervals),
        ("controls", record.CONTROLS, controls),
    ):
        files.write_csv(tmp_path / f"{name}.csv", columns, rows)
    options = [
        word for name in ("intervals", "controls") for word in (f"--{name}", str(tmp_path / f"{name}.csv"))
    ]
    tab_sewa.main(
        ["--runs", write_runs(tmp_path / "runs.csv", runs("sewa")), *options, "--out", str(tmp_path / "t")]
    )
    return read_long(tmp_path / "t"), (tmp_path / "t.md").read_text()


def test_an_interval_stands_behind_its_number(tmp_path):
    rows, text = table(tmp_path, interval("clip"), interval("subject", low=0.2, high=0.75, clusters=5))
    (row,) = [r for r in rows if r["low"]]
    assert (row["method"], row["metric"], row["low"], row["high"], row["unit"]) == (
        "hocp", "ccc", "0.200", "0.750", "subject",
    )  # fmt: skip
    assert "| 0.500 [0.20, 0.75] |" in text
    assert "intervals of 90 %, for which 5 people are drawn anew" in text


def test_clips_take_the_place_of_people_that_are_not_known(tmp_path):
    unknown = interval("subject", low=None, high=None, clusters=None, reason="not known")
    rows, text = table(tmp_path, interval("clip"), unknown)
    assert [r["unit"] for r in rows if r["low"]] == ["clip"] and "12 clips are drawn" in text


def test_controls_have_a_section_of_their_own(tmp_path):
    lost = control("ceiling_temporal", None, reason="not computed")
    rows, text = table(tmp_path, controls=[control("permuted", 0.012345), lost])
    lines = pipe_rows(text)
    start = [line[0] for line in lines].index("*Control: what needs no network*")
    assert lines[start + 1][:2] == ["labels in random order", "valence"] and lines[start + 1][9:11] == [
        "0.012",
        "",
    ]
    assert {r["setting"] for r in rows if r["method"] in ("permuted", "ceiling_temporal")} == {"control"}
    assert [r["reason"] for r in rows if r["method"] == "ceiling_temporal"] == ["not computed"]


def test_without_the_files_the_table_is_as_before(tmp_path):
    rows, text = table(tmp_path)
    assert not any(row["low"] for row in rows) and "In brackets" not in text and "Control" not in text


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """tab_conventions of two seeds on SEWA and images on AffectNet."""
    folder = tmp_path_factory.mktemp("conventions")
    tests = [
        clips(np.random.default_rng(k), method="hocp_transduction", seed=k, length=(10, 40)) for k in (0, 1)
    ]
    images = made([0.1, 0.5, -0.3, 0.0], [0.0, 0.4, -0.5, 0.2], clip=[""] * 4, dataset="affectnet")
    other = made([0.9, 0.8], [0.0, 0.4], clip=[""] * 2, dataset="affectnet", method="resnet18")
    rows = list(conventions.rows([*tests, images, other]))
    files.write_csv(folder / "conventions.csv", record.CONVENTIONS, rows)
    tab_conventions.main(["--conventions", str(folder / "conventions.csv"), "--out", str(folder / "tab")])
    return rows, read_long(folder / "tab"), (folder / "tab.md").read_text()


def test_each_line_is_a_mean_over_seeds_of_rows_of_the_grid(shown):
    rows, found, _ = shown
    key = {"dataset": "sewa", "dimension": "valence", "metric": "ccc", "aggregation": "window16_mean",
           "variance": "mixed_a", "processing": "raw", "policy": "excluded"}  # fmt: skip
    values = [float(row["value"]) for row in rows if all(row[k] == v for k, v in key.items())]
    section = "Variance, mean of windows of 16 frames"
    (row,) = [r for r in found if r["section"] == section and "over n − 1, v" in r["convention"]
              and (r["dimension"], r["metric"]) == ("valence", "ccc")]  # fmt: skip
    assert len(values) == 2 and row["value"] == f"{np.mean(values):.3f}" and row["seeds"] == "2"


def test_only_metrics_that_can_move_are_shown(shown):
    _, found, text = shown
    assert {r["metric"] for r in found if r["section"] == "Variance"} == {"pcc", "ccc"}
    assert {r["metric"] for r in found if r["section"] == "Sign agreement"} == {"sagr"}
    assert not any(
        r["section"] == "Average" and "clip" in r["convention"] for r in found if r["dataset"] == "affectnet"
    )
    assert (
        "**AffectNet, HO-CPConv, generated data**" in text
        and "25.0 % of the labels of valence are exactly 0" in text
    )


def difference(unit="subject", **changes):
    return {
        "dataset": "sewa",
        "family": "transduction_vs_scratch",
        "method_a": "hocp_transduction",
        "method_b": "hocp_scratch",
        "dimension": "valence",
        "metric": "ccc",
        "difference": "0.123456",
        "low": "-0.05",
        "high": "0.3",
        "p_value": "0.0002",
        "p_adjusted": "0.0004",
        "adjustment": "Holm, 2 comparisons",
        "unit": unit,
        "seeds": 1,
        "clusters": 9,
        "data": "generated",
        **changes,
    }


def test_differences_are_shown_with_interval_and_both_p(tmp_path):
    missing = dict.fromkeys(
        ("difference", "low", "high", "p_value", "p_adjusted", "adjustment", "seeds", "clusters")
    )
    rows = [
        difference(),
        difference(dimension="arousal", **missing, reason="no run of hocp_scratch on sewa"),
        difference("clip", difference="9"),
    ]
    files.write_csv(tmp_path / "c.csv", record.COMPARISONS, rows)
    tab_comparisons.main(["--comparisons", str(tmp_path / "c.csv"), "--out", str(tmp_path / "tab")])
    text = (tmp_path / "tab.md").read_text()
    assert pipe_rows(text)[-1] == [
        "HO-CPConv, transduction", "HO-CPConv, from scratch", "+0.123 [-0.05, 0.30]", "< 0.001", "< 0.001",
        "no run of hocp_scratch on sewa", "", "",
    ]  # fmt: skip
    assert "9 people are drawn anew" in text and "One seed" in text
    assert len(read_long(tmp_path / "tab")) == 3


def test_no_file_no_intervals():
    assert uncertain.read_intervals(None, "sewa") == {} and uncertain.said([]) == ""
