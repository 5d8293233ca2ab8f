"""What `hocp.conv.factorize` hands back, and what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from hocp.conv.ranks.ladder import Rank


@dataclass(frozen=True)
class LayerReport:
    """One kernel of the network.

    Attributes
    ----------
    name : str
        Path of the layer; of the first one, where several share the kernel.
    kind : str
        Class of the layer now: that of before, where it stayed dense.
    rank : int, tuple or None
    status : {'converged', 'stopped', 'degenerate', 'non-finite', 'refused', 'dense'}
        Of the solver's `Fit`; 'refused' where it took no kernel, 'dense' where the layer was left as it was.
    reason : str
        The status in words.
    kernel_error : float or None
        ||W - W'|| / ||W|| in float64, of the kernel as it is stored. Empty for a dense layer.
    output_error : float or None
        ||y - y'|| / ||y|| of the layer's output over the calibration data, on the inputs that the original
        network gives it. Empty without data.
    sensitivity : float or None
        Relative change of the network's output for each unit of kernel error, this layer alone replaced, on
        the first batch; under a budget that of a quickly fitted layer, as it decided on the rank. Empty
        without data or error.
    parameters_before, parameters_after : int
    macs_before, macs_after : int or None
        For one sample of the network's input; empty without calibration data and input size.
    """

    name: str
    kind: str
    rank: Rank | None
    status: str
    reason: str
    kernel_error: float | None
    output_error: float | None
    sensitivity: float | None
    parameters_before: int
    parameters_after: int
    macs_before: int | None
    macs_after: int | None


@dataclass(frozen=True)
class Factorized:
    """A factorized copy of a network, and how each layer fared; ``print`` shows a table.

    Attributes
    ----------
    network : nn.Module
    layers : tuple of LayerReport
    output_error : float or None
        Of the network's output over the calibration data, relative to the original's; empty without data.
    parameters_before, parameters_after : int
        Of the whole network, shared ones once.
    macs_before, macs_after : int or None
        Of the whole network, for one sample.
    seconds_before, seconds_after : float or None
        Measured time of one call; only where a time was asked for.
    """

    network: nn.Module
    layers: tuple[LayerReport, ...]
    output_error: float | None
    parameters_before: int
    parameters_after: int
    macs_before: int | None
    macs_after: int | None
    seconds_before: float | None = None
    seconds_after: float | None = None

    def __str__(self) -> str:
        """A table with one line a layer and one for the network."""
        return "\n".join([table(self.layers), "", *self._summary()])

    def _summary(self) -> list[str]:
        lines = [_change("parameters", self.parameters_before, self.parameters_after)]
        if self.macs_before is not None:
            lines.append(_change("MACs", self.macs_before, self.macs_after))
        if self.seconds_before is not None:
            before, after = 1e3 * self.seconds_before, 1e3 * self.seconds_after
            lines.append(f"network: time {before:.3g} -> {after:.3g} ms ({after / before:.1%})")
        if self.output_error is not None:
            lines.append(f"network: output error {self.output_error:.3g}")
        dense: dict[str, list[str]] = {}
        for row in self.layers:
            if row.status == "dense":
                dense.setdefault(row.reason, []).append(row.name or "the module")
        return lines + [f"left dense, {reason}: {', '.join(names)}" for reason, names in dense.items()]


class FactorizationError(ValueError):
    """No layer was replaced, since some would be wrong.

    Attributes
    ----------
    layers : tuple of LayerReport
        Those that failed.
    """

    def __init__(self, layers: Sequence[LayerReport], tolerance: float | None, total: int) -> None:
        self.layers = tuple(layers)
        lines = [
            f"  {row.name or 'the module'} ({row.kind}, rank {row.rank}): {faults(row, tolerance)}"
            for row in layers
        ]
        super().__init__(
            f"factorize refuses {len(layers)} of {total} layers, and the network was not changed:\n"
            + "\n".join(lines)
            + "\nRaise the rank or the tolerance, or leave these layers out with layers="
        )


def faults(row: LayerReport, tolerance: float | None) -> str:
    """Why a layer is refused; empty if it is not."""
    if row.status in ("degenerate", "non-finite", "refused"):
        return f"{row.status}: {row.reason}"
    if row.status == "dense":
        return ""
    found = []
    for name in ("kernel", "output"):
        error = getattr(row, f"{name}_error")
        if error is not None and not error <= (float("inf") if tolerance is None else tolerance):
            limit = "not finite" if tolerance is None else f"above {tolerance:g}"
            found.append(f"{name} error {error:.4g}, {limit}")
    return "; ".join(found)


HEAD = ("layer", "class", "rank", "status", "kernel", "output", "sensitivity", "parameters", "MACs")


def table(layers: Sequence[LayerReport]) -> str:
    """Aligned columns; errors are relative, costs before and after."""
    rows = [HEAD, *(_cells(row) for row in layers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    used = [column for column in range(len(HEAD)) if any(row[column] for row in rows[1:])]
    lines = []
    for row in rows:
        cells = [row[c].ljust(widths[c]) if c in (0, 1, 3) else row[c].rjust(widths[c]) for c in used]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _cells(row: LayerReport) -> tuple[str, ...]:
    rank = "" if row.rank is None else str(row.rank).replace(" ", "")
    return (
        row.name or "the module",
        row.kind,
        rank,
        row.status,
        _number(row.kernel_error),
        _number(row.output_error),
        _number(row.sensitivity),
        _pair(row.parameters_before, row.parameters_after),
        _pair(row.macs_before, row.macs_after),
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _pair(before: int | None, after: int | None) -> str:
    return "" if before is None else f"{_short(before)} -> {_short(after)}"


def _short(count: int) -> str:
    """Three digits with k, M or G."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= 0.9995 * size:
            return f"{count / size:.3g} {unit}"
    return str(count)


def _change(what: str, before: int, after: int) -> str:
    return f"network: {what} {_short(before)} -> {_short(after)} ({after / max(before, 1):.1%})"
