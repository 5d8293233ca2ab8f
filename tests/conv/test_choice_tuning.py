"""The tuning file: found again, merged, put aside if damaged, never taken for another machine's."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hocp.conv import Geometry
from hocp.conv.choice import tuning
from hocp.conv.choice.choose import choose, read_again
from hocp.conv.choice.decide import decide
from hocp.conv.choice.machine import machine
from hocp.conv.choice.model import default_model
from hocp.conv.choice.tuning import Machine, enter, known, tuning_path
from hocp.conv.forms import FORMS, Call

CALL = Call(2, 16, 32, 1, 24, (9, 10), Geometry((3, 5), padding=1))
#: Of which 'chain' is the fastest, as no model would have it.
TIMES = {name: 0.001 if name == "chain" else 0.25 for name in FORMS}


def content(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def test_what_is_entered_is_found_by_the_next_process(tuning_file):
    enter(machine(), Machine(models={1: default_model()}, times={str(CALL): TIMES}))
    read_again()
    mine = known()[machine()]
    assert mine.times == {str(CALL): TIMES} and mine.models == {1: default_model()}
    row = content(tuning_file)["machines"][machine()]["milliseconds"][str(CALL)]
    assert row["chain"] == 1 and row["views"] == 250


def test_a_written_time_has_four_digits(tuning_file):
    enter(machine(), Machine(times={str(CALL): {"chain": 0.00123456789}}))
    assert content(tuning_file)["machines"][machine()]["milliseconds"][str(CALL)] == {"chain": 1.235}


def test_what_others_wrote_in_the_meantime_stays(tuning_file):
    enter(machine(), Machine(times={"theirs": TIMES}))
    enter("another machine", Machine(times={"far away": TIMES}))
    theirs = tuning_file.read_bytes()
    tuning_file.unlink()
    read_again()
    enter(machine(), Machine(times={"mine": TIMES}))
    tuning_file.write_bytes(theirs)
    enter(machine(), Machine(times={"mine too": TIMES}))
    machines = content(tuning_file)["machines"]
    assert set(machines[machine()]["milliseconds"]) == {"theirs", "mine", "mine too"}
    assert set(machines["another machine"]["milliseconds"]) == {"far away"}


def test_many_writers_at_once_lose_nothing(tuning_file):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: enter(machine(), Machine(times={f"call {n}": TIMES})), range(24)))
    read_again()
    assert set(known()[machine()].times) == {f"call {n}" for n in range(24)}
    assert {path.name for path in tuning_file.parent.iterdir()} == {"tuning.json", ".tuning.json.lock"}


def good() -> dict:
    machines = {machine(): {"models": {}, "milliseconds": {str(CALL): {"chain": 1.0}}}}
    return {"format": tuning.FORMAT, "version": tuning.VERSION, "machines": machines}


def with_row(row: object) -> str:
    machines = {machine(): {"models": {}, "milliseconds": {str(CALL): row}}}
    return json.dumps(good() | {"machines": machines})


DAMAGED = {
    "empty": "",
    "cut off": json.dumps(good())[:-20],
    "no table": "[1, 2]",
    "another format": json.dumps(good() | {"format": "recipes"}),
    "a newer version": json.dumps(good() | {"version": tuning.VERSION + 1}),
    "no machines": json.dumps({"format": tuning.FORMAT, "version": tuning.VERSION}),
    "a machine that is none": json.dumps(good() | {"machines": {machine(): 3}}),
    "a negative time": with_row({"chain": -1}),
    "no time": with_row({"chain": 0}),
    "not a number": with_row({"chain": float("nan")}),
    "a text for a time": with_row({"chain": "fast"}),
    "a true time": with_row({"chain": True}),
    "no row": with_row(None),
    "a broken model": json.dumps(
        good() | {"machines": {machine(): {"models": {"1": {}}, "milliseconds": {}}}}
    ),
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_put_aside_with_a_warning(tuning_file, text):
    tuning_file.parent.mkdir()
    tuning_file.write_text(text, "utf-8")
    with pytest.warns(UserWarning, match=r"tuning.json is no hocp.conv tuning .*aside"):
        taken = decide(CALL)
    assert taken.candidates[0].measured is None
    assert not tuning_file.exists()
    assert tuning_file.with_name("tuning.json.aside").read_text("utf-8") == text
    enter(machine(), Machine(times={str(CALL): TIMES}))
    read_again()
    assert choose(CALL).name == "chain"


def test_bytes_that_are_no_text_are_put_aside_too(tuning_file):
    tuning_file.parent.mkdir()
    tuning_file.write_bytes(b"\xff\xfe\x00")
    with pytest.warns(UserWarning, match="aside"):
        decide(CALL)


def test_a_folder_in_its_place_is_told_and_left(tuning_file):
    tuning_file.mkdir(parents=True)
    with pytest.warns(UserWarning, match="cannot be read"):
        decide(CALL)
    assert tuning_file.is_dir()


@pytest.mark.parametrize("name", ["another processor, torch 1.0", machine() + ".1", machine("NVIDIA H200")])
def test_entries_of_another_machine_or_torch_are_never_used(tuning_file, name):
    enter(name, Machine(times={str(CALL): TIMES}))
    assert decide(CALL).candidates[0].measured is None


def test_where_the_file_is(monkeypatch, tmp_path):
    monkeypatch.delenv("HOCP_TUNING")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tuning_path() == tmp_path / "hocp" / "tuning.json"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tuning_path() == tmp_path / ".cache" / "hocp" / "tuning.json"
    monkeypatch.setenv("HOCP_TUNING", "~/mine.json")
    assert tuning_path() == tmp_path / "mine.json"
    monkeypatch.setenv("HOCP_TUNING", "")
    assert tuning_path() is None


def test_switched_off_it_is_known_in_this_process_alone(tuning_file, monkeypatch):
    monkeypatch.setenv("HOCP_TUNING", "")
    read_again()
    enter(machine(), Machine(times={str(CALL): TIMES}))
    assert choose(CALL).name == "chain"
    read_again()
    assert decide(CALL).candidates[0].measured is None
    assert not tuning_file.parent.exists()


def test_the_suite_leaves_the_users_file_alone():
    assert os.environ["HOCP_TUNING"] == ""
