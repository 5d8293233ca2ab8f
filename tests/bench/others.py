"""CPU time that others took while something was timed: other processes, or other guests of the host."""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
TICKS = 0.03  # seconds; the system counts in hundredths, so less is not told from rounding
SHARE = 0.05  # of all cores' time; less is the machine's own housekeeping
PAUSE, PATIENCE = 0.5, 120.0  # seconds: a look at a disturbed machine, and how long a run waits in all


class Watch:
    """``with Watch() as watch: ...``, then ``watch.disturbed``; False where the system does not tell."""

    disturbed = False

    def __enter__(self) -> Watch:
        self._start = _now()
        return self

    def __exit__(self, *error: object) -> None:
        (busy, own, wall), (busy_then, own_then, wall_then) = _now(), self._start
        self.disturbed = disturbed(busy - busy_then - (own - own_then), wall - wall_then)


def disturbed(others: float, wall: float) -> bool:
    """Whether so many seconds of CPU, in so many seconds, are more than an idle machine takes."""
    return others > max(TICKS, SHARE * wall * (os.cpu_count() or 1))


class Quiet:
    """Waits until others do nothing, for as long as there is patience; a busy machine uses it up once."""

    def __init__(self, patience: float = PATIENCE):
        self.patience = patience

    def wait(self) -> None:
        """Return when the machine is quiet, or the patience at its end."""
        while self.patience > 0:
            with Watch() as watch:
                time.sleep(PAUSE)
            if not watch.disturbed:
                return
            self.patience -= PAUSE


def busy_seconds(stat: str, hertz: int) -> float:
    """Seconds that all cores worked or were withheld by the host, of the text of ``/proc/stat``."""
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, stat.split("\n")[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / hertz


def _now() -> tuple[float, float, float]:
    """Busy seconds of the machine and of this process, and the time."""
    busy = busy_seconds(STAT.read_text(), os.sysconf("SC_CLK_TCK")) if STAT.exists() else 0.0
    return busy, time.process_time(), time.monotonic()
