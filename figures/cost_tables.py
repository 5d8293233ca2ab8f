"""What tab_sizes and tab_cifar share: analytic counts of ours beside published ones."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from figures import tables, verdicts
from figures.labels import label
from hocp.contracts import files, record
from hocp.contracts.published import Cell, Published

COLUMNS = (
    "part", "item", "name", "quantity", "unit", "input", "published", "confidence", "ours",
    "verdict", "reason",
)  # fmt: skip
ABSENT = "not in cost.csv"
ROUNDS = "rounds to the published number"


def read_cost(path: str | Path) -> dict[tuple[str, str, str], dict[str, str]]:
    """Rows of cost.csv by table, item and kind; ValueError if one stands twice."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in files.read_csv(path, record.COST):
        key = (row["table"], row["item"], row["kind"])
        if key in found:
            raise ValueError(f"{path}: {', '.join(key)} stands twice, expected one row each")
        found[key] = row
    return found


def of_table(cost: Mapping[tuple[str, str, str], dict[str, str]], table: str) -> dict[str, dict[str, str]]:
    """Rows of one table by item."""
    return {item: row for (name, item, _), row in cost.items() if name == table}


def row(part: str, item: str, name: str, **rest: str) -> dict[str, str]:
    """A row of COLUMNS; what is not given is empty."""
    assert set(rest) < set(COLUMNS), rest
    return {**dict.fromkeys(COLUMNS, ""), "part": part, "item": item, "name": name, **rest}


def judged(found: verdicts.Verdict) -> dict[str, str]:
    """A verdict as cells."""
    return {"verdict": found.word, "reason": found.reason}


def reported_size(cell: Cell, cost: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """Millions of parameters that the paper reports, and ours: reproduced where ours rounds to them."""
    counted = cost.get(cell.method)
    ours = int(counted["parameters"]) / 1e6 if counted else None
    digits = len(cell.printed.partition(".")[2])
    found = verdicts.verdict(
        cell.value, ours, data="analytic", tolerance=0.5 * 10**-digits, why=ROUNDS if counted else ABSENT
    )
    return row(
        cell.table, cell.method, label("networks", cell.method).name, quantity="parameters", unit="millions",
        input=counted["input"] if counted else "", published=cell.printed, confidence=cell.confidence,
        ours=tables.number(ours), **judged(found),
    )  # fmt: skip


def counts(known: Published, table: str, cost: Mapping[str, dict[str, str]]) -> Iterator[dict[str, str]]:
    """Parameters to the last unit, where a reference says how many a network with so many outputs has."""
    confidence = known.document["reference_counts"]["confidence"]
    for count in known.counts():
        counted = cost.get(count.network)
        if counted is None or int(counted["c_out"]) != count.outputs:
            continue
        ours = int(counted["parameters"])
        room = count.tolerance * count.parameters
        why = f"within {100 * count.tolerance:g} %" if room else "equal"
        found = verdicts.verdict(count.parameters, ours, data="analytic", tolerance=room, why=why)
        yield row(
            f"{table}_counts", count.network, label("networks", count.network).name, quantity="parameters",
            unit="1", input=counted["input"], confidence=confidence,
            published=f"{count.parameters}" + (f" ± {100 * count.tolerance:g} %" if room else ""),
            ours=f"{ours}", **judged(found),
        )  # fmt: skip


def grouped(text: str) -> str:
    """Text that starts with a whole number, with commas between its thousands; other text as it is."""
    digits = text.partition(" ")[0]
    return text.replace(digits, f"{int(digits):,}", 1) if digits.isdigit() else text


def said(rows: Sequence[Mapping[str, str]]) -> str:
    """The verdict of one line."""
    return verdicts.summary(verdicts.Verdict(r["verdict"], r["reason"]) for r in rows)


def shown(row: Mapping[str, str] | None, key: str) -> str:
    """One cell of a wide table; published numbers with the letter of their confidence."""
    if row is None:
        return ""
    text = grouped(row[key])
    return verdicts.marked(text, row["confidence"]) if key == "published" else text
