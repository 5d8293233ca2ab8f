"""Run the cases of one campaign, one line of JSON for each; `run` starts it, and ends it where a case hangs.

    python -m tests.campaigns.worker MODULE SIZE SEED START [STOP]

The lines go to the standard output as it was at the start; what the code under test prints goes nowhere.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from tests.campaigns.case import Case
from tests.campaigns.watch import ground

SECONDS = 30  # for one case; waiting counts, since a pipe can block for ever
ADDRESSES = 6 << 30  # bytes of address space: a bomb ends as an error of this process, not of the machine
GATE = 30  # cases of a campaign at size "gate", and at least one of each kind


class OutOfTime(BaseException):
    """A case took too long; no `except Exception` of the code under test may swallow this."""


def main(argv: list[str]) -> None:
    """Say what the campaign is, then run its cases from START on, up to STOP where that is given."""
    name, size, seed, start, *stop = argv
    last = int(stop[0]) if stop else sys.maxsize
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    os.sync, os.fsync = (lambda: None), (lambda file: None)  # how busy the disk is, is no matter of a case
    signal.signal(signal.SIGALRM, _ring)
    module = import_module(f"tests.campaigns.{name}")
    say = _only_us()
    _tell(say, {"fault": module.FAULT, "title": module.TITLE})
    for index, case in enumerate(module.cases(_count(module, size, stop), int(seed))):
        if index >= last:
            break
        if index >= int(start):
            _tell(say, {"index": index, "kind": case.kind})
            _tell(say, judged(case))


def _count(module: ModuleType, size: str, stop: list[str]) -> int:
    """How many cases to make; one to be played again may lie beyond the gate."""
    return max(module.SIZE if size == "full" else GATE, *map(int, stop), 0)


def judged(case: Case) -> dict[str, Any]:
    """Run a case; what came of it, and why that is wrong, if it is."""
    _forget_peak()
    began = time.monotonic()
    with ground() as place:
        outcome, failure = _outcome(case, place.here)
        touched = place.trespasses()
    if touched:
        failure = f"touched what lies outside its folder: {', '.join(touched)}"
    elif not failure and outcome not in case.expected:
        failure = f"ended in {outcome!r}, expected {' or '.join(sorted(case.expected))}"
    return {
        "outcome": outcome,
        "failure": failure,
        "seconds": time.monotonic() - began,
        "peak_mb": peak_mb(),
    }


def _outcome(case: Case, folder: Path) -> tuple[str, str]:
    back = Path.cwd()
    os.chdir(folder.parent / "beside")  # what is written by a relative path is seen as well
    try:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            return case.run(folder), ""
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except OutOfTime:
        return "out of time", f"not done after {SECONDS} s"
    except BaseException as error:  # SystemExit and KeyboardInterrupt of the code under test, too
        return type(error).__name__, traceback.format_exc(limit=-4)
    finally:
        os.chdir(back)


def peak_mb() -> float:
    """Most memory that this process held since `_forget_peak`, in MB."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _forget_peak() -> None:
    """Count the peak from now on, where the kernel can; else it is that of all cases so far."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _only_us() -> TextIO:
    """Keep the standard output for the lines above, and silence both streams for everybody else."""
    say = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return say


def _tell(say: TextIO, what: dict[str, Any]) -> None:
    print(json.dumps(what), file=say, flush=True)


def _ring(number, frame) -> None:
    raise OutOfTime


if __name__ == "__main__":
    main(sys.argv[1:])
