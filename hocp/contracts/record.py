"""What a run leaves behind: columns and arrays of its files, and the facts of machine and code."""

import os
import platform
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from hocp.contracts import files

#: One row a logged step; validation cells are empty where nothing was evaluated.
HISTORY = (
    "run", "stage", "step", "seconds", "lr", "loss", "loss_rmse", "loss_pcc", "loss_ccc", "loss_ce",
    "grad_norm", "val_valence_ccc", "val_arousal_ccc",
)  # fmt: skip

#: One row a number. `data` is "generated" or "licensed"; `fold` is a number or "all" (pooled over folds);
#: an empty `value` has its `reason`.
RUNS = (
    "run", "dataset", "method", "network", "data", "fold", "seed", "parameters", "macs", "seconds",
    "convention", "dimension", "metric", "value", "n", "reason",
)  # fmt: skip

#: One row a number of `runs.csv` under one convention. `units` clips, people, folds, windows or batches were
#: averaged, `undefined` of them had no value and were treated by `policy`; `missing` predictions of the `n`
#: are the training mean. Empty where the word says nothing of the metric.
CONVENTIONS = (
    "run", "dataset", "method", "fold", "seed", "data", "variance", "aggregation", "sign", "processing",
    "metric", "dimension", "value", "n", "units", "undefined", "policy", "missing", "reason",
)  # fmt: skip

#: One row a number over all seeds, with its interval over resampled clusters of `unit`, and seeds if several.
#: A reason beside a value says what the interval leaves out.
INTERVALS = (
    "dataset", "method", "dimension", "metric", "value", "low", "high", "level", "resamples", "unit",
    "seeds", "clusters", "data", "reason",
)  # fmt: skip

#: One row a number of a predictor that learns nothing, or of the best possible one: what ours lie between.
CONTROLS = (
    "dataset", "method", "data", "fold", "convention", "dimension", "metric", "value", "n", "note", "reason",
)  # fmt: skip

#: One row a factorized layer of a network trained with the lasso.
RANKS = (
    "run", "data", "gamma", "layer", "rank", "zeroed", "share", "parameters_before", "parameters_after",
)  # fmt: skip

#: One row a number on test faces that were cut in another way; `setting` of the `kind` that was changed;
#: `trained` is 1 where it is that of training, `change` the value less that of the crops of training.
SENSITIVITY = (
    "run", "dataset", "data", "kind", "setting", "trained", "dimension", "metric", "value", "change", "n",
    "reason",
)  # fmt: skip

#: One row a network or layer; MACs are multiply-accumulates of one forward pass of one item.
COST = (
    "table", "item", "c_in", "c_out", "kind", "rank", "parameters", "macs", "bytes",
    "gflops_paper_convention", "input",
)  # fmt: skip

#: One row a layer or network timed under one condition; times in milliseconds, over all calls of all passes.
#: `rank_of` names the case a row belongs to, also for peers without a rank; `form` is what 'auto' took once
#: tuned, `form_by_model` before; `macs` and `bytes` are of one forward call; `roof_ms` is the least time that
#: the machine's limits allow; `pass_medians_ms` holds a number for each pass, in order. Rows that agree in
#: all of `SPEED_ALIKE` can be compared.
SPEED = (
    "suite", "subject", "order", "batch", "channels", "size", "rank", "rank_of", "call", "peer", "layout",
    "form", "form_by_model", "threads", "allocator", "device", "dtype", "rounds", "median_ms", "q25_ms",
    "q75_ms", "parameters", "macs", "bytes", "saved_bytes", "peak_bytes", "roof_ms", "error", "processor",
    "torch", "commit", "pass_medians_ms",
)  # fmt: skip
SPEED_ALIKE = (
    "suite", "subject", "batch", "rank_of", "call", "threads", "allocator", "device", "dtype", "processor",
    "torch",
)  # fmt: skip

#: One row a layer: milliseconds of a forward call of the compiled form and of its stages; `outside_ms` passes
#: before and behind them, with the wait for other threads; `two_products_ms` is what torch takes for the
#: layer's two products alone.
SPEED_STAGES = (
    "subject", "batch", "channels", "rank", "threads", "calls", "call_ms", "packing_ms", "enter_ms",
    "convolutions_ms", "leave_ms", "outside_ms", "two_products_ms", "processor", "torch", "commit",
)  # fmt: skip

#: One row a difference of two methods, `method_a` minus `method_b`, with its interval. `unit` is what was
#: drawn anew for it and `clusters` how many there were; a missing number has its `reason`.
COMPARISONS = (
    "dataset", "family", "method_a", "method_b", "dimension", "metric", "difference", "low", "high",
    "p_value", "p_adjusted", "adjustment", "unit", "seeds", "clusters", "data", "reason",
)  # fmt: skip

#: One row an identity of the paper in one case, measured in float64: `error` is the largest absolute
#: difference of two ways to compute the same, `scale` the largest value, `relative` their ratio.
IDENTITIES = ("identity", "case", "order", "dtype", "seed", "error", "scale", "relative")

