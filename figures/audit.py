"""Published numbers held against each other: which rows agree, which cells are doubtful, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hocp.contracts.consistency import ANY, Printed, Spread, exceeds, floor, spread
from hocp.contracts.published import DIMENSIONS, Cell, Published

CONSISTENT, DOUBTFUL, UNCHECKED = "consistent", "doubtful", "not checkable"
QUOTED = "quoted from another paper: frames, folds or label scale may differ"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One method and dimension of one table: its four numbers as printed."""

    table: str
    setting: str
    method: str
    name: str
    dimension: str
    cells: dict[str, Cell]
    quoted: bool

    def text(self, metric: str) -> str:
        """A number as printed, or nothing."""
        return self.cells[metric].printed

    @property
    def spread(self) -> Spread | None:
        """What RMSE, PCC and CCC say of the labels; None where there are too few."""
        if not (self.text("rmse") and self.text("pcc")):
            return None
        return spread(self.text("rmse"), self.text("pcc"), self.text("ccc"))


def lines(known: Published, table: str) -> list[Line]:
    """All methods of a table, valence and arousal apart."""
    quoted = {
        (row["setting"], row["method"]): not row["trained_by_authors"]
        for row in known.document[table]["rows"]
    }
    groups: dict[tuple[str, str, str], dict[str, Cell]] = {}
    for cell in known.cells(table):
        groups.setdefault((cell.setting, cell.method, cell.dimension), {})[cell.metric] = cell
    return [
        Line(
            table=table,
            setting=setting,
            method=method,
            name=cells["ccc"].name,
            dimension=dimension,
            cells=cells,
            quoted=quoted[setting, method],
        )
        for (setting, method, dimension), cells in groups.items()
    ]


def common(of_dimension: Sequence[Line]) -> Spread:
    """Standard deviations of the labels that all rows allow."""
    result = ANY
    for line in of_dimension:
        result = result.meet(line.spread or ANY)
    return result


def checks(known: Published, table: str) -> Iterator[tuple[Line | None, dict[str, str]]]:
    """Every check of a table, the common interval of each dimension last (without a line)."""
    found = lines(known, table)
    for dimension in DIMENSIONS:
        of_dimension = [line for line in found if line.dimension == dimension]
        for line in of_dimension:
            others = common([other for other in of_dimension if other is not line])
            yield line, _order(line)
            yield line, _spread(line, others)
            yield line, _floor(line, others)
        yield None, _common(table, dimension, common(of_dimension))


def _row(
    check: str, numbers: str, outcome: str, reason: str, interval: Spread | None = None
) -> dict[str, str]:
    low, high = (f"{end:.3f}" for end in interval) if interval and not interval.empty else ("", "")
    return {
        "check": check,
        "numbers": numbers,
        "low": low,
        "high": high,
        "outcome": outcome,
        "reason": reason,
    }


def _order(line: Line) -> dict[str, str]:
    """CCC <= PCC over one set of frames."""
    ccc, pcc = line.text("ccc"), line.text("pcc")
    if not (ccc and pcc):
        return _row("ccc_at_most_pcc", "", UNCHECKED, "a number is not given")
    bad = exceeds(ccc, pcc)
    why = "CCC above PCC: not of one set of frames, or columns swapped" if bad else ""
    return _row("ccc_at_most_pcc", f"CCC {ccc}, PCC {pcc}", DOUBTFUL if bad else CONSISTENT, why)


def _spread(line: Line, others: Spread) -> dict[str, str]:
    """RMSE, PCC and CCC leave a standard deviation of the labels, one that the other rows allow as well."""
    own = line.spread
    if own is None or not line.text("ccc"):
        return _row("label_spread", "", UNCHECKED, "a number is not given", own)
    numbers = f"RMSE {line.text('rmse')}, PCC {line.text('pcc')}, CCC {line.text('ccc')}"
    if own.empty:
        return _row("label_spread", numbers, DOUBTFUL, "no standard deviation of the labels fits")
    if not others.empty and own.meet(others).empty:
        why = f"the other rows need {others.low:.3f} to {others.high:.3f}"
        return _row("label_spread", numbers, DOUBTFUL, f"{why}; {QUOTED}" if line.quoted else why, own)
    return _row("label_spread", numbers, CONSISTENT, "", own)


def _floor(line: Line, others: Spread) -> dict[str, str]:
    """RMSE >= sd sqrt(1 - PCC^2), for the least standard deviation that the other rows allow."""
    rmse, pcc = line.text("rmse"), line.text("pcc")
    if not (rmse and pcc) or others.empty:
        return _row(
            "rmse_floor",
            "",
            UNCHECKED,
            "the other rows leave no interval" if others.empty else "a number is not given",
        )
    least, bad = floor(others.low, pcc), float(Printed.of(rmse).high) < floor(others.low, pcc)
    why = f"labels of this spread allow {least:.3f} at least"
    return _row("rmse_floor", f"RMSE {rmse}, PCC {pcc}", DOUBTFUL if bad else CONSISTENT, why if bad else "")


def _common(table: str, dimension: str, interval: Spread) -> dict[str, str]:
    outcome, why = (DOUBTFUL, "no interval is common to all rows") if interval.empty else (CONSISTENT, "")
    found = _row("common_spread", f"all rows of {table}", outcome, why, interval)
    return found | {"dimension": dimension}
