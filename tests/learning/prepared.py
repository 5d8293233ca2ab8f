"""Small prepared data sets: brightness from left to right is valence, from top to bottom arousal."""

from pathlib import Path

import h5py
import numpy as np

from hocp.contracts import files, manifest
from hocp.contracts.manifest import Facts, Item

SIDE = 32


def images(valence: np.ndarray, arousal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(N, SIDE, SIDE, 3) bytes that show the labels, with noise."""
    ramp = np.linspace(-1, 1, SIDE)
    shown = (
        128 + 90 * (valence[:, None, None] * ramp[None, None, :] + arousal[:, None, None] * ramp[:, None]) / 2
    )
    noisy = shown[..., None] + random.normal(0, 8, (len(valence), SIDE, SIDE, 3))
    return noisy.clip(0, 255).astype(np.uint8)


def write(folder: Path, dataset: str, items: list[dict], *, seed: int = 0, frame_step: int = 1) -> Path:
    """Write manifest, facts and crops; items are given without labels and rows, which are drawn here."""
    random = np.random.default_rng(seed)
    labels = random.uniform(-0.9, 0.9, (len(items), 2)).round(6)
    folder.mkdir(parents=True)
    with h5py.File(folder / "crops.h5", "w") as file:
        # Rows in another order than items, so that confusing the two shows.
        rows = random.permutation(len(items))
        crops = np.empty((len(items), SIDE, SIDE, 3), np.uint8)
        crops[rows] = images(labels[:, 0], labels[:, 1], random)
        file["crops"] = crops
    manifest.write(
        folder / "manifest.csv",
        [
            Item(dataset=dataset, row=int(row), valence=v, arousal=a, **item)
            for item, row, (v, a) in zip(items, rows, labels.tolist(), strict=True)
        ]
        + [Item(item="lost", dataset=dataset, status="img_missing")],
    )
    facts = Facts(
        dataset=dataset,
        data="generated",
        release="made by a test",
        scale={"native_min": -1, "native_max": 1, "factor": 1, "offset": 0},
        frame_step=frame_step,
        fps=None,
        crop={"side": SIDE},
        split={},
        counts={"ok": len(items), "img_missing": 1},
        sources={},
        manifest_sha256=files.sha256(folder / "manifest.csv"),
        crops_sha256=files.sha256(folder / "crops.h5"),
    )
    manifest.write_facts(folder / "manifest.json", facts)
    return folder


def affectnet(folder: Path, *, train: int = 48, val: int = 16, test: int = 24) -> Path:
    """Single images with expressions."""
    splits = ["train"] * train + ["val"] * val + ["test"] * test
    items = [{"item": f"i{k}", "split": s, "expression": k % 8} for k, s in enumerate(splits)]
    return write(folder, "affectnet", items)


def afew_va(folder: Path, *, clips: int = 10, length: int = 12) -> Path:
    """Clips in five folds."""
    items = [
        {
            "item": f"{c:03d}/{f:05d}",
            "split": f"fold{c % 5}",
            "group": f"actor{c}",
            "clip": f"{c:03d}",
            "frame": f,
        }
        for c in range(clips)
        for f in range(length)
    ]
    return write(folder, "afew_va", items)


def sewa(folder: Path, lengths: dict[str, tuple[str, list[int]]], *, frame_step: int) -> Path:
    """Clips given as name -> (split, frames)."""
    items = [
        {"item": f"{clip}/{f}", "split": split, "group": clip, "clip": clip, "frame": f}
        for clip, (split, frames) in lengths.items()
        for f in frames
    ]
    return write(folder, "sewa", items, frame_step=frame_step)


TRAINING = {
    "batch": 8,
    "lr": 2.0e-3,
    "betas": [0.9, 0.999],
    "weight_decay": 1.0e-4,
    "decay": {"at": [0.6, 0.85], "factor": 0.3},
    "clip_norm": 1.0,
    "precision": "fp32",
    "frames": 1,
    "evaluate_every": 4,
    "expression_loss": False,
    "lasso": 0.0,
    "augment": {"flip": 0.0, "rotate": 5.0, "scale": 0.05, "shift": 0.02, "light": 0.1},
    "stages": [{"train": "all", "share": 1.0}],
    "steps": 8,
}


def spec(run: str, network: str, *, start=("scratch", None), **training) -> dict:
    """A specification like those of `hocp.contracts.spec.resolve`, with a tiny network."""
    from hocp.contracts.spec import Run

    return {
        "run": run,
        **Run.parse(run)._asdict(),
        "network": {"name": network, "width": 0.0625},
        "start": dict(zip(("kind", "run"), start, strict=True)),
        "training": {**TRAINING, **training},
    }
