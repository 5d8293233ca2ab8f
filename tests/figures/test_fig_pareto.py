"""Accuracy against cost: points are the CSV's, fronts are right, missing values are named."""

import figure_inputs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from figures import fig_pareto, style


@pytest.fixture(scope="module")
def runs(scenario):
    return fig_pareto.read(scenario / "tables" / "runs.csv", "pooled")


@pytest.fixture(scope="module")
def figure(runs):
    return fig_pareto.draw(runs)


def _point(figure, row, column, label):
    found = [line for line in figure.axes[3 * row + column].lines if line.get_label() == label]
    return [(*line.get_xdata(), *line.get_ydata()) for line in found]


@pytest.mark.parametrize("method", figure_inputs.STATIC + figure_inputs.TEMPORAL)
def test_points_are_those_of_the_csv(figure, method):
    size, noise = figure_inputs.SIZE[method], figure_inputs.NOISE[method]
    for column, cost in enumerate((size, 160 * size, 100 * noise)):
        assert _point(figure, 1, column, f"{method}:valence") == [pytest.approx((cost, 1 - noise), rel=1e-6)]
        assert _point(figure, 1, column, f"{method}:arousal") == [
            pytest.approx((cost, 1.1 - noise), rel=1e-6)
        ]


def test_several_seeds_are_small_points_around_their_mean_and_the_front_is_of_means(runs):
    better = runs.assign(seed=1, value=runs["value"] + 0.2)
    drawn, once = fig_pareto.draw(pd.concat([runs, better])), fig_pareto.draw(runs)
    ((_, single),) = _point(once, 1, 0, "resnet18:valence")
    ((_, mean),) = _point(drawn, 1, 0, "resnet18:valence")
    assert mean == pytest.approx(single + 0.1)
    (seeds,) = _point(drawn, 1, 0, "resnet18:valence:seeds")
    assert seeds[2:] == pytest.approx((single, single + 0.2))
    fronts, of_means = (
        [line.get_ydata() for line in figure.axes[3].lines if line.get_drawstyle().startswith("steps")]
        for figure in (once, drawn)
    )
    assert [list(ys + 0.1) for ys in fronts] == [pytest.approx(list(ys)) for ys in of_means]
    assert not _point(once, 1, 0, "resnet18:valence:seeds")


def test_a_missing_value_has_no_point_and_its_reason_is_shown(figure):
    assert _point(figure, 2, 0, "r3d18:valence") == []
    assert figure.axes[6].get_title(loc="right") == "missing: R3D: run stopped"


def test_a_missing_cost_is_said(runs):
    blank = runs.assign(seconds=runs["seconds"].where(runs["method"] != "hocp"))
    assert fig_pareto.draw(blank).axes[2].get_title(loc="right") == "missing: HO-CP: no seconds"


def test_pooled_folds_take_the_place_of_single_ones(tmp_path, runs):
    single = runs[runs["dataset"] == "afew_va"].assign(fold="0", value=0.0)
    path = tmp_path / "runs.csv"
    both = np.concatenate([single.to_numpy(), runs.to_numpy()])
    type(runs)(both, columns=runs.columns).to_csv(path, index=False)
    read = fig_pareto.read(path, "pooled")
    assert set(read.loc[read["dataset"] == "afew_va", "fold"]) == {"all"} and len(read) == len(runs)


def test_unknown_convention_is_named_with_the_known_ones(scenario):
    with pytest.raises(ValueError, match=r"'sideways'.*pooled"):
        fig_pareto.read(scenario / "tables" / "runs.csv", "sideways")


def test_unknown_method_is_refused(runs):
    with pytest.raises(ValueError, match="'mystery'"):
        fig_pareto.draw(runs.assign(method="mystery"))


def test_generated_data_is_marked(figure, runs):
    assert style.MARK in [text.get_text() for text in figure.texts]
    assert style.MARK not in [text.get_text() for text in fig_pareto.draw(runs.assign(data="licensed")).texts]


points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)


@given(points)
def test_front_is_what_no_other_point_beats(pairs):
    costs, values = np.array(pairs, float).T
    kept = {pairs[place] for place in fig_pareto.front(costs, values)}
    unbeaten = {(c, v) for c, v in pairs if not any(a <= c and b >= v and (a, b) != (c, v) for a, b in pairs)}
    assert kept == unbeaten
