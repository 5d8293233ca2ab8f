"""The GPU check: every network on one device, its numbers, its training and its speed, as one record."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import torch

from hocp.contracts import record
from hocp.learning.gpu_agreement import agreement
from hocp.learning.gpu_precision import PRECISIONS
from hocp.learning.gpu_training import LR, NO_TIME, WARM_UP, generated_clips, train
from hocp.networks import names

SEED = 20200616


@dataclass(frozen=True)
class Size:
    """How much is checked.

    Attributes
    ----------
    width : float
        Factor on the networks' channels.
    agreement_shape : tuple of int
        (B, 3, T, H, W) of the clips that are compared with CPU float64.
    clips : int
        Generated clips to train on.
    clip : tuple of int
        (T, H, W).
    batch, steps : int
        Of training.
    budget : float
        Seconds after which no further training step begins.
    """

    width: float
    agreement_shape: tuple[int, ...]
    clips: int
    clip: tuple[int, int, int]
    batch: int
    steps: int
    budget: float


SIZES = {
    "full": Size(1.0, (2, 3, 8, 64, 64), 32, (16, 112, 112), 8, 50, 420.0),
    "small": Size(0.125, (2, 3, 4, 32, 32), 8, (4, 32, 32), 4, 20, 120.0),
}


def check(
    device: torch.device, size: str, *, seconds: float | None = None, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Compare and train every network; what fails is a row with its reason, never an exception.

    Parameters
    ----------
    device : torch.device
        A GPU; a CPU makes it a rehearsal, and the record says so.
    size : {'full', 'small'}
    seconds : float, optional
        After which no further training step begins; by default as many as the size has.
    say : callable
        Takes a line of progress at a time.

    Returns
    -------
    dict
        A JSON value; `verdict` is "passed" if no row failed or stopped for want of time.
    """
    started, chosen = time.monotonic(), SIZES[size]
    chosen = chosen if seconds is None else replace(chosen, budget=seconds)
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    agreements, trainings = [], []
    for row in _agreements(device, chosen, deadline=started + chosen.budget / 2):
        agreements.append(row)
        say(agreement_line(row))
    compared = time.monotonic() - started
    for row in _trainings(device, chosen, deadline=started + chosen.budget):
        trainings.append(row)
        say(training_line(row))
    bad = [row for row in agreements + trainings if row["verdict"] in ("failed", "stopped")]
    bad += [row for row in agreements + trainings if row.get("reason") == NO_TIME]
    return {
        "kind": "gpu_check",
        "rehearsal": device.type != "cuda",
        "verdict": "failed" if bad else "passed",
        "begun": begun,
        "seconds": {"all": time.monotonic() - started, "agreement": compared},
        "device": describe(device),
        "environment": record.environment(device_name(device)),
        "code": record.code(),
        "command": record.command_line(),
        "settings": _settings(size, chosen),
        "agreement": agreements,
        "training": trainings,
    }


def _agreements(device: torch.device, size: Size, *, deadline: float) -> Iterator[dict[str, Any]]:
    """All comparisons; their references need the CPU, and a slow one must leave time for training."""
    for name in names():
        if time.monotonic() > deadline:
            both = {"probe": "both", "precision": "all"}
            yield {"network": name, **both, "verdict": "skipped", "reason": NO_TIME}
        else:
            yield from agreement(name, device, width=size.width, shape=size.agreement_shape, seed=SEED)


def _trainings(device: torch.device, size: Size, *, deadline: float) -> Iterator[dict[str, Any]]:
    data = tuple(part.to(device) for part in generated_clips(size.clips, size.clip, seed=SEED))
    options = {"width": size.width, "steps": size.steps, "batch": size.batch, "seed": SEED}
    for name in names():
        for precision in PRECISIONS:
            yield train(name, precision, device, data, deadline=deadline, **options)


def _settings(size: str, chosen: Size) -> dict[str, Any]:
    """Everything that a reader needs to read the rows."""
    return {
        "size": size,
        **asdict(chosen),
        "seed": SEED,
        "optimizer": f"Adam, learning rate {LR:g}, gradients clipped to norm 1",
        "loss": "a third each of RMSE, PCC and CCC loss over the frames of a batch",
        "data": "generated: bright spots that move over noise",
        "warm_up_steps": WARM_UP,
        "error": "Frobenius norm of the difference to CPU float64, divided by that of CPU float64",
        "probes": {
            "as_built": "the network, in training mode, on noise",
            "smooth": "the same with SiLU for ReLU and average for max pooling",
        },
        "precisions": [asdict(precision) for precision in PRECISIONS],
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def describe(device: torch.device) -> dict[str, Any]:
    """The device and what drives it; None is unknown."""
    if device.type != "cuda":
        return {"name": device_name(device), "type": "cpu", "threads": torch.get_num_threads()}
    facts = torch.cuda.get_device_properties(device)
    return {
        "name": facts.name,
        "type": "cuda",
        "capability": f"{facts.major}.{facts.minor}",
        "memory_bytes": facts.total_memory,
        "multiprocessors": facts.multi_processor_count,
        "driver": _asked("driver_version"),
        "sm_clock": _asked("clocks.sm"),  # at this moment
        "cuda": torch.version.cuda or torch.version.hip,
        "cudnn": torch.backends.cudnn.version(),
    }


def _asked(question: str) -> str | None:
    """What the driver's own tool answers of the first GPU, such as "1980 MHz"."""
    command = ["nvidia-smi", f"--query-gpu={question}", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = answer.stdout.splitlines()
    return lines[0].strip() if answer.returncode == 0 and lines else None


def device_name(device: torch.device) -> str:
    """Name as the maker gives it; "cpu" for the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def file_name(device: torch.device, kind: str = "gpu_check", suffix: str = "json") -> str:
    """<kind>.<device>.torch<version>.<suffix>, the device in lower case without blanks."""
    name = re.sub(r"[^a-z0-9]+", "-", device_name(device).lower()).strip("-")
    return f"{kind}.{name}.torch{torch.__version__.partition('+')[0]}.{suffix}"


def agreement_line(row: dict[str, Any]) -> str:
    """One line of progress."""
    head = f"agreement  {row['network']:<23}{row['probe']:<9}{row['precision']:<5}{row['verdict']:<8}"
    if "reason" in row:
        return f"{head} {row['reason']}"
    output, gradient = (_number(row[f"{part}_error"]) for part in ("output", "gradient"))
    bounds = f"{row['output_bound']:g}, {row['gradient_bound'] or 'any'}"
    return f"{head} error of output {output}, of gradient {gradient} (bounds {bounds})"


def training_line(row: dict[str, Any]) -> str:
    """One line of progress."""
    head = f"training   {row['network']:<23}{row['precision']:<5}{row['verdict']:<8}"
    if "losses" not in row:
        return f"{head} {row['reason']}"
    memory = row["peak_memory_bytes"]
    held = "" if memory is None else f", {memory / 2**30:.2f} GiB"
    reason = f"; {row['reason']}" if "reason" in row else ""
    loss = f"loss {_number(row['loss_first'])} -> {_number(row['loss_last'])}"
    return f"{head} {loss}, {_number(row['clips_per_second'])} clips/s{held}{reason}"


def _number(value: float | None) -> str:
    """Three digits; a number that is not finite or not there says so."""
    return "not finite" if value is None else f"{value:.3g}"
