"""Trainers and runs on small data, for the tests."""

import io
import json
from pathlib import Path

import prepared
import torch

from hocp import networks
from hocp.__main__ import main
from hocp.clips import Prepared
from hocp.learning import start
from hocp.learning.checkpoint import Checkpoints
from hocp.learning.history import History
from hocp.learning.loop import Trainer
from hocp.learning.parallel import Processes
from hocp.learning.train_command import identity, part_of

ALONE = Processes(0, 1, torch.device("cpu"))
CPU = torch.device("cpu")


class StopAfter:
    """A request to stop that comes after some steps; None never comes."""

    exit_status = 143

    def __init__(self, steps: int | None = None):
        self.left = steps

    def __bool__(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        return self.left <= 0


def trainer(
    spec: dict, data: Path, scratch: Path, *, network=None, origin: Path | None = None, **options
) -> Trainer:
    """A trainer as the command makes it; `said` holds the lines for the watcher."""
    said = io.StringIO()
    found = Prepared(data)
    network = network or start.begin(spec, origin)
    history = History(spec["run"], spec["training"]["steps"], stream=said)
    made = Trainer(
        network,
        spec,
        **{part: part_of(found, part, spec, network.order) for part in ("train", "val")},
        processes=ALONE,
        checkpoints=Checkpoints(scratch, identity(spec, found, origin), say=history.say),
        history=history,
        **options,
    )
    made.said = said
    return made


def command(*arguments: object) -> int:
    """Run ``python -m hocp`` in this process."""
    return main([str(argument) for argument in arguments])


def train(spec: dict, data: Path, folder: Path, *, origin: Path | None = None, evaluate: bool = True) -> Path:
    """Train and evaluate below `folder`; returns the run's folder."""
    out = folder / "runs" / spec["run"]
    options = ["--start-run", origin] if origin else []
    files = ["--data", data, "--out", out, "--checkpoints", folder / "checkpoints" / spec["run"]]
    assert command("train", "--spec", json.dumps(spec), *files, *options, "--device", "cpu") == 0
    if evaluate:
        assert command("evaluate", "--run", out, "--data", data, "--device", "cpu") == 0
    return out


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    """Whether two networks are bit-identical."""
    x, y = a.state_dict(), b.state_dict()
    return x.keys() == y.keys() and all(torch.equal(x[name], y[name]) for name in x)


class Pixels(torch.nn.Module):
    """A stand-in network of order 2 without batch norm: one linear map of a coarse image."""

    order = 2

    def __init__(self, outputs: int = 2):
        super().__init__()
        self.fc = torch.nn.Linear(3 * 16, outputs)

    def forward(self, x):
        return self.fc(torch.nn.functional.adaptive_avg_pool2d(x, 4).flatten(1))


__all__ = [
    "ALONE",
    "CPU",
    "Pixels",
    "StopAfter",
    "command",
    "networks",
    "prepared",
    "same",
    "train",
    "trainer",
]
