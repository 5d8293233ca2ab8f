"""What a probe is, how it judges, and what can come of it.

A probe asks one question of a library through `libraries.Library`; the same code asks every library. It
returns if the answer is right and raises otherwise; what it raises is the measurement.
"""

from __future__ import annotations

import inspect
import logging
import re
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from kernels import FORMS
from torch import Tensor

PASSES, FAILS, NOT_OFFERED, NOT_RUN = "passes", "fails", "not offered", "not run"

#: Relative to the largest expected value: identities in float64; in float32; kernels that were fitted.
EXACT, SINGLE, FITTED = 1e-10, 1e-5, 1e-3

NAMES = {"cp": "CP", "tucker": "Tucker", "tt": "TT"}

#: Parts of the table -> their groups, in reading order.
PARTS = {
    "One layer": ("Geometry", "Inputs", "Gradients", "Starting values"),
    "Other forms of a layer": ("Import of a dense layer", "Joint tensors", "Rank", "Transduction"),
    "In a program": ("Saving", "Tools of torch", "Wrong use", "Package"),
}


class Failed(AssertionError):
    """The library's answer is wrong; the text is the measurement."""


class NotOffered(Exception):
    """The library has no argument, method or documented value for what is asked."""


class NotRun(Exception):
    """This machine lacks what the probe needs."""


@dataclass(frozen=True)
class Probe:
    """One question.

    Attributes
    ----------
    id : str
        Stable; the letter is the group's.
    group, question, source : str
        Question in plain words; source is a public issue, documentation or paper, or empty.
    ask : callable
        Takes a `libraries.Library`, and a form if it asks of each.
    """

    id: str
    group: str
    question: str
    source: str
    ask: Callable

    @property
    def forms(self) -> tuple[str, ...]:
        """What it asks of: each factorization by itself, or the library as a whole."""
        return FORMS if "form" in inspect.signature(self.ask).parameters else ()


PROBES: list[Probe] = []


def probe(id: str, group: str, question: str, *, source: str = "") -> Callable:
    """Register a function as a probe."""

    def register(ask: Callable) -> Callable:
        PROBES.append(Probe(id, group, question, source, ask))
        return ask

    return register


def outcome(asked: Probe, library) -> dict[str, str]:
    """What came of it: {'outcome': ..., 'measured': ...}; the text is short, empty where all is said.

    Asked of each form by itself, one wrong answer is enough to fail; the text then names the forms.
    """
    answers = dict(each(asked, library))
    found = {kind for kind, _ in answers.values()}
    kind = next(kind for kind in (FAILS, NOT_OFFERED, NOT_RUN, PASSES) if kind in found)
    alike = [form for form, (of_form, _) in answers.items() if of_form == kind]
    text = answers[alike[0]][1]
    if kind != PASSES and len(alike) < len(answers):
        text = f"{', '.join(NAMES[form] for form in alike)}: {text}"
    return {"outcome": kind, "measured": _short(text)}


def each(asked: Probe, library) -> Iterator[tuple[str, tuple[str, str]]]:
    """Outcome and text of each form, asked one after the other; of the form "" where the probe has none."""
    for form in asked.forms or [""]:
        yield form, _answer(asked, library, *([form] if form else []))


def _answer(asked: Probe, *arguments) -> tuple[str, str]:
    """Outcome and text of one call."""
    try:
        with _fixed_conditions():
            asked.ask(*arguments)
    except NotOffered as reason:
        return NOT_OFFERED, str(reason)
    except NotRun as reason:
        return NOT_RUN, str(reason)
    except Failed as failure:
        return FAILS, str(failure)
    except Exception as error:
        if isinstance(error, (TypeError, NameError, AttributeError)) and _raised_here(error):
            raise  # a mistake of the probe or of the adapter
        return FAILS, f"{type(error).__name__}: {error}".strip().strip(":")
    return PASSES, ""


def _raised_here(error: Exception) -> bool:
    """Whether no code of a library or of torch was being run."""
    *_, innermost = traceback.extract_tb(error.__traceback__)
    return Path(innermost.filename).parent == Path(__file__).parent


@contextmanager
def _fixed_conditions() -> Iterator[None]:
    """The same random numbers for each probe and library, one thread, no chatter."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        torch.set_num_threads(threads)
        torch.set_rng_state(state)


def _short(text: str, limit: int = 90) -> str:
    """First line, in printable ASCII, cut between words."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", (text.splitlines() or [""])[0])
    line = "".join(c if c.isascii() and c.isprintable() else "?" for c in line)
    return textwrap.shorten(line, limit, placeholder=" ...")


def same(found: Tensor, expected: Tensor, *, tolerance: float = EXACT, what: str = "output") -> None:
    """Fail unless both have one shape, are finite and agree, relative to the largest expected value."""
    if found.shape != expected.shape:
        raise Failed(f"{what} {sizes(found)}, expected {sizes(expected)}")
    if not found.isfinite().all():
        raise Failed(f"{what} is not finite")
    if expected.numel():
        scale = float(expected.abs().max()) or 1.0
        difference = float((found.double() - expected.double()).abs().max()) / scale
        if not difference <= tolerance:
            raise Failed(f"{what} off by {difference:.2g} of its largest value")


def holds(condition: bool, otherwise: str) -> None:
    """Fail with this text unless the condition holds."""
    if not condition:
        raise Failed(otherwise)


def refused(call: Callable, *, naming: str = "", errors: tuple[type, ...] = (ValueError,)) -> None:
    """Fail unless the call raises one of these errors, with a text that names the value."""
    try:
        call()
    except errors as error:
        holds(naming in str(error), f"{type(error).__name__} does not name {naming}: {error}")
    except (NotOffered, NotRun):
        raise
    except Exception as error:
        raise Failed(f"{type(error).__name__} instead of {errors[0].__name__}: {error}") from error
    else:
        raise Failed("accepted in silence")


def sizes(tensor: Tensor) -> str:
    """Shape as text: 8x16x16."""
    return "x".join(map(str, tensor.shape)) or "a scalar"
