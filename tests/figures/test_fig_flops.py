"""The FLOP figure shows the published bars, ours from the CSV, their ratio and their difference."""

import numpy as np
import pandas as pd
import pytest

from figures import fig_flops
from hocp.contracts import published


@pytest.fixture(scope="module")
def drawn(scenario):
    bars, confidence = fig_flops.read_published(published.PAPER)
    cost = fig_flops.read_cost(scenario / "bench" / "cost.csv")
    return bars, cost, fig_flops.draw(bars, cost, confidence=confidence)


def _heights(figure, label):
    (bars,) = [group for group in figure.axes[0].containers if group.get_label() == label]
    return np.array([bar.get_height() for bar in bars])


@pytest.mark.parametrize("kind", fig_flops.KINDS)
def test_published_bars_are_those_of_the_paper_file(drawn, kind):
    bars, _, figure = drawn
    expected = [published.load().bars()[c, t, kind] for c, t in zip(bars["c_in"], bars["c_out"], strict=True)]
    assert _heights(figure, f"published:{kind}") == pytest.approx(expected)


@pytest.mark.parametrize("kind", fig_flops.KINDS)
def test_our_bars_are_those_of_the_csv(drawn, kind):
    _, cost, figure = drawn
    rows = cost[cost["kind"] == kind].set_index(["c_in", "c_out"])["gflops_paper_convention"].sort_index()
    heights = _heights(figure, f"ours:{kind}")
    assert heights[np.isfinite(heights)] == pytest.approx(rows.to_numpy())


def test_a_missing_cost_is_a_gap_with_a_reason(drawn):
    _, _, figure = drawn
    assert np.isnan(_heights(figure, "ours:hocp6")).tolist() == [False] * 4 + [True]
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words.count("not in cost.csv") == 1


def test_ratios_are_dense_over_factorized(drawn):
    _, _, figure = drawn
    words = [text.get_text() for text in figure.axes[0].texts if text.get_text().startswith("÷")]
    # The fact sheet's quotients of the published bars, R = 3 C first.
    assert words == [f"÷{r}" for r in (4.2, 5.7, 4.3, 5.8, 4.4, 2.1, 2.9, 2.2, 2.9, 2.2)]


def test_differences_are_nought_in_the_papers_counting_and_small_for_plain_multiply_adds(drawn):
    _, _, figure = drawn
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[1].lines}
    for kind in fig_flops.KINDS:
        exact, plain = np.array(lines[f"paper:{kind}"]), np.array(lines[f"macs:{kind}"])
        assert np.nanmax(np.abs(exact)) < 2e-4
        low, high = (-0.03, 0) if kind == "dense" else (-4.11, -0.92)
        assert np.nanmin(plain) > low and np.nanmax(plain) < high


def test_confidence_of_the_published_numbers_is_on_the_figure(drawn):
    _, _, figure = drawn
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "published (vector figure)" in legend


def test_cost_without_rows_for_the_figure_is_refused(tmp_path):
    path = tmp_path / "cost.csv"
    pd.DataFrame({"table": ["networks"]}).to_csv(path)
    with pytest.raises(ValueError, match="flop_figure"):
        fig_flops.read_cost(path)
