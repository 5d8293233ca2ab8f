"""Predictions survive a round trip; a record says where it was made, and not by whom."""

import platform
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hocp.contracts import record

PREDICTIONS = {
    "item": ["a/0", "é/1"], "clip": ["a", "b"], "frame": [0, 5], "valence": [0.1, -1.0],
    "arousal": [0.5, 0.25], "valence_true": [0.0, 1.0], "arousal_true": [-0.5, 0.125],
    "expression": [-1, 7], "expression_true": [0, -1],
}  # fmt: skip


def test_predictions_round_trip(tmp_path):
    path = tmp_path / "predictions.npz"
    record.write_predictions(path, **PREDICTIONS)
    found = record.read_predictions(path)
    assert list(found) == list(record.PREDICTIONS)
    for name, values in PREDICTIONS.items():
        assert found[name].dtype.kind == record.PREDICTIONS[name][0].lower().replace("u", "U")
        np.testing.assert_array_equal(found[name], np.asarray(values, found[name].dtype))


def test_predictions_are_the_same_bytes_every_time(tmp_path):
    for name in ("a.npz", "b.npz"):
        record.write_predictions(tmp_path / name, **PREDICTIONS)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("change", [{"frame": [0]}, {"clip": ...}, {"mood": [1, 2]}])
def test_incomplete_predictions_are_not_written(tmp_path, change):
    columns = {k: v for k, v in {**PREDICTIONS, **change}.items() if v is not ...}
    with pytest.raises(AssertionError):
        record.write_predictions(tmp_path / "predictions.npz", **columns)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_an_array_is_named(tmp_path):
    path = tmp_path / "predictions.npz"
    np.savez(path, item=np.array(["a"]))
    with pytest.raises(ValueError, match=r"predictions\.npz.*no array arousal, arousal_true, clip"):
        record.read_predictions(path)


def test_pickled_content_is_refused(tmp_path):
    path = tmp_path / "predictions.npz"
    arrays = {name: np.zeros(1) for name in record.PREDICTIONS}
    np.savez(path, **{**arrays, "item": np.array([{}], dtype=object)})
    with pytest.raises(ValueError, match=r"predictions\.npz"):
        record.read_predictions(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no archive"])
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / "predictions.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"predictions\.npz"):
        record.read_predictions(path)


def test_the_environment_names_no_one():
    found = record.environment("cpu")
    assert found["device"] == "cpu"
    assert found["packages"]["numpy"] == np.__version__
    assert found["cores"] >= 1
    told = str(found)
    for private in map(str, (platform.node(), Path.home(), Path.cwd())):
        assert len(private) < 4 or private not in told


def test_the_code_is_known_by_commit_and_by_content():
    found = record.code()
    assert len(found["sources_sha256"]) == 64
    assert found["commit"] is None or len(found["commit"]) == 40
    assert (found["commit"] is None) == (found["changed"] is None)


def test_the_commit_of_a_surrounding_repository_is_not_ours(tmp_path, monkeypatch):
    package = tmp_path / "user" / "lib" / "hocp" / "contracts" / "record.py"
    package.parent.mkdir(parents=True)
    package.touch()
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(tmp_path / "user")]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "theirs"], check=True)
    monkeypatch.setattr(record, "__file__", str(package))
    assert record.code()["commit"] is None


def test_the_command_can_be_pasted(monkeypatch):
    monkeypatch.setattr("sys.argv", ["hocp", "train", "--out", "my runs/a"])
    assert record.command_line() == "python -m hocp train --out 'my runs/a'"
