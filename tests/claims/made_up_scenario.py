"""A made-up finished scenario on SEWA: small files, with the trails that commands write."""

import json
from pathlib import Path

from figures import tab_sewa
from hocp.contracts import files, record, trail

METHODS = ("resnet18", "hocp", "r3d18", "r2plus1d18", "hocp_scratch", "hocp_transduction")
SEEDS = (0, 1)
_MACHINE = {
    "python": "3.11",
    "system": "Linux",
    "packages": {"torch": "2.13.0"},
    "device": "cpu",
    "processor": "P",
    "cores": 2,
}
_CODE = {"commit": "c0ffee", "changed": False, "sources_sha256": "5" * 64}


def make(root: Path) -> Path:
    """The scenario's folder: data, runs, runs.csv and tab_sewa, each with what leads back."""
    data = root / "data" / "sewa"
    data.mkdir(parents=True)
    (data / "manifest.csv").write_text("items\n")
    (data / "crops.h5").write_bytes(b"crops")
    files.write_json(data / "manifest.json", {"manifest_sha256": files.sha256(data / "manifest.csv")})
    for method in METHODS:
        for seed in SEEDS:
            write_run(root, method, seed)
    score(root)
    tab_sewa.main(["--runs", str(root / "tables/runs.csv"), "--out", str(root / "tables/tab_sewa")])
    return root


def write_run(root: Path, method: str, seed: int) -> None:
    """Predictions, model and record of one run."""
    run = f"sewa.{method}.f0.s{seed}"
    folder, data = root / "runs" / run, root / "data" / "sewa"
    folder.mkdir(parents=True)
    (folder / "predictions.npz").write_bytes(f"predictions of {run}".encode())
    (folder / "model.safetensors").write_bytes(f"model of {run}".encode())
    spec = {"run": run, "start": {"kind": "transduce", "run": f"affectnet.hocp.f0.s{seed}"}}
    files.write_json(
        folder / "record.json",
        {
            "run": run,
            "dataset": "sewa",
            "seed": seed,
            "spec": spec,
            "spec_sha256": files.sha256_of(spec),
            "data": {
                "data": "generated",
                "release": "made up",
                "manifest_sha256": files.sha256(data / "manifest.csv"),
                "crops_sha256": files.sha256(data / "crops.h5"),
            },
            "environment": _MACHINE,
            "code": _CODE,
            "command": f"python -m hocp train {run}",
            "predictions_sha256": files.sha256(folder / "predictions.npz"),
            "model_sha256": files.sha256(folder / "model.safetensors"),
            "evaluation": {"command": f"python -m hocp evaluate {run}"},
        },
    )


def score(root: Path, value: float = 0.5) -> None:
    """runs.csv: every metric `value` plus a tenth of the seed, and its trail, as `hocp score` writes them."""
    rows = [
        {
            "run": f"sewa.{method}.f0.s{seed}",
            "dataset": "sewa",
            "method": method,
            "network": "n",
            "data": "generated",
            "fold": 0,
            "seed": seed,
            "parameters": 1,
            "macs": 1,
            "seconds": 1.0,
            "convention": "pooled",
            "dimension": dimension,
            "metric": metric,
            "value": f"{value + 0.1 * seed:.6f}",
            "n": 9,
        }
        for method in METHODS
        for seed in SEEDS
        for dimension in ("valence", "arousal")
        for metric in ("rmse", "sagr", "pcc", "ccc")
    ]
    place = root / "tables" / "runs.csv"
    files.write_csv(place, record.RUNS, rows)
    trail.write(trail.place(place), {place.name: place}, sorted(root.glob("runs/*/record.json")), home=place)


def bless(root: Path, to: Path) -> Path:
    """What `workflow.bless` keeps of it, at its places there."""
    from workflow.bless import KEPT

    for pattern, place in KEPT.items():
        for file in root.glob(pattern):
            copy = to / place.format(name=file.name, parent=file.parent.name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    return to


def edit(path: Path, old: str, new: str) -> None:
    """Change a text file once; it must hold the old text."""
    text = path.read_text("utf-8")
    assert old in text, path
    path.write_text(text.replace(old, new, 1), "utf-8")


def forge(table: Path) -> None:
    """Write a changed table's new hash into its trail, as a careful forger would."""
    sidecar = trail.place(table)
    found = json.loads(sidecar.read_text("utf-8"))
    found["outputs"][table.name] = files.sha256(table)
    sidecar.write_text(json.dumps(found), "utf-8")
