"""A network's budget of parameters, MACs or time, spent where it helps the output most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from hocp.conv.costs.latency import Batch
from hocp.conv.factorization.budget import Choices, allocate, least
from hocp.conv.factorization.calibration import Scene
from hocp.conv.factorization.jobs import Job
from hocp.conv.factorization.sensitivity import error_curve, kernel_error, probe_level, quick_layer
from hocp.conv.factorization.targets import for_all, replaced

TIMED_LEVELS = 5  # of each layer
TRIALS = 8  # whole networks that are timed
ENOUGH = 0.9  # share of a time that counts as spent

Timer = Callable[[nn.Module, Batch], float]


@dataclass(frozen=True)
class Plan:
    """Level for each job, 0 for dense, with the reason; and what was measured on the way."""

    levels: list[int]
    reasons: list[str]
    sensitivities: list[float | None]
    seconds: tuple[float, float] | None = None


def absolute(name: str, value: Any, original: float) -> float:
    """A budget as a number: given as one, as a share of the original, or as a text such as '50%'.

    Raises
    ------
    ValueError
        If it is none of these or not positive.
    """
    share = None
    if isinstance(value, str) and value.strip().endswith("%"):
        with suppress(ValueError):
            share = float(value.strip()[:-1]) / 100
    elif isinstance(value, float) and name != "seconds":
        share = value
    number = value if share is None else share
    legal = isinstance(number, (int, float)) and not isinstance(number, bool)
    if not legal or not isfinite(number) or number <= 0 or (share is not None and share > 1):
        forms = "seconds above 0" if name == "seconds" else "a whole number, a share between 0 and 1"
        raise ValueError(f"{name} of factorize is {value!r}; expected {forms}, or a share such as '50%'")
    return number if share is None else share * original


def spend_counts(
    jobs: Sequence[Job], scene: Scene, *, name: str, budget: float, total: int, solver: Mapping[str, Any]
) -> Plan:
    """Split parameters or MACs, of which the network has ``total`` at the start.

    Raises
    ------
    ValueError
        If rank 1 in every layer still costs more.
    """
    costs = [_counted(job, name) for job in jobs]
    choices, sensitivities = _choices(jobs, scene, costs, solver)
    fixed = total - sum(cost[0] for cost in costs)
    _affordable(name, budget, fixed + least(choices), total)
    levels = allocate(choices, budget - fixed)
    return Plan(levels, _reasons(levels, choices, name), sensitivities)


def _counted(job: Job, name: str) -> list[float]:
    """Cost of the dense layer, then of every level that is cheaper."""
    cost = getattr(job, name)
    dense = cost(0)
    top = job.ladder.highest(lambda level: cost(level) < dense)
    return [dense, *(cost(level) for level in range(1, top + 1))]


def _choices(
    jobs: Sequence[Job], scene: Scene, costs: Sequence[Sequence[float]], solver: Mapping[str, Any]
) -> tuple[list[Choices], list[float | None]]:
    """What each layer may become, its losses in shares of the squared output."""
    expected = scene.first_output() if scene.batches else None
    choices, sensitivities = [], []
    for job, (dense, *steps) in zip(jobs, costs, strict=True):
        errors, effects, sensitivity = torch.zeros(0), torch.zeros(0), None
        if steps:
            errors = effects = error_curve(job.target, job.ladder, len(steps), solver)
            if expected is not None:
                effects, sensitivity = _answers(job, scene, errors, solver, expected)
        losses = [*effects.square().tolist(), 0.0]
        choices.append(Choices((*range(1, len(steps) + 1), 0), (*steps, dense), tuple(losses)))
        sensitivities.append(sensitivity)
    return choices, sensitivities


def _answers(
    job: Job, scene: Scene, errors: Tensor, solver: Mapping[str, Any], expected: list[Tensor]
) -> tuple[Tensor, float | None]:
    """Change of the network's output at every level, and for each unit of a moderate kernel error.

    Measured with two quick layers, at a moderate error and at the smallest rank: a network may bear some
    error of a layer, and not the loss of it. Straight lines lie between them and from zero.
    """
    points = []
    for level in (probe_level(errors), 1):
        layers = for_all(job.target, quick_layer(job.target, job.ladder, level, solver))
        slope = sensitivity_of(job, scene, layers, expected)
        if slope is not None:
            points.append((errors[level - 1].item(), slope))
    if not points:
        return errors, None
    (error, slope), (worst, slope_there) = points[0], points[-1]
    effects = slope * errors
    if worst > error:
        beyond = slope * error + (slope_there * worst - slope * error) * (errors - error) / (worst - error)
        effects = torch.where(errors > error, beyond, effects)
    return effects.flip(0).cummax(0).values.flip(0), slope


def sensitivity_of(
    job: Job, scene: Scene, layers: Sequence[nn.Module], expected: list[Tensor]
) -> float | None:
    """Change of the network's output for each unit of kernel error; None where there is no error."""
    error = kernel_error(job.target, layers[0])
    effect = scene.effect(job.target, layers, expected)
    return effect / error if error > 1e-9 and isfinite(effect / error) else None


