"""Which form to take for a call: the fastest as measured, else as modelled; and the reasons."""

from __future__ import annotations

from dataclasses import dataclass

from hocp.conv.choice.machine import machine
from hocp.conv.choice.model import Model, default_model
from hocp.conv.choice.table import table
from hocp.conv.choice.tuning import Times, known
from hocp.conv.forms import FORMS, Call, Operations

NEAR = 1.02  # times the fastest: no measurement tells them apart, and memory decides
UNKNOWN = "views"  # where nothing is known, as above order 3 and on devices without a model
ON_GPU = "triton"  # where nothing is known but that it is one


@dataclass(frozen=True)
class Candidate:
    """One form for a call.

    Attributes
    ----------
    name : str
    refusal : str or None
        Why it cannot compute the call.
    work : Operations or None
        None if it cannot.
    predicted, measured : float or None
        Seconds.
    """

    name: str
    refusal: str | None
    work: Operations | None = None
    predicted: float | None = None
    measured: float | None = None


@dataclass(frozen=True)
class Decision:
    """The form taken for a call, and why.

    Attributes
    ----------
    call : Call
    candidates : tuple of Candidate
    taken, why : str
    model : str
        Whose prices the predictions are.
    """

    call: Call
    candidates: tuple[Candidate, ...]
    taken: str
    why: str
    model: str

    def __str__(self) -> str:
        return table(self)


def decide(call: Call) -> Decision:
    """Weigh all forms for a call."""
    model, times = _model(call), _times(call)
    candidates = tuple(_candidate(name, call, model, times) for name in FORMS)
    able = [candidate for candidate in candidates if candidate.refusal is None]
    measured = {each: each.measured for each in able if each.measured is not None}
    predicted = {each: each.predicted for each in able if each.predicted is not None}
    if len(measured) == len(able):  # else a form came later, and was not compared
        taken, why = _fastest(measured, "as measured on this machine")
    elif predicted:
        taken, why = _fastest(predicted, "as the model predicts; hocp.conv.tune measures")
    else:
        usual = any(each.name == ON_GPU for each in able) and call.device == "cuda"
        taken = ON_GPU if usual else UNKNOWN
        why = "nothing is known of such calls; hocp.conv.tune measures"
    return Decision(call, candidates, taken, why, model.machine)


def _candidate(name: str, call: Call, model: Model, times: Times) -> Candidate:
    refusal = FORMS[name].supports(call)
    if refusal is not None:
        return Candidate(name, refusal)
    work = FORMS[name].work(call)
    return Candidate(name, None, work, model.seconds(name, work, call), times.get(name))


def _fastest(seconds: dict[Candidate, float], source: str) -> tuple[str, str]:
    """The fastest and why; among those near it, the one that keeps least for the backward pass."""
    least = min(seconds.values())
    near = [each for each, time in seconds.items() if time <= NEAR * least]
    taken = min(near, key=lambda each: (each.work.saved, seconds[each]))
    reason = "fastest" if seconds[taken] == least else "as fast as any, and keeps the least memory,"
    return taken.name, f"{reason} {source}"


def _model(call: Call) -> Model:
    """That of this machine with the nearest number of threads, else the one shipped."""
    models = known().get(machine(call.processor))
    if models is None or not models.models:
        return default_model(call.device)
    return min(models.models.values(), key=lambda model: abs(model.threads - call.threads))


def _times(call: Call) -> Times:
    """What was measured for exactly this call."""
    mine = known().get(machine(call.processor))
    return {} if mine is None else mine.times.get(str(call), {})
