"""The emotion tables: published and our numbers apart, generated data without verdict, seeds and folds."""

import re
from dataclasses import replace

import figure_inputs
import pytest
from table_inputs import METHODS, pipe_rows, read_long, runs, write_runs

from figures import tab_afew_va, tab_affectnet, tab_sewa, verdicts
from figures.emotion_tables import read_runs
from hocp.contracts import manifest, published

COMMANDS = {"affectnet": tab_affectnet, "sewa": tab_sewa, "afew_va": tab_afew_va}


def make(tmp_path, dataset, rows):
    """Run the command; long form and Markdown."""
    prefix = tmp_path / f"tab_{dataset}"
    COMMANDS[dataset].main(["--runs", write_runs(tmp_path / "runs.csv", rows), "--out", str(prefix)])
    return read_long(prefix), prefix.with_suffix(".md").read_text()


def one(rows, **wanted):
    """The only row with these values."""
    (row,) = [row for row in rows if all(row[k] == v for k, v in wanted.items())]
    return row


@pytest.mark.parametrize("dataset", COMMANDS)
def test_every_published_number_is_there_as_printed(tmp_path, dataset):
    rows, text = make(tmp_path, dataset, runs(dataset))
    for cell in published.load().cells(dataset):
        row = one(
            rows, setting=cell.setting, method=cell.method, dimension=cell.dimension, metric=cell.metric
        )
        assert row["published"] == cell.printed
        assert row["confidence"] == (cell.confidence if cell.value is not None else "")
        if cell.value is not None:
            assert cell.printed + verdicts.MARKS[cell.confidence] in text


@pytest.mark.parametrize("dataset", COMMANDS)
def test_generated_data_stand_apart_and_get_no_verdict(tmp_path, dataset):
    rows, text = make(tmp_path, dataset, runs(dataset))
    assert {row["verdict"] for row in rows if row["ours"] and row["published"]} == {"not comparable"}
    assert not {"reproduced", "not reproduced"} & {row["verdict"] for row in rows}
    groups = pipe_rows(text)[0]
    assert groups[2:7] == ["Published, real data", "", "", "", "Ours, generated data"]
    marks = set(verdicts.MARKS.values())
    for cells in pipe_rows(text)[3:]:
        assert not marks & set("".join(cells[6:10])), "a published number among ours"
        assert "0.500" not in cells[2:6], "one of ours among the published"
    assert "generated look-alike data" in text


def test_sections_static_and_temporal(tmp_path):
    rows, text = make(tmp_path, "sewa", runs("sewa"))
    assert [line[0] for line in pipe_rows(text) if line[0].startswith("*") and "**" not in line[0]] == [
        "*Static: single frames*", "*Temporal: clips*",
    ]  # fmt: skip
    settings = [row["setting"] for row in rows]
    assert settings == sorted(settings)


def test_licensed_data_are_judged(tmp_path):
    rows, text = make(tmp_path, "sewa", runs("sewa", data="licensed", value=0.62))
    static = {"method": "hocp", "dimension": "valence"}
    assert one(rows, **static, metric="ccc")["verdict"] == "reproduced"  # 0.60 and 0.62
    assert one(rows, **static, metric="rmse")["verdict"] == "not reproduced"  # 0.33 and 0.62
    assert "0.29 above, tolerance 0.02" in one(rows, **static, metric="rmse")["reason"]
    assert "3 of 4 reproduced" in text
    assert "Ours, licensed data" in text
    assert "generated" not in text


def test_seeds_give_mean_and_spread(tmp_path):
    rows, text = make(tmp_path, "sewa", runs("sewa", seeds=(0, 1, 2)))
    row = one(rows, method="hocp", dimension="arousal", metric="pcc")
    assert (row["ours"], row["spread"], row["seeds"]) == ("0.510", "0.010", "3")
    assert "0.510 ± 0.010" in text
    assert "over 3 seeds" in text


def test_one_seed_has_no_spread(tmp_path):
    rows, text = make(tmp_path, "sewa", runs("sewa"))
    assert {row["spread"] for row in rows} == {""}
    assert "±" not in text.partition("Published numbers")[0]


def test_pooled_folds_win_over_single_ones(tmp_path):
    folds = [row for fold in range(5) for row in runs("afew_va", value=0.1, fold=fold)]
    rows, _ = make(tmp_path, "afew_va", folds + runs("afew_va", value=0.3))
    assert {row["ours"] for row in rows} == {"0.300", ""}


