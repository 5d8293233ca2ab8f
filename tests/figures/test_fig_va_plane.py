"""The plane of valence and arousal: cells hold the share of the labels, every data set has its panel."""

import numpy as np
import pandas as pd
import pytest

from figures import fig_va_plane, style
from hocp.contracts.manifest import DATASETS


@pytest.fixture(scope="module")
def read(scenario):
    return fig_va_plane.read([scenario / "data" / dataset / "manifest.csv" for dataset in DATASETS])


@pytest.fixture(scope="module")
def figure(read):
    items, data = read
    return fig_va_plane.draw(items, data=data)


def test_cells_are_the_shares_of_the_labels(read, figure):
    items, _ = read
    for axes, dataset in zip(figure.axes, DATASETS, strict=False):
        table = items[dataset]
        shown = axes.images[0].get_array().filled(0)
        for v, a in ((10, 10), (10, 11), (14, 9)):  # cells by index: 10 is centred on 0, 14 on 0.4
            near = np.abs(table[["valence", "arousal"]].to_numpy() - ((v - 10) / 10, (a - 10) / 10)) < 0.05
            assert shown[a, v] == pytest.approx(100 * near.all(axis=1).mean())
        assert shown.sum() == pytest.approx(100)


def test_every_level_of_the_integer_labels_has_its_own_cell():
    levels = np.arange(-10, 11) / 10
    cells = fig_va_plane.share(pd.DataFrame({"valence": levels, "arousal": levels}))
    assert np.allclose(cells, np.eye(21) * 100 / 21)


def test_titles_count_items_and_clips_and_leave_out_what_was_set_aside(figure):
    titles = [axes.get_title(loc="left") for axes in figure.axes[:3]]
    assert titles == ["AffectNet: 300 images", "SEWA: 240 frames, 6 clips", "AFEW-VA: 240 frames, 6 clips"]


def test_generated_data_is_marked(figure, read):
    assert style.MARK in [text.get_text() for text in figure.texts]
    assert not fig_va_plane.draw(read[0], data="licensed").texts


def test_unknown_data_set_is_refused(read):
    with pytest.raises(ValueError, match="'moon'"):
        fig_va_plane.draw({"moon": read[0]["sewa"]}, data="generated")
