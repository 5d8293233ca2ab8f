"""A whole network's convolutions replaced by factorized ones, under a rank, an error bound or a budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from hocp.conv.convert import checked_solver
from hocp.conv.costs.latency import Batch, latency
from hocp.conv.factorization.calibration import Scene
from hocp.conv.factorization.fitting import Made, check_options, make, rank_wanted
from hocp.conv.factorization.jobs import Job, jobs_of
from hocp.conv.factorization.report import FactorizationError, Factorized, LayerReport, faults
from hocp.conv.factorization.sensitivity import kernel_error
from hocp.conv.factorization.spending import (
    Plan,
    Timer,
    absolute,
    sensitivity_of,
    spend_counts,
    spend_seconds,
)
from hocp.conv.factorization.targets import Selection, find, replaced
from hocp.conv.layer import FactorizedConv
from hocp.conv.ranks.ladder import Rank, kind_of
from hocp.conv.solvers.fit import check_max_error

BUDGETS = ("parameters", "macs", "seconds")


def factorize(
    network: nn.Module,
    *,
    rank: Rank | float | Mapping[str, Rank] | None = None,
    max_error: float | None = None,
    parameters: int | float | str | None = None,
    macs: int | float | str | None = None,
    seconds: float | str | None = None,
    kind: str | type[FactorizedConv] = "cp",
    layers: Selection = None,
    calibration: Batch | Iterable[Batch] | None = None,
    input_size: Sequence[int] | None = None,
    tolerance: float | None = None,
    solver: Mapping[str, Any] | None = None,
    timer: Timer = latency,
    **options: Any,
) -> Factorized:
    """A copy of a network with its convolutions factorized.

    Exactly one of ``rank``, ``max_error``, ``parameters``, ``macs`` and ``seconds`` says how far. The network
    given stays untouched; modules and parameters that it shares stay shared in the copy, and the mode of
    training, dtypes, devices and what is trainable stay as they are.

    Parameters
    ----------
    network : nn.Module
        Or a single convolution.
    rank : int, float, or mapping from layer names or patterns to ranks, optional
        A number for all layers (for Tucker and tensor train cut at what the kernel's shape allows); a share
        below 1 of each layer's dense parameters, not exceeded; or one rank for each layer, which then also
        says which layers.
    max_error : float, optional
        Smallest rank for each layer whose kernel error, before rounding to the layer's dtype, is within it.
    parameters, macs : int, float or str, optional
        Budget of the whole network, as a number, a share of the original (0.5) or a text ("50%"). It is split
        by the errors that each layer's ranks make, weighted by what the network's output makes of them where
        there are calibration data.
    seconds : float or str, optional
        Budget of one call of the whole network on the first calibration batch, measured on this machine, in
        seconds or as a text ("50%").
    kind : {'cp', 'tucker', 'tt'} or class
    layers : str, iterable of str, or callable (name, module) -> bool, optional
        Names or patterns such as ``"layer4.*"``. By default every convolution with more than one tap and one
        group.
    calibration : Tensor, mapping of the network's arguments, or an iterable of them, optional
        Inputs on which output errors are measured; all are kept in memory.
    input_size : sequence of int, optional
        Shape of one input without the batch. Used for MACs and times where there are no calibration data.
    tolerance : float, optional
        Largest kernel error and, with calibration data, output error of any layer.
    solver : mapping, optional
        Options of the solver, such as ``{"seconds": 10}``.
    timer : callable (module, batch) -> float, optional
        What measures for ``seconds``; ``partial(latency, backward=True)`` times training steps.
    **options
        ``implementation`` of the layers; ``learn_weights`` and ``recompute`` of `CPConv`.

    Returns
    -------
    Factorized
        Network, one row a layer, and totals; ``print`` shows a table. Under ``max_error``, a share or a
        budget, a layer that no rank makes cheaper stays dense, and its row says so.

    Raises
    ------
    FactorizationError
        A `ValueError` whose ``layers`` are those with errors above the tolerance, or for which the solver
        found no sound form (degenerate, not finite, or refused). Nothing is half-done.
    ValueError
        If an argument cannot be used, or a budget cannot be kept.
    """
    kind = kind_of(kind, where="factorize")
    goals = {
        "rank": rank, "max_error": max_error, "parameters": parameters, "macs": macs, "seconds": seconds
    }  # fmt: skip
    name, goal = _only_one(goals)
    check_options(kind, options)
    solver = checked_solver(kind, solver, where="factorize")
    if max_error is not None:
        check_max_error(max_error)
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"tolerance of factorize is {tolerance!r}; expected a number of at least 0, or None")
    targets = find(network, list(rank) if isinstance(rank, Mapping) and layers is None else layers)
    with torch.random.fork_rng(devices=[]):  # examples and fresh layers leave the caller's numbers alone
        scene = Scene.of(network, targets, calibration, input_size)
        jobs = jobs_of(scene, targets, kind, options)
        if name in ("macs", "seconds") and scene.example is None:
            raise ValueError(f"factorize with {name}={goal!r} needs calibration data or input_size")
        plan = _by_budget(network, jobs, scene, name, goal, solver, timer) if name in BUDGETS else None
        wanted = [rank_wanted(job, goal) for job in jobs] if name == "rank" else _planned(jobs, plan)
        made = [
            make(job, rank, why, max_error, solver, options)
            for job, (rank, why) in zip(jobs, wanted, strict=True)
        ]
        return _finished(network, jobs, scene, made, plan, tolerance)


def _planned(jobs: Sequence[Job], plan: Plan | None) -> list[tuple[Rank | None, str]]:
    """Ranks of a plan, with the reason for those that stay dense; under an error bound all are yet open."""
    if plan is None:
        return [(None, "")] * len(jobs)
    levels = zip(jobs, plan.levels, plan.reasons, strict=True)
    return [(job.ladder.rank(level) if level else None, why) for job, level, why in levels]


def _only_one(goals: Mapping[str, Any]) -> tuple[str, Any]:
    """Name and value of the one goal that is given."""
    given = {name: goal for name, goal in goals.items() if goal is not None}
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise ValueError(f"factorize got {found}; expected exactly one of {', '.join(goals)}")
    return next(iter(given.items()))


def _by_budget(
    network: nn.Module, jobs: Sequence[Job], scene: Scene, name: str, goal: Any, solver: dict, timer: Timer
) -> Plan:
    """Levels that keep the budget."""
    if name == "seconds":
        before = timer(scene.network, scene.example)
        budget = absolute(name, goal, before)
        return spend_seconds(network, jobs, scene, budget=budget, solver=solver, timer=timer, before=before)
    total = scene.macs if name == "macs" else sum(p.numel() for p in network.parameters())
    return spend_counts(
        jobs, scene, name=name, budget=absolute(name, goal, total), total=total, solver=solver
    )


def _finished(
    network: nn.Module,
    jobs: Sequence[Job],
    scene: Scene,
    made: Sequence[Made],
    plan: Plan | None,
    tolerance: float | None,
) -> Factorized:
    """Measure, refuse what is wrong, and put the layers into a copy."""
    layers = [each[0] for each in made]
    rows = _rows(jobs, scene, made, plan)
    failing = [row for row in rows if faults(row, tolerance)]
    if failing:
        raise FactorizationError(failing, tolerance, len(rows))
    copy = replaced(network, [job.target for job in jobs], layers)
    saved = sum(row.macs_before - row.macs_after for row in rows) if scene.macs is not None else None
    seconds = (None, None) if plan is None or plan.seconds is None else plan.seconds
    return Factorized(
        copy,
        tuple(rows),
        scene.output_error(copy),
        sum(p.numel() for p in network.parameters()),
        sum(p.numel() for p in copy.parameters()),
        scene.macs,
        None if saved is None else scene.macs - saved,
        *seconds,
    )


def _rows(jobs: Sequence[Job], scene: Scene, made: Sequence[Made], plan: Plan | None) -> list[LayerReport]:
    """One row a kernel."""
    errors = scene.layer_errors([layers for layers, *_ in made])
    expected = scene.first_output() if scene.batches else None
    rows = []
    for n, (job, (layers, rank, status, reason)) in enumerate(zip(jobs, made, strict=True)):
        sensitivity = plan.sensitivities[n] if plan else None
        if sensitivity is None and layers and expected is not None:
            sensitivity = sensitivity_of(job, scene, layers, expected)
        now = layers or job.target.convs
        dense, kind = type(job.target.convs[0]).__name__, job.ladder.kind.__name__
        unique = {id(p): p.numel() for layer in now for p in layer.parameters()}
        rows.append(LayerReport(
            name=job.target.name,
            kind=dense if status == "dense" else kind,
            rank=rank,
            status=status,
            reason=reason,
            kernel_error=kernel_error(job.target, layers[0]) if layers else None,
            output_error=errors[n],
            sensitivity=sensitivity,
            parameters_before=job.target.parameters,
            parameters_after=sum(unique.values()),
            macs_before=job.macs_of(job.target.convs),
            macs_after=job.macs_of(now),
        ))  # fmt: skip
    return rows
