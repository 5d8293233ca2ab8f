"""A claim by length of training: cells from made-up comparisons and records, and the page that holds them."""

import pytest

from figures import training_length
from hocp.contracts import files, record

PAGE = "# A page\n\n<!-- table:training_length -->\nold\n<!-- /table -->\n\nand more\n"


@pytest.fixture
def runs(tmp_path):
    """Two runs of one and two seeds: in the second, twice the steps and no comparison over people."""
    folders = []
    for name, seeds, steps, unit in (("short.cpu", (0,), 10, "subject"), ("long.cpu", (0, 1), 20, "clip")):
        folder = tmp_path / name
        row = {
            "dataset": "sewa", "family": "temporal_vs_static",
            "method_a": "hocp_transduction", "method_b": "hocp", "dimension": "valence",
            "metric": "ccc", "difference": 0.1, "low": -0.2, "high": 0.4,
            "p_value": 0.02, "p_adjusted": 0.04, "unit": unit, "seeds": len(seeds), "data": "generated",
        }  # fmt: skip
        clips = {**row, "unit": "clip", "difference": 0.9 if unit == "subject" else 0.1}
        other = {**row, "metric": "rmse", "difference": 0.7}
        files.write_csv(
            folder / "tables/comparisons.csv", record.COMPARISONS, [other, clips, row][: 4 - len(seeds)]
        )
        for seed in seeds:
            spec = {
                "seed": seed,
                "dataset": "sewa",
                "method": "hocp_transduction",
                "training": {"steps": steps},
            }
            files.write_json(folder / f"records/sewa.hocp_transduction.f0.s{seed}.json", {"spec": spec})
        folders.append(folder)
    return folders


def test_cells_are_those_of_the_runs(runs):
    block = training_length.table(runs)
    assert [column.group for column in block.columns[2:]] == ["`short`, 1 seed"] * 3 + ["`long`, 2 seeds"] * 3
    (line,) = [row for row in block.rows if row[:2] == ["SEWA", "Valence"] and row[2]]
    assert line[2:] == ["10", "+0.100 [-0.20, 0.40]", "0.040", "20", "+0.100 [-0.20, 0.40]", "0.040"]
    (empty,) = [row for row in block.rows[:5] if row[:2] == ["AFEW-VA", "Arousal"]]
    assert empty[2:] == [""] * 6


def test_the_page_is_rewritten_between_its_markers_and_checked(runs, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    call = ["--page", str(page), "--runs", *map(str, runs)]
    assert training_length.main([*call, "--check"]) == 1 and page.read_text() == PAGE
    assert training_length.main(call) == 0 and training_length.main([*call, "--check"]) == 0
    text = page.read_text()
    assert "old" not in text and "| SEWA | Valence | 10 |" in text and text.endswith("\n\nand more\n")
    page.write_text("# Without\n")
    assert training_length.main(call) == 2 and "no <!-- table:training_length -->" in capsys.readouterr().err
