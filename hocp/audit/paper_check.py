"""Published numbers against the rows of a copy of the paper, and a surer copy of the numbers."""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from hocp.audit.paper_rows import NUMBERS, rows
from hocp.audit.paper_tables import Found
from hocp.contracts.published import EMOTION, FLAT, Cell, Published

CONFIRMED, DIFFERS, NOT_FOUND = "confirmed", "differs", "not found"
COLUMNS = ("table", "method", "cell", "held", "confidence", "paper", "outcome", "reason")
NO_NUMBER = "no number"
PRIMARY, SOURCE = "primary", "own_copy"
#: How a network may be named in a line with its size or accuracy, and what else that line has to say.
_FLAT_LINES = {"sizes": "", "cifar": r"mobile-?\s?net|cifar", "jester": "jester"}
_FLAT_NAMES = {
    "resnet18": r"^(?!.*(ho-?\s?cp|ours|3-?d|2\s?\+\s?1)).*resnet-?\s?18",
    "r3d18": r"resnet-?\s?18.{0,20}3-?d",
    "r2plus1d18": r"2\s?\+\s?1",
    "hocp_resnet18_3d": r"ho-?\s?cp|ours",
    "mobilenetv2_cifar": r"mobile-?\s?net",
    "hocp_mobilenetv2_cifar": r"ho-?\s?cp|ours",
    "resnet18_3d": r"resnet-?\s?18",
    "hocp_resnet18_s": r"ho-?\s?cp",
}


class Result(NamedTuple):
    """What the paper has for one cell."""

    cell: Cell
    path: str
    paper: Decimal | None
    outcome: str
    reason: str = ""

    def row(self) -> dict[str, str]:
        """As a row of COLUMNS."""
        seen = "" if self.outcome == NOT_FOUND else NO_NUMBER if self.paper is None else str(self.paper)
        return {
            "table": self.cell.table,
            "method": self.cell.method,
            "cell": self.path,
            "held": self.cell.printed or NO_NUMBER,
            "confidence": self.cell.confidence if self.cell.printed else "",
            "paper": seen,
            "outcome": self.outcome,
            "reason": self.reason,
        }


def check(texts: Iterable[str], known: Published) -> list[Result]:
    """Every published cell against the texts of one document.

    A number that stands in the paper with fewer or more digits is confirmed where one rounds to the other.
    """
    texts = list(texts)
    methods = {table: [row["method"] for row in known.document[table]["rows"]] for table in EMOTION}
    found = _merged(row for text in texts for row in rows(text, methods))
    results = [_emotion(cell, found) for table in EMOTION for cell in known.cells(table)]
    lines = [line.lower() for text in texts for line in text.splitlines() if len(line) < 400]
    return results + [_flat(cell, lines) for table in FLAT for cell in known.cells(table)]


def _merged(found: Iterable[Found]) -> dict[tuple[str, str], set[tuple[Decimal | None, ...]]]:
    """Rows by table and method; a row that is found twice alike counts once."""
    merged: dict[tuple[str, str], set[tuple[Decimal | None, ...]]] = {}
    for row in found:
        merged.setdefault((row.table, row.method), set()).add(row.values)
    return merged


def _emotion(cell: Cell, found: Mapping[tuple[str, str], set[tuple[Decimal | None, ...]]]) -> Result:
    path = f"{cell.dimension}.{cell.metric}"
    versions = found.get((cell.table, cell.method), set())
    if len(versions) != 1:
        why = (
            "the row stands there several times, with unlike numbers"
            if versions
            else "no such row was recognised"
        )
        return Result(cell, path, None, NOT_FOUND, why)
    (values,) = versions
    paper = values[NUMBERS.index(path)]
    held = Decimal(cell.printed) if cell.printed else None
    return Result(cell, path, paper, CONFIRMED if agree(held, paper) else DIFFERS)


def agree(held: Decimal | None, paper: Decimal | None) -> bool:
    """Whether two printed numbers are one, or both are absent; the one with more digits is rounded."""
    if held is None or paper is None:
        return held is paper
    coarse, fine = sorted((held, paper), key=lambda number: -number.as_tuple().exponent)
    return abs(coarse - fine) <= Decimal(5).scaleb(coarse.as_tuple().exponent - 1)


def _flat(cell: Cell, lines: Sequence[str]) -> Result:
    """A size or accuracy, in a line with the network and this number with its unit; never a difference."""
    unit = r"\s*(m\b|million)" if cell.metric == "parameters_millions" else r"\s*(%|\b)"
    whole = rf"(?<![\d.]){re.escape(cell.printed)}0*{unit}"
    needed = (whole, _FLAT_NAMES[cell.method], _FLAT_LINES[cell.table])
    if any(all(re.search(word, line) for word in needed) for line in lines):
        return Result(cell, cell.metric, Decimal(cell.printed), CONFIRMED)
    return Result(cell, cell.metric, None, NOT_FOUND, "no line has both the network and this number")


def improved(known: Published, results: Sequence[Result], *, source: str) -> dict[str, Any]:
    """The published numbers with what the paper says: confirmed cells as primary, differing ones replaced.

    Parameters
    ----------
    known : Published
    results : sequence of Result
    source : str
        What the copy is, for `sources`.
    """
    document = copy.deepcopy(dict(known.document))
    document["sources"][SOURCE] = source
    rows_of = {
        (table, row.get("method") or row["network"]): row
        for table in EMOTION + FLAT
        for row in document[table]["rows"]
    }
    for result in results:
        if result.outcome != NOT_FOUND:
            _put(rows_of[result.cell.table, result.cell.method], result)
    emotion = [result for result in results if result.cell.table in EMOTION]
    document["meta"]["full_text_at_hand"] = all(result.outcome != NOT_FOUND for result in emotion)
    return document


def _put(row: dict[str, Any], result: Result) -> None:
    """One cell: value, confidence and note; the row names the copy as a source."""
    dimension, _, metric = result.path.rpartition(".")
    place = row[dimension] if dimension else row
    row["sources"] = list(dict.fromkeys([*row["sources"], SOURCE]))
    cells = row.setdefault("cells", {})
    if result.paper is None:
        place[metric] = None
        cells.pop(result.path, None)
    else:
        old, note = result.cell.printed, cells.get(result.path, {}).get("note", result.cell.note)
        if result.outcome == DIFFERS:
            note = f"the paper has {result.paper}; held before: {old or NO_NUMBER}, {result.cell.confidence}"
        if result.outcome == DIFFERS or len(str(result.paper).partition(".")[2]) > len(old.partition(".")[2]):
            place[metric] = float(result.paper)
        cells[result.path] = {"confidence": PRIMARY} | ({"note": note} if note else {})
    if not cells:
        del row["cells"]


def summary(results: Sequence[Result]) -> Iterator[str]:
    """The report: counts by table, then every cell that differs, then rows that were not recognised."""
    for table in dict.fromkeys(result.cell.table for result in results):
        mine = [result for result in results if result.cell.table == table]
        counts = {word: sum(r.outcome == word for r in mine) for word in (CONFIRMED, DIFFERS, NOT_FOUND)}
        yield f"{table}: " + ", ".join(f"{count} {word}" for word, count in counts.items())
    for result in results:
        if result.outcome == DIFFERS:
            row = result.row()
            where = f"{row['table']} {row['method']} {row['cell']}"
            yield f"  differs: {where}: held {row['held']}, paper {row['paper']}"
    lost = dict.fromkeys((r.cell.table, r.cell.method, r.reason) for r in results if r.outcome == NOT_FOUND)
    yield from (f"  not found: {table} {method}: {reason}" for table, method, reason in lost)
