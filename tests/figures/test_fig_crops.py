"""Scores against how faces were cut: every number at its place, the setting of training marked."""

import figure_inputs
import pandas as pd
import pytest

from figures import fig_crops, style
from hocp.contracts import files, record


@pytest.fixture
def table(scenario) -> pd.DataFrame:
    return fig_crops.read(scenario / "tables" / "sensitivity.csv")


def curves(axes) -> dict[str, list[tuple[float, float]]]:
    return {
        line.get_label(): [(float(x), round(float(y), 9)) for x, y in zip(*line.get_data(), strict=True)]
        for line in axes.get_lines()
    }


def test_margins_are_drawn_in_order_and_training_is_marked(table):
    axes = fig_crops.draw(table).axes[0]
    found = curves(axes)
    assert axes.get_title(loc="left") == "AffectNet (40 faces)"
    assert found["Valence"] == [(0.8, 0.55), (1.0, 0.6), (1.5, 0.5)]
    assert found["Arousal"] == [(0.8, 0.45), (1.0, 0.5), (1.5, 0.4)]
    assert found["as in training"][0][0] == 1


def test_each_change_is_a_dot_on_its_line(table):
    figure = fig_crops.draw(table)
    below = figure.axes[3]
    names = [text.get_text() for text in below.get_yticklabels()]
    assert names == ["bicubic, antialiased", "nearest pixel", "red and blue swapped", "not stretched to 4:3"]
    dots = {
        (round(float(y)), float(x))
        for line in below.get_lines()
        for x, y in [[v[0] for v in line.get_data()]]
    }
    assert dots >= {(0, -0.05), (1, -0.1), (2, -0.05)}
    assert [text.get_text() for text in below.texts] == [fig_crops.ABSENT]  # AffectNet has no narrow frames
    assert not figure.axes[5].texts  # AFEW-VA has


def test_generated_data_are_marked(table):
    assert style.MARK in [text.get_text() for text in fig_crops.draw(table).texts]
    licensed = fig_crops.draw(table.assign(data="licensed"))
    assert style.MARK not in [text.get_text() for text in licensed.texts]


def test_a_missing_number_is_a_gap_with_its_reason(table):
    lost = table["dataset"].eq("sewa")
    table = table.assign(
        value=table["value"].mask(lost),
        change=table["change"].mask(lost),
        reason=lost.map({True: "lost", False: ""}),
    )
    words = [[text.get_text() for text in axes.texts] for axes in fig_crops.draw(table).axes]
    assert "lost" in words[1] and "lost" in words[4] and "lost" not in words[0]


def test_a_table_without_ccc_is_refused(tmp_path):
    figure_inputs.write_sensitivity(tmp_path / "s.csv")
    rows = files.read_csv(tmp_path / "s.csv", record.SENSITIVITY)
    for kept in ([], [{**row, "metric": "rmse"} for row in rows]):
        files.write_csv(tmp_path / "s.csv", record.SENSITIVITY, kept)
        with pytest.raises(ValueError, match="no row with metric ccc"):
            fig_crops.read(tmp_path / "s.csv")
