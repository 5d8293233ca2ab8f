"""The claims of the paper, one a line: rule, what this scenario found, verdict.

``python -m figures.tab_claims --claims results/demo/claims.csv --published paper.yaml --out PREFIX``
"""

from collections.abc import Mapping, Sequence

from figures import tables, verdicts
from figures.claims import COLUMNS
from figures.tables import Block, Column
from hocp.contracts import files, published
from hocp.contracts.published import Published

Row = Mapping[str, str]
TITLES = {"analytic": "Claims that follow from definitions", "empirical": "Claims that need data"}
#: What a verdict is about; a mechanism on generated data is no number of the paper.
SCOPES = {
    "definitions": "definitions",
    "generated": "generated data, the mechanism only",
    "licensed": "licensed data",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Read, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--claims", required=True, metavar="CSV", help="judged claims (figures.claims)")
    parser.add_argument("--published", metavar="YAML", help="default: results/published/paper.yaml")
    args = parser.parse_args(argv)
    rows = files.read_csv(args.claims, COLUMNS)
    blocks = wide(rows, published.load(args.published))
    tables.write(args.out, COLUMNS, rows, blocks=blocks, inputs=tables.inputs_of(args))


def wide(rows: Sequence[Row], known: Published) -> list[Block]:
    """A block for each kind, the explanation of the words below the last."""
    blocks = [_block(kind, [row for row in rows if row["kind"] == kind]) for kind in TITLES]
    shown = {row["verdict"] for row in rows}
    words = "; ".join(f"{word}: {meaning}" for word, meaning in verdicts.MEANINGS.items() if word in shown)
    legend = verdicts.legend((row["confidence"] for row in rows), known.levels)
    legend = legend.replace("Published numbers: ", "How surely the paper claims it: ")
    blocks[-1] = tables.with_notes(blocks[-1], f"Verdicts. {words}.", legend)
    return blocks


def _block(kind: str, rows: Sequence[Row]) -> Block:
    columns = [
        Column(name="Claim"),
        Column(name="Where"),
        Column(name="Quantity"),
        Column(name="Published", align="r"),
        Column(name="Tolerance"),
        Column(name="Ours", align="r"),
        Column(name="Verdict"),
        Column(name="On"),
    ]
    body = [
        [
            row["statement"],
            verdicts.marked(row["where"], row["confidence"]),
            row["quantity"],
            row["published"],
            row["tolerance"],
            _ours(row),
            str(verdicts.Verdict(row["verdict"], row["reason"])),
            SCOPES.get(row["data"], ""),
        ]
        for row in rows
    ]
    notes = [f"{row['short'][:1].upper()}{row['short'][1:]}: {row['note']}" for row in rows if row["note"]]
    return Block(title=TITLES[kind], columns=columns, rows=body, notes=notes)


def _ours(row: Row) -> str:
    """Ours, and where it has an interval, the interval that holds all of them."""
    return f"{row['ours']} ({row['low']} to {row['high']})" if row["low"] and row["data"] else row["ours"]


if __name__ == "__main__":
    main()
