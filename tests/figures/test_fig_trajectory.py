"""The trajectory figure: which clip, what is drawn of it, and gaps that stay gaps."""

import figure_inputs
import numpy as np
import pandas as pd
import pytest

from figures import fig_trajectory, style
from hocp.contracts import record
from hocp.contracts.spec import Run


def _paths(scenario, dataset="sewa"):
    data = scenario / "data" / dataset
    return (
        sorted(scenario.glob(f"runs/{dataset}.*/predictions.npz")),
        data / "manifest.csv",
        data / "crops.h5",
    )


@pytest.fixture(scope="module")
def clip(scenario):
    return fig_trajectory.read(*_paths(scenario))


@pytest.fixture(scope="module")
def figure(clip):
    return fig_trajectory.draw(clip)


def _line(figure, panel, label):
    (line,) = [line for line in figure.axes[panel].lines if line.get_label() == label]
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def test_the_clip_with_the_most_varied_labels_is_chosen(clip):
    assert clip.name == "c3"  # the made-up clip that swings by 0.8, the others by at most 0.30


def test_ties_go_to_the_first_name():
    rows = [("m", clip, frame, value) for clip in "ba" for frame, value in enumerate((0.0, 1.0))]
    table = pd.DataFrame(rows, columns=["method", "clip", "frame", "valence_true"]).assign(arousal_true=0.0)
    assert fig_trajectory.choose(table) == "a"


def test_a_clip_that_one_method_lacks_is_not_chosen():
    rows = [
        ("m", "a", 0, 1.0),
        ("m", "a", 1, -1.0),
        ("m", "b", 0, 0.1),
        ("m", "b", 1, 0.0),
        ("n", "b", 0, 0.1),
    ]
    table = pd.DataFrame(rows, columns=["method", "clip", "frame", "valence_true"]).assign(arousal_true=0.0)
    assert fig_trajectory.choose(table) == "b"


def test_no_common_clip_is_an_error():
    table = pd.DataFrame({"method": ["m", "n"], "clip": ["a", "b"], "frame": 0, "valence_true": 0.0})
    with pytest.raises(ValueError, match="same folds"):
        fig_trajectory.choose(table.assign(arousal_true=0.0))


@pytest.mark.parametrize(("panel", "dimension"), [(1, "valence"), (2, "arousal")])
@pytest.mark.parametrize("method", figure_inputs.STATIC + figure_inputs.TEMPORAL)
def test_curves_are_the_stored_predictions(scenario, figure, panel, dimension, method):
    stored = record.read_predictions(scenario / "runs" / f"sewa.{method}.f0.s0" / "predictions.npz")
    mine = stored["clip"] == "c3"
    times, values = _line(figure, panel, method)
    drawn = np.isfinite(values)
    assert values[drawn] == pytest.approx(stored[dimension][mine])
    assert times[drawn] == pytest.approx(stored["frame"][mine] / 10.0)  # ten frames a second


def test_the_label_is_drawn_once_and_breaks_where_frames_are_missing(figure):
    times, values = _line(figure, 1, "true")
    (gap,) = np.flatnonzero(np.isnan(values))
    assert times[gap - 1] == pytest.approx(2.0) and times[gap + 1] == pytest.approx(2.9)
    assert "no frames" in [text.get_text() for text in figure.axes[1].texts]


def test_frames_above_are_the_crops_of_this_clip(clip):
    frames = np.round(clip.times * 10)
    expected = [figure_inputs.face(0.8 * np.sin(f / 6), 0.8 * np.cos(f / 9)) for f in frames]
    assert len(clip.frames) == fig_trajectory.FRAMES
    assert np.array_equal(clip.frames, expected)


def test_folds_of_a_method_are_joined(scenario):
    assert fig_trajectory.read(*_paths(scenario, "afew_va")).name == "c3"  # tested in fold 3 only


def test_generated_data_is_marked(figure):
    assert style.MARK in [text.get_text() for text in figure.texts]


def test_unknown_method_is_named(scenario, tmp_path):
    run = Run("sewa", "hocp", 0, 0)
    figure_inputs.write_predictions(tmp_path / "sewa.mystery.f0.s0", run)
    _, manifest, crops = _paths(scenario)
    with pytest.raises(ValueError, match="'mystery'"):
        fig_trajectory.read([tmp_path / "sewa.mystery.f0.s0" / "predictions.npz"], manifest, crops)


def test_runs_of_two_data_sets_are_refused(scenario):
    predictions, manifest, crops = _paths(scenario)
    with pytest.raises(ValueError, match="one data set"):
        fig_trajectory.read([*predictions, *_paths(scenario, "afew_va")[0]], manifest, crops)


def test_of_several_seeds_the_smallest_is_shown(scenario, tmp_path):
    _, manifest, crops = _paths(scenario)
    for seed in (0, 1):
        figure_inputs.write_predictions(tmp_path / f"sewa.hocp.f0.s{seed}", Run("sewa", "hocp", 0, seed))
    clip = fig_trajectory.read(sorted(tmp_path.glob("*/predictions.npz")), manifest, crops)
    assert clip.table["seed"].unique().tolist() == [0] and clip.table["frame"].is_unique
