"""Differences between methods on the same clips: with intervals, and tested as often as they are asked about.

``python -m figures.tab_comparisons --comparisons COMPARISONS.csv --out PREFIX``
"""

from collections.abc import Mapping, Sequence

from figures import tables
from figures.labels import label, labels, ordered
from figures.tables import Block, Column
from figures.uncertain import UNITS
from hocp.contracts import files, record
from hocp.contracts.published import DIMENSIONS

#: What the wide form shows of the metrics; the long form has all.
METRIC = "ccc"
Rows = Sequence[Mapping[str, str]]


def main(argv: Sequence[str] | None = None) -> None:
    """Read, arrange, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--comparisons", required=True, metavar="CSV", help="differences (hocp uncertainty)")
    args = parser.parse_args(argv)
    rows = files.read_csv(args.comparisons, record.COMPARISONS)
    blocks = [
        wide([row for row in rows if row["dataset"] == dataset])
        for dataset in ordered("datasets", (row["dataset"] for row in rows))
    ]
    tables.write(args.out, record.COMPARISONS, rows, blocks=blocks, inputs=tables.inputs_of(args))


def wide(rows: Rows) -> Block:
    """One data set: a line a pair of methods, over people where they are known."""
    present = [unit for unit in UNITS if any(row["unit"] == unit for row in rows)]
    unit = next((u for u in present if any(row["unit"] == u and row["low"] for row in rows)), present[-1])
    shown = [row for row in rows if row["unit"] == unit and row["metric"] == METRIC]
    columns = [Column(name="Method"), Column(name="minus")]
    for dimension in DIMENSIONS:
        group = label("dimensions", dimension).name
        columns += [Column(name=name, group=group, align="r") for name in ("difference", "p", "p, adjusted")]
    body: list[list[str]] = []
    for family in (name for name in labels("families") if any(row["family"] == name for row in shown)):
        body.append([label("families", family).name])
        of_family = [row for row in shown if row["family"] == family]
        for pair in dict.fromkeys((row["method_a"], row["method_b"]) for row in of_family):
            body.append(_line([row for row in of_family if (row["method_a"], row["method_b"]) == pair]))
    title = f"{label('datasets', rows[0]['dataset']).name}: differences of CCC, {rows[0]['data']} data"
    return Block(title=title, columns=columns, rows=body, notes=_notes(shown, unit))


def _line(pair: Rows) -> list[str]:
    """Both dimensions of one pair."""
    by_dimension = {row["dimension"]: row for row in pair}
    cells = [label("methods", pair[0][side]).name for side in ("method_a", "method_b")]
    for dimension in DIMENSIONS:
        row = by_dimension[dimension]
        cells += [difference(row), p_value(row["p_value"]), p_value(row["p_adjusted"])]
    return cells


def difference(row: Mapping[str, str]) -> str:
    """A difference with its interval, or why there is none."""
    if not row["difference"]:
        return row["reason"]
    value = f"{float(row['difference']):+.3f}"
    return f"{value} [{float(row['low']):.2f}, {float(row['high']):.2f}]" if row["low"] else value


def p_value(text: str) -> str:
    """To three digits."""
    return "" if not text else "< 0.001" if float(text) < 0.001 else f"{float(text):.3f}"


def _notes(shown: Rows, unit: str) -> list[str]:
    counts = sorted({row["clusters"] for row in shown if row["clusters"]})
    seeds = max((int(row["seeds"]) for row in shown if row["seeds"]), default=0)
    drawn = f"{', '.join(counts)} {UNITS[unit]}" + (" and seeds" if seeds > 1 else "")
    return [
        f"In brackets: intervals for which {drawn} are drawn anew with replacement, the same ones for both "
        "methods. p: how often a difference this large arises when the two methods' predictions are swapped "
        f"for whole {UNITS[unit]} at random. Adjusted (Holm) for all comparisons of CCC under one question.",
        *(["One seed: another training run may give another difference."] if seeds == 1 else []),
    ]


if __name__ == "__main__":
    main()
