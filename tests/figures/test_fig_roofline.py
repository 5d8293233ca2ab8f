"""The roofline: limits of the same run, points and shares of the record."""

import pytest
from drawn import points, words
from speed_inputs import COPY, PEAK, layer, slowed, write_speed

from figures import fig_roofline
from figures.speed import Limits


@pytest.fixture(scope="module")
def read(scenario):
    return fig_roofline.read(scenario / "bench" / "speed.csv")


@pytest.fixture(scope="module")
def figure(read):
    return fig_roofline.draw(*read)


def drawn(folder, rows):
    return fig_roofline.draw(*fig_roofline.read(write_speed(folder / "speed.csv", rows)))


def test_limits_are_those_on_as_many_threads(read):
    assert read[2] == Limits(PEAK, COPY)


def test_roof_bends_where_bandwidth_feeds_the_peak(figure):
    (roof,) = [line for line in figure.axes[0].lines if line.get_label() == "roof"]
    x, y = roof.get_data()
    assert (x[1], y[1], y[2]) == (PEAK / COPY, PEAK, PEAK)
    assert y[0] == pytest.approx(COPY * x[0])


@pytest.mark.parametrize(
    ("peer", "share"), [("hocp auto", 0.5), ("dense", 0.6), ("tltorch factorized", 0.125)]
)
def test_points_and_their_shares(figure, peer, share):
    for axes, order in zip(figure.axes, (2, 3), strict=True):
        found = points(axes, peer)
        row = layer(order, 64, 56, "C", "forward", peer)
        assert [y for _, y in found] == pytest.approx([PEAK * share] * 4)
        assert any(x == pytest.approx(2 * row["macs"] / row["bytes"]) for x, _ in found)
        assert sum(word.split("\n").count(f"{share:.2f}") for word in words(axes)) == 4


def test_markers_grow_with_the_channels():
    sizes = [fig_roofline.size(channels) for channels in (8, 64, 128, 512)]
    assert sizes == sorted(set(sizes))


def test_only_the_largest_batch_in_the_faster_layout_is_drawn(tmp_path):
    row = layer(2, 64, 14, "C", "forward", "hocp auto")
    slow, small = slowed(row, 2, layout="channels_last"), slowed(row, 0.1, batch=1)
    figure = drawn(tmp_path, [slow, row, small])
    assert [y for _, y in points(figure.axes[0], "hocp auto")] == pytest.approx([PEAK * 0.5])


def test_an_order_that_was_not_timed_says_so(tmp_path):
    figure = drawn(tmp_path, [layer(2, 64, 14, "C", "forward", peer) for peer in ("dense", "hocp auto")])
    assert [("not timed" in words(axes)) for axes in figure.axes] == [False, True]


def test_limits_of_another_condition_are_not_taken(tmp_path):
    rows = [layer(2, 64, 14, "C", "forward", "hocp auto", threads=3)]
    with pytest.raises(ValueError, match=r"speed\.json: no part ran with 3 threads"):
        drawn(tmp_path, rows)
