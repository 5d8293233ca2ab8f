"""End to end on the generator's releases: each fault that it planted ends in the status that it deserves."""

import json
import subprocess
import sys

import pytest
from mini_releases import prepared

SIZES = {
    "affectnet": "affectnet --images 120 --side-max 120",
    "affectnet-2021": "affectnet --release 2021 --images 60",
    "sewa": "sewa --segments 12 --subjects 10 --seconds 0.8",
    "sewa-avec2019": "sewa --release avec2019 --segments 12 --seconds 1",
    "afew_va": "afew_va --clips 15 --frames-min 6 --frames-max 7",
}


@pytest.fixture(scope="module")
def release(request, tmp_path_factory, root):
    """A generated release: its name, folder, and what was planted."""
    folder = tmp_path_factory.mktemp("lookalike") / "raw"
    command = [
        sys.executable,
        "-m",
        "data_prep",
        "lookalike",
        *SIZES[request.param].split(),
        "--out",
        str(folder),
    ]
    answer = subprocess.run(
        [*command, "--seed", "5", "--processes", "1"], cwd=root, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return request.param, folder, json.loads((folder / "lookalike.json").read_text())


@pytest.mark.parametrize("release", SIZES, indirect=True)
def test_planted_faults_end_as_expected(release):
    name, folder, statement = release
    choices = {"sewa": ["--frame-step", "1"], "sewa-avec2019": ["--boxes", str(folder / "openface")]}
    items = prepared(name.split("-")[0], folder, *choices.get(name, []))
    faults = statement["faults"]
    assert len(faults) >= 5
    wrong = {}
    for fault in faults:
        found = statuses(items, fault["item"])
        if found != ({fault["expected_status"]} - {None}):
            wrong[fault["kind"], fault["item"]] = fault["expected_status"], found
    assert not wrong
    unplanned = {"ok", "class_excluded"} | {fault["expected_status"] for fault in faults}
    assert {item.status for item in items.values()} <= unplanned


def statuses(items, name: str) -> set[str]:
    """Statuses of an item, or of all frames of a clip."""
    return {items[name].status} if name in items else {i.status for i in items.values() if i.clip == name}
