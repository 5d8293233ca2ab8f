"""Counts of fault campaigns: added up by campaign, told by kind, and refused where the two files differ."""

import pytest
from table_inputs import pipe_rows, read_long

from figures import tab_campaigns
from hocp.contracts import files

ROWS = [
    ("F16", "Images", "zero bytes", 40, "img_empty 40", 0, 99, 0.25),
    ("F16", "Images", "bits flipped", 60, "ok 30; a 20; b 5; c 3; d 1; e 1", 1, 312, 3.5),
    ("F17", "Clips", "cut", 7, "ok 4; frame_gap+ok 3", 0, 120, 1.0),
]
ONE = {
    "size": "full", "seed": 3, "limits": {"seconds": 20, "memory_mb": 512}, "slowest_case_seconds": 1.26,
    "versions": {"python": "3.11.7", "pillow": "13.0.0"}, "code": {"commit": "0123456789abcdef"},
}  # fmt: skip
FACTS = {
    "F16": {**ONE, "cases": 100, "failures": [{}]},
    "F17": {**ONE, "seed": 4, "cases": 7, "failures": []},
}


def make(tmp_path, facts=FACTS, rows=ROWS):
    files.write_csv(
        tmp_path / "c.csv",
        tab_campaigns.COLUMNS,
        [dict(zip(tab_campaigns.COLUMNS, row, strict=True)) for row in rows],
    )
    files.write_json(tmp_path / "c.json", facts)
    command = [
        "--campaigns",
        tmp_path / "c.csv",
        "--campaign-facts",
        tmp_path / "c.json",
        "--out",
        tmp_path / "tab",
    ]
    tab_campaigns.main(list(map(str, command)))
    return (tmp_path / "tab.md").read_text()


def test_sums_and_kinds(tmp_path):
    text = make(tmp_path)
    lines = pipe_rows(text)
    assert ["F16", "Images", "2", "100", "1", "312", "4"] in lines
    assert ["F17", "Clips", "1", "7", "0", "120", "1"] in lines
    assert ["All", "", "3", "107", "1", "312", "5"] in lines
    assert ["bits flipped", "60", "ok 30; a 20; b 5; c 3; others 2", "1", "312"] in lines
    assert "more than 20 s or 512 MB" in text and "seed 3 or 4; slowest case 1.3 s" in text
    assert "python 3.11.7, pillow 13.0.0, commit 0123456789ab." in text
    assert read_long(tmp_path / "tab")[1]["outcomes"] == "ok 30; a 20; b 5; c 3; d 1; e 1"


@pytest.mark.parametrize(
    "facts",
    [{**FACTS, "F17": {**FACTS["F17"], "cases": 8}}, {"F16": FACTS["F16"]}, {**FACTS, "F18": FACTS["F17"]}],
)
def test_files_of_two_executions_are_refused(tmp_path, facts):
    with pytest.raises(ValueError, match=r"c.json says"):
        make(tmp_path, facts)


def test_no_case_at_all_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"c.json says"):
        make(tmp_path, {}, [])
