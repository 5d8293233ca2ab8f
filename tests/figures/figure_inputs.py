"""A small made-up scenario for the figure tests: every file that a figure reads, written in the real formats.

Nothing here is a result. Values follow simple formulas of names and counters, so that a test can tell which
number must appear where.
"""

from pathlib import Path

import h5py
import numpy as np
from PIL import Image, ImageDraw
from speed_inputs import write_speed

from hocp.contracts import files, manifest, published, record
from hocp.contracts.spec import Run

SIDE = 32
STATIC = ("resnet18", "hocp")
TEMPORAL = ("r3d18", "r2plus1d18", "hocp_scratch", "hocp_transduction")
#: Extra noise of each method's made-up predictions, and its made-up size.
NOISE = dict(zip(STATIC + TEMPORAL, (0.30, 0.24, 0.26, 0.20, 0.22, 0.10), strict=True))
SIZE = dict(zip(STATIC + TEMPORAL, (1.1e7, 1.1e7, 3.3e7, 3.1e7, 1.12e7, 1.13e7), strict=True))
POSITIONS = 32 * 32 * 16


def face(valence: float, arousal: float) -> np.ndarray:
    """Drawn face of SIDE x SIDE pixels: valence bends the mouth, arousal opens eyes and mouth."""
    image = Image.new("RGB", (SIDE, SIDE), (90, 110, 130))
    pen = ImageDraw.Draw(image)
    pen.ellipse((4, 2, 28, 30), fill=(230, 190, 160))
    opening = 1.5 + 1.5 * (arousal + 1) / 2
    for x in (11, 21):
        pen.ellipse((x - 2, 12 - opening, x + 2, 12 + opening), fill=(30, 30, 60))
    xs = np.linspace(-6, 6, 13)
    ys = 22 + 3 * valence * (0.5 - (xs / 6) ** 2)
    pen.line([(16 + x, y) for x, y in zip(xs, ys, strict=True)], fill=(140, 30, 30), width=2)
    return np.asarray(image)


