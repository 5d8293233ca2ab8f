"""What the figures read of a scenario's results: prepared data sets, predictions, histories."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from hocp.contracts import manifest, record
from hocp.contracts.spec import Run


def read_items(path: str | Path) -> tuple[pd.DataFrame, manifest.Facts]:
    """Usable items of one prepared data set, and its facts from the `manifest.json` beside it.

    Raises
    ------
    ValueError
        If no item is usable.
    """
    path = Path(path)
    items = pd.DataFrame([asdict(item) for item in manifest.read(path) if item.usable])
    if items.empty:
        raise ValueError(
            f"{path}: no usable item; `python -m data_prep doctor` says why items were set aside"
        )
    return items.astype({"row": int}), manifest.read_facts(path.with_suffix(".json"))


def data_of(manifests: Iterable[str | Path]) -> dict[str, str]:
    """Data set -> "generated" or "licensed", from the `manifest.json` beside each manifest."""
    facts = [manifest.read_facts(Path(path).with_suffix(".json")) for path in manifests]
    return {fact.dataset: fact.data for fact in facts}


def read_crops(path: str | Path, rows: Sequence[int]) -> np.ndarray:
    """Face crops in the order of `rows`.

    Returns
    -------
    ndarray of uint8, shape (len(rows), side, side, 3)
    """
    with h5py.File(path, "r") as file:
        return np.stack([file["crops"][int(row)] for row in rows])


def run_of(path: str | Path) -> Run:
    """Run that a file in ``runs/<run>/`` belongs to; ValueError if the folder's name is none."""
    return Run.parse(Path(path).resolve().parent.name)


def read_predictions(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Predictions of several runs, one row a frame, with the run's parts as columns `method`, `fold`, `seed`.

    Raises
    ------
    ValueError
        If the runs are of different data sets.
    """
    tables = []
    for path in paths:
        run = run_of(path)
        table = pd.DataFrame(record.read_predictions(path))
        tables.append(table.assign(**run._asdict()))
    joined = pd.concat(tables, ignore_index=True)
    datasets = sorted(joined["dataset"].unique())
    if len(datasets) != 1:
        raise ValueError(f"predictions are of {datasets}, expected runs of one data set")
    return joined
