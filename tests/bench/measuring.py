"""One row of the speed benchmark: who is timed on what, and the facts that stand beside its time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from hocp.conv import CPConv, network_cost, tune
from hocp.conv.choice.choose import choose
from hocp.conv.forms import FORMS, Call, Form
from tests.bench import cases, memory, networks, peers
from tests.bench.calls import CALLS, TRAINS, Subject, prepare
from tests.bench.cases import Case, Effort, LayerCase
from tests.bench.exact import layer_error
from tests.bench.networks import network_error
from tests.bench.peers import Peer

SLOW = 0.1  # seconds; what a longer call finds in the caches at its start does not matter


@dataclass(frozen=True)
class Measurement:
    """A peer under one call of a case, in one of the passes over all peers."""

    case: Case
    call: str
    turn: int
    peer: Peer

    def __str__(self) -> str:
        case, peer = self.case, self.peer
        parts = (case.subject, f"batch {case.batch}", f"R = {case.rank_of}", self.call, f"pass {self.turn}")
        return ", ".join((*parts, peer.name, peer.layout))


def measurements(among: tuple[Case, ...], *, passes: int) -> Iterator[Measurement]:
    """All of them, in the order in which they are timed: within a case and call, the peers take turns."""
    for case in among:
        for call in case.calls:
            for turn in range(passes):
                yield from (Measurement(case, call, turn, peer) for peer in taking_part(case, call))


def taking_part(case: Case, call: str) -> list[Peer]:
    """Others and ours; at some ranks of a layer, of the others only the dense one."""
    others = peers.outsiders(case) if case.suite == "layers" else networks.outsiders(case)
    if case.suite == "layers" and case.rank_of not in cases.COMPARED[case.order]:
        others = [peer for peer in others if peer.name == "dense"]
    return others + ours(case, call)


def ours(case: Case, call: str) -> list[Peer]:
    """'auto' and every form that can compute a layer; in networks 'auto' and the best of plain torch."""
    names = ["hocp auto", *(["hocp auto recompute"] if call in TRAINS else [])]
    if case.suite == "networks":  # which bring their input into the format of the layers themselves
        return [Peer(name) for name in (*names, "hocp views")]
    names += [f"hocp {name}" for name, form in FORMS.items() if _computes(form, case, call)]
    contiguous = [Peer(name) for name in names if case.thorough]
    return [Peer(name, "channels_last") for name in names] + contiguous


def _computes(form: Form, case: LayerCase, call: str) -> bool:
    """Whether a form can compute the layer of a case, in either memory layout."""
    known = {name: getattr(case, name) for name in ("batch", "rank", "size", "geometry")}
    asked = Call(
        in_channels=case.channels, out_channels=case.channels, groups=1, threads=torch.get_num_threads(),
        training=call in TRAINS, channels_last=True, **known,
    )  # fmt: skip
    return form.supports(asked) is None


@lru_cache(maxsize=32)
def subject(case: Case, peer: Peer) -> Subject:
    """Module and input, made once for all passes and calls of a case."""
    layer = case.suite == "layers"
    module = (peers if layer else networks).build(peer.name, case)
    return prepare(module, case.input_shape, peer.layout, layer=layer)


def ready(measurement: Measurement) -> Subject:
    """The module in the mode of its call, 'auto' tuned for it."""
    case, peer, call = measurement.case, measurement.peer, measurement.call
    made, trains = subject(case, peer), call in TRAINS
    if made.module.training != trains:  # set only if it changes: layers then forget the kernels they keep
        made.module.train(trains)
    if peer.name.startswith("hocp auto"):
        tuned(case, peer.layout, call)
    return made


@lru_cache(maxsize=32)
def tuned(case: Case, layout: str, call: str) -> str:
    """Measure all forms for the calls of a module, for 'auto' to know; returns what it took before."""
    made = subject(case, Peer("hocp auto", layout))
    made.module.train(call in TRAINS)
    before = forms_taken(made.module, lambda: CALLS[call](made))
    tune(made.module, made.x, backward=call in TRAINS, rounds=3)
    return before


@lru_cache(maxsize=64)
def pace(case: Case, peer: Peer, call: str) -> float:
    """Seconds of a call; a quick one is called twice, since the first warms up."""
    made = subject(case, peer)
    for _ in range(2):
        start = time.perf_counter()
        CALLS[call](made)
        seconds = time.perf_counter() - start
        if seconds > SLOW:
            break
    return seconds


def repeats(measurement: Measurement, effort: Effort) -> dict[str, int]:
    """How many calls fit into the time for a row; quick ones warm up anew after the other peers' turns."""
    seconds = pace(measurement.case, measurement.peer, measurement.call)
    rounds = max(effort.least, min(effort.most, int(effort.seconds / seconds)))
    return {"rounds": rounds, "warmup_rounds": int(seconds <= SLOW)}


def facts(measurement: Measurement) -> dict[str, Any]:
    """What identifies a row."""
    peer = measurement.peer
    return {
        **cases.facts(measurement.case),
        "call": measurement.call,
        "peer": peer.name,
        "layout": peer.layout,
        "turn": measurement.turn,
    }


def findings(measurement: Measurement, result: tuple[torch.Tensor, ...]) -> dict[str, Any]:
    """What is found out once a row, apart from the clock: size, work, memory, error, form."""
    case, peer, call = measurement.case, measurement.peer, measurement.call
    made, trains = subject(case, peer), call in TRAINS
    layer, auto = case.suite == "layers", peer.name.startswith("hocp auto")
    size = peers.parameters(made.module)
    numbers = made.x.numel() + result[0].numel() + size
    return {
        "parameters": size,
        "macs": peers.macs(peer.name, case) if layer else network_macs(peer.name, case),
        "bytes": numbers * made.x.element_size(),
        "saved_bytes": memory.saved_bytes(made.module, made.x) if trains else None,
        "peak_bytes": memory.peak_bytes(lambda: CALLS[call](made)),
        "error": layer_error(result, peer.name, case) if layer else network_error(peer, case, call),
        "form": forms_taken(made.module, lambda: CALLS[call](made)) if auto else None,
        "form_by_model": tuned(case, peer.layout, call) if auto else None,
    }


@lru_cache(maxsize=32)
def network_macs(name: str, case: Case) -> int:
    """Multiply-adds of a forward call by formula; TensorLy-Torch's layers count as ours of the same rank."""
    ours = "hocp auto" if name.startswith(("tltorch", "hocp")) else name
    device = "cpu" if case.width < 1 else "meta"  # which takes seconds to import, but computes nothing
    return case.batch * network_cost(networks.build(ours, case), case.input_shape[1:], device=device).macs


def forms_taken(module: nn.Module, call: Callable[[], object]) -> str:
    """Forms that 'auto' takes for the CP layers of a module in a call; counted where they are many."""
    taken: list[str] = []
    layers = [layer for layer in module.modules() if isinstance(layer, CPConv)]
    hooks = [
        layer.register_forward_pre_hook(lambda layer, args: taken.append(choose(layer.call_of(args[0])).name))
        for layer in layers
    ]
    call()
    for hook in hooks:
        hook.remove()
    if len(taken) <= 1:
        return "".join(taken)
    return ", ".join(f"{count} {name}" for name, count in Counter(taken).items())
