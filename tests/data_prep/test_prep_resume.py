"""A preparation that was stopped goes on, and a changed file costs that file; the result never tells."""

import os
import random
import shutil
import signal
import zipfile
from pathlib import Path
from threading import RLock

import pytest
from mini_releases import (
    afew_va,
    affectnet_2017,
    affectnet_2021,
    clip,
    clips,
    encode,
    image_name,
    options,
    ramp,
    row,
    sewa,
)
from tqdm import tqdm

from data_prep import entries, images, inventory, store, video
from data_prep.prepare import prepare
from hocp.contracts import files, locks

ROOT = Path(__file__).resolve().parents[2]

BAD = [
    row("3/none.png"),
    row("3/nul.png", valence="NULL"),
    row("3/out.png", expression=10),
    row(image_name(2), expression=2),  # stands in the list already
    ["torn"],
    row("3/void.png"),
]
MAKE = {
    "affectnet": lambda folder: affectnet_2017(folder, train=BAD, extra={"3/void.png": b""}),
    "affectnet 2021": affectnet_2021,
    "sewa": sewa,
    "afew_va": lambda folder: afew_va(folder, clips(), layout="zips"),
    "afew_va folders": lambda folder: afew_va(folder, clips(), layout="folders"),
}
LISTS = "Manually_Annotated_file_lists"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run(kind: str, source: Path, *texts: str, **more) -> dict[str, bytes] | str:
    """Files of an incremental preparation, or what it complains of."""
    dataset, out = kind.split()[0], source.with_name("out")
    given = {"data": "generated", "side": 16, "keep_work": True, **more}
    try:
        prepare(dataset, source, out=out, options=options(dataset, *texts), **given)
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    return contents(out)


def anew(kind: str, source: Path, *texts: str, **more) -> dict[str, bytes] | str:
    """The same without a work folder."""
    away = source.with_name("away")
    found = run(kind, source, *texts, **{"work": away, **more})
    shutil.rmtree(away, ignore_errors=True)
    return found


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    """No power fails in these tests, and hundreds of results are published."""
    monkeypatch.setattr(files, "_flush", lambda path: None)
    monkeypatch.setattr(files, "_flush_entries", lambda path: None)
    monkeypatch.setattr(store, "_PRAGMAS", (*store._PRAGMAS, "synchronous = OFF"))


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """A mark for each picture or video that is decoded."""
    marks: list[str] = []
    decode, frames = images.decode, video.frames
    monkeypatch.setattr(images, "decode", lambda data: marks.append("picture") or decode(data))
    monkeypatch.setattr(video, "frames", lambda *a, **k: marks.append("video") or frames(*a, **k))
    return marks


def count(decoded: list[str]) -> int:
    """Marks since the last call."""
    found = len(decoded)
    decoded.clear()
    return found


@pytest.mark.parametrize("kind", MAKE)
def test_nothing_is_decoded_twice(tmp_path, kind, decoded, capsys):
    MAKE[kind](tmp_path / "a")
    first = run(kind, tmp_path / "a")
    assert count(decoded) and "taken over" not in capsys.readouterr().err
    assert run(kind, tmp_path / "a") == first
    assert not decoded and "taken over" in capsys.readouterr().err
    assert run(kind, tmp_path / "a", processes=2) == first  # starts no process


@pytest.mark.parametrize("kind", MAKE)
def test_whatever_file_changes_the_result_is_that_of_a_whole_run(tmp_path, kind):
    """Each kind of file: other bytes under the old size and time, no bytes, gone, and back again."""
    MAKE[kind](tmp_path / "a")
    before = run(kind, tmp_path / "a")
    paths = sorted(path for path in (tmp_path / "a").rglob("*") if path.is_file())
    for path in {path.suffix: path for path in paths}.values():
        held, times = path.read_bytes(), path.stat()
        for other in (held[:-20] + held[-20:][::-1], b"", None):
            path.unlink() if other is None else path.write_bytes(other)
            if other is not None:
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            assert run(kind, tmp_path / "a") == anew(kind, tmp_path / "a"), path
        path.write_bytes(held)
    assert run(kind, tmp_path / "a") == before


