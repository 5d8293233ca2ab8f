"""The gate: every kind of every campaign once; and the runner itself, which has to notice what goes wrong."""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from hocp.contracts import files
from tests.campaigns import f19_archives, run, worker
from tests.campaigns.case import Case
from tests.campaigns.kinds import Kinds
from tests.campaigns.watch import ground

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", run.known(gate=True))
def test_gate(name):
    cases = run.campaign(name, "gate", seed=1)
    assert len(cases) >= 10
    assert [run.told(case, 1) for case in cases if case["failure"]] == []


def test_archives_are_the_same_for_the_same_seed():
    one, again, other = (
        [maker(f19_archives.Random(f"{seed}/0")) for _, maker in f19_archives.KINDS.values()]
        for seed in (1, 1, 2)
    )
    assert one == again != other


def case(outcome, expected=("ok",)):
    """A case that ends as `outcome` does."""
    return Case("a kind", frozenset(expected), outcome)


def test_right_outcome_is_no_failure():
    told = worker.judged(case(lambda folder: "ok"))
    assert (told["outcome"], told["failure"]) == ("ok", "") and 0 < told["peak_mb"] < 2000


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (lambda folder: "img_missing", "ended in 'img_missing', expected ok"),
        (lambda folder: {}["key"], "KeyError"),
        (lambda folder: sys.exit(0), "SystemExit"),
        (lambda folder: Path("relative.txt").write_text("x") and "ok", "beside/relative.txt"),
        (lambda folder: (folder / "../../up.txt").write_text("x") and "ok", "up.txt"),
        (lambda folder: (folder.parent / "keep.txt").write_text("spoilt") and "ok", "keep.txt"),
        (lambda folder: (folder.parent / "keep.txt").unlink() or "ok", "keep.txt"),
        (lambda folder: (folder.parent / "link").symlink_to("keep.txt") or "ok", "link"),
        (lambda folder: os.link(folder.parent / "keep.txt", folder / "hard") or "ok", "keep.txt"),
        (lambda folder: (folder.parent / "beside").chmod(0o777) or "ok", "beside"),
    ],
)  # fmt: skip
def test_failures_are_noticed(outcome, words):
    assert words in worker.judged(case(outcome))["failure"]


def test_a_case_that_waits_for_ever_is_ended(monkeypatch):
    monkeypatch.setattr(worker, "SECONDS", 0.2)
    before = worker.signal.signal(worker.signal.SIGALRM, worker._ring)

    def swallows(folder):
        while True:
            with suppress(Exception):
                time.sleep(5)

    try:
        assert worker.judged(case(swallows))["outcome"] == "out of time"
    finally:
        worker.signal.signal(worker.signal.SIGALRM, before)


def test_the_case_has_an_empty_folder_that_goes_away():
    with ground() as place:
        assert list(place.here.iterdir()) == [] and place.trespasses() == []
        (place.here / "locked").mkdir(mode=0o0)
    assert not place.root.exists()


FAULTY = """
import os, signal, time
from tests.campaigns.kinds import Kinds
FAULT, TITLE, SIZE = "F99", "Faulty", 8
KINDS = Kinds(FAULT)
KINDS.add("sound", lambda rng, folder: "ok", "ok")
KINDS.add("hungry", lambda rng, folder: str(len(bytearray(150 << 20)) > 0), "True")
KINDS.add("deadly", lambda rng, folder: os.kill(os.getpid(), signal.SIGSEGV), "ok")
def deaf(rng, folder):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    while True:
        time.sleep(1)
KINDS.add("deaf", deaf, "ok")
cases = KINDS.cases
"""


@pytest.fixture
def faulty(monkeypatch, tmp_path):
    """A campaign that brings its process down, in the place of all others."""
    (tmp_path / "tests/campaigns").mkdir(parents=True)
    for path in Path(run.__file__).parent.glob("*.py"):
        if not path.name.startswith(("f1", "f2", "test")):
            (tmp_path / "tests/campaigns" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "tests/campaigns/f99_faulty.py").write_text(FAULTY)
    (tmp_path / "hocp").symlink_to(ROOT / "hocp")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "PATIENCE", 3.0)
    monkeypatch.setattr(run, "MEMORY", 100)
    monkeypatch.setattr(run, "known", lambda gate=False: {"F99": "f99_faulty"})


def test_runner_survives_what_its_workers_do_not(faulty, tmp_path, capfd):
    assert run.main(["--size", "full", "--seed", "7", "--out", str(tmp_path / "out.csv")]) == 1
    rows = files.read_csv(tmp_path / "out.csv", run.COLUMNS)
    assert [(row["kind"], row["cases"], row["failures"]) for row in rows] == [
        ("sound", "2", "0"), ("hungry", "2", "2"), ("deadly", "2", "2"), ("deaf", "2", "2"),
    ]  # fmt: skip
    assert [row["outcomes"] for row in rows] == ["ok 2", "True 2", "crash 2", "hang 2"]
    facts = json.loads((tmp_path / "out.json").read_text())["F99"]
    assert facts["seed"] == 7 and facts["cases"] == 8 and len(facts["failures"]) == 6
    err = capfd.readouterr().err
    assert "FAILED F99:hungry:1, seed 7: took 1" in err and '--only "F99:deadly:2"' in err


def test_a_case_can_be_played_again(faulty, capsys):
    assert run.main(["--seed", "7", "--only", "F99:sound:4"]) == 0
    assert "kind: sound" in capsys.readouterr().out
    assert run.main(["--only", "F99:hungry:1"]) == 1
    with pytest.raises(SystemExit):
        run.main(["--only", "F99:sound:1"])


def test_same_case_whatever_the_count():
    drawn = []
    kinds = Kinds("F98")
    for name in "abc":
        kinds.add(name, lambda rng, folder: str(rng.random()), "ok")
    for count in (1, 7):
        drawn.append([(case.kind, case.run(Path())) for case in kinds.cases(count, 5)])
    assert [kind for kind, _ in drawn[1]] == list("abcabca") and drawn[0] == drawn[1][:3]
    assert len(set(drawn[1])) == 7


def test_campaigns_are_commands():
    answer = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.run", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 0 and "F16" in answer.stdout


def test_counts_of_other_campaigns_stay(tmp_path):
    args = argparse.Namespace(size="full", seed=3)
    done = {"title": "T", "kind": "k", "outcome": "ok", "failure": "", "peak_mb": 50.0, "seconds": 0.5}
    for fault, count in (("F2", 2), ("F1", 5), ("F2", 3)):
        run.keep(tmp_path / "c.csv", fault, [{**done, "fault": fault}] * count, args)
    rows = files.read_csv(tmp_path / "c.csv", run.COLUMNS)
    assert [(row["fault"], row["cases"], row["outcomes"]) for row in rows] == [
        ("F1", "5", "ok 5"), ("F2", "3", "ok 3"),
    ]  # fmt: skip
    facts = json.loads((tmp_path / "c.json").read_text())
    assert {fault: one["cases"] for fault, one in facts.items()} == {"F1": 5, "F2": 3}
