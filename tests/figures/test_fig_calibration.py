"""Calibration: bins and their means by hand, which cells are shown, and the arrows and curves drawn."""

import numpy as np
import pandas as pd
import pytest
from drawn import words
from matplotlib.quiver import Quiver

from figures import fig_calibration, style
from figures.inputs import read_tests
from hocp.contracts.manifest import DATASETS

BOTH = ["valence", "arousal"]
TRIO = ["r2plus1d18", "hocp_scratch", "hocp_transduction"]


def table(*frames, clips="ab", method="hocp", seed=0) -> pd.DataFrame:
    """One method's frames of rows valence and arousal, true and predicted; clips take turns."""
    columns = ["valence_true", "arousal_true", "valence", "arousal"]
    count = len(frames)
    names = {
        "item": [f"i{k}" for k in range(count)],
        "clip": [clips[k % len(clips)] if clips else "" for k in range(count)],
    }
    facts = {"method": method, "seed": seed, "data": "generated", "dataset": "sewa"}
    return pd.DataFrame(frames, columns=columns).assign(**names, **facts)


@pytest.fixture(scope="module")
def tables(scenario):
    manifests = [scenario / f"data/{dataset}/manifest.csv" for dataset in DATASETS]
    return read_tests(sorted(scenario.glob("runs/*/predictions.npz")), manifests)


@pytest.fixture(scope="module")
def figure(tables):
    return fig_calibration.draw(tables)


def arrows(axes) -> Quiver:
    (found,) = [each for each in axes.collections if isinstance(each, Quiver)]
    return found


def test_the_arrow_of_a_cell_with_two_frames(monkeypatch):
    monkeypatch.setattr(fig_calibration, "LEAST", 2)
    two = table((0.2, -0.1, 0.1, 0.0), (0.4, 0.1, 0.2, 0.3), (0.5, 0.0, 0.0, 0.0))  # the third: a cell of one
    cells = fig_calibration.means(two, BOTH)
    assert cells[["valence_true", "arousal_true", "valence", "arousal"]].to_numpy() == pytest.approx(
        np.array([[0.3, 0.0, 0.15, 0.15]])
    )
    shown = arrows(fig_calibration.draw({"sewa": two}).axes[0])
    (drawn,) = zip(shown.X, shown.Y, shown.U, shown.V, strict=True)
    assert drawn == pytest.approx((0.3, 0.0, -0.15, 0.15))
    assert list(shown.get_array()) == [2]