def test_other_conventions_are_left_alone(tmp_path):
    mixed = runs("afew_va", value=0.9, convention="fold_mean") + runs("afew_va", value=0.3)
    rows, _ = make(tmp_path, "afew_va", mixed)
    assert {row["ours"] for row in rows} == {"0.300", ""}


def test_what_was_not_run_says_why(tmp_path):
    rows, text = make(tmp_path, "sewa", [row for row in runs("sewa") if row["method"] != "r3d18"])
    row = one(rows, method="r3d18", dimension="valence", metric="ccc")
    assert (row["ours"], row["verdict"], row["reason"]) == ("", "not run", "no run of it in this scenario")
    quoted = one(rows, method="vgg16_trl", dimension="valence", metric="ccc")
    assert quoted["reason"] == "quoted by the paper, not trained here"
    assert "not run: no run of it in this scenario" in text
    assert not re.search(r"\b(nan|none)\b", text.lower())


def test_a_number_without_value_keeps_its_reason(tmp_path):
    spoilt = runs("sewa")
    for row in spoilt:
        if row["metric"] == "ccc":
            row |= {"value": None, "reason": "labels are constant"}
    rows, _ = make(tmp_path, "sewa", spoilt)
    row = one(rows, method="hocp", dimension="valence", metric="ccc")
    assert (row["ours"], row["verdict"], row["reason"]) == ("", "not run", "labels are constant")


def test_methods_of_ours_alone_are_added(tmp_path):
    rows, _ = make(tmp_path, "affectnet", runs("affectnet"))
    row = one(rows, method="hocp_lasso", dimension="valence", metric="ccc")
    assert (row["published"], row["ours"], row["verdict"]) == ("", "0.500", "no published number")


def test_every_missing_number_has_a_reason(tmp_path):
    for dataset in COMMANDS:
        rows, _ = make(tmp_path, dataset, runs(dataset))
        assert all(row["reason"] for row in rows if not (row["published"] and row["ours"]))


def test_an_empty_scenario_still_gives_the_table(tmp_path):
    rows, text = make(tmp_path, "sewa", [])
    assert {row["verdict"] for row in rows} == {"not run"}
    assert pipe_rows(text)[0][6] == "Ours"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[0].update(data="licensed"), r"say data = \['generated', 'licensed'\]"),
        (
            lambda rows: [row.update(convention="clip_mean") for row in rows],
            "no row on sewa has convention 'pooled'",
        ),
        (lambda rows: rows.append({**rows[0], "fold": 1}), "expected one fold, or a row with fold = all"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, spoil, message):
    rows = runs("sewa")
    spoil(rows)
    with pytest.raises(ValueError, match=message):
        read_runs(write_runs(tmp_path / "runs.csv", rows), "sewa")


def test_all_methods_of_the_suite_are_known_to_the_paper_or_marked_ours(tmp_path):
    for dataset, methods in METHODS.items():
        known = {cell.method for cell in published.load().cells(dataset)}
        assert set(methods) - known <= {"hocp_lasso"}


def test_note_says_how_much_of_the_data_set_is_usable(tmp_path):
    figure_inputs.write_dataset(tmp_path / "sewa", "sewa")
    place = tmp_path / "sewa" / "manifest.json"
    counts = {"ok": 1200, "box_clamped": 34, "img_empty": 6}
    facts = replace(manifest.read_facts(place), release="SEWA Basic", counts=counts)
    manifest.write_facts(place, facts)
    command = ["--runs", write_runs(tmp_path / "runs.csv", runs("sewa")), "--facts", str(place)]
    tab_sewa.main([*command, "--out", str(tmp_path / "tab_sewa")])
    text = (tmp_path / "tab_sewa.md").read_text()
    assert "SEWA Basic: 1,234 of 1,240 items are usable." in text and "not the published" not in text
    deviations = [{"what": "segments", "expected": 538, "found": 537, "source": "paper"}]
    manifest.write_facts(place, replace(facts, data="licensed", deviations=deviations))
    tab_sewa.main([*command, "--out", str(tmp_path / "tab_sewa")])
    said = "1,240 items are usable. 1 count is not the published one: see the table of the data sets."
    assert said in (tmp_path / "tab_sewa.md").read_text()
