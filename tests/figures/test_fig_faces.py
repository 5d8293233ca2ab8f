"""The sheet of faces: each cell shows the nearest crop, and an empty cell stays empty."""

import figure_inputs
import numpy as np
import pandas as pd
import pytest

from figures import fig_faces, style


@pytest.fixture(scope="module")
def sheet(scenario):
    folder = scenario / "data" / "affectnet"
    return fig_faces.read(folder / "manifest.csv", folder / "crops.h5")


def test_the_item_nearest_to_the_centre_of_its_cell_is_chosen():
    rows = [("far", -0.95, -0.95), ("near", -0.7, -0.7), ("twin", 0.66, 0.7), ("also", 0.70, 0.66)]
    table = pd.DataFrame(rows, columns=["item", "valence", "arousal"])
    chosen = fig_faces.choose(table, cells=3)  # centres at -2/3, 0, 2/3
    assert set(chosen["item"]) == {"near", "also"}  # ties go to the first name


def test_labels_at_the_border_fall_in_the_outer_cells():
    table = pd.DataFrame({"item": ["a", "b"], "valence": [-1.0, 1.0], "arousal": [1.0, -1.0]})
    chosen = fig_faces.choose(table, cells=7).set_index("item")
    assert chosen.loc["a", ["column", "line"]].tolist() == [0, 6]
    assert chosen.loc["b", ["column", "line"]].tolist() == [6, 0]


def test_each_crop_is_drawn_in_the_cell_of_its_labels(sheet):
    axes = fig_faces.draw([sheet]).axes[0]
    assert len(axes.images) == len(sheet.chosen)
    for image, item in zip(axes.images, sheet.chosen.itertuples(), strict=True):
        left, right, low, high = image.get_extent()
        assert left - 0.01 <= item.valence <= right + 0.01 and low - 0.01 <= item.arousal <= high + 0.01
        assert np.array_equal(image.get_array(), figure_inputs.face(item.valence, item.arousal))


def test_cells_without_a_label_stay_empty(sheet):
    corners = {(0, 0), (0, 6), (6, 0), (6, 6)}  # outside the spiral of the made-up labels
    assert not corners & set(zip(sheet.chosen["column"], sheet.chosen["line"], strict=True))


def test_panels_come_in_reading_order_and_are_marked(sheet, scenario):
    folder = scenario / "data" / "sewa"
    figure = fig_faces.draw([fig_faces.read(folder / "manifest.csv", folder / "crops.h5"), sheet])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["AffectNet", "SEWA"]
    assert style.MARK in [text.get_text() for text in figure.texts]


def test_manifests_and_crops_come_in_pairs(tmp_path, capsys):
    with pytest.raises(SystemExit):
        fig_faces.main(["--out", str(tmp_path / "f"), "--manifests", "a", "b", "--crops", "c"])
    assert "expected pairs" in capsys.readouterr().err
