"""What the figures read of a scenario's results: prepared data sets, predictions, histories."""

from collections.abc import Iterable, Mapping, Sequence
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


def kind_of(path: str | Path, data: Mapping[str, str]) -> str:
    """What `data` (see `data_of`) says of the data set that a run's file belongs to.

    Raises
    ------
    ValueError
        If the manifest of that data set was not given.
    """
    dataset = run_of(path).dataset
    if dataset not in data:
        raise ValueError(f"{path}: a run on {dataset}, but manifests are given of {', '.join(data)} only")
    return data[dataset]


def read_tests(paths: Iterable[str | Path], manifests: Iterable[str | Path]) -> dict[str, pd.DataFrame]:
    """Predictions of all methods, folds and seeds by data set, each as `read_predictions` and with `data`.

    Within a data set every method and seed has predictions of the same items, so that they can be paired.

    Raises
    ------
    ValueError
        If a manifest is not given, an item was predicted twice by one method and seed, or not by all.
    """
    data = data_of(manifests)
    together: dict[str, list[str | Path]] = {}
    for path in paths:
        kind_of(path, data)
        together.setdefault(run_of(path).dataset, []).append(path)
    tables = {dataset: read_predictions(files) for dataset, files in together.items()}
    for dataset, table in tables.items():
        _check_paired(table, dataset)
    return {dataset: table.assign(data=data[dataset]) for dataset, table in tables.items()}


def _check_paired(table: pd.DataFrame, dataset: str) -> None:
    """Hold that each method and seed predicted each item of the data set once."""
    twice = table[table.duplicated(["method", "seed", "item"])]
    if len(twice):
        item, method, seed = twice.iloc[0][["item", "method", "seed"]]
        raise ValueError(
            f"{dataset}: item {item!r} was predicted twice by {method}, seed {seed}; "
            "give one run a method, fold and seed, trained on the whole training part"
        )
    wanted = table["item"].nunique()
    for (method, seed), found in table.groupby(["method", "seed"]).size().items():
        if found < wanted:
            raise ValueError(
                f"{dataset}: {method}, seed {seed}, predicted {found} of {wanted} test items; "
                "give the same folds for all methods and seeds"
            )
