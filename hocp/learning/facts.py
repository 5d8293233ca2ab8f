"""Facts of a run, as ``train.json`` and ``record.json`` hold them, checked against their schema."""

import datetime
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from hocp.clips import Prepared
from hocp.contracts import files, record
from hocp.contracts.record import check
from hocp.conv import network_cost

TRAINED, EVALUATED = "hocp-train-1", "hocp-record-1"


def of_training(
    spec: Mapping[str, Any],
    *,
    data: Prepared,
    network: nn.Module,
    train: Mapping[str, Any],
    device: str,
    model_sha256: str,
) -> dict[str, Any]:
    """What ``train.json`` says of a trained run.

    Parameters
    ----------
    spec, data, network : what was trained, on what, and what came of it
    train : mapping
        ``steps``, ``seconds``, ``final_loss``, ``threads``, ``processes``, ``resumed`` and for a lasso run
        ``pruning``.
    device : str
        See `hocp.learning.parallel.describe`.
    model_sha256 : str
    """
    return {
        "schema": TRAINED,
        **{key: spec[key] for key in ("run", "dataset", "method", "fold", "seed")},
        "spec": dict(spec),
        "spec_sha256": files.sha256_of(spec),
        "data": of_data(data),
        "network": {"name": spec["network"]["name"], **_cost(spec, data, network)},
        "train": dict(train),
        **surroundings(device),
        "model_sha256": model_sha256,
        "finished": now(),
    }


def of_data(data: Prepared) -> dict[str, Any]:
    """What a record says of the data set."""
    facts = data.facts
    return {
        "data": facts.data,
        "release": facts.release,
        "manifest_sha256": facts.manifest_sha256,
        "crops_sha256": facts.crops_sha256,
        "split_sha256": facts.split.get("sha256"),
        "counts": dict(facts.counts),
        "items": facts.items,
        "usable": facts.usable,
        "limits": dict(facts.limits),
        "deviations": facts.deviations,
    }


def _cost(spec: Mapping[str, Any], data: Prepared, network: nn.Module) -> dict[str, int]:
    """Parameters, and multiply-accumulates for one frame; those of a clip are shared by its frames."""
    side = data.crops.shape[1]
    frames = spec["training"]["frames"] if network.order == 3 else 1
    size = (3, frames, side, side) if network.order == 3 else (3, side, side)
    cost = network_cost(network, size, device="cpu")
    return {"parameters": cost.parameters, "macs": round(cost.macs / frames)}


def surroundings(device: str) -> dict[str, Any]:
    """Machine, code and command of this process."""
    return {"environment": record.environment(device), "code": record.code(), "command": command_line()}


def command_line() -> str:
    """The command, with the specification as ``{spec}`` and without paths that tell whose machine it is."""
    return " ".join(["python -m hocp", *map(_argument, sys.argv[1:])])


def _argument(text: str) -> str:
    if text.lstrip().startswith("{"):
        return "'{spec}'"
    path = Path(text.removeprefix("@"))
    if path.is_absolute():
        inside = path.is_relative_to(Path.cwd())
        return shlex.quote(str(path.relative_to(Path.cwd())) if inside else f"<elsewhere>/{path.name}")
    return shlex.quote(text)


def now() -> str:
    """This second in UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(path: str | Path, value: Mapping[str, Any]) -> None:
    """Publish facts that fit their schema.

    Raises
    ------
    ValueError
        If they do not; names the key.
    """
    check(value, str(path))
    files.write_json(path, value)
