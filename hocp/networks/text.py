"""Plain tables and numbers for the terminal."""

from __future__ import annotations

from collections.abc import Sequence


def quantity(value: float) -> str:
    """A count with a decimal prefix and four digits: 1814073344 as "1.814 G"."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:#.4g} {prefix}"
    return f"{value:g} "


def columns(head: Sequence[str], rows: Sequence[Sequence[str] | None], *, align: str) -> str:
    """Rows under a head, two spaces apart; None draws a line.

    Parameters
    ----------
    head : sequence of str
    rows : sequence of sequences of str
    align : str
        One of "l" and "r" a column.
    """
    cells = [row for row in [head, *rows] if row is not None]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    line = "  ".join("-" * width for width in widths)
    pads = [str.ljust if side == "l" else str.rjust for side in align]

    def text(row: Sequence[str]) -> str:
        return "  ".join(
            pad(cell, width) for pad, cell, width in zip(pads, row, widths, strict=True)
        ).rstrip()

    return "\n".join([text(head), line, *(line if row is None else text(row) for row in rows)])
