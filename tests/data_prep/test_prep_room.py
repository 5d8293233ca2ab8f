"""A disk that is too small, before or amid the work; processes that die; memory that stays flat."""

import errno
import hashlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections import namedtuple

import numpy as np
import pytest
from mini_releases import affectnet_2017, options, row, sewa
from test_prep_resume import MAKE, ROOT, _no_waiting_for_the_disk, anew, child, contents, run  # noqa: F401

from data_prep import afew_va, affectnet, images, parallel, room
from data_prep import sewa as sewa_reader
from data_prep.prepare import prepare
from data_prep.record import Picture
from data_prep.tree import Tree

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize("limit", [8_000, 60_000, 1_060_000])
def test_full_disk_publishes_nothing_and_the_next_run_goes_on(tmp_path, limit):
    """No file may grow beyond `limit` bytes: SQLite, HDF5 or the manifest meets it, as on a full disk."""
    affectnet_2017(tmp_path / "a")
    expected = anew("affectnet", tmp_path / "a")
    shutil.rmtree(tmp_path / "out")

    def action():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        told = run("affectnet", tmp_path / "a")
        assert isinstance(told, str) and "Nothing was published" in told and "goes on where" in told

    assert child(action) == 0
    assert not (tmp_path / "out").exists()
    assert run("affectnet", tmp_path / "a") == expected
    assert {path.name for path in tmp_path.iterdir()} == {"a", "out", "out.work"}


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (RuntimeError("Can't decrement id ref count (file write failed: errno = 28)"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (sqlite3.OperationalError("no such table"), False),
    ],
)
def test_words_for_a_full_disk_and_no_other_error(tmp_path, error, full):
    with pytest.raises(ValueError if full else type(error)) as caught, room.told(tmp_path, tmp_path):
        raise error
    assert ("Nothing was published" in str(caught.value)) == full


def test_too_little_room_is_said_before_the_work(tmp_path, monkeypatch):
    affectnet_2017(tmp_path / "a")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(10**12, 0, 10**6))
    told = run("affectnet", tmp_path / "a")
    assert "0.0 GB free" in told and "30 crops of 16 pixels" in told and "--work" in told
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


@pytest.mark.parametrize(
    ("kind", "reader", "texts", "expected"),
    [("affectnet", affectnet, [], 31), ("sewa", sewa_reader, ["--frame-step", "5"], 26),
     ("afew_va", afew_va, ["--frame-step", "3"], 14)],
)  # fmt: skip
def test_items_to_expect(tmp_path, kind, reader, texts, expected):
    MAKE[kind](tmp_path / "a")
    tree, chosen = Tree(tmp_path / "a"), options(kind, *texts)
    assert room.items(tree, reader.locate(tree, chosen), chosen) == expected


def die(argument: int) -> int:
    if argument == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return argument


def test_a_process_that_is_killed_is_named_as_the_cause():
    tasks = ((number, [number]) for number in range(6))
    with pytest.raises(ValueError, match="fewer --processes"):
        list(parallel.results(die, tasks, processes=2))


def test_tasks_without_arguments_keep_their_place():
    tasks = [("a", [1, 2]), ("b", []), ("c", [4])]
    assert list(parallel.results(die, tasks, processes=1)) == [("a", [1, 2]), ("b", []), ("c", [4])]
    assert list(parallel.results(die, tasks, processes=2)) == [("a", [1, 2]), ("b", []), ("c", [4])]


def test_killed_with_two_processes_leaves_none_and_goes_on(tmp_path):
    sewa(tmp_path / "a", 12)
    expected = anew("sewa", tmp_path / "a")
    shutil.rmtree(tmp_path / "out")
    command = f"prepare sewa --source {tmp_path}/a --out {tmp_path}/out --data generated --side 16".split()
    command = [sys.executable, "-m", "data_prep", *command, "--processes", "2"]
    first = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    work = tmp_path / "out.work"
    deadline = time.monotonic() + 30
    while not work.exists() and time.monotonic() < deadline and first.poll() is None:
        time.sleep(0.01)
    time.sleep(0.7)  # its processes are starting or at work
    first.kill()
    first.wait()
    deadline = time.monotonic() + 20
    while _alive(first.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(first.pid), "processes outlive their parent"
    assert run("sewa", tmp_path / "a", processes=2) == expected == contents(tmp_path / "out")


def _alive(group: int) -> bool:
    """Whether a process of this group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_memory_grows_little_with_the_items(tmp_path, monkeypatch):
    """Counted over Python's and NumPy's allocations, in the main process, pictures left out."""
    peaks = []
    for items in (300, 1500):
        source = tmp_path / str(items)
        affectnet_2017(
            source, images=12, train=[row(f"1/{n:056d}.png", expression=n % 8) for n in range(items)]
        )
        monkeypatch.setattr(images, "read", _picture)
        chosen = options("affectnet")
        tracemalloc.start()
        prepare(
            "affectnet", source, out=tmp_path / "out", data="generated", side=8, options=chosen,
        )  # fmt: skip
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 1200 < 1000  # bytes an item


def _picture(tree, path):
    tree.place(path)
    colour = tuple(zlib.crc32(path.encode()).to_bytes(4)[:3])  # of its own: equal crops would be set aside
    pixels = np.full((100, 160, 3), colour, np.uint8)
    return Picture(pixels, content=hashlib.sha256(path.encode()).digest())
