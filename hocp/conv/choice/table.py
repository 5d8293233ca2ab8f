"""A decision as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hocp.conv.choice.decide import Candidate, Decision

_HEAD = ("form", "predicted", "measured", "kept for backward")


def table(decision: Decision) -> str:
    """All forms with their times, what is taken and why."""
    rows = [_HEAD, *(_row(candidate) for candidate in decision.candidates)]
    widths = [max(len(row[column]) for row in rows if len(row) > 2) for column in range(len(_HEAD))]
    names = [candidate.name for candidate in decision.candidates]
    marks = [" ", *("*" if name == decision.taken else " " for name in names)]
    lines = [f"{mark} {_line(row, widths)}" for mark, row in zip(marks, rows, strict=True)]
    return "\n".join([
        str(decision.call), *lines,
        f"* taken: {decision.why}",
        f"  prices of the model: {decision.model}",
    ])  # fmt: skip


def _row(candidate: Candidate) -> tuple[str, ...]:
    """Name and times, or name and reason."""
    if candidate.refusal is not None:
        return candidate.name, f"cannot: {candidate.refusal}"
    saved = candidate.work.saved
    memory = f"{saved / 1e6:.3g} MB" if saved else "-"
    return candidate.name, _milliseconds(candidate.predicted), _milliseconds(candidate.measured), memory


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    """Cells under each other; a reason runs on."""
    if len(row) == 2:
        return f"{row[0]:<{widths[0]}}  {row[1]}"
    name, *cells = row
    right = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
    return "  ".join([f"{name:<{widths[0]}}", *right])


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1e3 * seconds:.2f} ms"
