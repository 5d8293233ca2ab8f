"""The sparsity figure shows each layer's share, the share of all, and the published band."""

import figure_inputs
import pytest

from figures import fig_sparsity, style
from hocp.contracts import published


def _draw(path):
    claim, confidence = fig_sparsity.read_claim(published.PAPER)
    return fig_sparsity.draw(fig_sparsity.read_ranks(path), claim, confidence=confidence)


@pytest.fixture
def figure(tmp_path):
    figure_inputs.write_ranks(tmp_path / "ranks.csv")
    return _draw(tmp_path / "ranks.csv")


def test_bars_are_the_share_of_zeroed_weights(figure):
    (bars,) = figure.axes[0].containers
    ranks, zeroed = [100 * (k + 1) for k in range(8)], [(5 + k) * (k + 1) for k in range(8)]
    expected = [5, 6, 7, 8, 9, 10, 11, 12, 100 * sum(zeroed) / sum(ranks)]
    assert [bar.get_width() for bar in bars] == pytest.approx(expected)


def test_counts_stand_beside_the_bars(figure):
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words[0] == "5 of 100" and words[-1] == "348 of 3600"


def test_band_is_the_published_range_with_its_confidence(figure):
    (band,) = [patch for patch in figure.axes[0].patches if "published" in str(patch.get_label())]
    assert (band.get_x(), band.get_x() + band.get_width()) == (8, 15)
    assert "second-hand" in band.get_label()


def test_generated_data_is_marked_by_the_files_own_word(figure, tmp_path):
    assert style.MARK in [text.get_text() for text in figure.texts]
    figure_inputs.write_ranks(tmp_path / "licensed.csv", data="licensed")
    assert not _draw(tmp_path / "licensed.csv").texts


@pytest.mark.parametrize(("gamma", "shown"), [(0.003, "= 0.003$"), (2e-5, r"= 2 \times 10^{-5}$")])
def test_gamma_is_on_the_axis(tmp_path, gamma, shown):
    figure_inputs.write_ranks(tmp_path / "ranks.csv")
    ranks = fig_sparsity.read_ranks(tmp_path / "ranks.csv").assign(gamma=gamma)
    assert fig_sparsity.draw(ranks, (8, 15), confidence="recall").axes[0].get_xlabel().endswith(shown)


def test_all_weights_zero_still_fits_the_axis(tmp_path):
    figure_inputs.write_ranks(tmp_path / "ranks.csv")
    ranks = fig_sparsity.read_ranks(tmp_path / "ranks.csv")
    axes = fig_sparsity.draw(ranks.assign(zeroed=ranks["rank"]), (8, 15), confidence="recall").axes[0]
    assert axes.get_xlim() == (0, 100)


def test_rows_of_two_runs_are_refused(tmp_path):
    paths = [tmp_path / name for name in ("a.csv", "b.csv")]
    for path, seed in zip(paths, (0, 1), strict=True):
        figure_inputs.write_ranks(path, run=f"affectnet.hocp_lasso.f0.s{seed}")
    both = tmp_path / "both.csv"
    both.write_text(paths[0].read_text() + paths[1].read_text().partition("\n")[2])
    with pytest.raises(ValueError, match="exactly one run"):
        fig_sparsity.read_ranks(both)
