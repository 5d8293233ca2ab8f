"""The table of data sets counts what the manifests hold."""

from dataclasses import replace

import figure_inputs
import pytest
from table_inputs import read_long

from figures import tab_data
from hocp.contracts import files, manifest

STATEMENT = {
    "dataset": "sewa", "faults": [{}, {}, {}],
    "ceilings": {"valence": {"static": 0.65, "temporal": 0.89, "labels": 0.98},
                 "arousal": {"static": 0.7, "temporal": None, "labels": 0.98}, "no_temporal": "made up"},
}  # fmt: skip


@pytest.fixture
def prepared(tmp_path):
    """Two made-up data sets whose facts fit their manifests."""
    for dataset in ("sewa", "affectnet"):
        figure_inputs.write_dataset(tmp_path / dataset, dataset)
        place = tmp_path / dataset / "manifest.json"
        facts = replace(
            manifest.read_facts(place), manifest_sha256=files.sha256(place.with_suffix(".csv")),
            scale={"native_min": 0.2, "native_max": 0.8}, split={"rule": "by subject"},
        )  # fmt: skip
        manifest.write_facts(place, facts)
    files.write_json(tmp_path / "release" / "lookalike.json", STATEMENT)
    return tmp_path


def arguments(folder, *, statement=True):
    names = [folder / dataset for dataset in ("sewa", "affectnet")]
    released = ["--lookalike", str(folder / "release")] if statement else []
    facts, listed = ([str(name / file) for name in names] for file in ("manifest.json", "manifest.csv"))
    return ["--facts", *facts, "--manifest", *listed, *released, "--out", str(folder / "tab_data")]


def values(rows, dataset):
    return {(r["quantity"], r["part"]): r["value"] for r in rows if r["dataset"] == dataset}


def test_counts_and_moments_are_those_of_the_items(prepared):
    tab_data.main(arguments(prepared))
    found = values(read_long(prepared / "tab_data"), "sewa")
    items = [item for item in figure_inputs.items("sewa") if item.usable]
    assert (found["items", "all"], found["items", "usable"]) == (str(len(items) + 1), str(len(items)))
    assert (found["status", "ok"], found["status", "img_empty"]) == (str(len(items)), "1")
    assert (found["split", "test"], found["clips", "test"]) == ("240", "6")
    assert ("split", "train") not in found
    mean = sum(item.valence for item in items) / len(items)
    assert found["labels", "valence.mean"] == f"{mean:.3f}"
    assert found["labels", "arousal.zero"] == "0.000"


def test_ceilings_and_planted_faults_come_from_the_statement(prepared):
    tab_data.main(arguments(prepared))
    rows = read_long(prepared / "tab_data")
    found = values(rows, "sewa")
    assert (found["ceiling", "valence.static"], found["ceiling", "valence.temporal"]) == ("0.650", "0.890")
    assert found["ceiling", "arousal.temporal"] == ""
    assert [r["note"] for r in rows if r["part"] == "arousal.temporal"] == ["made up"]
    assert found["planted faults", ""] == "3"
    assert not [key for key in values(rows, "affectnet") if key[0] in ("ceiling", "planted faults")]


def test_columns_say_which_data(prepared):
    tab_data.main(arguments(prepared))
    text = (prepared / "tab_data.md").read_text()
    assert "|  | AffectNet, generated data | SEWA, generated data |" in text
    assert "| Labels as released | 0.2 to 0.8 | 0.2 to 0.8 |" in text


def test_another_manifest_is_refused(prepared):
    with (prepared / "sewa" / "manifest.csv").open("a") as file:
        file.write("late,sewa,,,,,,,,,img_empty,\n")
    with pytest.raises(ValueError, match="not the manifest that the facts of sewa describe"):
        tab_data.main(arguments(prepared))


def test_a_missing_manifest_is_named(prepared):
    command = arguments(prepared)
    command.remove(str(prepared / "affectnet" / "manifest.csv"))
    with pytest.raises(ValueError, match=r"no manifest\.csv given for affectnet"):
        tab_data.main(command)


def test_licensed_data_have_no_generator(prepared):
    place = prepared / "sewa" / "manifest.json"
    manifest.write_facts(place, replace(manifest.read_facts(place), data="licensed"))
    with pytest.raises(ValueError, match="sewa is licensed data"):
        tab_data.main(arguments(prepared))
    tab_data.main(arguments(prepared, statement=False))
    assert "SEWA, licensed data" in (prepared / "tab_data.md").read_text()


def test_counts_that_are_not_the_published_ones_are_noted(prepared):
    place = prepared / "sewa" / "manifest.json"
    deviations = [{"what": "segments", "expected": 538, "found": 537, "source": "paper"}]
    manifest.write_facts(place, replace(manifest.read_facts(place), data="licensed", deviations=deviations))
    tab_data.main(arguments(prepared, statement=False))
    assert values(read_long(prepared / "tab_data"), "sewa")["deviation", "segments"] == "537"
    said = "SEWA differs from the published counts: 537 segments, 538 expected [paper]."
    assert said in (prepared / "tab_data.md").read_text()


def test_how_alike_the_parts_are(prepared):
    place = prepared / "sewa" / "manifest.json"
    balance = {
        "train": {"valence": 0.0123, "arousal": 0.02, "strata": 0.1},
        "test": {"valence": 0.04, "arousal": 0.0},
    }
    split = {"rule": "by subject", "balance": balance, "near_duplicates": 7}
    manifest.write_facts(place, replace(manifest.read_facts(place), split=split))
    tab_data.main(arguments(prepared))
    found = values(read_long(prepared / "tab_data"), "sewa")
    assert (found["balance", "train.valence"], found["balance", "train.strata"]) == ("0.0123", "0.1")
    assert found["near-duplicates", ""] == "7"
    text = (prepared / "tab_data.md").read_text()
    assert "| Histograms of the parts, most off: valence / arousal |  | 4.0 % / 2.0 % |" in text
    assert "| Items that look like one in another part |  | 7 |" in text
