"""Targets of speed: read from targets.yaml, measured in rows of speed.csv, and judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from figures import measures, speed
from figures.measures import MEASURES, Finding
from figures.verdicts import NOT_RUN

REACHED, MISSED = "reached", "missed"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One number that is wanted of some rows of speed.csv.

    Attributes
    ----------
    heading, name : str
        Section of the table, and what of it.
    measure : str
        Key of `measures.MEASURES`.
    where : mapping
        Column -> wanted value, or list of values; device "gpu" means any that is not the CPU.
    ours, against : sequence of str
        Peers; of several, the fastest counts.
    over : {"", "worst", "geometric mean"}
        What is made of several cases; empty where there can be but one.
    bound : {"at_least", "at_most"}
    wanted : float
    """

    heading: str
    name: str
    measure: str
    where: Mapping[str, Any]
    ours: Sequence[str]
    against: Sequence[str] = ()
    over: str = ""
    bound: str
    wanted: float


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Targets in reading order; the allocator that they are judged under, and one that is shown beside it."""

    targets: Sequence[Target]
    judged: str
    shown: str


def read(path: str | Path) -> Targets:
    """Targets of the YAML file; a bound by channels makes one for each number of channels.

    Raises
    ------
    ValueError
        If a line lacks what a target needs, or has something that is not known.
    """
    document = yaml.safe_load(Path(path).read_text("utf-8"))
    found = []
    for section in document["sections"]:
        for line in section["lines"]:
            try:
                found += _targets(document["condition"], section, line)
            except (TypeError, ValueError, KeyError) as error:
                raise ValueError(f"{path}: {section['heading']}: {line}: {error}") from None
    return Targets(targets=found, **document["allocators"])


def _targets(
    condition: Mapping[str, Any], section: Mapping[str, Any], line: Mapping[str, Any]
) -> Iterator[Target]:
    """What a line wants, added to what its section says."""
    given = {**section, **line}
    call, bounds = given.pop("call"), {key: given.pop(key) for key in ("at_least", "at_most") if key in given}
    ((bound, wanted),) = bounds.items()
    if given["measure"] not in MEASURES:
        raise ValueError(f"measure is {given['measure']!r}, expected one of {', '.join(MEASURES)}")
    given["where"] = {**condition, **section.get("where", {}), **line.get("where", {}), "call": call}
    words = [given.pop("name", ""), call if isinstance(call, str) else ""]
    del given["lines"]
    for channels, number in wanted.items() if isinstance(wanted, dict) else [(None, wanted)]:
        more = {} if channels is None else {"channels": channels}
        name = ", ".join(filter(None, [*words, f"{channels} channels" if channels else ""]))
        yield Target(**{**given, "where": given["where"] | more}, name=name, bound=bound, wanted=number)


def find(target: Target, rows: pd.DataFrame, allocator: str) -> Finding | None:
    """The target's value under an allocator (which means nothing on a GPU); None where nothing was timed.

    Raises
    ------
    ValueError
        If there are several cases and the target does not say what to make of them.
    """
    found = []
    for _, part in _selected(target, rows, allocator).groupby([*speed.Condition._fields]):
        for case, of_case in speed.cases(part):
            finding = MEASURES[target.measure](case, of_case, target.ours, target.against)
            found += [] if finding is None else [finding]
    if not found:
        return None
    if not target.over and len(found) > 1:
        raise ValueError(
            f"{target.heading}, {target.name}: {len(found)} cases are found; say what is made of them"
        )
    if target.over == "geometric mean":
        return measures.geometric_mean(found)
    return measures.worst(found, highest=target.bound == "at_most")


def _selected(target: Target, rows: pd.DataFrame, allocator: str) -> pd.DataFrame:
    wanted = {**target.where, "allocator": allocator}
    if wanted["device"] == "gpu":
        rows = rows[rows["device"] != "cpu"]
        wanted = {
            key: value for key, value in wanted.items() if key not in ("device", "threads", "allocator")
        }
    return speed.where(rows, **wanted)


def verdict(target: Target, finding: Finding | None) -> str:
    """Reached or missed by the median; a bound between the ends of the spread is said to be."""
    if finding is None:
        return NOT_RUN
    value, low, high = finding.value
    good = value <= target.wanted if target.bound == "at_most" else value >= target.wanted
    return (REACHED if good else MISSED) + (", within the spread" if low < target.wanted < high else "")


def reason(target: Target, finding: Finding | None) -> str:
    """Of a missed target: the share of the roofline that it needs and that measured, or what was noted."""
    if finding is None or verdict(target, finding).startswith(REACHED):
        return ""
    if isnan(finding.share):
        return "; ".join(filter(None, [finding.note, finding.bound]))
    needs = finding.share * target.wanted / finding.value.value
    return "; ".join(
        filter(None, [f"needs {needs:.2f} of the roofline, ran at {finding.share:.2f}", finding.bound])
    )
