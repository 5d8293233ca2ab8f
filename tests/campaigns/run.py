"""Run fault campaigns, each in a process of its own; count what came of their cases.

    python -m tests.campaigns.run --size full --out results/reference/campaigns.csv [NAMES]
    python -m tests.campaigns.run --only "F16:zero bytes:8"

A campaign is a module of this folder (f16_images.py, ..., planted.py) with FAULT, TITLE, SIZE and
``cases(count, seed)``. A case fails if an exception escapes, if it ends otherwise than it must, takes too
long or too much memory, ends the process, or touches anything outside its folder. Exit status 1 if any did.
"""

import argparse
import json
import os
import platform
import selectors
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from hocp.contracts import files, record
from tests.campaigns.worker import SECONDS

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds without a word, after which a worker hangs where no signal reaches it
MEMORY = 512  # MB that a case may take, all that the process holds counted
COLUMNS = ("fault", "title", "kind", "cases", "outcomes", "failures", "peak_mb", "seconds")
PACKAGES = ("pillow", "av", "numpy", "jsonschema", "pyyaml", "snakemake")


def main(argv: list[str] | None = None) -> int:
    """Run the chosen campaigns, or play one case again."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.run", description=__doc__.splitlines()[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known())}; default: all")
    parser.add_argument("--size", choices=("full", "gate"), default="gate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="CSV", help="table to write, with a JSON file of facts")
    parser.add_argument("--only", metavar="NAME:KIND:INDEX", help="play one case again")
    args = parser.parse_args(argv)
    if args.only:
        return again(parser, args)
    unknown = sorted(set(args.names) - set(known()))
    if unknown:
        parser.error(f"no campaign {', '.join(unknown)}; there are {', '.join(known())}")
    chosen = args.names or known(gate=args.size == "gate")
    failures = 0
    for name in chosen:
        cases = campaign(name, args.size, args.seed)
        bad = [case for case in cases if case["failure"]]
        for case in bad:
            print(told(case, args.seed), file=sys.stderr)
        print(f"{name}: {len(cases)} cases, {len(bad)} failures", flush=True)
        failures += len(bad)
        if args.out:
            keep(args.out, name, cases, args)
    return 1 if failures else 0


def known(*, gate: bool = False) -> dict[str, str]:
    """Campaign -> its module; the gate leaves out the planted faults, which have a test of their own."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("f[0-9]*_*.py"))
    numbered = {stem.partition("_")[0].upper(): stem for stem in stems}
    return numbered if gate else {**numbered, "planted": "planted"}


def campaign(name: str, size: str, seed: int) -> list[dict[str, Any]]:
    """Run one campaign; a worker that a case brings down is followed by one that begins behind that case."""
    done: list[dict[str, Any]] = []
    while True:
        before = len(done)
        if _worked(done, known()[name], size, str(seed), str(before)):
            return done
        if len(done) == before or done[-1]["outcome"] not in ("crash", "hang"):
            raise SystemExit(f"{name}: the worker ended outside a case, after {len(done)} of them; see above")


def _worked(done: list[dict[str, Any]], *arguments: str) -> bool:
    """Add what one worker says to `done`; whether it came to its end."""
    command = [sys.executable, "-m", "tests.campaigns.worker", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    head: dict[str, Any] = {}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        try:
            for line in _lines(process):
                if "title" in line:
                    head = line
                elif "index" in line:
                    lost = {"outcome": "crash", "failure": "the process ended", "peak_mb": 0.0}
                    done.append({**head, **line, **lost})
                else:
                    done[-1] |= _weighed(line)
        except TimeoutError:
            process.kill()
            if done:
                done[-1] |= {"outcome": "hang", "failure": f"no word for {PATIENCE} s"}
    return process.returncode == 0


def _weighed(case: dict[str, Any]) -> dict[str, Any]:
    """The case, failed if it took too much memory."""
    if case["peak_mb"] > MEMORY and not case["failure"]:
        return {**case, "failure": f"took {case['peak_mb']:.0f} MB, expected at most {MEMORY}"}
    return case


def _lines(process: subprocess.Popen) -> Iterator[dict[str, Any]]:
    """Yield what a worker says, line by line; TimeoutError if it falls silent."""
    left = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(PATIENCE):
                raise TimeoutError
            if not (read := os.read(process.stdout.fileno(), 1 << 16)):
                return
            *lines, left = (left + read).split(b"\n")
            yield from map(json.loads, lines)


def again(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    """Play one case again and say all that is known of it."""
    name, _, rest = args.only.partition(":")
    kind, _, index = rest.rpartition(":")
    if name not in known() or not index.isdecimal():
        parser.error(f"--only {args.only}: expected NAME:KIND:INDEX, NAME one of {', '.join(known())}")
    done: list[dict[str, Any]] = []
    _worked(done, known()[name], args.size, str(args.seed), index, str(int(index) + 1))
    if not done or done[0]["kind"] != kind:
        found = done[0]["kind"] if done else "nothing"
        parser.error(f"--only {args.only}: case {index} of seed {args.seed} is {found}")
    print("\n".join(f"{key}: {value}" for key, value in done[0].items()))
    return 1 if done[0]["failure"] else 0


def told(case: dict[str, Any], seed: int) -> str:
    """A failure, and how to play it again."""
    only = f"{case['fault']}:{case['kind']}:{case['index']}"
    command = f'python -m tests.campaigns.run --seed {seed} --size full --only "{only}"'
    return f"FAILED {only}, seed {seed}: {case['failure']}\n  again: {command}"


def rows(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each kind of each campaign, in order."""
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for case in cases:
        kinds.setdefault((case["fault"], case["kind"]), []).append(case)
    return [
        {
            "fault": fault,
            "title": found[0]["title"],
            "kind": kind,
            "cases": len(found),
            "outcomes": "; ".join(
                f"{word} {n}" for word, n in Counter(case["outcome"] for case in found).most_common()
            ),
            "failures": sum(bool(case["failure"]) for case in found),
            "peak_mb": round(max(case["peak_mb"] for case in found)),
            "seconds": round(sum(case.get("seconds", 0.0) for case in found), 2),
        }
        for (fault, kind), found in kinds.items()
    ]


def keep(out: Path, name: str, cases: list[dict[str, Any]], args: argparse.Namespace) -> None:
    """Put a campaign's counts and facts in the place of its older ones; those of other campaigns stay."""
    beside = out.with_suffix(".json")
    others = files.read_csv(out, COLUMNS) if out.exists() else []
    made = files.read_json(beside) if beside.exists() else {}
    counted = [row for row in others if row["fault"] != name] + rows(cases)
    files.write_csv(out, COLUMNS, sorted(counted, key=lambda row: row["fault"]))
    files.write_json(beside, dict(sorted({**made, name: facts(args, cases)}.items())))


def facts(args: argparse.Namespace, cases: list[dict[str, Any]]) -> dict[str, Any]:
    """What the counts of a campaign were made with, and every failure."""
    failures = [{**case, "again": told(case, args.seed)} for case in cases if case["failure"]]
    return {
        "size": args.size,
        "seed": args.seed,
        "cases": len(cases),
        "limits": {"seconds": SECONDS, "memory_mb": MEMORY},
        "peak_mb": round(max((case["peak_mb"] for case in cases), default=0)),
        "seconds": round(sum(case.get("seconds", 0.0) for case in cases), 1),
        "slowest_case_seconds": round(max((case.get("seconds", 0.0) for case in cases), default=0), 2),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in PACKAGES},
        },
        "platform": platform.platform(terse=True),
        "code": record.code(),
        "failures": failures,
    }


if __name__ == "__main__":
    sys.exit(main())