#: One row a stage of data preparation, or of reading for training. `units` images, clips or segments of the
#: release; `decoded` pictures or video frames; `items` rows of the manifest, or clips; seconds of CPU of all
#: processes and of the main one; bytes at the peak in memory, of the release, the result, the work folder.
PREPARATION = (
    "dataset", "units", "stage", "processes", "decoded", "items", "cpu_s", "main_cpu_s", "wall_s",
    "peak_bytes", "source_bytes", "out_bytes", "work_bytes", "inodes",
)  # fmt: skip

#: One row a number of rows of AffectNet's lists, prepared with a stand-in for the decoder.
PREPARATION_MEMORY = ("items", "peak_bytes", "cpu_s", "python", "libraries", "commit")

#: One row a generated release of so many pictures, looked at by `doctor`.
PREPARATION_DOCTOR = ("files", "cpu_s", "wall_s", "peak_bytes")

#: One row a part of a split of a generated release but train: its share of the frames, and the total
#: variation distances of its histograms to those of all frames.
PREPARATION_SPLITS = (
    "dataset", "rule", "dealer", "release", "seed", "groups", "frames", "part", "share", "valence",
    "arousal", "strata",
)  # fmt: skip

#: `frame` is -1 for single images; expressions are -1 where the network predicts or the item has none.
PREDICTIONS = {
    "item": "U", "clip": "U", "frame": "i4",
    "valence": "f4", "arousal": "f4", "valence_true": "f4", "arousal_true": "f4",
    "expression": "i1", "expression_true": "i1",
}  # fmt: skip

_PACKAGES = ("torch", "numpy", "tensorly", "h5py", "safetensors", "torchmetrics")


def environment(device: str) -> dict[str, Any]:
    """Software and machine of this process, without names that tell whose it is.

    Parameters
    ----------
    device : str
        What the caller computed on, e.g. "cpu" or the GPU's name.
    """
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in _PACKAGES},
        "device": device,
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """Name of this machine's processor, as its maker and the system give it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


#: Suffixes of the files in our packages that can decide a result.
SOURCES = (".py", ".cpp", ".h", ".json")


def code(*packages: str) -> dict[str, Any]:
    """Commit that the code stands at, and a hash of the files that can decide a result.

    The hash tells apart what the commit cannot: edited files, and copies without git. `packages` are those
    that decide what is written; by default those that decide a run.
    """
    root = Path(__file__).resolve().parents[2]
    packages = packages or ("hocp", "data_prep")
    found = [path for package in packages for path in (root / package).rglob("*")]
    sources = sorted(path for path in found if path.suffix in SOURCES)
    tree = files.sha256_of({p.relative_to(root).as_posix(): files.sha256(p) for p in sources})
    # An installed copy may lie inside a repository of its user, whose commit says nothing of this code.
    ours = _git(root, "rev-parse", "--show-toplevel") == str(root)
    commit = _git(root, "rev-parse", "HEAD") if ours else None
    changed = _git(root, "status", "--porcelain", "--", *packages) if commit else None
    return {"commit": commit, "changed": None if changed is None else bool(changed), "sources_sha256": tree}


def code_name(code: Mapping[str, Any]) -> str:
    """The commit that `code` gives, or the beginning of its hash where no commit has these files."""
    return code["commit"] if code["changed"] is False else f"code {code['sources_sha256'][:12]}"


def _git(root: Path, *command: str) -> str | None:
    try:
        answer = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def command_line() -> str:
    """The command as a person would type it."""
    return shlex.join(["python", "-m", "hocp", *sys.argv[1:]])


def write_predictions(path: str | Path, **columns: Any) -> None:
    """Publish predictions, one entry a test frame; the arrays of PREDICTIONS, all of one length."""
    assert set(columns) == set(PREDICTIONS), sorted(columns)
    arrays = {name: np.asarray(columns[name], dtype=kind) for name, kind in PREDICTIONS.items()}
    assert len({array.shape for array in arrays.values()}) == 1, {k: a.shape for k, a in arrays.items()}
    with files.publish(path) as scratch:
        np.savez_compressed(scratch, **arrays)  # no array holds objects, so nothing is pickled


def read_predictions(path: str | Path) -> dict[str, np.ndarray]:
    """Read what `write_predictions` wrote.

    Raises
    ------
    ValueError
        If it is no such file, or an array is missing; names the file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = sorted(set(PREDICTIONS) - set(archive.files))
            if missing:
                raise ValueError(f"no array {', '.join(missing)}; found {sorted(archive.files)}")
            return {name: archive[name] for name in PREDICTIONS}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not a file of predictions: {error}") from None


#: What ``train.json`` and ``record.json`` may hold.
SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "record.schema.yaml"


def check(value: Any, place: str) -> None:
    """Hold the facts of a run against ``workflow/schemas/record.schema.yaml``.

    Raises
    ------
    ValueError
        If a key is missing, unknown or of the wrong type; names it and `place`.
    """
    import jsonschema
    import yaml

    schema = yaml.safe_load(SCHEMA.read_text("utf-8"))
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(value))
    if error is not None:
        raise ValueError(f"{place}: at {error.json_path}: {error.message}")
