"""Intervals of concordances: ends are those of the file, people first, published values for licensed data."""

import figure_inputs
import pytest

from figures import fig_intervals, fig_pareto, style, uncertain
from hocp.contracts.manifest import DATASETS

METHODS = figure_inputs.STATIC + figure_inputs.TEMPORAL


@pytest.fixture(scope="module")
def inputs(scenario):
    tables = scenario / "tables"
    return {
        "runs": fig_pareto.read(tables / "runs.csv", "pooled"),
        "intervals": {d: uncertain.read_intervals(tables / "intervals.csv", d) for d in DATASETS},
        "controls": {d: uncertain.read_controls(tables / "controls.csv", d) for d in DATASETS},
        "printed": {("sewa", "hocp", "valence"): 0.6},
    }


@pytest.fixture(scope="module")
def figure(inputs):
    return fig_intervals.draw(**inputs)


def drawn(axes, label) -> list[tuple[list[float], list[float]]]:
    return [
        (list(map(float, line.get_xdata())), list(map(float, line.get_ydata())))
        for line in axes.lines if line.get_label() == label
    ]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_intervals_are_those_over_people(figure, method):
    value, place = 1.1 - figure_inputs.NOISE[method], METHODS.index(method)
    arousal_of_sewa = figure.axes[4]
    ((ends, places),) = drawn(arousal_of_sewa, f"{method}:interval")
    assert ends == pytest.approx([value - 0.1, value + 0.1]) and places == [place, place]
    assert drawn(arousal_of_sewa, f"{method}:mean") == [([pytest.approx(value)], [place])]
    assert figure.axes[1].get_title(loc="left") == "SEWA, 8 people"


def test_what_has_no_value_is_not_drawn(figure):
    assert drawn(figure.axes[2], "r3d18:mean") == drawn(figure.axes[2], "r3d18:interval") == []


def test_seeds_are_points(inputs):
    several = inputs["runs"].copy()
    more = several.assign(seed=1, value=several["value"] + 0.02)
    figure = fig_intervals.draw(
        **{**inputs, "runs": type(several)([*several.to_dict("records"), *more.to_dict("records")])}
    )
    value = 1 - figure_inputs.NOISE["hocp"]
    assert drawn(figure.axes[1], "hocp:seeds")[0][0] == pytest.approx([value, value + 0.02])
    assert drawn(figure.axes[1], "hocp:mean")[0][0] == pytest.approx([value + 0.01])
    assert not drawn(fig_intervals.draw(**inputs).axes[1], "hocp:seeds")


def test_chance_and_ceilings(figure):
    assert [drawn(figure.axes[1], name)[0][0][0] for name in fig_intervals.LINES] == [0.0, 0.8, 0.9]
    assert drawn(figure.axes[0], "ceiling_temporal") == []


def test_published_values_stand_beside_licensed_data_only(figure, inputs):
    assert not [axes for axes in figure.axes if drawn(axes, fig_intervals.PUBLISHED)]
    licensed = fig_intervals.draw(**{**inputs, "runs": inputs["runs"].assign(data="licensed")})
    assert drawn(licensed.axes[1], fig_intervals.PUBLISHED) == [([0.6], [1.0])]
    assert style.MARK not in [text.get_text() for text in licensed.texts]
    assert style.MARK in [text.get_text() for text in figure.texts]


def test_pareto_shows_the_intervals(inputs):
    figure = fig_pareto.draw(inputs["runs"], inputs["intervals"])
    value = 1 - figure_inputs.NOISE["hocp"]
    ((places, ends),) = drawn(figure.axes[3], "hocp:valence:interval")
    assert places == pytest.approx([figure_inputs.SIZE["hocp"]] * 2)
    assert ends == pytest.approx([value - 0.1, value + 0.1])
