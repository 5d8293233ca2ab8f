"""Savings: multiply-adds by formula, time as measured, the line on which they are equal."""

import numpy as np
import pytest
from drawn import points
from speed_inputs import layer, write_speed

from figures import fig_latency


@pytest.fixture(scope="module")
def figure(scenario):
    return fig_latency.draw(*fig_latency.read(scenario / "bench" / "speed.csv"))


# Ours runs at 0.5 of the peak, TensorLy-Torch's fastest form at 0.2, dense at 0.6.
@pytest.mark.parametrize(("side", "rate"), [("hocp auto", 0.5), ("tltorch", 0.2)])
def test_points_of_a_rank(figure, side, rate):
    found = sorted(points(figure.axes[0], f"{side}:6C"))
    saved = sorted(3**n * c / (6 * (2 * c + 3 * n)) for n in (2, 3) for c in (64, 128, 256, 512))
    assert [x for x, _ in found] == pytest.approx(saved)
    assert [y for _, y in found] == pytest.approx(np.array(saved) * rate / 0.6)


def test_diagonal_means_that_saving_is_time(figure):
    for axes in figure.axes[:2]:
        (line,) = [line for line in axes.lines if line.get_label() == "saving = time"]
        assert list(line.get_xdata()) == list(line.get_ydata()) == pytest.approx(axes.get_xlim())
        assert axes.get_xlim() == axes.get_ylim()


def test_layers_stand_with_their_size_and_savings(figure):
    names = [text.get_text() for text in figure.axes[2].get_yticklabels()]
    assert (names[0], names[-1]) == ("2-D, 64 channels (23 %)", "3-D, 512 channels (7 %)")
    saved = 27 * 512 / (2 * 512 + 9)
    assert points(figure.axes[3], "tltorch")[-1] == pytest.approx((saved * 0.2 / 0.6, 7))
    assert figure.axes[3].patches[-1].get_width() == pytest.approx(saved - 1)


def test_one_layer_under_one_call_is_enough(tmp_path):
    rows = [layer(2, 64, 14, "C", "forward", peer) for peer in ("dense", "hocp auto")]
    figure = fig_latency.draw(*fig_latency.read(write_speed(tmp_path / "speed.csv", rows)))
    assert len(points(figure.axes[0], "hocp auto:C")) == 1
    assert points(figure.axes[1], "hocp auto:C") == []


def test_without_a_dense_layer_there_is_no_saving(tmp_path):
    rows = [layer(2, 64, 14, "C", "forward", "hocp auto")]
    savings, condition = fig_latency.read(write_speed(tmp_path / "speed.csv", rows))
    assert savings.empty
    assert points(fig_latency.draw(savings, condition).axes[0], "hocp auto:C") == []
