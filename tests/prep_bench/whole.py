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


def run(arguments: list[str]) -> dict[str, Any]:
    """Start the process, and read what it prints."""
    command = [sys.executable, "-m", "tests.prep_bench.whole", *arguments]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if answer.returncode:
        raise ValueError(f"{' '.join(command)}: {answer.stderr[-2000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    """Prepare; seconds of CPU of this process and of its children, wall seconds, peak memory."""
    from data_prep import __main__ as command_line

    start = time.monotonic()
    if command_line.main(["prepare", *sys.argv[1:]]):
        sys.exit(1)
    wall = time.monotonic() - start
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    main_cpu = own.ru_utime + own.ru_stime
    print(
        json.dumps(
            {
                "cpu_s": main_cpu + children.ru_utime + children.ru_stime,
                "main_cpu_s": main_cpu,
                "wall_s": wall,
                "peak_bytes": own.ru_maxrss * 1024,
                "child_peak_bytes": children.ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
