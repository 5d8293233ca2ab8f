"""From the configuration to runs: which there are, and everything that decides one, as a JSON value.

A run is named ``<dataset>.<method>.f<fold>.s<seed>``, with ``.g<groups>`` before the fold where it is trained
on some groups (people, sessions) only. Its specification holds all that training reads, so that the same
specification and the same data give the same model.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from hocp.contracts import files
from hocp.contracts.manifest import DATASETS

#: Network -> order of its convolutions: 2 for images, 3 for clips.
NETWORKS = {
    "resnet18": 2,
    "hocp_resnet18": 2,
    "tucker_resnet18": 2,
    "r3d18": 3,
    "r2plus1d18": 3,
    "hocp_resnet18_3d": 3,
    "mobilenetv2": 2,
    "hocp_mobilenetv2": 2,
    "mobilenetv2_cifar": 2,
    "hocp_mobilenetv2_cifar": 2,
}

#: Image network -> the clip network that transduction makes of it.
TRANSDUCTIONS = {"hocp_resnet18": "hocp_resnet18_3d"}

#: What a specification has, see `resolve`.
_KEYS = ("run", "dataset", "method", "fold", "seed", "network", "start", "training")


class Run(NamedTuple):
    """Name of one run; `str(run)` is the folder it writes. With `groups`, it is trained on so many only."""

    dataset: str
    method: str
    fold: int
    seed: int
    groups: int | None = None

    def __str__(self) -> str:
        few = "" if self.groups is None else f".g{self.groups}"
        return f"{self.dataset}.{self.method}{few}.f{self.fold}.s{self.seed}"

    @classmethod
    def parse(cls, text: str) -> "Run":
        """Read a name back.

        Raises
        ------
        ValueError
            If the text is no run name.
        """
        form = r"(\w+)\.(\w{1,64})(?:\.g([1-9]\d{0,5}))?\.f(0|[1-9]\d?)\.s(0|[1-9]\d{0,9})"
        match = re.fullmatch(form, text, re.ASCII)
        if match is None or match[1] not in DATASETS:
            raise ValueError(
                f"run {text[:100]!r}: expected <dataset>.<method>.f<fold>.s<seed>, dataset one of {DATASETS}"
            )
        groups = None if match[3] is None else int(match[3])
        return cls(match[1], match[2], int(match[4]), int(match[5]), groups)


def runs(config: Mapping[str, Any]) -> Iterator[Run]:
    """All runs of a configuration, in its order; AFEW-VA has one a fold, the others fold 0 only.

    Those of ``training_groups``, which are trained on some groups only, come last.
    """
    for dataset, methods in config["experiments"].items():
        for method in methods:
            for fold in folds(config, dataset):
                for seed in config["seeds"]:
                    yield Run(dataset, method, fold, seed)
    few = config.get("training_groups")
    for method, groups, seed in product(few["methods"], few["counts"], config["seeds"]) if few else ():
        yield Run(few["dataset"], method, 0, seed, groups)


def folds(config: Mapping[str, Any], dataset: str) -> list[int]:
    """Folds that the scenario runs on a data set."""
    return list(config["folds"]) if dataset == "afew_va" else [0]


def resolve(config: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Everything that decides a run.

    Training values are taken from ``training.common``, then ``training.static`` or ``.temporal`` by the order
    of the network, then those of the data set, then the experiment's own; the later ones win.

    Returns
    -------
    dict
        ``run, dataset, method, fold, seed, groups, network {name, width}, start {kind, run},
        training {...}``; ``start.kind`` is "scratch", "finetune" or "transduce", ``start.run`` the run it
        starts from or None.

    Raises
    ------
    ValueError
        If the experiment or its network does not exist, or it starts from a run that does not.
    """
    where = f"experiments.{run.dataset}.{run.method}"
    experiment = _lookup(config["experiments"], run.dataset, run.method, where)
    network = experiment["network"]
    if network not in NETWORKS:
        raise ValueError(f"{where}.network is {network!r}, expected one of {', '.join(NETWORKS)}")
    parts = ("common", "static" if NETWORKS[network] == 2 else "temporal", run.dataset)
    training = {}
    for values in (*(config["training"].get(part, {}) for part in parts), experiment.get("training", {})):
        training |= values
    return {
        "run": str(run),
        **run._asdict(),
        "network": {"name": network, "width": config["width"]},
        "start": _start(config, run, experiment, where),
        "training": training,
    }


def _start(config, run: Run, experiment: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Where parameters come from: a run of the same seed; within a data set of the same fold and groups."""
    start = experiment.get("start")
    if not start:
        return {"kind": "scratch", "run": None}
    if len(start) != 1 or not set(start) <= {"finetune", "transduce"}:
        raise ValueError(f"{where}.start is {dict(start)}, expected one key, finetune or transduce")
    ((kind, name),) = start.items()
    dataset, _, method = name.partition(".")
    origin = _lookup(config["experiments"], dataset, method, f"{where}.start.{kind}")
    given, wanted = origin["network"], experiment["network"]
    becomes = TRANSDUCTIONS.get(given) if kind == "transduce" else given
    if becomes != wanted:
        raise ValueError(
            f"{where}.start.{kind} is {name!r}: its network {given} becomes {becomes or 'nothing'} this way, "
            f"not {wanted}; finetune keeps the network, transduce knows {', '.join(TRANSDUCTIONS)}"
        )
    _no_circle(config, run, where)
    if dataset != run.dataset:
        return {"kind": kind, "run": str(Run(dataset, method, folds(config, dataset)[0], run.seed))}
    if run.groups is not None and method not in config["training_groups"]["methods"]:
        raise ValueError(
            f"training_groups.methods: {run.method} starts from {method}, which has to be there too"
        )
    return {"kind": kind, "run": str(Run(dataset, method, run.fold, run.seed, run.groups))}


def _no_circle(config, run: Run, where: str) -> None:
    """Follow where parameters come from; a run must not come from itself."""
    names = [f"{run.dataset}.{run.method}"]
    while start := _lookup(config["experiments"], *names[-1].split("."), where).get("start"):
        names += start.values()
        if names[-1] in names[:-1]:
            raise ValueError(f"{where}.start: runs in a circle, {' from '.join(names)}")


def _lookup(experiments: Mapping[str, Any], dataset: str, method: str, where: str) -> Mapping[str, Any]:
    try:
        return experiments[dataset][method]
    except KeyError:
        legal = ", ".join(f"{d}.{m}" for d, methods in experiments.items() for m in methods)
        raise ValueError(f"{where}: no experiment {dataset}.{method}; there are {legal}") from None


def read(text: str) -> dict[str, Any]:
    """Specification given on a command line, as JSON or as ``@`` and a file.

    Raises
    ------
    ValueError
        If it is not JSON, no mapping, or lacks a key.
    """
    try:
        spec = files.read_json(text[1:]) if text.startswith("@") else json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"--spec is not JSON at column {error.colno}: {error.msg}") from None
    except (OSError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"--spec {text[:60]!r} cannot be read: {type(error).__name__}") from None
    missing = [key for key in _KEYS if key not in spec] if isinstance(spec, dict) else _KEYS
    if missing:
        raise ValueError(f"--spec has no {', '.join(missing)}; make it with hocp.contracts.spec.resolve")
    return spec
