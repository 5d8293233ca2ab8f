"""Locks that are free once their holder has ended, whatever file it left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hocp.contracts import locks

ROOT = Path(__file__).resolve().parents[2]


def test_one_holder_at_a_time_and_no_file_afterwards(tmp_path):
    path = tmp_path / "deep" / "lock"
    with locks.held(path, "this"):
        with pytest.raises(ValueError, match=rf"that \(process {os.getpid()}\): wait for it"):
            locks.held(path, "that").__enter__()
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()
    with locks.held(path, "again"):
        pass


def test_an_error_frees_it(tmp_path):
    with pytest.raises(KeyboardInterrupt), locks.held(tmp_path / "lock", "this"):
        raise KeyboardInterrupt
    assert not (tmp_path / "lock").exists()


def test_a_killed_holder_leaves_a_file_and_no_lock(tmp_path):
    code = (
        f"import time; from hocp.contracts import locks; lock = locks.take({str(tmp_path / 'lock')!r})\n"
        "print('held', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "held\n"
    with pytest.raises(locks.Taken, match=str(first.pid)):
        locks.take(tmp_path / "lock")
    first.kill()
    first.wait()
    assert (tmp_path / "lock").exists()
    with locks.held(tmp_path / "lock", "next"):
        pass


def test_a_file_that_its_last_holder_removed_is_not_taken_for_the_lock(tmp_path, monkeypatch):
    """Between opening and locking the holder may finish: then the open file has no name any more."""
    path, opened, removed = tmp_path / "lock", Path.open, []

    def slow(self, *args, **kwargs):
        file = opened(self, *args, **kwargs)
        if self == path and not removed:
            removed.append(path.unlink())
        return file

    monkeypatch.setattr(Path, "open", slow)
    file = locks.take(path)
    assert removed and os.path.samestat(os.fstat(file.fileno()), path.stat())
    file.close()
