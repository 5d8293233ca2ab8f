"""The training loop.

Shape legend: B items of this process's share of a batch, F frames of a window (absent for single images),
S side in pixels, K outputs.

    images               (B, S, S, 3) or (B, F, S, S, 3), bytes
    network input        (B, 3, S, S) or (B, 3, F, S, S)
    outputs              (B, K)       or (B, F, K)
    in the loss          (N, K), the frames of all processes that are not padding
"""

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hocp.clips import Batch, Frames, Windows, normalise
from hocp.conv import freeze_except_temporal, unfreeze
from hocp.conv.ranks.lasso import adam_scales, rebalance_, soft_threshold_
from hocp.learning import augment, losses, metrics
from hocp.learning.checkpoint import Checkpoints
from hocp.learning.history import History
from hocp.learning.order import Steps, loader
from hocp.learning.parallel import Processes
from hocp.learning.plan import Plan
from hocp.learning.predict import predict
from hocp.learning.seeding import generator, number
from hocp.learning.signals import StopRequest

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16}


class NonFinite(ArithmeticError):
    """Training met a number that is none."""


class Trainer:
    """One run from its first step, or from a checkpoint, to its last.

    Parameters
    ----------
    network : nn.Module
        As the run begins with it; trained in place.
    spec : mapping
        See `hocp.contracts.spec.resolve`.
    train, val : Frames or Windows
    processes : Processes
    checkpoints : Checkpoints
    history : History
    checkpoint_seconds : float
        A checkpoint is written when this much time has passed since the last.
    workers : int
        Processes that read batches ahead; of use where crops are not held in memory.
    """

    def __init__(
        self,
        network: nn.Module,
        spec: Mapping[str, Any],
        *,
        train: Frames | Windows,
        val: Frames | Windows,
        processes: Processes,
        checkpoints: Checkpoints,
        history: History,
        checkpoint_seconds: float = 60.0,
        workers: int = 0,
    ):
        self.spec, self.training, self.plan = spec, spec["training"], Plan.of(spec["training"])
        if self.training["precision"] not in PRECISIONS:
            legal = " or ".join(PRECISIONS)
            raise ValueError(f"training.precision is {self.training['precision']!r}, expected {legal}")
        self.processes, self.checkpoints, self.history = processes, checkpoints, history
        self.network = network.to(processes.device)
        self.val, self.workers, self.checkpoint_seconds = val, workers, checkpoint_seconds
        self.batches = Steps(
            train,
            self.training["batch"],
            seed=spec["seed"],
            augmentation=self.training["augment"],
            share=processes.share(self.training["batch"]),
        )
        self.done = 0  # steps
        self.resumed: list[int] = []  # steps after which the run went on from a checkpoint
        self._stage: int | None = None

    def fit(self, stop: StopRequest) -> bool:
        """Train to the end; False if asked to stop before, with a checkpoint written."""
        self._resume()
        saved = time.monotonic()
        for step, (batch, change) in enumerate(self._loader(), start=self.done):
            self._enter(self.plan.stage(step))
            self._step(step, batch.to(self.processes.device), change)
            self.done = step + 1
            self._report(step)
            if self.processes.any(bool(stop)):
                self._save()
                return False
            if time.monotonic() - saved > self.checkpoint_seconds:
                self._save()
                saved = time.monotonic()
        return True

    def _loader(self):
        return loader(self.batches, self.done, self.plan.steps, workers=self.workers)

    def _enter(self, stage: int) -> None:
        """Begin a stage: what is trained, with an optimizer of its own."""
        if stage == self._stage:
            return
        if self._stage is not None and self.plan.stages[self._stage][0] == "temporal":
            unfreeze(self.network)
        if self.plan.stages[stage][0] == "temporal":
            freeze_except_temporal(self.network)
        self._stage = stage
        self.optimizer = self._optimizer()
        self.model = self.processes.wrap(self.network)

    def _optimizer(self) -> torch.optim.Adam:
        """Adam; weight decay acts on kernels, factors and matrices, not on biases, norms and CP weights."""
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": self.training["weight_decay"]},
            {"params": [p for p in trained if p.ndim == 1]},
        ]
        return torch.optim.Adam(groups, betas=self.training["betas"], fused=True)

    def _step(self, step: int, batch: Batch, change: augment.Change) -> None:
        """One step of the optimizer."""
        torch.manual_seed(number(self.spec["seed"], "network", step, self.processes.rank))
        self.model.train()
        images = normalise(augment.apply(batch.images, change))
        with torch.autocast(images.device.type, dtype=self._half(), enabled=self._half() is not None):
            outputs = self.model(images)
        parts = self._loss(step, outputs, batch)
        self.optimizer.zero_grad()
        (parts.loss * self.processes.size).backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.training["clip_norm"])
        self._refuse_non_finite(step, parts, norm)
        rate = self.plan.rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        if self.training["lasso"] > 0:
            rebalance_(self.network)
            amount = rate * self.training["lasso"]
            soft_threshold_(self.network, amount, scales=adam_scales(self.optimizer))
        self.history.add(parts, norm)

    def _half(self) -> torch.dtype | None:
        return PRECISIONS[self.training["precision"]]

    def _loss(self, step: int, outputs: Tensor, batch: Batch) -> losses.Parts:
        """Loss of the whole batch, padding left out."""
        gather = self.processes.gather
        mask = gather(batch.mask)
        outputs, targets = gather(outputs.float())[mask], gather(batch.targets)[mask]
        expression = gather(batch.expression)[mask]
        weights = losses.draw_weights(generator(self.spec["seed"], "loss weights", step))
        return losses.total(outputs, targets, expression, weights)

    def _refuse_non_finite(self, step: int, parts: losses.Parts, norm: Tensor) -> None:
        if bool(torch.isfinite(parts.loss + norm)):
            return
        values = ", ".join(f"{name} {part.item():.4g}" for name, part in parts._asdict().items())
        raise NonFinite(
            f"{self.spec['run']}, step {step + 1} of {self.plan.steps}: {values}; gradient norm "
            f"{norm.item():.4g}; first non-finite: {_first_non_finite(self.network)}. Nothing is saved as "
            "finished; a smaller training.lr or training.precision fp32 may help"
        )

    def _report(self, step: int) -> None:
        """Evaluate and write a row of the history where one is due."""
        last = self.done == self.plan.steps
        evaluate = last or self.done % self.training["evaluate_every"] == 0
        if not self.processes.first or not (evaluate or self.history.due(self.done)):
            return
        self.history.row(
            self.done,
            stage=self.plan.stages[self._stage][0],
            lr=self.plan.rate(step),
            validation=self.validate() if evaluate else {},
        )

    def validate(self) -> dict[str, float | None]:
        """CCC of valence and arousal on the validation part; None where undefined."""
        if not len(self.val):
            return {}
        position, outputs = predict(self.network, self.val, device=self.processes.device)
        true = self.val.data.targets[position]
        return {name: _ccc(outputs[:, k], true[:, k]) for k, name in enumerate(("valence", "arousal"))}

    def _save(self) -> None:
        if not self.processes.first:
            return
        state = {
            "step": self.done,
            "resumed": self.resumed,
            "stage": self._stage,
            "model": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history.state(),
        }
        self.checkpoints.save(self.done, state)
        self.history.say(f"checkpoint at step {self.done} of {self.plan.steps}")

    def _resume(self) -> None:
        state = self.checkpoints.load(self.processes.device)
        if state is None:
            return
        self._enter(state["stage"])
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history.load(state["history"])
        self.done = state["step"]
        self.resumed = [*state["resumed"], self.done]
        self.history.say(f"going on after step {self.done} of {self.plan.steps}")


def _first_non_finite(network: nn.Module) -> str:
    """Name of the first parameter, gradient or buffer with a number that is none."""
    parameters = list(network.named_parameters())
    named = [
        *((f"parameter {name}", value) for name, value in parameters),
        *((f"gradient of {name}", value.grad) for name, value in parameters if value.grad is not None),
        *((f"buffer {name}", value) for name, value in network.named_buffers()),
    ]
    for name, value in named:
        if not bool(torch.isfinite(value).all()):
            return name
    return "none in the network, so it is in the data or the loss"


def _ccc(predicted: Tensor, true: Tensor) -> float | None:
    try:
        return metrics.ccc(predicted.numpy(), true.numpy())
    except metrics.Undefined:
        return None
