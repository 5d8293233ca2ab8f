"""Measure the suite as a newcomer meets it: a fresh clone, the README's own commands, times, memory, disk.

    python3 workflow/measure.py --out results/reference/suite.cpu.json [STEP ...]
    python3 workflow/measure.py --show results/reference/suite.cpu.json

Standard library only, Linux only (it reads /proc). The record says which commit was cloned and on what
machine; the steps run one after the other, each as one command of the README. The second form fills the table
of results/README.md from a record.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUITE = [sys.executable, "workflow/bootstrap.py"]
SMOKE = [*SUITE, "snakemake", "--cores", "2", "all", "--configfile", "config/smoke.yaml"]

#: Step -> (command, what it shows). In this order: later steps need what earlier ones made.
STEPS = {
    "install": ([*SUITE, "install"], "environment from the lock"),
    "dry_run": ([*SUITE, "snakemake", "-n", "--cores", "2", "all"], "plan of the demo scenario"),
    "smoke": (SMOKE, "whole DAG, smallest"),
    "reproduce": (["make", "reproduce"], "whole DAG, demo scenario"),
    "reproduce_again": (["make", "reproduce"], "nothing left to do"),
    "test": (["make", "test"], "test suite, smoke run included"),
}


def main(argv: list[str] | None = None) -> int:
    """Clone, run the chosen steps, write the record; stops at the first step that fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)}; default: all")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path, help="JSON record to write")
    what.add_argument("--show", type=Path, help="JSON record to show in results/README.md")
    parser.add_argument("--keep", type=Path, help="folder for the clone; default: a temporary one")
    args = parser.parse_args(argv)
    if args.show:
        page = ROOT / "results" / "README.md"
        page.write_text(filled(page.read_text("utf-8"), json.loads(args.show.read_text("utf-8"))), "utf-8")
        return 0
    unknown = sorted(set(args.steps) - set(STEPS))
    if unknown:
        parser.error(f"no step {', '.join(unknown)}; there are {', '.join(STEPS)}")
    with tempfile.TemporaryDirectory() as scratch:
        clone = args.keep or Path(scratch) / "hocp"
        if not clone.exists():
            subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        rows = []
        for step in args.steps or STEPS:
            rows.append(measure(step, clone))
            print(rows[-1], flush=True)
            if rows[-1]["exit_status"]:
                break
        write(args.out, clone, rows)
    return rows[-1]["exit_status"]


def measure(step: str, clone: Path) -> dict:
    """One step: wall seconds, peak memory of all its processes, size of the clone afterwards."""
    command, shows = STEPS[step]
    log = clone.parent / f"measure.{step}.log"
    before, start = folder_size(clone), time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=clone, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, session_memory(process.pid))
            time.sleep(1)  # reading the memory maps of PyTorch processes is not free
    seconds = time.monotonic() - start
    if process.returncode:
        print(f"{step} failed, see {log}", file=sys.stderr)
    return {
        "step": step,
        "shows": shows,
        "command": " ".join(["python3" if part == sys.executable else part for part in command]),
        "seconds": round(seconds, 1),
        "peak_memory_mib": round(peak / 2**20),
        "disk_added_mib": round((folder_size(clone) - before) / 2**20),
        "exit_status": process.returncode,
    }


def session_memory(session: int) -> int:
    """Proportional memory of all processes of a session, in bytes; shared pages count once."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # The command name may hold blanks and brackets: fields are counted after the last bracket.
            if int((process / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                total += proportional_memory(process)
        except (OSError, IndexError, ValueError):
            continue  # it ended while being read
    return total


def proportional_memory(process: Path) -> int:
    """PSS of one process in bytes."""
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def folder_size(folder: Path) -> int:
    """Bytes on the disk below `folder`."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).lstat().st_blocks * 512
            except OSError:
                continue
    return total


def write(path: Path, clone: Path, rows: list[dict]) -> None:
    """Publish the record whole."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True
    )
    record = {
        "what": "wall time, memory and disk of the README's commands in a fresh clone",
        "date": datetime.date.today().isoformat(),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "steps": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.partial")
    scratch.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    scratch.replace(path)


def processor() -> str:
    """Model name of the CPU."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def filled(page: str, record: dict) -> str:
    """The page with the record's table between its two marks."""
    start, end = "<!-- suite -->", "<!-- /suite -->"
    before, after = page[: page.index(start) + len(start)], page[page.index(end) :]
    return f"{before}\n{table(record)}\n{after}"


def table(record: dict) -> str:
    """Markdown of a record."""
    lines = [
        "| command, in this order | what | wall time | peak memory | disk added |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for step in record["steps"]:
        minutes, seconds = divmod(round(step["seconds"]), 60)
        time_ = f"{minutes} min {seconds} s" if minutes else f"{step['seconds']} s"
        lines.append(
            f"| `{step['command']}` | {step['shows']} | {time_} | {step['peak_memory_mib']} MiB "
            f"| {step['disk_added_mib']} MiB |"
        )
    machine = f"{record['cores']} cores, {record['processor']}, {record['system']}, Python {record['python']}"
    lines += [
        "",
        f"Measured on {record['date']}: {machine}, commit {record['commit'][:12]}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
