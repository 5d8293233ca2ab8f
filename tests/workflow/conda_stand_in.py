"""What Snakemake asks of `conda`, answered with py-rattler: the real solver and installer, a local channel.

    conda_stand_in.py HOME CHANNELS ARGUMENTS...

It proves the wiring (hashing, creation, activation, isolation, pip pins), not what a public channel serves.
"""

import asyncio
import itertools
import json
import subprocess
import sys
from pathlib import Path

ACTIVATE = 'export CONDA_PREFIX="$1"\nexport PATH="$1/bin:$PATH"\n'


def install(home: Path, channels: Path) -> None:
    """Write `bin/conda` and `bin/activate` below `home`."""
    (home / "bin").mkdir(parents=True)
    conda = home / "bin/conda"
    conda.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "{home}" "{channels}" "$@"\n')
    conda.chmod(0o755)
    (home / "bin/activate").write_text(ACTIVATE)


def main(home: str, channels: str, *arguments: str) -> None:
    """Answer one call."""
    if arguments[:1] == ("--version",):
        print("conda 26.7.0")
    elif arguments[:1] == ("info",):
        print(json.dumps({"conda_prefix": home, "platform": "linux-64"}))
    elif arguments[:1] == ("clean",):
        pass  # packages stay in the cache of this test
    elif arguments[:1] == ("config",):
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif arguments[:2] == ("env", "create"):
        given = dict(itertools.pairwise(arguments))
        create(Path(given["--file"]), Path(given["--prefix"]), Path(channels))
    else:
        sys.exit(f"stand-in for conda: {arguments} is not known here")


def create(file: Path, prefix: Path, channels: Path) -> None:
    """Make the environment that a YAML file describes."""
    import yaml

    described = yaml.safe_load(file.read_text("utf-8"))
    conda = [entry for entry in described["dependencies"] if isinstance(entry, str)]
    pins = [pin for entry in described["dependencies"] if isinstance(entry, dict) for pin in entry["pip"]]
    names = [name for name in described["channels"] if name != "nodefaults"]
    asyncio.run(solve([f"{(channels / name).as_uri()}" for name in names], conda, prefix))
    listed = prefix / "pins.txt"
    listed.write_text("\n".join(pins))
    subprocess.run([prefix / "bin/python", "-m", "pip", "install", "-q", "-r", listed], check=True)


async def solve(channels: list[str], specs: list[str], prefix: Path) -> None:
    import rattler

    records = await rattler.solve(
        sources=[rattler.Channel(channel) for channel in channels],
        specs=[rattler.MatchSpec(spec) for spec in specs],
        platforms=[rattler.Platform.current(), "noarch"],
        virtual_packages=rattler.VirtualPackage.detect(),
    )
    await rattler.install(records, target_prefix=prefix, show_progress=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
