"""What a specification asks of each training step: stage and learning rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STAGES = ("all", "temporal")


@dataclass(frozen=True)
class Plan:
    """Stages and learning rates of a run.

    Attributes
    ----------
    steps : int
    stages : tuple of (str, int)
        What is trained, and the step at which the stage ends; "temporal" trains the temporal factors of a
        transduced network alone.
    lr : float
        Learning rate of the first step.
    decay_at : tuple of int
        Steps at which the learning rate is multiplied by `decay_factor`.
    """

    steps: int
    stages: tuple[tuple[str, int], ...]
    lr: float
    decay_at: tuple[int, ...]
    decay_factor: float

    @classmethod
    def of(cls, training: Mapping[str, Any]) -> "Plan":
        """Read the training values of a specification.

        Raises
        ------
        ValueError
            If a stage is unknown or the shares of the stages do not add up to 1.
        """
        steps, stages, passed = training["steps"], [], 0.0
        for stage in training["stages"]:
            if stage["train"] not in STAGES:
                raise ValueError(f"training.stages: train is {stage['train']!r}, expected one of {STAGES}")
            passed += stage["share"]
            stages.append((stage["train"], round(passed * steps)))
        if abs(passed - 1) > 1e-6:
            raise ValueError(f"training.stages: the shares add up to {passed}, expected 1")
        decay = training["decay"]
        return cls(
            steps=steps,
            stages=tuple(stages),
            lr=training["lr"],
            decay_at=tuple(round(share * steps) for share in decay["at"]),
            decay_factor=decay["factor"],
        )

    def stage(self, step: int) -> int:
        """Number of the stage that a step belongs to."""
        return next(k for k, (_, end) in enumerate(self.stages) if step < end)

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        return self.lr * self.decay_factor ** sum(step >= at for at in self.decay_at)
