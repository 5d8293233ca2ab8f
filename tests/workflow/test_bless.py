"""What is kept of a finished speed benchmark, and under which name."""

import json
from pathlib import Path

import pytest

from workflow import bless

ENVIRONMENT = {"device": "cpu", "packages": {"torch": "2.13.0+cpu"}}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A repository of its own, with the speed benchmark of a scenario."""
    monkeypatch.setattr(bless, "ROOT", tmp_path)
    source = tmp_path / "results/demo/bench/full"
    source.mkdir(parents=True)
    (source / "speed.csv").write_text("suite\n")
    (source / "speed.json").write_text(json.dumps(ENVIRONMENT))
    (source / "networks.t2.kept.json").write_text("{}")
    return tmp_path


def test_speed_is_kept_under_a_name_that_says_what_it_is(place, monkeypatch):
    monkeypatch.setattr(bless, "SPEED_SHOWN", {})  # the figures have tests of their own
    assert bless.main(["demo", "--speed"]) == 0
    kept = place / "results/reference/speed.cpu.torch2.13.0"
    assert sorted(path.name for path in kept.iterdir()) == ["speed.csv", "speed.json"]


def test_a_gpu_is_kept_beside_and_shown_by_the_cpu(place, tmp_path, monkeypatch):
    monkeypatch.setattr(bless, "show", lambda *_: ())
    table = tmp_path / "gpu_bench.nvidia-h200.torch2.11.0.csv"
    table.write_text("suite\n")
    gpu = {"device": "NVIDIA H200", "packages": {"torch": "2.11.0"}}
    table.with_suffix(".json").write_text(json.dumps({"environment": gpu}))
    assert bless.main(["--gpu", str(table)]) == 0
    kept = place / "results/reference/speed.nvidia-h200.torch2.11.0"
    assert sorted(path.name for path in kept.iterdir()) == ["speed.csv", "speed.json"]
    assert bless.main(["demo", "--speed"]) == 0
    assert bless.gpus() == [kept / "speed.csv"]


def test_a_scenario_or_a_gpu_is_named(capsys):
    for call in ([], ["demo", "--gpu", "some.csv"]):
        with pytest.raises(SystemExit):
            bless.main(call)
        assert "name a scenario, or a file with --gpu" in capsys.readouterr().err


def test_what_shows_speed_is_there():
    root = Path(__file__).resolve().parents[2]
    assert all("--speed" in (root / f"figures/{stem}.py").read_text("utf-8") for stem in bless.SPEED_SHOWN)


def test_nothing_to_keep_is_said(place, capsys):
    assert bless.main(["other", "--speed"]) == 2
    assert "bench_full" in capsys.readouterr().err


def test_unlike_environments_are_refused():
    other = ENVIRONMENT | {"device": "NVIDIA H100"}
    assert bless.folder_name("demo", [other]) == "demo.nvidia-h100.torch2.13.0"
    with pytest.raises(ValueError, match="different devices or torch versions"):
        bless.folder_name("demo", [ENVIRONMENT, other])