def test_a_changed_file_costs_that_file(tmp_path, decoded):
    MAKE["affectnet"](tmp_path / "a")
    run("affectnet", tmp_path / "a")
    count(decoded)
    (tmp_path / "a/Manually_Annotated_Images" / image_name(5)).write_bytes(encode(ramp(blue=200)))
    assert run("affectnet", tmp_path / "a") == anew("affectnet", tmp_path / "a")
    assert count(decoded) == 1 + 31  # one, and the whole run beside it; one file has no bytes
    MAKE["afew_va"](tmp_path / "z")
    run("afew_va", tmp_path / "z", work=tmp_path / "z.work")
    count(decoded)
    afew_va(tmp_path / "z", {"011": clip("011", actor="New")}, layout="zips")  # in an archive of its own
    run("afew_va", tmp_path / "z", work=tmp_path / "z.work")
    assert count(decoded) == 4
    with zipfile.ZipFile(tmp_path / "z/02.zip", "a") as archive:
        archive.writestr("read me", "an archive is one file")
    run("afew_va", tmp_path / "z", work=tmp_path / "z.work")
    assert count(decoded) == 5 * 4


def test_a_new_row_at_the_top_of_a_list_costs_that_row(tmp_path, decoded):
    MAKE["affectnet"](tmp_path / "a")
    run("affectnet", tmp_path / "a")
    count(decoded)
    path = tmp_path / "a" / LISTS / "training.csv"
    head, *rest = path.read_text().split("\n")
    (tmp_path / "a/Manually_Annotated_Images/1/new.png").write_bytes(encode(ramp(blue=99)))
    path.write_text("\n".join([head, ",".join(row("1/new.png")), *rest]))
    found = run("affectnet", tmp_path / "a")
    assert count(decoded) == 1
    assert found == anew("affectnet", tmp_path / "a") and b"line 30" in found["manifest.csv"]


@pytest.mark.parametrize(
    ("kind", "texts", "anew_of"),
    [
        ("affectnet", ["--margin", "1.5"], 30), ("affectnet", ["--crop", "landmarks"], 31),
        ("affectnet", ["--seed", "3"], 0), ("affectnet", ["--validation-share", "0.3"], 0),
        ("sewa", ["--frame-step", "4"], 6), ("sewa", ["--split", "8:1:1"], 0),
        ("afew_va", ["--anamorphic"], 40), ("afew_va", ["--seed", "1"], 0),
    ],
)  # fmt: skip
def test_an_option_costs_what_hangs_on_it(tmp_path, kind, texts, anew_of, decoded):
    MAKE[kind](tmp_path / "a")
    run(kind, tmp_path / "a")
    count(decoded)
    found = run(kind, tmp_path / "a", *texts)
    assert count(decoded) == anew_of
    assert found == anew(kind, tmp_path / "a", *texts)


def test_another_side_or_other_code_makes_everything_anew(tmp_path, decoded, monkeypatch):
    sewa(tmp_path / "a")
    run("sewa", tmp_path / "a")
    whole = count(decoded)
    run("sewa", tmp_path / "a", side=24)
    assert count(decoded) == whole
    monkeypatch.setattr(entries, "code", lambda: "edited")
    run("sewa", tmp_path / "a", side=24)
    assert count(decoded) == whole


def test_entries_of_no_use_are_dropped(tmp_path):
    sewa(tmp_path / "a", 7)
    run("sewa", tmp_path / "a")
    shutil.rmtree(next((tmp_path / "a").iterdir()))
    run("sewa", tmp_path / "a")
    with store.Store(tmp_path / "out.work") as opened:
        assert opened.ask("SELECT count(*) FROM entries") == [(6,)]


def test_a_file_that_was_just_written_is_not_known_by_its_stamp(tmp_path, monkeypatch):
    place = tmp_path / "a"
    place.write_bytes(b"one")
    assert inventory.stamp(place) == "" and inventory.stamp(tmp_path / "b") is None
    monkeypatch.setattr(inventory, "GRAIN", 0)
    first, times = inventory.stamp(place), place.stat()
    assert first and inventory.stamp(place) == first
    place.write_bytes(b"two")
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert place.stat().st_mtime_ns == times.st_mtime_ns and inventory.stamp(place) != first


def test_stamps_spare_the_hashing_and_verify_does_not_trust_them(tmp_path, monkeypatch):
    monkeypatch.setattr(inventory, "GRAIN", 0)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/f").write_bytes(b"held")
    hashed = []
    sha256 = files.sha256
    monkeypatch.setattr(files, "sha256", lambda path: hashed.append(path) or sha256(path))
    with store.Store(tmp_path / "w") as opened:
        for verify, expected in ((False, 1), (False, 0), (True, 1)):
            known = inventory.Inventory(tmp_path / "a", opened, verify=verify)
            assert known.digest("f") == known.digest("f") == sha256(tmp_path / "a/f")
            assert count(hashed) == expected


