"""Snakemake's report of a scenario, made from within the workflow: one page that opens without a network.

    python -m workflow.make_report --config JSON --out results/demo/report.html

Snakemake makes reports of finished workflows only, by a command of its own. This command calls it for the
tables and figures; as the last rule of the graph it makes the page part of what one command gives.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from hocp.contracts import files

ROOT = Path(__file__).resolve().parents[1]


def main(argv: list[str] | None = None) -> int:
    """Write the report; the exit status is Snakemake's."""
    parser = argparse.ArgumentParser(
        prog="python -m workflow.make_report", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--config", required=True, metavar="JSON", help="configuration, all scenario files merged"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="HTML")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, files.publish(args.out) as scratch:
        config = Path(folder) / "config.json"
        config.write_text(args.config, "utf-8")
        status = snakemake("--configfile", config, "--report", scratch, "--", "tables", "figures")
        if status or not scratch.exists():
            print(f"make_report: Snakemake made no report (exit status {status})", file=sys.stderr)
            raise SystemExit(status or 1)
    return 0


def snakemake(*options: object) -> int:
    """Run Snakemake on this workflow beside the one that may be running: a report changes nothing."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock", *map(str, options)]
    return subprocess.run(command, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
