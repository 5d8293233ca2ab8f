"""``python -m hocp train``: one run from its specification to its model."""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from hocp.clips import MEMORY, Prepared
from hocp.contracts import files, record
from hocp.contracts import spec as specification
from hocp.learning import facts, parallel, parts, start
from hocp.learning.checkpoint import Checkpoints
from hocp.learning.history import History
from hocp.learning.loop import NonFinite, Trainer
from hocp.learning.predict import source_of
from hocp.learning.pruning import prune
from hocp.learning.signals import StopRequest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--spec", required=True, metavar="JSON|@FILE", help="specification of the run")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="prepared data set")
    # Not "--start": torchrun, which reads the line first, would take it for its own --start-method.
    parser.add_argument("--start-run", type=Path, metavar="DIR", help="folder of the run that it starts from")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of this run")
    parser.add_argument("--checkpoints", required=True, type=Path, metavar="DIR", help="scratch folder")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads (default 1)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes that read ahead")
    parser.add_argument(
        "--memory", type=int, default=MEMORY, metavar="BYTES", help="largest data set held in memory"
    )
    parser.add_argument(
        "--checkpoint-seconds", type=float, default=60.0, metavar="S", help="time between checkpoints"
    )


def run(args: argparse.Namespace) -> int:
    """Train; 0 when finished, 143 or 130 when asked to stop, 1 when a number became non-finite."""
    spec = specification.read(args.spec)
    torch.set_num_threads(args.threads)
    processes = parallel.start(args.device)
    data = prepared(args.data, spec, memory=args.memory)
    network = start.begin(spec, args.start_run)
    history = History(spec["run"], spec["training"]["steps"], silent=not processes.first)
    trainer = Trainer(
        network,
        spec,
        **{part: part_of(data, part, spec, network.order) for part in ("train", "val")},
        processes=processes,
        checkpoints=Checkpoints(args.checkpoints, identity(spec, data, args.start_run), say=history.say),
        history=history,
        checkpoint_seconds=args.checkpoint_seconds,
        workers=args.workers,
    )
    try:
        with StopRequest() as stop:
            if not trainer.fit(stop):
                return stop.exit_status
        if processes.first:
            finish(trainer, data, args)
    except NonFinite as error:
        print(f"hocp train: {error}", file=sys.stderr)
        return 1
    finally:
        history.close()
    processes.finish()
    return 0


def prepared(folder: Path, spec: dict[str, Any], *, memory: int = MEMORY) -> Prepared:
    """The data set of a run.

    Raises
    ------
    ValueError
        If it is another one.
    """
    data = Prepared(folder, memory=memory)
    if data.facts.dataset != spec["dataset"]:
        raise ValueError(
            f"--data {folder} holds {data.facts.dataset}, run {spec['run']} needs {spec['dataset']}"
        )
    return data


def part_of(data: Prepared, part: str, spec: dict[str, Any], order: int):
    """Frames or windows of one part of a run."""
    return source_of(data, parts.position(data, part, spec), frames=spec["training"]["frames"], order=order)


def identity(spec: dict[str, Any], data: Prepared, folder: Path | None) -> dict[str, Any]:
    """All that decides the run, for its checkpoints."""
    return {
        "spec": spec,
        "manifest": data.facts.manifest_sha256,
        "crops": data.facts.crops_sha256,
        "start": start.read_facts(folder)["model_sha256"] if folder else None,
    }


def finish(trainer: Trainer, data: Prepared, args: argparse.Namespace) -> None:
    """Write what the run leaves behind; ``train.json`` last, since it tells that all is there."""
    spec, processes, out = trainer.spec, trainer.processes, args.out
    rows = trainer.history.rows
    train = {
        "steps": trainer.done,
        "seconds": round(trainer.history.seconds, 3),
        "final_loss": rows[-1]["loss"],
        "threads": args.threads,
        "processes": processes.size,
        "resumed": trainer.resumed,
    }
    if spec["training"]["lasso"] > 0:
        source = trainer.val if len(trainer.val) else trainer.batches.source
        ranks, train["pruning"] = prune(
            trainer.network, spec, data=data.facts.data, source=source, device=processes.device
        )
        files.write_csv(out / "ranks.csv", record.RANKS, ranks)
    with files.publish(out / start.MODEL) as scratch:
        save_file({k: v.contiguous().cpu() for k, v in trainer.network.state_dict().items()}, scratch)
    files.write_csv(out / "history.csv", record.HISTORY, rows)
    trained = facts.of_training(
        spec,
        data=data,
        network=trainer.network,
        train=train,
        device=parallel.describe(processes.device),
        model_sha256=files.sha256(out / start.MODEL),
    )
    facts.write(out / start.FACTS, trained)
    trainer.checkpoints.clear()
