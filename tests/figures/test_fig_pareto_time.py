"""Networks: time over that of the dense one beside them, against parameters and multiply-adds."""

import pytest
from drawn import points, words
from speed_inputs import PEAK, layer, write_speed

from figures import fig_pareto_time


@pytest.fixture(scope="module")
def figure(scenario):
    return fig_pareto_time.draw(*fig_pareto_time.read(scenario / "bench" / "speed.csv"))


def test_times_are_over_those_of_the_dense_network_of_the_same_case(figure):
    """Multiply-adds over the share of the peak: of dense 0.6 beside R = C, and 0.59 beside matched."""
    matched, at_c = sorted(points(figure.axes[0], "hocp auto:inference"), reverse=True)
    assert at_c == pytest.approx((3.1e6, 2.6 / 0.4 / (20.4 / 0.6)))
    assert matched == pytest.approx((11.2e6, 8.1 / 0.4 / (20.4 / 0.59)))
    ((macs, time),) = points(figure.axes[1], "r2plus1d:training step")
    assert (macs, time) == pytest.approx((21.0e9, 21.0 / 0.5 / (20.4 / 0.6)))


def test_the_dense_network_stands_once_and_its_time_beside_it(figure):
    assert points(figure.axes[2], "dense:inference") == [(pytest.approx(11.4e6), 1)]
    inference = 2e3 * 7.8 / PEAK / 0.5  # of one of 16 images, in milliseconds
    said = f"dense, per image: inference {inference:.3g} ms, training step {4 * inference:.3g} ms"
    assert figure.axes[3].get_title("right") == said


def test_ranks_are_named(figure):
    assert words(figure.axes[0]) == ["$R = C$", "$R$ matched"]


def test_panels_say_what_an_item_is(figure):
    assert "per clip" in figure.axes[1].get_title("right")
    assert figure.axes[0].get_title("left") == "R3D-18, 8 × 112 × 112"


def test_a_record_without_networks_says_so(tmp_path):
    rows = [layer(2, 64, 14, "C", "forward", "dense")]
    figure = fig_pareto_time.draw(*fig_pareto_time.read(write_speed(tmp_path / "speed.csv", rows)))
    assert [text.get_text() for text in figure.texts] == ["no network was timed"]
