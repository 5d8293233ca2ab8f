"""The published numbers audited: can the metrics of a row, and of a table, come from one set of labels.

``python -m figures.tab_audit --published results/published/paper.yaml --out PREFIX``
"""

from collections.abc import Mapping, Sequence

from figures import audit, tables, verdicts
from figures.audit import Line
from figures.labels import label
from figures.tables import Block, Column
from hocp.contracts import published
from hocp.contracts.published import DIMENSIONS, EMOTION, METRICS, Published

COLUMNS = (
    "dataset",
    "setting",
    "method",
    "name",
    "quoted",
    "dimension",
    "check",
    "numbers",
    "low",
    "high",
    "outcome",
    "reason",
    "confidence",
)
Row = Mapping[str, str]


def main(argv: Sequence[str] | None = None) -> None:
    """Read, check, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--published", metavar="YAML", help="default: results/published/paper.yaml")
    args = parser.parse_args(argv)
    known = published.load(args.published)
    rows = [row for table in EMOTION for row in long(known, table)]
    blocks = [wide(known, table, [row for row in rows if row["dataset"] == table]) for table in EMOTION]
    blocks[-1] = tables.with_notes(blocks[-1], *_notes(known))
    tables.write(args.out, COLUMNS, rows, blocks=blocks, inputs=tables.inputs_of(args))


def long(known: Published, table: str) -> list[dict[str, str]]:
    """One row a check."""
    return [_head(table, line) | found for line, found in audit.checks(known, table)]


def _head(table: str, line: Line | None) -> dict[str, str]:
    head = dict.fromkeys(COLUMNS, "") | {"dataset": table}
    if line is None:
        return head
    levels = dict.fromkeys(cell.confidence for cell in line.cells.values() if cell.printed)
    return head | {
        "setting": line.setting,
        "method": line.method,
        "name": name(line),
        "dimension": line.dimension,
        "quoted": "yes" if line.quoted else "no",
        "confidence": " ".join(levels),
    }


def name(line: Line) -> str:
    """Display name; of quoted rows the paper's."""
    return line.name or label("methods", line.method).name


def wide(known: Published, table: str, rows: Sequence[Row]) -> Block:
    """A line a method and dimension: numbers, the spread they leave, what is doubtful."""
    columns = [Column(name="Method"), Column(name="")]
    columns += [Column(name=label("metrics", metric).name, align="r") for metric in METRICS]
    columns += [Column(name="Label sd"), Column(name="Finding")]
    body = []
    for line in audit.lines(known, table):
        mine = [
            row
            for row in rows
            if (row["setting"], row["method"], row["dimension"])
            == (line.setting, line.method, line.dimension)
        ]
        cells = [verdicts.marked(line.text(m), line.cells[m].confidence) for m in METRICS]
        body.append(
            [name(line) + " (quoted)" * line.quoted, line.dimension, *cells, _interval(mine), _finding(mine)]
        )
    shared = {row["dimension"]: row for row in rows if row["check"] == "common_spread"}
    said = "; ".join(f"{d} {_ends(shared[d]) or 'none'}" for d in DIMENSIONS)
    note = f"Standard deviations of the labels that all rows allow: {said}."
    return Block(
        title=f"{label('datasets', table).name}: published numbers", columns=columns, rows=body, notes=[note]
    )


def _interval(rows: Sequence[Row]) -> str:
    return _ends(next(row for row in rows if row["check"] == "label_spread"))


def _ends(row: Row) -> str:
    return f"{row['low']} to {row['high']}" if row["low"] else ""


def _finding(rows: Sequence[Row]) -> str:
    """What is doubtful; else that the row agrees, or that there is too little to tell."""
    doubts = [row["reason"] for row in rows if row["outcome"] == audit.DOUBTFUL]
    if doubts:
        return f"{audit.DOUBTFUL}: " + "; ".join(dict.fromkeys(doubts))
    told = [row for row in rows if row["outcome"] == audit.CONSISTENT]
    return audit.CONSISTENT if told else audit.UNCHECKED


def _notes(known: Published) -> list[str]:
    levels = {cell.confidence for table in EMOTION for cell in known.cells(table) if cell.printed}
    return [
        "Checked with what was rounded away: CCC at most PCC; RMSE, PCC and CCC of a row confine the "
        "standard deviation of the labels to an interval, which the rows of a table share if of the same "
        "labels; RMSE at least sd sqrt(1 - PCC^2). Consistent means not impossible. Signs are not checked.",
        f"Quoted: the paper took the row over; {audit.QUOTED.partition(': ')[2]}.",
        verdicts.legend(levels, known.levels),
    ]


if __name__ == "__main__":
    main()
