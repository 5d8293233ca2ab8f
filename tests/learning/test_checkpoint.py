"""Checkpoints: whole or not used, of this run or not used, two kept."""

import pytest
import torch

from hocp.learning.checkpoint import Checkpoints


@pytest.fixture
def said():
    return []


def _own(folder, said, identity="run") -> Checkpoints:
    return Checkpoints(folder, identity, say=said.append)


def _state(step: int) -> dict:
    return {"step": step, "model": {"w": torch.full((3,), float(step))}, "rows": [{"loss": 0.5, "val": None}]}


def test_what_is_saved_is_loaded(tmp_path, said):
    _own(tmp_path, said).save(7, _state(7))
    state = _own(tmp_path, said).load()
    assert state["step"] == 7 and torch.equal(state["model"]["w"], torch.full((3,), 7.0))
    assert state["rows"] == [{"loss": 0.5, "val": None}] and said == []


def test_nothing_there_is_nothing_loaded(tmp_path, said):
    assert _own(tmp_path / "absent", said).load() is None


def test_the_newest_two_stay(tmp_path, said):
    own = _own(tmp_path, said)
    paths = [own.save(step, _state(step)) for step in (5, 90, 1000)]
    assert sorted(tmp_path.iterdir()) == sorted(paths[1:])
    assert own.load()["step"] == 1000


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, said, damage):
    own = _own(tmp_path, said)
    own.save(1, _state(1))
    newest = own.save(2, _state(2))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({"cut": bytes(content[:-100]), "flipped": bytes(content), "empty": b""}[damage])
    assert own.load()["step"] == 1
    assert said == [f"checkpoint {newest.name} is damaged; trying the one before"]


def test_all_damaged_is_none(tmp_path, said):
    own = _own(tmp_path, said)
    own.save(1, _state(1)).write_bytes(b"?")
    assert own.load() is None and len(said) == 1


def test_a_checkpoint_of_another_run_is_ignored_with_a_message_and_makes_room(tmp_path, said):
    other = _own(tmp_path, said, identity={"spec": "another"}).save(500, _state(500))
    own = _own(tmp_path, said)
    assert own.load() is None
    assert "another specification" in said[0] and other.name in said[0]
    mine = own.save(1, _state(1))
    assert list(tmp_path.iterdir()) == [mine]


def test_a_half_written_file_is_no_checkpoint(tmp_path, said):
    own = _own(tmp_path, said)
    path = own.save(1, _state(1))
    (tmp_path / f".{path.stem}.4711.partial.pt").write_bytes(path.read_bytes()[:50])
    assert own.load()["step"] == 1 and said == []


def test_code_in_a_checkpoint_is_not_run(tmp_path, said):
    class Evil:
        def __reduce__(self):
            return (print, ("evil",))

    own = _own(tmp_path, said)
    own.save(1, {"model": Evil()})
    with pytest.raises(Exception, match=r"[Ww]eights"):
        own.load()


def test_clear_leaves_nothing(tmp_path, said):
    own = _own(tmp_path, said)
    own.save(1, _state(1))
    own.clear()
    assert list(tmp_path.iterdir()) == []
