"""Networks: milliseconds of one item against parameters and multiply-adds."""

import pytest
from drawn import points, words
from speed_inputs import PEAK, layer, write_speed

from figures import fig_pareto_time


@pytest.fixture(scope="module")
def figure(scenario):
    return fig_pareto_time.draw(*fig_pareto_time.read(scenario / "bench" / "speed.csv"))


def test_times_are_those_of_one_item(figure):
    matched, at_c = sorted(points(figure.axes[2], "hocp auto:inference"), reverse=True)
    assert at_c == pytest.approx((3.0e6, 2e3 * 2.5 / PEAK / 0.4))  # ResNet-18, a batch of 16
    assert matched == pytest.approx((11.2e6, 2e3 * 8.0 / PEAK / 0.4))
    ((macs, time),) = points(figure.axes[1], "r2plus1d:training step")
    assert (macs, time) == pytest.approx((21.0e9, 4 * 2e3 * 21.0 / PEAK / 0.5))


def test_the_dense_network_stands_once_with_its_fastest_time(figure):
    assert points(figure.axes[0], "dense:inference") == [pytest.approx((33.4e6, 2e3 * 20.4 / PEAK / 0.6))]


def test_ranks_are_named(figure):
    assert words(figure.axes[0]) == ["$R = C$", "$R$ matched"] * 2


def test_axes_say_what_an_item_is(figure):
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == ["ms per clip", "ms per image"]
    assert figure.axes[0].get_title("left") == "R3D-18, 8 × 112 × 112"


def test_a_record_without_networks_says_so(tmp_path):
    rows = [layer(2, 64, 14, "C", "forward", "dense")]
    figure = fig_pareto_time.draw(*fig_pareto_time.read(write_speed(tmp_path / "speed.csv", rows)))
    assert [text.get_text() for text in figure.texts] == ["no network was timed"]