def child(action) -> int:
    """Run `action` in a fork; its exit status, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        tqdm.set_lock(RLock())  # its own is shared with this process, which would wait for the killed one
        try:
            action()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("kind", ["affectnet", "sewa", "afew_va"])
def test_killed_at_any_instant(tmp_path, kind, monkeypatch):
    """SIGALRM without a handler ends a process as `kill -9` does: no line of ours runs any more."""
    monkeypatch.setattr(store, "SECONDS", 0)
    MAKE[kind](tmp_path / "a")
    expected = anew(kind, tmp_path / "a")
    shutil.rmtree(tmp_path / "out")
    rng, killed = random.Random(7), 0
    for _ in range(8):
        delay = rng.uniform(0.001, 0.05)

        def action(delay=delay):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, delay)
            run(kind, tmp_path / "a")

        killed += child(action) == -signal.SIGALRM
        assert not (tmp_path / "out").exists() or contents(tmp_path / "out") == expected
    assert killed >= 2
    assert run(kind, tmp_path / "a") == expected
    assert {path.name for path in tmp_path.iterdir()} == {"a", "out", "out.work"}


def test_killed_work_is_taken_over(tmp_path, monkeypatch, decoded):
    monkeypatch.setattr(store, "SECONDS", 0)
    sewa(tmp_path / "a", 8)
    frames = video.frames

    def fifth(*args, **options):
        if len(decoded) == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return frames(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(video, "frames", fifth)
        assert child(lambda: run("sewa", tmp_path / "a")) == -signal.SIGKILL
    run("sewa", tmp_path / "a")
    assert count(decoded) == 8 - 5


@pytest.mark.parametrize("kind", ["sewa", "affectnet"])
def test_damage_in_the_work_folder_is_noticed(tmp_path, kind, monkeypatch):
    """One byte anywhere: what is damaged is made anew, the result is the same."""
    MAKE[kind](tmp_path / "a")
    expected = run(kind, tmp_path / "a")
    place = tmp_path / "out.work" / store.NAME
    whole, rng, seen = place.read_bytes(), random.Random(3), set()
    count_of = entries.Entries.save
    monkeypatch.setattr(entries.Entries, "save", lambda self, *a: seen.add(turn) or count_of(self, *a))
    damaged = [whole[:5000], b"", b"no database" * 999]
    for _ in range(8):
        spot = rng.randrange(len(whole))
        damaged.append(whole[:spot] + bytes([whole[spot] ^ 1 << rng.randrange(8)]) + whole[spot + 1 :])
    for turn, content in enumerate(damaged):  # noqa: B007 - the patch above looks at it
        place.write_bytes(content)
        assert run(kind, tmp_path / "a") == expected
    assert len(seen) >= 5  # most bytes are those of crops


def test_work_folder_goes_when_all_is_done_unless_others_use_it(tmp_path):
    sewa(tmp_path / "a")
    run("sewa", tmp_path / "a", keep_work=False)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "out"}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter").touch()
    run("sewa", tmp_path / "a", keep_work=False, work=tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter"]


@pytest.mark.parametrize("name", ["out", "common.work"])
def test_two_at_once_are_refused(tmp_path, name):
    """One result, or one work folder: a lock of the system, which a killed process does not leave behind."""
    sewa(tmp_path / "a")
    lock = tmp_path / f".{name}.lock"
    with locks.held(lock, "first"):
        told = run("sewa", tmp_path / "a", work=tmp_path / "common.work")
    assert f"process {os.getpid()}" in told and "another process is preparing it" in told
    assert not lock.exists() and not (tmp_path / "out").exists()
    lock.touch()  # as a killed process leaves it
    assert isinstance(run("sewa", tmp_path / "a", work=tmp_path / "common.work"), dict)


def test_a_release_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    MAKE["afew_va"](tmp_path / "a")
    decode = images.decode

    def meddle(data):
        with (tmp_path / "a/02.zip").open("ab") as file:
            file.write(b"more")
        return decode(data)

    with monkeypatch.context() as patch:
        patch.setattr(images, "decode", meddle)
        assert "02.zip changed while it was read" in run("afew_va", tmp_path / "a")
    assert not (tmp_path / "out").exists()
    assert isinstance(run("afew_va", tmp_path / "a"), dict)
