"""Keep a finished scenario's small results under results/reference/, where git holds them.

    python -m workflow.bless demo
    python -m workflow.bless demo --speed
    python -m workflow.bless --gpu FOLDER/gpu_bench.<device>.<torch>.csv

What is kept: tables with their trails, records, claims, rank lists, costs, benchmarks, facts of the data
sets, figures as PNG; with --speed only the speed benchmark of full size, made by the target `bench_full`,
with its tables and figures; with --gpu what ``python -m hocp gpu-bench`` wrote. What is not: data, models,
predictions, logs, whose hashes stand in the records, and `conventions.csv`, which is large. The folder is
named after scenario (or "speed"), device and torch version.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hocp.contracts import files

ROOT = Path(__file__).resolve().parents[1]

#: Pattern below results/<scenario>/ -> folder below the reference; {parent} is the file's own folder.
KEPT = {
    "tables/tab_*.csv": "tables/{name}",
    "tables/runs.csv": "tables/{name}",
    "tables/intervals.csv": "tables/{name}",
    "tables/comparisons.csv": "tables/{name}",
    "tables/controls.csv": "tables/{name}",
    "tables/*.md": "tables/{name}",
    "tables/*.trail.json": "tables/{name}",
    "claims.*": "{name}",
    "bench/identities.csv": "bench/{name}",
    "bench/cost.csv": "bench/{name}",
    "bench/speed.*": "bench/{name}",
    "bench/conformance.json": "bench/{name}",
    "runs/*/record.json": "records/{parent}.json",
    "runs/*/ranks.csv": "records/{parent}.ranks.csv",
    "data/*/manifest.json": "data/{parent}.json",
    "raw/*/lookalike.json": "data/{parent}.lookalike.json",
}
#: What shows a speed benchmark -> its options, and the files that are kept.
SPEED_SHOWN = {
    "tab_speed": (["--targets", "results/targets.yaml"], (".csv", ".md", ".trail.json")),
    "tab_savings": ([], (".csv", ".md", ".trail.json")),
    "tab_speed_claim": ([], (".csv", ".md", ".trail.json")),
    "fig_latency": ([], (".png",)),
    "fig_roofline": ([], (".png",)),
    "fig_pareto_time": ([], (".png",)),
}


def main(argv: list[str] | None = None) -> int:
    """Copy the chosen files in one step; an older reference of the same name is replaced."""
    parser = argparse.ArgumentParser(prog="python -m workflow.bless", description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", help="name of a finished scenario, e.g. demo")
    parser.add_argument("--gpu", type=Path, metavar="CSV", help="keep a benchmark of a GPU")
    parser.add_argument("--speed", action="store_true", help="keep its speed benchmark of full size instead")
    args = parser.parse_args(argv)
    if (args.gpu is None) == (args.scenario is None):
        parser.error("name a scenario, or a file with --gpu")
    if args.gpu is not None:
        return keep_gpu(args.gpu)
    source = ROOT / "results" / args.scenario
    return keep_speed(source / "bench" / "full") if args.speed else keep_scenario(args.scenario, source)


def keep_scenario(scenario: str, source: Path) -> int:
    """Keep what `KEPT` names, and the figures."""
    kept = {file: to for pattern, to in KEPT.items() for file in sorted(source.glob(pattern))}
    kept |= dict.fromkeys(sorted((ROOT / "figures" / scenario).glob("fig_*.png")), "figures/{name}")
    records = [files.read_json(file) for file in kept if file.name == "record.json"]
    if not records:
        print(f"bless: no records below {source}: run the scenario first", file=sys.stderr)
        return 2
    publish(folder_name(scenario, [record["environment"] for record in records]), kept)
    return 0


def keep_speed(source: Path) -> int:
    """Keep a speed benchmark, of one machine as `tests.bench.collect` has made sure, and what shows it."""
    kept = dict.fromkeys(sorted(source.glob("speed.*")), "{name}")
    if not kept:
        print(f"bless: no speed.csv below {source}: make the target bench_full first", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)  # laid out as the reference, for the names in the trails
        for file in kept:
            shutil.copy(file, folder)
        kept |= dict(show(folder / "speed.csv", folder))
        publish(folder_name("speed", [files.read_json(source / "speed.json")]), kept)
    return 0


def keep_gpu(table: Path) -> int:
    """Keep what ``python -m hocp gpu-bench`` wrote, with the claim that is made from it."""
    report = files.read_json(table.with_suffix(".json"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        kept = {folder / f"speed{file.suffix}": "{name}" for file in (table, table.with_suffix(".json"))}
        for file in kept:
            shutil.copy(table.with_suffix(file.suffix), file)
        kept |= dict(show(folder / "speed.csv", folder, "tab_speed_claim"))
        publish(folder_name("speed", [report["environment"]]), kept)
    return 0


def show(timings: Path, folder: Path, *modules: str) -> Iterator[tuple[Path, str]]:
    """Set tables and draw figures of a speed benchmark, all by default: file -> place in the reference."""
    for module in modules or SPEED_SHOWN:
        options, suffixes = SPEED_SHOWN[module]
        place = "figures" if module.startswith("fig") else "tables"
        shown = [timings, *gpus()] if module == "tab_speed" else [timings]
        command = [sys.executable, "-m", f"figures.{module}", "--speed", *map(str, shown), *options]
        subprocess.run([*command, "--out", str(folder / place / module)], cwd=ROOT, check=True)
        yield from ((folder / place / f"{module}{suffix}", f"{place}/{{name}}") for suffix in suffixes)


def gpus() -> list[Path]:
    """Kept benchmarks of GPUs."""
    found = sorted((ROOT / "results" / "reference").glob("speed.*/speed.csv"))
    return [path for path in found if not path.parent.name.startswith("speed.cpu.")]


def publish(name: str, kept: Mapping[Path, str]) -> None:
    """Copy files into a folder of the reference, which appears whole."""
    target = ROOT / "results" / "reference" / name
    with files.publish(target) as scratch:
        for file, to in kept.items():
            copy = scratch / to.format(name=file.name, parent=file.parent.name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    print(f"{len(kept)} files kept in {target.relative_to(ROOT)}")


def folder_name(kind: str, environments: Sequence[Mapping[str, Any]]) -> str:
    """`<kind>.<device>.torch<version>`; runs of unlike machines cannot be blessed together."""
    kinds = {(each["device"], each["packages"]["torch"]) for each in environments}
    if len(kinds) != 1:
        raise ValueError(f"results come from different devices or torch versions: {sorted(kinds)}")
    ((device, torch),) = kinds
    return f"{kind}.{device.replace(' ', '-').lower()}.torch{torch.partition('+')[0]}"


if __name__ == "__main__":
    sys.exit(main())
