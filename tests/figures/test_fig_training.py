"""Training curves show what the histories hold, and nothing where nothing was evaluated."""

import numpy as np
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


def test_each_fold_is_a_line(figure):
    runs = {line.get_label() for line in figure.axes[2].lines if line.get_label().startswith("afew_va.hocp.")}
    assert runs == {f"afew_va.hocp.f{fold}.s0" for fold in range(5)}


def test_folds_have_a_mean_over_the_steps_that_all_logged(histories):
    rows = histories[(histories["dataset"] == "afew_va") & (histories["method"] == "hocp")].copy()
    rows["loss"] = rows["run"].str[-4].astype(float) + rows["step"]  # fold + step
    short = rows[(rows["run"] != "afew_va.hocp.f4.s0") | (rows["step"] <= 10)]
    (mean,) = [line for line in fig_training.draw(short).axes[0].lines if line.get_label() == "hocp:mean"]
    assert list(mean.get_xdata()) == list(range(1, 11))
    assert list(mean.get_ydata()) == pytest.approx([2 + step for step in range(1, 11)])


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