def items(dataset: str) -> list[manifest.Item]:
    """Images on a spiral, or clips with smooth labels; one item of each data set is set aside."""
    spoilt = manifest.Item(item="spoilt", dataset=dataset, status="img_empty", note="made up")
    if dataset == "affectnet":
        turn = np.linspace(0, 12 * np.pi, 300)
        labels = 0.95 * (turn / turn[-1])[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
        names = [(f"i{k:03d}", "", None, "test") for k in range(len(labels))]
    else:
        names, labels = _clips(dataset)
    rows = [
        manifest.Item(item=item, dataset=dataset, split=split, clip=clip, frame=frame, row=row,
                      valence=round(float(v), 6), arousal=round(float(a), 6))
        for row, ((item, clip, frame, split), (v, a)) in enumerate(zip(names, labels, strict=True))
    ]  # fmt: skip
    return [*rows, spoilt]


def _clips(dataset: str) -> tuple[list[tuple], np.ndarray]:
    """Six clips of 40 frames; clip c3 varies most, and has a gap after its frame 20."""
    names, labels = [], []
    for clip in range(6):
        swing = 0.8 if clip == 3 else 0.1 + 0.04 * clip
        for frame in range(40):
            shifted = frame + (8 if clip == 3 and frame > 20 else 0)
            split = f"fold{clip % 5}" if dataset == "afew_va" else "test"
            names.append((f"c{clip}/{shifted:05d}", f"c{clip}", shifted, split))
            labels.append((swing * np.sin(shifted / 6), swing * np.cos(shifted / 9)))
    return names, np.array(labels)


def write_dataset(folder: Path, dataset: str, data: str = "generated") -> None:
    """manifest.csv, manifest.json and crops.h5 of one data set."""
    table = items(dataset)
    manifest.write(folder / "manifest.csv", table)
    crops = np.stack([face(item.valence, item.arousal) for item in table if item.usable])
    with files.publish(folder / "crops.h5") as scratch, h5py.File(scratch, "w") as file:
        file["crops"] = crops
    facts = {
        "dataset": dataset, "data": data, "release": "made up", "scale": {}, "frame_step": 1,
        "fps": None if dataset == "affectnet" else 10.0, "crop": {"side": SIDE}, "split": {}, "counts": {},
        "sources": {}, "manifest_sha256": "", "crops_sha256": "",
    }  # fmt: skip
    manifest.write_facts(folder / "manifest.json", manifest.Facts(**facts))


def write_predictions(folder: Path, run: Run) -> None:
    """Labels plus noise of the method's own strength, for the frames that this run tests."""
    tested = [i for i in items(run.dataset) if i.usable and manifest.parts(i.split, run.fold) == "test"]
    true = np.array([(item.valence, item.arousal) for item in tested])
    noise = NOISE[run.method] * np.random.default_rng(run.seed).standard_normal(true.shape)
    none = np.full(len(tested), -1)
    record.write_predictions(
        folder / "predictions.npz", item=[i.item for i in tested], clip=[i.clip for i in tested],
        frame=[-1 if i.frame is None else i.frame for i in tested],
        valence=(true + noise)[:, 0], arousal=(true + noise)[:, 1],
        valence_true=true[:, 0], arousal_true=true[:, 1], expression=none, expression_true=none,
    )  # fmt: skip


def write_history(folder: Path, run: Run) -> None:
    """Twenty logged steps; loss 1 / step, validation every fifth one; transduction has two stages."""
    rows = []
    for step in range(1, 21):
        stage = "temporal" if run.method == "hocp_transduction" and step <= 8 else "all"
        score = 1 - 1 / step - NOISE.get(run.method, 0.2)
        checked = {"val_valence_ccc": score, "val_arousal_ccc": score / 2} if step % 5 == 0 else {}
        rows.append({"run": str(run), "stage": stage, "step": step, "loss": 1 / step, **checked})
    files.write_csv(folder / "history.csv", record.HISTORY, rows)


def write_ranks(path: Path, run: str = "affectnet.hocp_lasso.f0.s0", data: str = "generated") -> None:
    """Eight layers of rank 100 (k + 1), of which 5 + k per cent are zero."""
    rows = [
        {"run": run, "data": data, "gamma": 0.003, "layer": f"layer{k // 2 + 1}.{k % 2}.conv1",
         "rank": 100 * (k + 1), "zeroed": (5 + k) * (k + 1), "share": (5 + k) / 100,
         "parameters_before": 1000, "parameters_after": 900}
        for k in range(8)
    ]  # fmt: skip
    files.write_csv(path, record.RANKS, rows)


def write_sensitivity(path: Path, data: str = "generated") -> None:
    """CCC 0.6 (valence) and 0.5 as trained; the change is minus the place of the setting, over 20."""
    settings = {"margin": ("1", "0.8", "1.5"), "resize": ("bilinear", "bicubic", "nearest"),
                "colour": ("rgb", "bgr"), "anamorphic": ("true", "false")}  # fmt: skip
    rows = []
    for dataset in manifest.DATASETS:
        for kind, values in settings.items():
            for place, setting in enumerate(values if kind != "anamorphic" or dataset == "afew_va" else ()):
                for dimension, base in (("valence", 0.6), ("arousal", 0.5)):
                    named = {"run": f"{dataset}.hocp.f0.s0", "dataset": dataset, "data": data, "kind": kind}
                    numbers = {"value": base - place / 20, "change": -place / 20, "n": 40}
                    key = {"setting": setting, "trained": int(place == 0), "dimension": dimension}
                    rows.append({**named, **key, "metric": "ccc", **numbers})
    files.write_csv(path, record.SENSITIVITY, rows)


def write_cost(path: Path) -> None:
    """Costs of the published layers by the closed forms, all but the last pair of rank 6 C."""
    rows = []
    for c, t, kind in published.load().bars():
        rank = {"dense": None, "hocp3": 3 * c, "hocp6": 6 * c}[kind]
        macs = 27 * c * t if rank is None else rank * (c + t + 9)
        extra = t if rank is None else 8 * rank + 10 * c
        rows.append({"table": "flop_figure", "item": f"{c}x{t} {kind}", "c_in": c, "c_out": t, "kind": kind,
                     "rank": rank, "parameters": macs, "macs": POSITIONS * macs,
                     "gflops_paper_convention": 2e-9 * POSITIONS * (macs + extra)})  # fmt: skip
    rows = [row for row in rows if (row["c_in"], row["c_out"], row["kind"]) != (512, 512, "hocp6")]
    files.write_csv(path, record.COST, [{"table": "networks", "item": "resnet18", "macs": 1}, *rows])


def write_runs(path: Path, convention: str = "pooled") -> None:
    """CCC 1 - noise (valence) and a tenth more (arousal); R3D on AFEW-VA has no value."""
    rows = []
    for dataset in manifest.DATASETS:
        for method in STATIC if dataset == "affectnet" else STATIC + TEMPORAL:
            for dimension, more in (("valence", 0.0), ("arousal", 0.1)):
                lost = (dataset, method) == ("afew_va", "r3d18")
                value = {"reason": "run stopped"} if lost else {"value": 1 - NOISE[method] + more}
                rows.append({"run": f"{dataset}.{method}.f0.s0", "dataset": dataset, "method": method,
                             "data": "generated", "fold": "all" if dataset == "afew_va" else 0, "seed": 0,
                             "parameters": int(SIZE[method]), "macs": int(160 * SIZE[method]),
                             "seconds": 100 * NOISE[method], "convention": convention, "dimension": dimension,
                             "metric": "ccc", **value})  # fmt: skip
    files.write_csv(path, record.RUNS, rows)


def write_groups(root: Path) -> None:
    """Runs on 2 and on 4 sessions, two seeds each, CCC 0.1 a session; and a manifest with 8 in training."""
    rows = [
        {"run": str(Run("sewa", method, 0, seed, count)), "dataset": "sewa", "method": method,
         "data": "generated", "fold": 0, "seed": seed, "convention": "pooled", "dimension": dimension,
         "metric": "ccc", "value": 0.1 * count + 0.01 * seed}
        for method in ("hocp", "hocp_scratch", "hocp_transduction")
        for count in (2, 4) for seed in (0, 1) for dimension in ("valence", "arousal")
    ]  # fmt: skip
    files.write_csv(root / "tables" / "groups.csv", record.RUNS, rows)
    folder = root / "data" / "sessions"
    write_dataset(folder, "sewa")
    table = [
        manifest.Item(item=f"s{k}", dataset="sewa", split="test" if k > 7 else "train", group=f"S{k % 10}",
                      row=k, valence=0.0, arousal=0.0)
        for k in range(10)
    ]  # fmt: skip
    manifest.write(folder / "manifest.csv", table)


def write_intervals(path: Path) -> None:
    """CCC of `write_runs` less and plus 0.1 over 8 people, 0.05 over 16 clips; none for R3D on AFEW-VA."""
    rows = []
    for dataset in manifest.DATASETS:
        for method in STATIC if dataset == "affectnet" else STATIC + TEMPORAL:
            for dimension, more in (("valence", 0.0), ("arousal", 0.1)):
                value = 1 - NOISE[method] + more
                for unit, clusters, half in (("clip", 16, 0.05), ("subject", 8, 0.1)):
                    lost = (dataset, method) == ("afew_va", "r3d18")
                    ends = (
                        {"reason": "run stopped"}
                        if lost
                        else {
                            "value": value,
                            "low": value - half,
                            "high": value + half,
                            "seeds": 1,
                            "clusters": clusters,
                        }
                    )
                    rows.append(
                        {
                            "dataset": dataset,
                            "method": method,
                            "dimension": dimension,
                            "metric": "ccc",
                            "level": 0.95,
                            "resamples": 100,
                            "unit": unit,
                            "data": "generated",
                            **ends,
                        }
                    )
    files.write_csv(path, record.INTERVALS, rows)


def write_controls(path: Path) -> None:
    """Chance at 0 and ceilings at 0.8 and 0.9; AffectNet has no ceiling of windows."""
    rows = [
        {
            "dataset": dataset,
            "method": method,
            "data": "generated",
            "fold": 0,
            "convention": "pooled",
            "dimension": dimension,
            "metric": "ccc",
            "n": 10,
            "note": "made up",
            **(
                {"reason": "single images"}
                if (dataset, method) == ("affectnet", "ceiling_temporal")
                else {"value": value}
            ),
        }
        for dataset in manifest.DATASETS
        for dimension in ("valence", "arousal")
        for method, value in (("permuted", 0.0), ("ceiling_static", 0.8), ("ceiling_temporal", 0.9))
    ]
    files.write_csv(path, record.CONTROLS, rows)


def write_scenario(root: Path) -> Path:
    """All of the above below `root`, in the layout of a scenario."""
    for dataset in manifest.DATASETS:
        write_dataset(root / "data" / dataset, dataset)
        for method in STATIC if dataset == "affectnet" else STATIC + TEMPORAL:
            for fold in range(manifest.FOLDS) if dataset == "afew_va" else (0,):
                run = Run(dataset, method, fold, 0)
                write_predictions(root / "runs" / str(run), run)
                write_history(root / "runs" / str(run), run)
    write_ranks(root / "runs" / "affectnet.hocp_lasso.f0.s0" / "ranks.csv")
    write_cost(root / "bench" / "cost.csv")
    write_runs(root / "tables" / "runs.csv")
    write_groups(root)
    write_sensitivity(root / "tables" / "sensitivity.csv")
    write_intervals(root / "tables" / "intervals.csv")
    write_controls(root / "tables" / "controls.csv")
    write_speed(root / "bench" / "speed.csv")
    return root
