"""One layer for one kernel: options and ranks checked, the solver run, its refusal noted."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from torch import nn

from hocp.conv import convert, solvers
from hocp.conv.cp import CPConv
from hocp.conv.factorization.jobs import Job
from hocp.conv.factorization.targets import for_all
from hocp.conv.layer import FactorizedConv
from hocp.conv.ranks.ladder import Rank
from hocp.conv.tucker import TuckerConv

OPTIONS = ("implementation", "learn_weights", "recompute")


class Made(NamedTuple):
    """What became of one kernel.

    Attributes
    ----------
    layers : list or None
        In the places of the convolutions; None if dense or refused.
    rank : int, tuple or None
    status, reason : str
        See `hocp.conv.LayerReport`.
    """

    layers: list[FactorizedConv] | None
    rank: Rank | None
    status: str
    reason: str


def check_options(kind: type[FactorizedConv], options: Mapping[str, Any]) -> None:
    """Only what leaves the function as it is."""
    legal = OPTIONS if issubclass(kind, CPConv) else OPTIONS[:1]
    for name, value in options.items():
        if name not in legal:
            raise ValueError(
                f"factorize got {name}={value!r}; expected of {kind.__name__}'s options only "
                f"{', '.join(legal)}: all else is taken over from the convolution"
            )


def rank_wanted(job: Job, rank: Rank | float | Mapping[str, Rank]) -> tuple[Rank | None, str]:
    """The rank of one layer, None to leave it dense, with the reason."""
    if isinstance(rank, Mapping):
        return _listed(job, rank), ""
    if isinstance(rank, float):
        return _by_share(job, rank)
    number = isinstance(rank, int) and not isinstance(rank, bool) and rank > 0
    if not number and not isinstance(rank, (tuple, list)):
        raise ValueError(
            f"rank of factorize is {rank!r}; expected a whole number of at least 1, a share or a mapping"
        )
    if number and issubclass(job.ladder.kind, TuckerConv):
        return tuple(min(rank, size) for size in job.ladder.shape[:2]), ""
    if number and not issubclass(job.ladder.kind, CPConv):
        return job.ladder.rank(rank), ""
    return rank, ""


def _listed(job: Job, ranks: Mapping[str, Rank]) -> Rank:
    """By the layer's name, else by the first pattern that fits."""
    names = [name for paths in job.target.paths for name in paths]
    found = [ranks[name] for name in names if name in ranks]
    found += [rank for pattern, rank in ranks.items() for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise ValueError(
            f"rank has no entry for layer {job.target.name!r}; name it, or leave it out of layers"
        )
    return found[0]


def _by_share(job: Job, share: float) -> tuple[Rank | None, str]:
    """The largest rank within a share of the dense parameters."""
    if not 0 < share < 1:
        raise ValueError(
            f"rank of factorize is {share!r}; expected a whole number, or a share of the dense parameters "
            "between 0 and 1"
        )
    most = share * job.target.parameters
    level = job.ladder.highest(lambda level: job.parameters(level) <= most)
    return (job.ladder.rank(level), "") if level else (None, f"rank 1 exceeds {share:g} of its parameters")


def make(job: Job, rank: Rank | None, why: str, max_error: float | None, solver: dict, options: dict) -> Made:
    """Layers for the places of one kernel, their rank, status and reason; no layers if dense or refused."""
    if rank is None and max_error is None:
        return Made(None, None, "dense", why)
    conv, kind = job.target.convs[0], job.ladder.kind
    try:
        if max_error is None:
            layer = kind.from_conv(conv, rank=rank, solver=solver, **options)
        else:
            layer = _within(kind, conv, max_error, solver, options)
    except ValueError as error:
        return Made(None, rank, "refused", str(error))
    if max_error is not None:
        before, after = conv.weight.numel(), sum(p.numel() for p in layer.parameters() if p is not layer.bias)
        if after >= before:
            reason = f"rank {layer.rank} within {max_error:g} has {after:,} parameters"
            return Made(None, None, "dense", reason)
    return Made(for_all(job.target, layer), layer.rank, layer.fit.status, layer.fit.reason)


def _within(
    kind: type[FactorizedConv], conv: nn.Module, max_error: float, solver: dict, options: dict
) -> FactorizedConv:
    """A layer of the smallest rank whose kernel error is within a bound."""
    kernel = conv.weight.detach()
    if issubclass(kind, CPConv):
        known = convert.options_of(solvers.fit_cp_to_error)
        limits = {name: value for name, value in solver.items() if name in known}
        *tensors, fit = solvers.fit_cp_to_error(kernel, max_error, **limits)
        return convert.in_place_of(conv, kind, tensors=tensors, fit=fit, options=options)
    search = solvers.tucker_ranks_for_error if issubclass(kind, TuckerConv) else solvers.tt_ranks_for_error
    limits = {name: solver[name] for name in ("max_bytes",) if name in solver}
    return kind.from_conv(conv, rank=search(kernel, max_error, **limits), solver=solver, **options)
