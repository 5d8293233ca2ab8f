"""Training curves show what the histories hold, and nothing where nothing was evaluated."""

import figure_inputs
import numpy as np
import pandas as pd
import pytest

from figures import fig_training, style
from hocp.contracts.manifest import DATASETS


def _manifests(scenario, *datasets):
    return [scenario / "data" / dataset / "manifest.csv" for dataset in datasets or DATASETS]


@pytest.fixture(scope="module")
def histories(scenario):
    return fig_training.read(sorted(scenario.glob("runs/*/history.csv")), _manifests(scenario))


@pytest.fixture(scope="module")
def figure(histories):
    return fig_training.draw(histories)


def _line(figure, row, column, run):
    (line,) = [line for line in figure.axes[3 * row + column].lines if line.get_label() == run]
    return list(line.get_xdata()), list(line.get_ydata())


def test_loss_is_drawn_at_every_logged_step(figure):
    steps, losses = _line(figure, 0, 1, "sewa.hocp.f0.s0")
    assert steps == list(range(1, 21)) and losses == pytest.approx([1 / step for step in steps])


def test_validation_is_drawn_only_where_it_was_made(figure):
    steps, scores = _line(figure, 1, 1, "sewa.hocp.f0.s0")
    assert steps == [5, 10, 15, 20] and scores == pytest.approx([1 - 1 / step - 0.24 for step in steps])
    assert _line(figure, 2, 1, "sewa.hocp.f0.s0")[1] == pytest.approx([score / 2 for score in scores])


def _band(axes, method):
    """Step -> lower and upper end of the band."""
    (band,) = [each for each in axes.collections if each.get_label() == f"{method}:band"]
    ends = {}
    for step, value in band.get_paths()[0].vertices:
        ends.setdefault(float(step), set()).add(float(value))
    return {step: (min(values), max(values)) for step, values in ends.items()}


def test_three_runs_are_their_mean_and_quartiles(histories):
    rows = histories[histories["run"] == "sewa.hocp.f0.s0"]
    seeds = [rows.assign(run=f"sewa.hocp.f0.s{k}", loss=value) for k, value in enumerate((1.0, 2.0, 6.0))]
    axes = fig_training.draw(pd.concat(seeds)).axes[0]
    (mean,) = [line for line in axes.lines if line.get_label() == "hocp:mean"]
    assert list(mean.get_xdata()) == list(range(1, 21)) and set(mean.get_ydata()) == {3.0}
    assert _band(axes, "hocp") == {float(step): (1.5, 4.0) for step in range(1, 21)}
    assert axes.get_title(loc="left") == "SEWA: 3 runs a method"


def test_folds_are_a_band_and_no_lines_of_their_own(figure):
    labels = {line.get_label() for line in figure.axes[2].lines if not line.get_label().startswith("_")}
    assert labels == {f"{method}:mean" for method in (*figure_inputs.STATIC, *figure_inputs.TEMPORAL)}
    assert len(figure.axes[2].collections) == 6 and not figure.axes[1].collections  # SEWA: one run each
    assert figure.axes[2].get_title(loc="left") == "AFEW-VA: 5 runs a method"
    assert figure.axes[1].get_title(loc="left") == "SEWA"


def test_the_band_is_said_in_the_legend_where_there_is_one(figure, histories):
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said[-1] == "middle half of the runs"
    single = fig_training.draw(histories[histories["dataset"] == "sewa"])
    assert said[-1] not in [text.get_text() for text in single.legends[0].get_texts()]


def test_mean_and_band_end_where_a_run_has_no_value(histories):
    rows = histories[(histories["dataset"] == "afew_va") & (histories["method"] == "hocp")].copy()
    rows["loss"] = rows["run"].str[-4].astype(float) + rows["step"]  # fold + step
    stopped = (rows["run"] == "afew_va.hocp.f4.s0") & (rows["step"] > 10)
    for short in (rows[~stopped], rows.assign(loss=rows["loss"].mask(stopped))):
        axes = fig_training.draw(short).axes[0]
        (mean,) = [line for line in axes.lines if line.get_label() == "hocp:mean"]
        assert list(mean.get_xdata()) == list(range(1, 11))
        assert list(mean.get_ydata()) == pytest.approx([2 + step for step in range(1, 11)])
        assert _band(axes, "hocp")[10.0] == (11.0, 13.0)


def test_a_dot_marks_where_the_second_stage_begins(figure):
    dots = [line for line in figure.axes[1].lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [list(dot.get_xdata()) for dot in dots] == [[9]]


def test_a_run_without_validation_leaves_words_instead_of_a_line(histories):
    bare = histories[histories["dataset"] == "affectnet"].assign(val_valence_ccc=np.nan)
    axes = fig_training.draw(bare).axes[1]
    assert [text.get_text() for text in axes.texts] == [fig_training.NOT_EVALUATED]
    assert not [line for line in axes.lines if len(line.get_xdata())]


def test_generated_data_is_marked_by_the_manifests_word(figure, histories):
    assert style.MARK in [text.get_text() for text in figure.texts]
    licensed = fig_training.draw(histories.assign(data="licensed"))
    assert style.MARK not in [text.get_text() for text in licensed.texts]


def test_a_run_whose_manifest_is_not_given_is_refused(scenario):
    with pytest.raises(ValueError, match="a run on sewa"):
        fig_training.read(sorted(scenario.glob("runs/sewa*/history.csv")), _manifests(scenario, "affectnet"))
