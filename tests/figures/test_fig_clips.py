"""Error by clip: a clip's RMSE, its mean over seeds, shares of clips, and what is drawn of them."""

import numpy as np
import pandas as pd
import pytest
from drawn import words

from figures import fig_clips, style
from figures.inputs import read_tests
from hocp.contracts import record

METHODS = ("resnet18", "hocp", "r3d18", "r2plus1d18", "hocp_scratch", "hocp_transduction")


def table(*rows) -> pd.DataFrame:
    """Frames of rows method, seed, clip, and errors in valence; arousal is off by 0.2, all labels are 0.1."""
    frames = [
        {"method": method, "seed": seed, "clip": clip, "valence": 0.1 + error}
        for method, seed, clip, errors in rows for error in errors
    ]  # fmt: skip
    labels = {"valence_true": 0.1, "arousal_true": 0.1, "arousal": 0.3}
    return pd.DataFrame(frames).assign(dataset="sewa", data="generated", **labels)


def line(axes, name) -> tuple[list[float], list[float]]:
    (found,) = [line for line in axes.lines if line.get_label() == name]
    return list(map(float, found.get_xdata())), list(map(float, found.get_ydata()))


@pytest.fixture(scope="module")
def tables(scenario):
    paths = [
        path
        for dataset in ("sewa", "afew_va")
        for path in sorted(scenario.glob(f"runs/{dataset}.*/predictions.npz"))
    ]
    return read_tests(paths, [scenario / f"data/{dataset}/manifest.csv" for dataset in ("sewa", "afew_va")])


@pytest.fixture(scope="module")
def figure(tables):
    return fig_clips.draw(tables)


def test_rmse_of_a_clip_of_three_frames():
    found = fig_clips.errors(table(("hocp", 0, "a", [0.3, 0.0, -0.4])))
    assert found.loc[("hocp", "a"), "valence"] == pytest.approx(np.sqrt(0.25 / 3))
    assert found.loc[("hocp", "a"), "arousal"] == pytest.approx(0.2)


def test_a_clips_error_is_the_mean_of_its_seeds_errors():
    seeds = table(("hocp", 0, "a", [0.1]), ("hocp", 1, "a", [-0.3]), ("hocp", 0, "b", [0.5] * 9))
    found = fig_clips.errors(seeds)["valence"]
    assert found.to_dict() == pytest.approx({("hocp", "a"): 0.2, ("hocp", "b"): 0.5})


def test_shares_count_clips_and_a_tie_is_no_win():
    methods = {"hocp_transduction": (1, 1, 1, 1), "hocp": (2, 2, 0.5, 1), "r3d18": (3, 3, 3, 3)}
    rows = [(m, 0, "abcd"[k], [error]) for m, errors in methods.items() for k, error in enumerate(errors)]
    found = fig_clips.errors(table(*rows))["valence"]
    assert fig_clips.shares(found) == {"hocp": 50.0, "r3d18": 100.0}


def test_without_the_transduced_network_there_are_no_shares():
    bare = table(("hocp", 0, "a", [0.1]), ("r3d18", 0, "a", [0.2]))
    assert fig_clips.shares(fig_clips.errors(bare)["valence"]) == {}
    assert words(fig_clips.draw({"sewa": bare}).axes[0]) == []


@pytest.mark.parametrize(("row", "dimension"), [(0, "valence"), (1, "arousal")])
@pytest.mark.parametrize("method", METHODS)
def test_each_clip_is_a_point_of_its_rmse(scenario, figure, row, dimension, method):
    stored = record.read_predictions(scenario / f"runs/sewa.{method}.f0.s0/predictions.npz")
    wanted = []
    for clip in np.unique(stored["clip"]):
        mine = stored["clip"] == clip
        difference = stored[dimension][mine].astype(float) - stored[f"{dimension}_true"][mine]
        wanted.append(np.sqrt(np.mean(difference**2)))
    axes, place = figure.axes[2 * row], METHODS.index(method)
    values, heights = line(axes, f"{method}:clips")
    assert values == pytest.approx(sorted(wanted)) and len(values) == 6
    assert max(np.abs(np.array(heights) - place)) < 0.34
    assert line(axes, f"{method}:median")[0] == pytest.approx([np.median(wanted)] * 2)


def test_the_box_spans_the_quartiles():
    axes = fig_clips.draw({"sewa": table(*(("hocp", 0, f"{k}", [k]) for k in range(1, 6)))}).axes[0]
    (box,) = [patch for patch in axes.patches if patch.get_width()]
    assert (box.get_x(), box.get_x() + box.get_width()) == pytest.approx((2, 4))
    assert line(axes, "hocp:median")[0] == [3, 3]


def test_clips_of_all_folds_stand_together(figure):
    assert figure.axes[1].get_title(loc="left") == "AFEW-VA: 6 test clips"
    assert len(line(figure.axes[1], "hocp:clips")[0]) == 6


def test_the_share_stands_beside_its_method(tables, figure):
    found = fig_clips.shares(fig_clips.errors(tables["sewa"])["valence"])
    said = [text for text in figure.axes[0].texts if text.get_text().endswith(" %")]
    assert [(text.get_position()[1], text.get_text()) for text in said] == [
        (METHODS.index(method), f"{found[method]:.0f} %") for method in METHODS[:-1]
    ]


def test_a_method_that_one_data_set_lacks_is_said_to_be_not_run(tables):
    fewer = tables["afew_va"][tables["afew_va"]["method"] != "r3d18"]
    first, second = fig_clips.draw({"sewa": tables["sewa"], "afew_va": fewer}).axes[:2]
    assert fig_clips.NOT_RUN in words(second) and fig_clips.NOT_RUN not in words(first)
    assert not [found for found in second.lines if found.get_label().startswith("r3d18")]


def test_clips_without_a_number_are_counted_and_not_drawn():
    rows = [(m, 0, clip, [0.1, 0.2]) for m in ("hocp", "hocp_transduction") for clip in "abc"]
    broken = table(*rows)
    broken.loc[0, "valence"] = np.nan  # of two frames of clip a the first
    axes = fig_clips.draw({"sewa": broken}).axes
    assert "no number for 1 of 3 clips" in words(axes[0]) and len(line(axes[0], "hocp:clips")[0]) == 2
    assert "0 %" not in words(axes[0]) and "0 %" in words(axes[1])  # ties in arousal


def test_the_title_counts_clips_and_seeds():
    seeds = table(("hocp", 0, "a", [0.1]), ("hocp", 1, "a", [0.1]))
    axes = fig_clips.draw({"sewa": seeds}).axes[0]
    assert axes.get_title(loc="left") == "SEWA: 1 test clip, mean of 2 seeds"


def test_single_images_are_refused():
    with pytest.raises(ValueError, match="affectnet: predictions of single images"):
        fig_clips.errors(table(("hocp", 0, "", [0.1])).assign(dataset="affectnet"))


def test_generated_data_is_marked(tables, figure):
    assert style.MARK in [text.get_text() for text in figure.texts]
    licensed = fig_clips.draw({"sewa": tables["sewa"].assign(data="licensed")})
    assert style.MARK not in [text.get_text() for text in licensed.texts]
    with pytest.raises(ValueError, match="expected one word"):
        fig_clips.draw({**tables, "sewa": tables["sewa"].assign(data="licensed")})
