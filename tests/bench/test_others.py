"""What others take of the CPU while something is timed."""

import subprocess
import sys

import pytest

from tests.bench import others

STAT = "cpu  100 20 30 9000 500 4 6 40 7 7\ncpu0 1 1 1 1 1 1 1 1 1 1\n"


def test_idle_and_waiting_are_not_work_and_stolen_time_is():
    assert others.busy_seconds(STAT, 100) == pytest.approx((100 + 20 + 30 + 4 + 6 + 40) / 100)


@pytest.mark.parametrize(
    ("seconds", "wall", "expected"), [(0.02, 0.1, False), (0.04, 0.1, True), (0.04, 10, False)]
)
def test_little_is_rounding_or_housekeeping(monkeypatch, seconds, wall, expected):
    monkeypatch.setattr(others.os, "cpu_count", lambda: 2)
    assert others.disturbed(seconds, wall) is expected


@pytest.mark.skipif(not others.STAT.exists(), reason="the system does not tell")
def test_another_process_is_seen_and_uses_the_patience_up():
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    quiet = others.Quiet(patience=1)
    try:
        quiet.wait()
    finally:
        busy.kill()
        busy.wait()
    assert quiet.patience == 0


def test_a_quiet_machine_is_waited_for_and_costs_the_patience_of_its_noise(monkeypatch):
    looks = iter([True, True, False])
    monkeypatch.setattr(others, "PAUSE", 0.01)
    monkeypatch.setattr(others, "disturbed", lambda *_: next(looks))
    quiet = others.Quiet(patience=1)
    quiet.wait()
    assert quiet.patience == pytest.approx(1 - 2 * 0.01)


def test_own_work_does_not_count(monkeypatch):
    moments = iter([(10.0, 1.0, 0.0), (12.0, 3.0, 1.0)])  # two seconds of two cores, all of them ours
    monkeypatch.setattr(others, "_now", lambda: next(moments))
    with others.Watch() as watch:
        pass
    assert not watch.disturbed


def test_where_nothing_is_told_nothing_was_disturbed(monkeypatch, tmp_path):
    monkeypatch.setattr(others, "STAT", tmp_path / "stat")
    with others.Watch() as watch:
        pass
    assert not watch.disturbed
