"""Files appear whole or not at all; hashes and CSV say what they hold."""

import hashlib
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocp.contracts import files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    with files.publish(target) as scratch:
        scratch.write_text("new")
        assert not target.exists()
        assert (scratch.parent, scratch.suffix) == (target.parent, ".txt")
    assert target.read_text() == "new"
    assert names(target.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_older_file_and_no_scratch(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(error), files.publish(target) as scratch:
        scratch.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_scratch_left_by_a_killed_process_does_not_stay_in_the_new_folder(tmp_path):
    target = tmp_path / "run"
    with files.publish(target) as scratch:
        pass_name = scratch.name
        scratch.mkdir()
    (tmp_path / pass_name).mkdir()
    (tmp_path / pass_name / "stale").touch()
    with files.publish(target) as scratch:
        scratch.mkdir()
        (scratch / "fresh").touch()
    assert names(target) == ["fresh"]


def test_a_folder_replaces_an_older_folder_as_a_whole(tmp_path):
    target = tmp_path / "run.f0"
    (target / "sub").mkdir(parents=True)
    (target / "sub" / "old").touch()
    with files.publish(target) as scratch:
        (scratch / "sub").mkdir(parents=True)
        (scratch / "sub" / "new").write_text("x")
    assert names(target / "sub") == ["new"]
    assert names(tmp_path) == ["run.f0"]


def test_an_exception_leaves_the_older_folder(tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(RuntimeError), files.publish(target) as scratch:
        scratch.mkdir()
        raise RuntimeError
    assert names(target) == ["old"]
    assert names(tmp_path) == ["run"]


def test_a_folder_that_cannot_be_exchanged_comes_back(tmp_path, monkeypatch):
    target = tmp_path / "run"
    target.mkdir()
    (target / "old").touch()
    replace = type(target).replace

    def refuse(self, to):
        if ".partial" in self.name:
            raise OSError("no room")
        return replace(self, to)

    monkeypatch.setattr(type(target), "replace", refuse)
    with pytest.raises(OSError, match="no room"), files.publish(target) as scratch:
        scratch.mkdir()
    assert names(target) == ["old"]
    assert names(tmp_path) == ["run"]


def test_a_link_to_a_folder_is_replaced_and_what_it_pointed_to_stays(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "kept").touch()
    target = tmp_path / "run"
    target.symlink_to(tmp_path / "far")
    with files.publish(target) as scratch:
        scratch.mkdir()
    assert not target.is_symlink()
    assert names(tmp_path / "far") == ["kept"]


def test_the_hash_of_a_file_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_the_hash_of_a_value_is_frozen():
    # Written down once: a change here would make every finished run look stale.
    value = {"b": [1, 2.5, None], "a": "é"}
    assert files.sha256_of(value) == hashlib.sha256(b'{"a":"\\u00e9","b":[1,2.5,null]}').hexdigest()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_the_hash_of_a_value_survives_json_and_key_order(value):
    turned = dict(reversed(list(value.items())))
    assert files.sha256_of(value) == files.sha256_of(turned) == files.sha256_of(json.loads(json.dumps(value)))
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    assert files.sha256_of(value) == hashlib.sha256(text.encode()).hexdigest()


def test_json_refuses_nan_and_keeps_the_older_file(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"x": 1})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"x": float("nan")})
    assert files.read_json(path) == {"x": 1}


def test_broken_json_is_placed(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{\n "x": }')
    with pytest.raises(ValueError, match=r"a\.json: not JSON at line 2, column 7"):
        files.read_json(path)


texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=6) | st.sampled_from(
    ["a,b", 'q"', "x\ny"]
)


@given(st.lists(st.fixed_dictionaries({"a": texts, "b": texts}), max_size=5))
def test_csv_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    files.write_csv(path, ("a", "b"), rows)
    assert files.read_csv(path, ("a", "b")) == rows


def test_missing_csv_cells_are_empty_and_never_nan(tmp_path):
    path = tmp_path / "t.csv"
    files.write_csv(path, ("a", "b"), [{"a": None}, {"a": 0.5, "b": 0}])
    assert path.read_text() == "a,b\n,\n0.5,0\n"
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"t\.csv, row 1: b is (nan|inf)"):
            files.write_csv(path, ("a", "b"), [{"a": 1, "b": bad}])
    assert path.read_text() == "a,b\n,\n0.5,0\n"


def test_a_stray_csv_key_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'c'"):
        files.write_csv(tmp_path / "t.csv", ("a", "b"), [{"a": 1, "c": 2}])
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b,a\n1,2\n", r"columns are \['b', 'a'\], expected \['a', 'b'\]"),
        ("", "columns are None"),
        ('a,b\n1,"x\ny"\n3\n', "line 4: expected 2 fields"),
        ("a,b\n1,2,3\n", "line 2: expected 2 fields"),
    ],
)
def test_a_malformed_csv_names_file_and_line(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"t\.csv.*{message}"):
        files.read_csv(path, ("a", "b"))


def test_what_a_killed_process_left_is_swept(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f".table.{gone.pid}.partial.csv"
    left.write_text("half")
    other = tmp_path / f".table2.{gone.pid}.partial.csv"
    other.write_text("of another target")
    running = tmp_path / f".table.{os.getppid()}.partial.csv"
    running.write_text("of a process that still writes")
    with files.publish(tmp_path / "table.csv") as scratch:
        scratch.write_text("whole")
    assert not left.exists()
    assert other.exists() and running.exists()
