"""A number leads back to its run; whatever was changed on the way is named and refused."""

import re
import shutil
from pathlib import Path

import made_up_scenario
import pytest
from made_up_scenario import edit, forge

from figures import tab_sewa, tab_sizes, tab_speed_claim
from hocp.__main__ import main
from hocp.contracts import files, trail

CELL = ("hocp_transduction.valence", "ccc")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A scenario; tests work on copies."""
    return made_up_scenario.make(tmp_path_factory.mktemp("made") / "demo")


@pytest.fixture
def scenario(finished, tmp_path) -> Path:
    return shutil.copytree(finished, tmp_path / "demo")


def trace(capsys, table: Path, *cell: str) -> tuple[int, str, str]:
    """Exit status and what was printed."""
    status = main(["trace", str(table), *(cell or CELL)])
    out, err = capsys.readouterr()
    return status, out, err


def test_the_way_back_is_told_link_by_link(scenario, capsys):
    status, out, _ = trace(capsys, scenario / "tables/tab_sewa.csv")
    assert status == 0
    assert "ours of sewa, hocp_transduction, valence, ccc is 0.550" in out  # mean of 0.5 and 0.6
    for seed in (0, 1):
        run = f"sewa.hocp_transduction.f0.s{seed}"
        folder = scenario / "runs" / run
        assert f"row of runs.csv: {run}, pooled valence ccc = {0.5 + 0.1 * seed:.6f}, 9 frames" in out
        for what, file in (
            ("record", "record.json"),
            ("predictions", "predictions.npz"),
            ("model", "model.safetensors"),
        ):
            (line,) = [x for x in out.splitlines() if f"{run}/{file}" in x]
            assert what in line and "verified" in line and files.sha256(folder / file) in line
        assert f"trained by: python -m hocp train {run}" in out
        assert f"transduce of affectnet.hocp.f0.s{seed}, seed {seed}" in out
    assert "commit c0ffee" in out and "torch 2.13.0" in out
    assert "project:results/published/paper.yaml: verified" in out
    assert "r3d18" not in out


def test_rows_of_runs_csv_are_traced_as_well(scenario, capsys):
    status, out, _ = trace(capsys, scenario / "tables/runs", "sewa.hocp.f0.s1.valence.ccc")
    assert (
        status == 0
        and "value of sewa, hocp, valence, ccc is 0.600000" in out
        and "run sewa.hocp.f0.s1" in out
    )


#: What is changed -> how, and what the refusal says.
BLOWS = {
    "a cell": (
        lambda s: edit(s / "tables/tab_sewa.csv", "0.550", "0.950"),
        "tab_sewa.csv was changed after it was made",
    ),
    "runs.csv": (
        lambda s: edit(s / "tables/runs.csv", "0.600000", "0.900000"),
        "runs.csv has changed since tab_sewa.csv",
    ),
    "a record": (
        lambda s: edit(s / "runs/sewa.hocp_transduction.f0.s1/record.json", "made up", "real"),
        "s1/record.json has changed since runs.csv was made from it",
    ),
    "predictions": (
        lambda s: (s / "runs/sewa.hocp_transduction.f0.s0/predictions.npz").write_bytes(b"other"),
        "predictions.npz is not the file that the record of sewa.hocp_transduction.f0.s0 describes",
    ),
    "a lost model": (
        lambda s: (s / "runs/sewa.hocp_transduction.f0.s0/model.safetensors").unlink(),
        "runs/sewa.hocp_transduction.f0.s0/model.safetensors is missing",
    ),
    "the data": (
        lambda s: (s / "data/sewa/crops.h5").write_bytes(b"other"),
        "crops.h5 is not the file that the record",
    ),
    "facts of the data": (
        lambda s: files.write_json(s / "data/sewa/manifest.json", {"manifest_sha256": "0"}),
        "manifest.json describes the manifest 0",
    ),
    "no trail": (
        lambda s: (s / "tables/tab_sewa.trail.json").unlink(),
        "no trail beside it, tab_sewa.trail.json",
    ),
    "a torn trail": (lambda s: (s / "tables/runs.trail.json").write_text("{"), "runs.trail.json: not JSON"),
    "another trail": (
        lambda s: files.write_json(s / "tables/runs.trail.json", [1]),
        "runs.trail.json: not a trail",
    ),
}


@pytest.mark.parametrize("blow", BLOWS)
def test_what_was_changed_is_refused_by_name(scenario, capsys, blow):
    strike, message = BLOWS[blow]
    strike(scenario)
    status, out, err = trace(capsys, scenario / "tables/tab_sewa.csv")
    assert status == 2 and message in err, err
    assert out == "", "something was shown before the link broke"


def test_a_table_older_than_its_runs_is_stale(scenario, capsys):
    made_up_scenario.score(scenario, value=0.7)
    status, _, err = trace(capsys, scenario / "tables/tab_sewa.csv")
    assert status == 2 and "runs.csv has changed since tab_sewa.csv was made from it" in err
    tab_sewa.main(["--runs", str(scenario / "tables/runs.csv"), "--out", str(scenario / "tables/tab_sewa")])
    assert trace(capsys, scenario / "tables/tab_sewa.csv")[0] == 0


def test_a_forged_table_with_a_forged_trail_does_not_agree_with_its_rows(scenario, capsys):
    table = scenario / "tables/tab_sewa.csv"
    lines = table.read_text("utf-8").splitlines(keepends=True)
    at = next(k for k, line in enumerate(lines) if "hocp_transduction" in line and "valence,ccc" in line)
    lines[at] = lines[at].replace("0.550", "0.950")
    table.write_text("".join(lines), "utf-8")
    forge(table)
    status, _, err = trace(capsys, table)
    assert status == 2 and "ours is 0.950, but its rows of runs.csv do not give it" in err


def test_a_blessed_scenario_is_followed_without_the_large_files(scenario, tmp_path, capsys):
    kept = made_up_scenario.bless(scenario, tmp_path / "reference")
    status, out, _ = trace(capsys, kept / "tables/tab_sewa.csv")
    assert status == 0
    predictions = files.sha256(scenario / "runs/sewa.hocp_transduction.f0.s0/predictions.npz")
    assert f"predictions: not kept; its SHA-256 is {predictions}" in out
    assert "s0/record.json, verified" in out and "commit c0ffee" in out
    edit(kept / "records/sewa.hocp_transduction.f0.s0.json", "made up", "real")
    status, _, err = trace(capsys, kept / "tables/tab_sewa.csv")
    assert status == 2 and "has changed since runs.csv" in err


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (("hocp_transduction",), "8 rows have hocp_transduction"),
        (("hocp_moon", "ccc"), "no rows have hocp_moon and ccc"),
        (("hocp_transduction.valence", "mse"), "no rows"),
    ],
)
def test_a_row_that_cannot_be_told_is_said(scenario, capsys, cell, words):
    status, _, err = trace(capsys, scenario / "tables/tab_sewa.csv", *cell)
    assert status == 2 and words in err and "give more values" in err


def test_a_table_that_is_not_there_is_named_with_those_that_are(scenario, capsys):
    status, _, err = trace(capsys, scenario / "tables/tab_moon")
    assert status == 2 and "tab_moon.csv is not there; there are runs, tab_sewa" in err


def test_files_are_found_by_scenario_project_and_name(tmp_path):
    inside = tmp_path / "tables/runs.csv"
    assert trail.name_of(inside, tmp_path) == "scenario:tables/runs.csv"
    assert trail.name_of(trail.ROOT / "README.md", tmp_path) == "project:README.md"
    assert trail.name_of(tmp_path.parent / "x.yaml", tmp_path) == "elsewhere:x.yaml"
    assert trail.locate("elsewhere:x.yaml", tmp_path) is None


def test_a_line_of_the_readme_leads_to_its_blessed_table(scenario, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(trail, "REFERENCE", tmp_path / "reference")
    made_up_scenario.bless(scenario, tmp_path / "reference" / "demo.cpu.torch2.13.0")
    page = tmp_path / "README.md"
    page.write_text("| SEWA, HO-CPConv, transduction | 0.75 |\n\nOurs: scenario `demo`.\n")
    status, out, _ = trace(capsys, page, "SEWA, HO-CPConv, transduction", "arousal")
    assert status == 0 and "ours of sewa, hocp_transduction, arousal, ccc is 0.550" in out
    status, _, err = trace(capsys, page, "SEWA, Moon", "arousal")
    assert status == 2 and "give a line's first cell" in err
    page.write_text("nothing")
    status, _, err = trace(capsys, page, "SEWA, HO-CPConv, transduction", "arousal")
    assert status == 2 and "names no scenario" in err


@pytest.mark.parametrize(
    ("row", "words"),
    [("sizes.r3d18", "row of cost.csv: table emotion, item r3d18"),
     ("flop_figure.512x512.hocp6", "row of cost.csv: table flop_figure, item 512x512.hocp6")],
)  # fmt: skip
def test_counts_lead_to_their_row_of_cost_csv(tmp_path, capsys, row, words):
    (kept,) = trail.REFERENCE.glob("demo.*/bench/cost.csv")
    (tmp_path / "bench").mkdir()
    shutil.copy(kept, tmp_path / "bench/cost.csv")
    tab_sizes.main(["--cost", str(tmp_path / "bench/cost.csv"), "--out", str(tmp_path / "tables/tab_sizes")])
    status, out, _ = trace(capsys, tmp_path / "tables/tab_sizes.csv", row)
    assert status == 0 and words in out and out.count("row of cost.csv") == 1
    assert f"scenario:bench/cost.csv: verified, SHA-256 {files.sha256(kept)}" in out


@pytest.fixture
def blessed_speed(scenario, tmp_path, monkeypatch):
    """A README, a blessed scenario with a claim, and the committed timings with the table made from them."""
    (kept,) = trail.REFERENCE.glob("speed.cpu.*/speed.csv")
    reference = tmp_path / "reference"
    monkeypatch.setattr(trail, "REFERENCE", reference)
    made_up_scenario.bless(scenario, reference / "demo.cpu.torch2.13.0")
    claims = reference / "demo.cpu.torch2.13.0/tables/tab_claims.csv"
    claims.write_text("id,short,verdict\nbars,15 bars,reproduced\n")
    trail.write(trail.place(claims), {claims.name: claims}, [], home=claims)
    folder = reference / "speed.cpu.torch2.13.0"
    folder.mkdir()
    shutil.copy(kept, folder)
    tab_speed_claim.main(
        ["--speed", str(folder / "speed.csv"), "--out", str(folder / "tables/tab_speed_claim")]
    )
    page = tmp_path / "README.md"
    page.write_text("Ours: scenario `demo`.\n")
    return page, folder / "speed.csv"


def test_a_line_of_speed_leads_to_its_timings(blessed_speed, capsys):
    page, timings = blessed_speed
    status, out, err = trace(capsys, page, "R3D-18", "training.dense")
    assert status == 0, err
    assert f"scenario:speed.csv: verified, SHA-256 {files.sha256(timings)}" in out
    told = [line for line in out.splitlines() if line.strip().startswith("median ")]
    ours, dense = sorted(float(line.split()[1]) for line in told)
    shown = re.search(r"times_quicker of .* is ([\d.]+)", out)
    assert float(shown[1]) == pytest.approx(dense / ours, rel=1e-4)
    status, _, err = trace(capsys, page, "R3D-18", "training")
    assert status == 2 and "3 rows have R3D-18.training" in err
    timings.write_text(timings.read_text().replace("hocp", "ours"))
    assert trace(capsys, page, "R3D-18", "training.dense")[0] == 2


def test_a_claim_is_found_by_its_name(blessed_speed, capsys):
    status, out, _ = trace(capsys, blessed_speed[0], "15 bars")
    assert status == 0 and "verdict of bars is reproduced" in out
