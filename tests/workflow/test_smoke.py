"""The whole suite in its smallest scenario, for real: once, then nothing, then what an edit touches."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hocp.contracts import record
from tests.workflow import browser, suite

SMOKE = ("--configfile", "config/smoke.yaml")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A copy of the suite in which the smoke scenario has run."""
    folder = suite.copy(tmp_path_factory.mktemp("smoke"))
    answer = suite.snakemake(folder, "all", *SMOKE)
    assert answer.returncode == 0, answer.stdout[-6000:]
    return folder


def test_every_table_figure_and_the_report(finished):
    for path in sorted((ROOT / "figures").glob("tab_*.py")):
        for suffix in (".csv", ".md", ".tex", ".html"):
            assert (finished / f"results/smoke/tables/{path.stem}{suffix}").stat().st_size > 100
    for path in sorted((ROOT / "figures").glob("fig_*.py")):
        picture = (finished / f"figures/smoke/{path.stem}.png").read_bytes()
        assert picture.startswith(b"\x89PNG") and len(picture) > 5000
        assert (finished / f"figures/smoke/{path.stem}.pdf").read_bytes().startswith(b"%PDF")
    report = (finished / "results/smoke/report.html").read_text("utf-8")
    assert "generated data" in report and "fig_sparsity" in report and 'src="http' not in report


def test_nothing_outside_the_scenario_s_folders(finished):
    expected = {"results/smoke", "figures/smoke"}
    before = {path.relative_to(ROOT).as_posix() for path in suite.tracked.files()}
    written = [
        name
        for path in finished.rglob("*")
        if path.is_file() and not {".snakemake", "__pycache__"} & set(path.parts)
        for name in [path.relative_to(finished).as_posix()]
        if name not in before and not name.startswith(tuple(expected))
    ]
    assert written == []
    assert not (finished / "results/smoke/checkpoints").exists() or not list(
        (finished / "results/smoke/checkpoints").rglob("*.safetensors")
    )


def test_nothing_stands_on_two_sides(finished):
    folders = sorted(map(str, (finished / "results/smoke/data").iterdir()))
    command = [sys.executable, "-m", "data_prep", "leaks", *folders]
    answer = subprocess.run(command, cwd=finished, capture_output=True, text=True)
    assert answer.returncode == 0 and answer.stdout.count(": 0 leaks among") == 3, answer.stderr


def test_every_number_says_that_it_is_of_generated_data(finished):
    with (finished / "results/smoke/tables/runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == record.RUNS
    assert {row["data"] for row in rows} == {"generated"}
    assert all((row["value"] == "") == (row["reason"] != "") for row in rows)
    assert {"affectnet", "sewa", "afew_va"} == {row["dataset"] for row in rows}
    assert "all" in {row["fold"] for row in rows if row["dataset"] == "afew_va"}


def test_a_record_leads_back_to_data_and_code(finished):
    for path in (finished / "results/smoke/runs").glob("*/record.json"):
        facts = json.loads(path.read_text("utf-8"))
        manifest = finished / "results/smoke/data" / facts["spec"]["dataset"] / "manifest.json"
        assert facts["data"]["manifest_sha256"] == json.loads(manifest.read_text())["manifest_sha256"]
        assert facts["spec"]["run"] == path.parent.name
        assert len(facts["code"]["sources_sha256"]) == 64


def test_a_second_run_does_nothing(finished):
    answer = suite.snakemake(finished, "all", *SMOKE)
    assert answer.returncode == 0 and "Nothing to be done" in answer.stdout


def test_one_table_is_remade_alone(finished):
    table = finished / "results/smoke/tables/tab_sewa.csv"
    before = table.read_bytes()
    table.unlink()
    answer = suite.snakemake(finished, "tab_sewa", *SMOKE)
    assert answer.returncode == 0, answer.stdout
    assert suite.jobs(answer.stdout) == {"tab_sewa": 1}
    assert table.read_bytes() == before


@pytest.mark.browser
@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("category", ["Figures", "Tables"])
def test_the_report_opens_without_a_network(finished, tmp_path, category):
    report = finished / "results/smoke/report.html"
    text, title = browser.seen(report, [category], tmp_path)
    assert title == "problems: []"
    kind = {"Figures": "fig", "Tables": "tab"}[category]
    for path in sorted((ROOT / "figures").glob(f"{kind}_*.py")):
        assert path.stem in text
    assert "All results on this page are on generated data." in text


def test_an_edit_remakes_what_it_touches_and_nothing_else(finished):
    with (finished / "figures/fig_flops.py").open("a") as file:
        file.write("# a remark\n")
    counts = suite.jobs(suite.snakemake(finished, "-n", "all", *SMOKE).stdout)
    assert counts == {"fig_flops": 1, "report": 1, "all": 1}
    answer = suite.snakemake(finished, "all", *SMOKE)  # made, so that later tests find all done
    assert answer.returncode == 0, answer.stdout


def test_a_changed_value_retrains_what_it_decides(finished, tmp_path):
    change = tmp_path / "change.yaml"
    change.write_text("experiments: {sewa: {r3d18: {training: {lr: 0.01}}}}\n")
    counts = suite.jobs(suite.snakemake(finished, "-n", "train", *SMOKE, change).stdout)
    assert counts == {"train_run": 1, "evaluate_run": 1, "train": 1}


def start(folder: Path, *arguments: object) -> subprocess.Popen:
    """A run with a process group of its own, to be killed whole."""
    return subprocess.Popen(
        suite.command(*arguments), cwd=folder, env=suite.environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for_steps(log: Path, process: subprocess.Popen, *, seconds: float = 120) -> None:
    """Wait until training has made some steps."""
    end = time.monotonic() + seconds
    while not (log.exists() and log.read_text().count("  step ") > 2):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < end, "training did not begin"
        time.sleep(0.2)


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM], ids=lambda blow: blow.name)
def test_a_killed_run_continues_with_the_same_command(finished, tmp_path, blow):
    """Killed while training; the scenario's data are those that are there already."""
    run = "affectnet.hocp.f0.s0"
    change = tmp_path / "long.yaml"
    change.write_text(f"seeds: [{blow + 100}]\ntraining: {{affectnet: {{steps: 60}}}}\n")
    run = run.replace("s0", f"s{blow + 100}")
    arguments = (f"results/smoke/runs/{run}/record.json", "--configfile", "config/smoke.yaml", change)
    first = start(finished, *arguments)
    wait_for_steps(finished / f"results/smoke/logs/train.{run}.log", first)
    os.killpg(first.pid, blow)
    first.wait(timeout=60)
    assert not (finished / f"results/smoke/runs/{run}/model.safetensors").exists()
    answer = suite.snakemake(finished, *arguments)
    assert answer.returncode == 0, answer.stdout
    facts = json.loads((finished / f"results/smoke/runs/{run}/record.json").read_text())
    assert facts["train"]["steps"] == 60
    if blow == signal.SIGTERM:  # it had time to write a checkpoint
        assert facts["train"]["resumed"], facts["train"]
