"""Answers to the probes: counted by group, told one by one, grouped and in the order of the record."""

import copy

import pytest
from table_inputs import pipe_rows, read_long

from figures import tab_conformance
from hocp.contracts import files


def probe(id, group, ours, theirs, measured=""):
    return {"id": id, "group": group, "question": f"Is {id} right?", "source": "owner/name#1",
            "outcomes": {"hocp.conv": {"outcome": ours, "measured": ""},
                         "tensorly-torch": {"outcome": theirs, "measured": measured}}}  # fmt: skip


RECORD = {
    "versions": {"python": "3.11.0", "torch": "2.13.0", "tensorly-torch": ""},
    "parts": {"One layer": ["Geometry", "Inputs"], "In a program": ["Saving"]},
    "libraries": ["tensorly-torch", "hocp.conv"],
    "probes": [
        probe("G1", "Geometry", "passes", "passes"),
        probe("G2", "Geometry", "passes", "fails", "output 8x16, expected 8x8"),
        probe("V1", "Saving", "passes", "not offered", "no file format"),
    ],
}


def make(tmp_path, record):
    files.write_json(tmp_path / "c.json", record)
    tab_conformance.main(["--conformance", str(tmp_path / "c.json"), "--out", str(tmp_path / "tab")])
    return read_long(tmp_path / "tab"), (tmp_path / "tab.md").read_text()


def test_counts_and_answers(tmp_path):
    rows, text = make(tmp_path, RECORD)
    assert len(rows) == 6
    assert rows[3] == {
        "probe": "G2", "group": "Geometry", "question": "Is G2 right?", "source": "owner/name#1",
        "library": "tensorly-torch", "outcome": "fails", "measured": "output 8x16, expected 8x8",
    }  # fmt: skip
    lines = pipe_rows(text)
    assert lines[0] == ["", "", "hocp.conv", "", "", "TensorLy-Torch", "", ""]
    assert lines[3:6] == [
        ["Geometry", "2", "2", "0", "0", "1", "1", "0"],
        ["Saving", "1", "1", "0", "0", "0", "0", "1"],
        ["All", "3", "3", "0", "0", "1", "1", "1"],
    ]
    assert ["*Geometry*", "", "", "", ""] in lines and ["*Inputs*", "", "", "", ""] not in lines
    told = "fails: output 8x16, expected 8x8"
    assert ["G2", "Is G2 right?", "passes", told, "owner/name#1"] in lines
    assert "Run with python 3.11.0, torch 2.13.0." in text
    assert "Not run" not in text


def test_what_was_not_run_is_explained(tmp_path):
    record = copy.deepcopy(RECORD)
    record["probes"][0] = probe("G1", "Geometry", "passes", "not run", "onnx is not installed")
    _, text = make(tmp_path, record)
    assert "not run: onnx is not installed" in text and "Not run: this machine lacks" in text


def changed(**changes):
    return {**RECORD["probes"][0], **changes}


@pytest.mark.parametrize(
    ("probes", "message"),
    [
        ([], "no probe in it"),
        ([changed(), changed()], "G1 stands twice"),
        ([changed(group="Colour")], "group 'Colour', which is in no part"),
        (
            [changed(outcomes={"hocp.conv": {"outcome": "passes", "measured": ""}})],
            "no answer of tensorly-torch",
        ),
        ([probe("G1", "Geometry", "passes", "maybe")], "'maybe' is not in figures/labels.yaml"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(tmp_path, probes, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path, {**RECORD, "probes": probes})
