"""Accuracy against the number of sessions: the CSV's values, and whole runs at the count of the manifest."""

import pandas as pd
import pytest

from figures import fig_groups


@pytest.fixture(scope="module")
def paths(scenario):
    tables = scenario / "tables"
    return tables / "groups.csv", tables / "runs.csv", scenario / "data" / "sessions" / "manifest.csv"


def _points(figure, label):
    (line,) = [line for line in figure.axes[0].lines if line.get_label() == label]
    return list(line.get_xdata()), list(line.get_ydata())


def test_every_run_is_a_point_and_the_line_runs_through_the_means(paths):
    figure = fig_groups.draw(fig_groups.read(*paths))
    counts, values = _points(figure, "hocp_scratch:runs")
    assert counts == [2, 2, 4, 4, 8] and values == pytest.approx([0.2, 0.21, 0.4, 0.41, 0.78])
    counts, means = _points(figure, "HO-CPConv, from scratch")
    assert counts == [2, 4, 8] and means == pytest.approx([0.205, 0.405, 0.78])


def test_methods_that_have_no_run_on_fewer_sessions_are_left_out(paths):
    assert set(fig_groups.read(*paths)["method"]) == {"hocp", "hocp_scratch", "hocp_transduction"}


def test_a_run_on_all_sessions_is_refused_among_those_on_some(paths, tmp_path):
    mixed = tmp_path / "groups.csv"
    pd.read_csv(paths[1]).to_csv(mixed, index=False)
    with pytest.raises(ValueError, match="expected runs on some groups of sewa only"):
        fig_groups.read(mixed, *paths[1:])