def _affordable(name: str, budget: float, cheapest: float, total: float) -> None:
    if cheapest > budget:
        show = (lambda n: f"{n:.4g}") if name == "seconds" else (lambda n: f"{n:,.0f}")
        raise ValueError(
            f"{name}={show(budget)} cannot be reached: with every chosen layer at its cheapest "
            f"{show(cheapest)} of {show(total)} remain; raise the budget, or choose more layers"
        )


def _reasons(levels: Sequence[int], choices: Sequence[Choices], name: str) -> list[str]:
    """Why a layer stays dense; empty for others."""
    what = {"parameters": "parameters", "macs": "MACs", "seconds": "time"}[name]
    reasons = []
    for level, choice in zip(levels, choices, strict=True):
        alone = len(choice.useful().levels) == 1
        dense = f"no rank saves {what}" if alone else "as the budget allows"
        reasons.append("" if level else dense)
    return reasons


def spend_seconds(
    network: nn.Module, jobs: Sequence[Job], scene: Scene, *, budget: float, solver: Mapping[str, Any],
    timer: Timer, before: float,
) -> Plan:  # fmt: skip
    """Split a time: layers are timed alone to plan, and whole networks to keep the budget.

    The times of layers do not quite add up to that of the network. So what they may add up to is searched
    for, until the network is found to take between nine tenths of the budget and all of it.

    Raises
    ------
    ValueError
        If no trial keeps the budget.
    """
    costs = [_timed(job, timer) for job in jobs]
    choices, sensitivities = _choices(jobs, scene, costs, solver)
    cheapest, best, fastest = least(choices), None, before
    low, high = (cheapest, None), (sum(cost[0] for cost in costs), before)
    for left in reversed(range(TRIALS)):
        aim = cheapest if not left and best is None else _aim(low, high, budget)
        levels = allocate(choices, aim)
        taken = before if not any(levels) else timer(_stand_in(network, jobs, levels), scene.example)
        fastest = min(fastest, taken)
        if taken > budget:
            high = (aim, taken)
        else:
            low, best = (aim, taken), max(best or (0.0, []), (taken, levels))
        if ENOUGH * budget <= taken <= budget or not any(levels) or (aim == cheapest and taken > budget):
            break
    if best is None:
        _affordable("seconds", budget, fastest, before)
    taken, levels = best
    return Plan(levels, _reasons(levels, choices, "seconds"), sensitivities, (before, taken))


def _aim(low: tuple[float, float | None], high: tuple[float, float], budget: float) -> float:
    """What the layers' times may add up to next, between a sum that is known to fit and one that is not."""
    (spend, time), (spend_high, time_high), goal = low, high, (1 + ENOUGH) / 2 * budget
    if time_high <= budget:
        return spend_high
    if time is None:
        return max(spend, spend_high * goal / time_high)
    share = (goal - time) / (time_high - time)
    return spend + min(max(share, 0.1), 0.9) * (spend_high - spend)


def _timed(job: Job, timer: Timer) -> list[float]:
    """Time of the dense layer, then of the levels with fewer MACs: a few measured, the others in between."""
    dense, macs = job.seconds(0, timer), job.macs(0)
    top = job.ladder.highest(lambda level: job.macs(level) < macs)
    if not top:
        return [dense]
    levels = sorted({max(1, round(top ** (step / (TIMED_LEVELS - 1)))) for step in range(TIMED_LEVELS)})
    times, costs = [job.seconds(level, timer) for level in levels], [dense]
    for i, low in enumerate(levels[:-1]):
        high = levels[i + 1]
        slope = (times[i + 1] - times[i]) / (high - low)
        costs += [times[i] + slope * (level - low) for level in range(low, high)]
    return [*costs, times[-1]]


def _stand_in(network: nn.Module, jobs: Sequence[Job], levels: Sequence[int]) -> nn.Module:
    """A network of these ranks that was never fitted; in evaluation mode."""
    made = [job.fresh(level) if level else None for job, level in zip(jobs, levels, strict=True)]
    return replaced(network, [job.target for job in jobs], made).eval()
