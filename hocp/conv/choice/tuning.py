"""The tuning file: what was measured, by machine; JSON that a person can read, check and delete.

{"format": ..., "version": 1, "machines": {
    "AMD EPYC (AVX2), torch 2.13.0+cpu": {
        "models": {"1 thread": prices as `hocp.conv.choice.model` fits them},
        "milliseconds": {"the call in words": {"chain": 3.1, "views": 2.2, ...}}}}}
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from numbers import Real
from pathlib import Path
from typing import Any, Self

from hocp.contracts.files import read_json, write_json
from hocp.conv.choice.model import Model, read

FORMAT, VERSION = "hocp.conv tuning", 1
SWITCH = "HOCP_TUNING"

Times = dict[str, float]  # form -> seconds


@dataclass
class Machine:
    """What is known of one machine.

    Attributes
    ----------
    models : dict
        Threads -> model of cost.
    times : dict
        Call in words -> form -> seconds.
    """

    models: dict[int, Model] = field(default_factory=dict)
    times: dict[str, Times] = field(default_factory=dict)

    def merge(self, other: Self) -> None:
        """Take over what the other knows; its own words count where both know something."""
        self.models.update(other.models)
        self.times.update(other.times)

    def fields(self) -> dict[str, Any]:
        """JSON value."""
        return {
            "models": {str(threads): model.fields() for threads, model in sorted(self.models.items())},
            "milliseconds": {
                call: {form: float(f"{1e3 * seconds:.4g}") for form, seconds in times.items()}
                for call, times in sorted(self.times.items())
            },
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """From its JSON value."""
        models = {int(threads): read(model) for threads, model in fields["models"].items()}
        times = {
            call: {str(form): _seconds(value) for form, value in row.items()}
            for call, row in fields["milliseconds"].items()
        }
        return cls(models, times)


def _seconds(milliseconds: object) -> float:
    """A time, checked."""
    number = isinstance(milliseconds, Real) and not isinstance(milliseconds, bool)
    if not number or not isfinite(milliseconds) or milliseconds <= 0:
        raise ValueError(f"a time is {milliseconds!r}; expected milliseconds above 0")
    return float(milliseconds) / 1e3


def tuning_path() -> Path | None:
    """Where the file is: $HOCP_TUNING, or in the user's cache folder; None if $HOCP_TUNING is empty."""
    named = os.environ.get(SWITCH)
    if named is not None:
        return Path(named).expanduser() if named else None
    cache_folder = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache_folder).expanduser() / "hocp" / "tuning.json"


@cache
def known() -> dict[str, Machine]:
    """All that is known, by machine; the file is read once, and what is measured since is entered here."""
    path = tuning_path()
    return {} if path is None else _read(path)


def enter(machine: str, new: Machine) -> None:
    """Know something new, and write it into the file beside what others have written since.

    Raises
    ------
    OSError
        If the file cannot be written; set $HOCP_TUNING to one that can, or to nothing to do without.
    """
    path = tuning_path()
    if path is not None:
        with _alone(path):
            for name, theirs in _read(path).items():
                known().setdefault(name, Machine()).merge(theirs)
            known().setdefault(machine, Machine()).merge(new)
            _write(path, known())
    else:
        known().setdefault(machine, Machine()).merge(new)


def _write(path: Path, machines: Mapping[str, Machine]) -> None:
    fields = {name: machine.fields() for name, machine in sorted(machines.items())}
    write_json(path, {"format": FORMAT, "version": VERSION, "machines": fields})


def _read(path: Path) -> dict[str, Machine]:
    """The file's content; one that cannot be understood is put aside, and counts as none."""
    try:
        content = read_json(path)
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ValueError(f"format {content['format']!r}, version {content['version']!r}")
        return {str(name): Machine.read(fields) for name, fields in content["machines"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        warnings.warn(f"tuning file {path} cannot be read ({error}); going on without", stacklevel=2)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        aside = path.with_name(f"{path.name}.aside")
        told = f"tuning file {path} is no {FORMAT} of version {VERSION} ({error!r})"
        try:
            path.replace(aside)
            warnings.warn(f"{told}; put aside as {aside.name}, going on without", stacklevel=2)
        except OSError:
            warnings.warn(f"{told}; going on without", stacklevel=2)
    return {}


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While no other process or thread writes the file; without a promise where the system has no locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