def test_every_third_level_of_the_integer_labels_begins_a_cell():
    levels = np.arange(-10, 11)
    cells = np.digitize((levels / 10).astype("f4"), fig_calibration.EDGES) - 1
    assert cells.tolist() == ((levels + 10) // 3).tolist()


@pytest.mark.parametrize(
    ("frames", "clips", "shown"), [(9, "ab", 0), (10, "ab", 1), (10, "a", 0), (9, "", 0), (10, "", 1)]
)
def test_cells_of_few_frames_or_of_one_clip_are_left_out(frames, clips, shown):
    few = table(*[(0.0, 0.0, 0.1, 0.1)] * frames, clips=clips)
    assert len(fig_calibration.means(few, BOTH)) == len(fig_calibration.means(few, ["valence"])) == shown


def test_seeds_are_pooled_and_a_frame_counts_once():
    seeds = [table(*[(0.0, 0.0, value, 0.0)] * 10, seed=seed) for seed, value in enumerate((0.1, 0.3))]
    (cell,) = fig_calibration.means(pd.concat(seeds), BOTH).to_dict("records")
    assert cell["valence"] == pytest.approx(0.2) and cell["items"] == 10


@pytest.mark.parametrize(
    ("dataset", "run", "shown"),
    [
        ("affectnet", ["hocp_lasso", "hocp", "resnet18"], ["resnet18", "hocp", "hocp_lasso"]),
        ("sewa", ["resnet18", "hocp", "r3d18", "r2plus1d18", "hocp_scratch", "hocp_transduction"],
         ["r2plus1d18", "hocp_scratch", "hocp_transduction"]),
        ("afew_va", ["resnet18", "hocp", "hocp_scratch", "hocp_transduction"],
         ["resnet18", "hocp_scratch", "hocp_transduction"]),
        ("afew_va", ["hocp_scratch"], ["hocp_scratch"]),
    ],
)  # fmt: skip
def test_the_headlines_methods_are_shown_and_others_in_their_place(dataset, run, shown):
    assert fig_calibration.chosen(dataset, run) == shown


@pytest.mark.parametrize(("panel", "method"), list(enumerate(TRIO)))
def test_arrows_are_the_means_of_the_stored_predictions(tables, figure, panel, method):
    rows = tables["sewa"][tables["sewa"]["method"] == method]
    edges = (np.arange(8) * 3 - 10.5) / 10
    expected = []
    for low_v in edges[:-1]:
        for low_a in edges[:-1]:
            v, a = rows["valence_true"], rows["arousal_true"]
            mine = rows[(v >= low_v) & (v < low_v + 0.3) & (a >= low_a) & (a < low_a + 0.3)]
            if len(mine) >= 10 and mine["clip"].nunique() > 1:
                mean = mine[["valence_true", "arousal_true", "valence", "arousal"]].astype(float).mean()
                expected.append((*mean.iloc[:2], *(mean.iloc[2:].to_numpy() - mean.iloc[:2]), len(mine)))
    shown = arrows(figure.axes[5 + panel])
    drawn = np.array([shown.X, shown.Y, shown.U, shown.V, shown.get_array()]).T
    assert len(expected) > 3
    assert drawn.ravel() == pytest.approx(np.ravel(expected), abs=1e-6)


def test_curves_are_means_by_bin_of_one_label(tables, figure):
    rows = tables["afew_va"][tables["afew_va"]["method"] == "hocp_scratch"]
    bins = np.floor((rows["arousal_true"] + 1.05) / 0.3)
    means = rows.groupby(bins)[["arousal_true", "arousal"]].mean()[rows.groupby(bins)["clip"].nunique() > 1]
    (line,) = [line for line in figure.axes[14].lines if line.get_label() == "hocp_scratch"]
    assert np.column_stack(line.get_data()) == pytest.approx(means.to_numpy(), abs=1e-6)
    labels = [line.get_label() for line in figure.axes[14].lines]
    assert labels == [fig_calibration.IDENTITY, "r2plus1d18", "hocp_scratch", "hocp_transduction"]


def test_titles_name_data_set_size_and_method(figure, tables):
    titles = [axes.get_title(loc="left") for axes in figure.axes[5:10]]
    assert titles[:3] == ["SEWA: 240 frames of 6 clips\nR(2+1)D", "HO-CP scratch", "HO-CP transduction"]
    assert titles[3:] == ["Valence", "Arousal"]
    assert figure.axes[0].get_title(loc="left") == "AffectNet: 300 images\nResNet-18"
    seeds = pd.concat([tables["sewa"], tables["sewa"].assign(seed=1)])
    assert ", 2 seeds\n" in fig_calibration.draw({"sewa": seeds}).axes[0].get_title(loc="left")


def test_a_plane_without_a_method_is_blank(figure):
    assert not figure.axes[2].axison and figure.axes[1].axison  # AffectNet has two methods here


def test_too_few_frames_leave_words_instead_of_arrows():
    axes = fig_calibration.draw({"sewa": table((0.0, 0.0, 0.1, 0.1))}).axes[0]
    assert words(axes) == [fig_calibration.TOO_FEW] and not axes.collections
    assert axes.get_xlim() == pytest.approx((-1.05, 1.05))


def test_predictions_that_are_not_finite_are_counted_and_not_averaged():
    good = table(*[(0.0, 0.0, 0.1, 0.1)] * 10)
    broken = good.assign(method="hocp_scratch", valence=[np.nan, np.inf, *[0.1] * 8])
    axes = fig_calibration.draw({"sewa": pd.concat([good, broken])}).axes
    assert words(axes[0]) == [] and words(axes[1]) == ["2 predictions\nare not finite"]
    assert [line.get_label() for line in axes[3].lines] == [fig_calibration.IDENTITY, "hocp"]


def test_axes_of_a_data_set_hold_all_that_is_shown(figure):
    narrow = table(*[(0.1, 0.0, 0.5, 0.1)] * 10)
    assert fig_calibration.draw({"sewa": narrow}).axes[0].get_xlim() == pytest.approx((-0.75, 0.75))
    assert {axes.get_xlim() for axes in figure.axes[5:10]} == {axes.get_ylim() for axes in figure.axes[5:10]}


def test_generated_data_is_marked(figure, tables):
    assert style.MARK in [text.get_text() for text in figure.texts]
    licensed = fig_calibration.draw({"sewa": tables["sewa"].assign(data="licensed")})
    assert style.MARK not in [text.get_text() for text in licensed.texts]
