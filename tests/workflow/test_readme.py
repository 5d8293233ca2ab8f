"""What the README shows: commands exist and can be planned, its code runs, its tables are the reference's."""

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from figures import training_length
from tests.workflow import suite
from workflow import bootstrap, measure

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[list[str]]:
    """Lines of the README's shell blocks, without remarks, as words."""
    text = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    inline = re.findall(r"`(python3 workflow/bootstrap\.py [^`]+)`", text)
    lines = [line for block in blocks for line in block.splitlines()] + inline
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_there_are_commands():
    programs = {words[0] for words in commands()}
    assert {"make", "snakemake", "python3"} <= programs


@pytest.mark.parametrize("words", [w for w in commands() if w[0] == "make"], ids=" ".join)
def test_make(words):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (target,) = words[1:]
    assert re.search(rf"^{target}:.*bootstrap\.py {target}\b", makefile, flags=re.MULTILINE)
    assert target in bootstrap.COMMANDS


def snakemake_commands() -> list[list[str]]:
    direct = [words[1:] for words in commands() if words[0] == "snakemake"]
    through = [words[3:] for words in commands() if words[1:3] == ["workflow/bootstrap.py", "snakemake"]]
    return direct + through


@pytest.mark.parametrize("arguments", snakemake_commands(), ids=" ".join)
def test_snakemake(arguments, tmp_path):
    folder = suite.copy(tmp_path)
    options = [word for word in arguments if word != "--use-conda"]  # needs conda even for a plan
    answer = suite.snakemake(folder, "-n", *options)
    if "config/paper.yaml" in options:  # its archives are not here, and that is what it says
        assert answer.returncode == 1 and "AffectNet" in answer.stdout and "Traceback" not in answer.stdout
    else:
        assert answer.returncode == 0, answer.stdout
        assert suite.jobs(answer.stdout)


@pytest.mark.parametrize(
    "name", re.findall(r"\]\(([\w./-]+?)(?:#[\w-]+)?\)", (ROOT / "README.md").read_text("utf-8"))
)
def test_links_lead_somewhere(name):
    assert (ROOT / name).exists()


def test_code_runs(tmp_path):
    """The README's Python block, as a newcomer would paste it."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), flags=re.DOTALL)
    assert "assert" in code
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("page", "scenario"),
    [("README.md", "study"), ("hocp/conv/README.md", "demo"), ("hocp/conv/forms/README.md", "demo")],
)
def test_tables_are_those_of_the_reference_run(page, scenario):
    folder = reference(scenario)
    timings = [str(path) for path in (ROOT / "results" / "reference").glob("speed.cpu.*/speed.csv")]
    call = ["--readme", page, "--tables", str(folder / "tables"), "--scenario", scenario, "--check"]
    call += ["--speed", *timings] if timings else []
    on_gpu = [str(path) for path in (ROOT / "results" / "reference").glob("speed.nvidia-*/speed.csv")]
    call += ["--speed-gpu", *on_gpu] if on_gpu else []
    answer = subprocess.run([sys.executable, "-m", "figures.readme", *call], cwd=ROOT, capture_output=True)
    assert answer.returncode == 0, answer.stderr.decode()


def reference(scenario: str) -> Path:
    (folder,) = (ROOT / "results" / "reference").glob(f"{scenario}.*")
    return folder


def test_what_longer_training_does_is_what_its_run_says():
    with (reference("study_longer") / "claims.csv").open(newline="", encoding="utf-8") as file:
        (claim,) = (row for row in csv.DictReader(file) if row["id"] == "temporal_over_static")
    said = f"temporal over static is {claim['verdict']} ({claim['reason']})"
    assert said in " ".join((ROOT / "README.md").read_text("utf-8").split())
    runs = [str(reference(scenario)) for scenario in ("study", "study_longer")]
    assert training_length.main(["--page", str(ROOT / "results/README.md"), "--runs", *runs, "--check"]) == 0


def test_sizes_are_those_measured():
    record = json.loads((ROOT / "results" / "reference" / "suite.cpu.json").read_text("utf-8"))
    page = (ROOT / "results" / "README.md").read_text("utf-8")
    assert all(step["exit_status"] == 0 for step in record["steps"])
    assert measure.filled(page, record) == page
