"""Savings of layers and networks at every rank: multiply-adds by formula, time as measured."""

import pytest
from speed_inputs import layer, write_speed
from table_inputs import pipe_rows, read_long

from figures import tab_savings


def make(folder, found=None):
    path = write_speed(folder / "speed.csv", found)
    tab_savings.main(["--speed", str(path), "--out", str(folder / "tab_savings")])
    return read_long(folder / "tab_savings"), (folder / "tab_savings.md").read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("savings"))


@pytest.mark.parametrize(("rank_of", "factor"), [("C/2", 0.5), ("C", 1), ("6C", 6)])
def test_savings_of_a_layer(made, rank_of, factor):
    key = ("3-D, 64 channels, 8 x 56 x 56", rank_of, "forward")
    of_layer = [row for row in made[0] if (row["subject"], row["rank_of"], row["call"]) == key]
    found = {row["against"]: row for row in of_layer}
    saved = 27 * 64 / (2 * 64 + 9) / factor
    assert float(found["dense"]["macs_saved"]) == pytest.approx(saved, rel=1e-3)
    assert float(found["dense"]["time_saved"]) == pytest.approx(saved * 0.5 / 0.6, rel=1e-3)
    assert float(found["dense"]["parameter_share"]) == pytest.approx(factor * 138 / (64 * 27), abs=1e-4)
    assert float(found["tltorch"]["time_saved"]) == pytest.approx(2.5)  # its fastest form
    assert float(found["tucker"]["time_saved"]) == pytest.approx(0.5 / 0.3, rel=1e-3)


def test_wide_form_has_a_block_of_layers_and_one_of_networks(made):
    cells = pipe_rows(made[1])
    assert cells[0][1:] == ["Of dense", "", "Forward", "", "", "Forward + backward", "", ""]
    assert ["*3-D, 64 channels, 8 x 56 x 56, batch 2*", *[""] * 8] in cells
    assert ["C", "8 %", "12.6", "10.5 (9.1–12.2)", "2.5 (2.2–2.9)", "1.67 (1.44–1.93)"] in [
        c[:6] for c in cells
    ]
    assert ["matched", "34 %", "2.5", "1.71 (1.47–1.98)", "", ""] in [c[:6] for c in cells]
    assert "2 threads, float32, allocator kept" in made[1]


def test_a_record_without_dense_or_networks_has_what_there_is(tmp_path):
    found = [layer(2, 64, 8, "C", "forward", peer) for peer in ("hocp auto", "tucker")]
    rows, text = make(tmp_path, found)
    assert [(row["against"], row["parameter_share"]) for row in rows] == [("tucker", "")]
    assert pipe_rows(text)[-1] == ["C", "", "", "1.67 (1.44–1.93)"]
    assert "Networks" not in text
