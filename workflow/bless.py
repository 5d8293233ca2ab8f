"""Keep a finished scenario's small results under results/reference/, where git holds them.

    python -m workflow.bless demo

What is kept: tables, records, rank lists, costs, layer benchmark, facts of the data sets, figures as PNG.
What is not: data, models, predictions, logs. The folder is named after scenario, device and torch version.
"""

import argparse
import sys
from pathlib import Path

from hocp.contracts import files

ROOT = Path(__file__).resolve().parents[1]

#: Pattern below results/<scenario>/ -> folder below the reference; {parent} is the file's own folder.
KEPT = {
    "tables/*.csv": "tables/{name}",
    "tables/*.md": "tables/{name}",
    "bench/cost.csv": "bench/{name}",
    "bench/layers.json": "bench/{name}",
    "bench/conformance.json": "bench/{name}",
    "runs/*/record.json": "records/{parent}.json",
    "runs/*/ranks.csv": "records/{parent}.ranks.csv",
    "data/*/manifest.json": "data/{parent}.json",
    "raw/*/lookalike.json": "data/{parent}.lookalike.json",
}


def main(argv: list[str] | None = None) -> int:
    """Copy the chosen files in one step; an older reference of the same name is replaced."""
    parser = argparse.ArgumentParser(prog="python -m workflow.bless", description=__doc__.splitlines()[0])
    parser.add_argument("scenario", help="name of a finished scenario, e.g. demo")
    scenario = parser.parse_args(argv).scenario
    source = ROOT / "results" / scenario
    kept = {file: to for pattern, to in KEPT.items() for file in sorted(source.glob(pattern))}
    kept |= dict.fromkeys(sorted((ROOT / "figures" / scenario).glob("fig_*.png")), "figures/{name}")
    records = [files.read_json(file) for file in kept if file.name == "record.json"]
    if not records:
        print(f"bless: no records below {source}: run the scenario first", file=sys.stderr)
        return 2
    target = ROOT / "results" / "reference" / folder_name(scenario, records)
    with files.publish(target) as scratch:
        for file, to in kept.items():
            copy = scratch / to.format(name=file.name, parent=file.parent.name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    print(f"{len(kept)} files kept in {target.relative_to(ROOT)}")
    return 0


def folder_name(scenario: str, records: list[dict]) -> str:
    """`<scenario>.<device>.torch<version>`; runs of unlike machines cannot be blessed together."""
    environments = {
        (record["environment"]["device"], record["environment"]["packages"]["torch"]) for record in records
    }
    if len(environments) != 1:
        raise ValueError(f"records come from different devices or torch versions: {sorted(environments)}")
    ((device, torch),) = environments
    return f"{scenario}.{device.replace(' ', '-')}.torch{torch.partition('+')[0]}"


if __name__ == "__main__":
    sys.exit(main())
