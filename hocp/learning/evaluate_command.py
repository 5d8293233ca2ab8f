"""``python -m hocp evaluate``: predictions of a trained run for its test part, and its record."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hocp.clips import MEMORY, NO_EXPRESSION, Prepared
from hocp.contracts import files, record
from hocp.learning import facts, parallel, parts, start
from hocp.learning.losses import AFFECT
from hocp.learning.predict import predict
from hocp.learning.train_command import part_of, prepared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--run", required=True, nargs="+", type=Path, metavar="DIR", help="trained runs on one data set"
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="prepared data set")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads (default 1)")
    parser.add_argument(
        "--memory", type=int, default=MEMORY, metavar="BYTES", help="largest data set held in memory"
    )


def run(args: argparse.Namespace) -> None:
    """Evaluate each run."""
    torch.set_num_threads(args.threads)
    device = parallel.start(args.device).device
    data = None
    for folder in args.run:
        network, trained = start.load(folder)
        data = data or prepared(args.data, trained["spec"], memory=args.memory)
        _same_data(trained, data, folder)
        evaluate(folder, network.to(device), trained, data=data, device=device)


def _same_data(trained: dict[str, Any], data: Prepared, folder: Path) -> None:
    if trained["data"] != facts.of_data(data):
        raise ValueError(
            f"{folder} was trained on another data set than --data holds: manifest "
            f"{trained['data']['manifest_sha256'][:12]} against {data.facts.manifest_sha256[:12]}, crops "
            f"{trained['data']['crops_sha256'][:12]} against {data.facts.crops_sha256[:12]}; train it anew"
        )


def evaluate(
    folder: Path, network: torch.nn.Module, trained: dict[str, Any], *, data: Prepared, device: torch.device
) -> None:
    """Write ``predictions.npz`` and ``record.json`` of one run."""
    begun = time.perf_counter()
    spec = trained["spec"]
    source = part_of(data, "test", spec, network.order)
    position, outputs = predict(network, source, device=device)
    record.write_predictions(folder / "predictions.npz", **columns(data, position, outputs))
    evaluation = {
        "seconds": round(time.perf_counter() - begun, 3),
        **facts.surroundings(parallel.describe(device)),
        "finished": facts.now(),
    }
    items = {part: len(parts.position(data, part, spec)) for part in ("train", "val", "test")}
    facts.write(
        folder / "record.json",
        {
            **trained,
            "schema": facts.EVALUATED,
            "predictions_sha256": files.sha256(folder / "predictions.npz"),
            "items": items,
            "evaluation": evaluation,
        },
    )


def columns(data: Prepared, position: torch.Tensor, outputs: torch.Tensor) -> dict[str, np.ndarray]:
    """Arrays of ``predictions.npz`` for the items at `position`; -1 where there is no frame or expression."""
    items = [data.items[k] for k in position.tolist()]
    true, expression = data.targets[position], data.expression[position]
    scores = outputs[:, AFFECT:]
    none = torch.full((len(items),), -1)
    return {
        "item": np.array([item.item for item in items], dtype=np.str_),
        "clip": np.array([item.clip for item in items], dtype=np.str_),
        "frame": np.array([-1 if item.frame is None else item.frame for item in items], dtype=np.int32),
        "valence": outputs[:, 0].numpy(),
        "arousal": outputs[:, 1].numpy(),
        "valence_true": true[:, 0].numpy(),
        "arousal_true": true[:, 1].numpy(),
        "expression": (scores.argmax(1) if scores.shape[1] else none).numpy(),
        "expression_true": torch.where(expression == NO_EXPRESSION, -1, expression).numpy(),
    }
