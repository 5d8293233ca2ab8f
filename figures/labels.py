"""Machine names to what a reader sees: display names, order, colours and markers, all from labels.yaml."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

PLACE = Path(__file__).with_name("labels.yaml")

#: Methods that stand for their data set where there is room for few, as on the first screen of the README.
HEADLINE = {
    "affectnet": ("resnet18", "hocp"),
    "sewa": ("r2plus1d18", "hocp_scratch", "hocp_transduction"),
    "afew_va": ("r2plus1d18", "hocp_scratch", "hocp_transduction"),
}


@dataclass(frozen=True, kw_only=True)
class Label:
    """How one machine name is shown; `order` is its place in labels.yaml."""

    machine: str
    order: int
    name: str
    short: str = ""
    long: str = ""
    colour: str = "#333333"
    marker: str = "o"
    line: str = "-"
    setting: str = ""
    better: str = ""


@cache
def labels(kind: str) -> dict[str, Label]:
    """Labels of one kind ("datasets", "methods", "metrics", ...) by machine name, in reading order.

    Raises
    ------
    ValueError
        If labels.yaml has no such kind.
    """
    kinds = yaml.safe_load(PLACE.read_text("utf-8"))
    if kind not in kinds:
        raise ValueError(f"kind of label {kind!r} is unknown; labels.yaml has {sorted(kinds)}")
    return {
        machine: Label(machine=machine, order=order, **shown)
        for order, (machine, shown) in enumerate(kinds[kind].items())
    }


def label(kind: str, machine: str) -> Label:
    """Label of one machine name.

    Raises
    ------
    ValueError
        If the name is not in labels.yaml; lists the names that are.
    """
    known = labels(kind)
    if machine not in known:
        raise ValueError(f"{kind}: {machine!r} is not in figures/labels.yaml; it has {', '.join(known)}")
    return known[machine]


def ordered(kind: str, machines: Iterable[str]) -> list[str]:
    """The distinct `machines`, in the order of labels.yaml; ValueError for an unknown one."""
    return sorted(set(machines), key=lambda machine: label(kind, machine).order)
