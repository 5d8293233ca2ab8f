"""One whole preparation in a process of its own, whose time and memory are only its own.

python -m tests.prep_bench.whole afew_va --source DIR --out DIR --data generated --processes 2 ...

Takes the arguments of ``python -m data_prep prepare``; prints what it measured as JSON.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def run(arguments: list[str], *, module: str = "whole") -> dict[str, Any]:
    """Start the process, and read what it prints."""
    command = [sys.executable, "-m", f"tests.prep_bench.{module}", *arguments]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if answer.returncode:
        raise ValueError(f"{' '.join(command)}: {answer.stderr[-2000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


def peak() -> int:
    """Peak memory of this process; getrusage would count that of the process which started it."""
    (line,) = (text for text in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in text)
    return int(line.split()[1]) * 1024


def main() -> None:
    """Prepare; seconds of CPU of this process and of its children, wall seconds, peak memory."""
    from data_prep import __main__ as command_line
    from data_prep import prepare_command  # noqa: F401 - the start is no part of what is measured

    start, before = time.monotonic(), time.process_time()
    if command_line.main(["prepare", *sys.argv[1:]]):
        sys.exit(1)
    wall = time.monotonic() - start
    main_cpu = time.process_time() - before
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "cpu_s": main_cpu + children.ru_utime + children.ru_stime,
                "main_cpu_s": main_cpu,
                "wall_s": wall,
                "peak_bytes": peak(),
                "child_peak_bytes": children.ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
