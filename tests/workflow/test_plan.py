"""The graph of jobs: what each target asks for, and that a rule lists the code it runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.workflow import suite
from workflow.sources import sources

ROOT = Path(__file__).resolve().parents[2]
STEMS = sorted(path.stem for kind in ("tab", "fig") for path in (ROOT / "figures").glob(f"{kind}_*.py"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return suite.copy(tmp_path_factory.mktemp("plan"))


@pytest.mark.parametrize(
    ("scenario", "runs"), [("config", 42), ("smoke", None), ("gpu", 135), ("study", 175)]
)
def test_whole_graph(folder, scenario, runs):
    answer = suite.snakemake(folder, "-n", "all", "--configfile", f"config/{scenario}.yaml")
    assert answer.returncode == 0, answer.stdout
    counts = suite.jobs(answer.stdout)
    assert set(STEMS) <= set(counts), "a table or figure is not part of `all`"
    assert counts["lookalike"] == counts["prepare"] == 3 and counts["report"] == 1
    trained = counts["train_run"] + counts["train_lasso_run"]
    assert trained == counts["evaluate_run"]
    assert runs in (None, trained)


def test_licensed_data_are_not_generated(folder, tmp_path):
    """With all folders there, nothing is generated; the check itself is tested with data_prep."""
    rules = (folder / "workflow/rules/common.smk").read_text()
    unchecked = suite.copy(tmp_path)
    assert "missing_releases(CONFIG" in rules
    (unchecked / "workflow/rules/common.smk").write_text(
        rules.replace("missing_releases(CONFIG", "str('') and (CONFIG")
    )
    (tmp_path / "there").mkdir()
    changes = tmp_path / "changes.yaml"
    places = dict.fromkeys(("affectnet", "sewa", "afew_va"), str(tmp_path / "there"))
    limits = {"dup_content": 0.25, "frame_gap": 0.02}
    changes.write_text(
        yaml.safe_dump({"data": {"licensed": places, "prepare": {"sewa": {"limits": limits}}}})
    )
    answer = suite.snakemake(unchecked, "-n", "-p", "data", "--configfile", "config/paper.yaml", str(changes))
    assert answer.returncode == 0, answer.stdout
    assert suite.jobs(answer.stdout) == {"prepare": 3, "data": 1}
    assert answer.stdout.count("--data licensed") == 3
    assert answer.stdout.count("--limit dup_content=0.25 --limit frame_gap=0.02") == 1


@pytest.mark.parametrize("target", ["data", "train", "bench", "tables", "figures", "report"])
def test_targets(folder, target):
    answer = suite.snakemake(folder, "-n", target)
    assert answer.returncode == 0, answer.stdout
    counts = suite.jobs(answer.stdout)
    assert target in counts
    wanted = {"tables": "tab_", "figures": "fig_"}.get(target)
    if wanted:
        assert {s for s in counts if s.startswith(wanted)} == {s for s in STEMS if s.startswith(wanted)}


def test_one_table_needs_no_other(folder):
    counts = suite.jobs(suite.snakemake(folder, "-n", "tab_sizes").stdout)
    assert counts == {"cost": 1, "tab_sizes": 1}


def test_every_computing_rule_is_complete():
    """Log, benchmark, message, threads, memory, GPU and environment of each rule that runs a command."""
    for file in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for text in re.split(r"^ *(?=(?:use )?rule\b)", file.read_text(), flags=re.MULTILINE)[1:]:
            if "shell:" not in text:
                assert text.startswith("use rule"), text
                continue
            missing = [
                key
                for key in (
                    "log:",
                    "benchmark:",
                    "message:",
                    "threads:",
                    "mem_mb=",
                    "gpu=",
                    "conda:",
                    "input:",
                )
                if key not in text
            ]
            assert not missing, (file.name, text.split(":")[0], missing)
            assert "> {log:q} 2>&1" in text
            assert "python -m" in text or "{params.train}" in text


@pytest.mark.parametrize(
    "module",
    ["hocp.learning.train_command", "hocp.learning.evaluate_command", "hocp.networks.cost_command",
     "data_prep.prepare_command", "data_prep.lookalike.cli", "figures.tab_sewa"],
)  # fmt: skip
def test_listed_code_is_what_python_loads(module):
    code = (
        f"import importlib, sys; importlib.import_module({module!r})\n"
        "print(*(m.__file__ for n, m in sorted(sys.modules.items())"
        " if n.partition('.')[0] in ('hocp', 'data_prep', 'figures') and m.__file__), sep='\\n')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {Path(line).relative_to(ROOT).as_posix() for line in answer.stdout.splitlines()}
    assert module.replace(".", "/") + ".py" in loaded
    assert loaded <= set(sources(module))


def test_no_module_of_ours():
    with pytest.raises(ValueError, match=r"hocp\.nowhere"):
        sources("hocp.nowhere")


def test_profiles_name_rules_that_exist(folder):
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    names = {*profile["set-resources"], *profile["set-threads"]}
    listed = suite.snakemake(folder, "--list-rules").stdout.split()
    assert names <= set(listed)
    for stem in STEMS:
        assert stem in listed


def test_speed_at_full_size_comes_in_parts(folder):
    """Each part is a job, so that a killed run goes on where it was."""
    answer = suite.snakemake(folder, "-n", "-p", "bench_full")
    assert suite.jobs(answer.stdout) == {"bench_part": 9, "bench_full": 1}
    commands = [line for line in answer.stdout.splitlines() if "tests.bench.run" in line]
    assert len(set(commands)) == 9 and all("--size full" in line for line in commands)
    assert sum("--threads 2" in line and "--allocator default" in line for line in commands) == 3
