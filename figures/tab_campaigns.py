"""Fault campaigns: how much hostile and broken input the readers were given, and how it ended.

``python -m figures.tab_campaigns --campaigns campaigns.csv --campaign-facts campaigns.json --out PREFIX``
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from figures import tables
from figures.tables import Block, Column
from hocp.contracts import files

COLUMNS = ("fault", "title", "kind", "cases", "outcomes", "failures", "peak_mb", "seconds")
SHOWN = 4  # outcomes of a kind in the wide form; random damage ends in dozens of mixtures

Row = Mapping[str, str]


def main(argv: Sequence[str] | None = None) -> None:
    """Read, add up, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--campaigns", required=True, metavar="CSV", help="counts of `tests.campaigns.run`")
    parser.add_argument("--campaign-facts", required=True, metavar="JSON", help="what they were made with")
    args = parser.parse_args(argv)
    rows, facts = read(args.campaigns, args.campaign_facts)
    blocks = [summary(rows, facts), *(kinds(fault, part) for fault, part in _parts(rows).items())]
    tables.write(args.out, COLUMNS, rows, blocks=blocks)


def read(campaigns: str, facts: str) -> tuple[list[Row], Mapping[str, Any]]:
    """Counts and facts of one execution.

    Raises
    ------
    ValueError
        If there is no case, or the facts are of another execution.
    """
    rows, made = files.read_csv(campaigns, COLUMNS), files.read_json(facts)
    counted = {fault: (total(part, "cases"), total(part, "failures")) for fault, part in _parts(rows).items()}
    told = {fault: (one["cases"], len(one["failures"])) for fault, one in made.items()}
    if not rows or counted != told:
        raise ValueError(
            f"{campaigns}: cases and failures {counted}, {facts} says {told}; make both with `python -m "
            "tests.campaigns.run --size full --out`"
        )
    return rows, made


def _parts(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Campaign -> its rows, in the order of the file."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row["fault"], []).append(row)
    return parts


def total(rows: Iterable[Row], column: str) -> int:
    """Sum of a column of counts."""
    return sum(int(row[column]) for row in rows)


def summary(rows: Sequence[Row], facts: Mapping[str, Any]) -> Block:
    """One row a campaign, all of them last."""
    heads = ("Kinds", "Cases", "Failures", "Peak memory, MB", "Seconds")
    columns = [Column(name="Campaign"), Column(name="Input")]
    columns += [Column(name=head, align="r") for head in heads]
    cells = [[fault, part[0]["title"], *_sums(part)] for fault, part in _parts(rows).items()]
    cells.append(["All", "", *_sums(rows)])
    return Block(title="Fault campaigns", columns=columns, rows=cells, notes=_notes(facts.values()))


def _notes(facts: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a failure is, and what the counts were made with."""
    facts = list(facts)
    limits = facts[0]["limits"]
    versions = _each(", ".join(map(" ".join, one["versions"].items())) for one in facts)
    return [
        "A case fails if an exception escapes, it ends otherwise than it must, takes more than "
        f"{limits['seconds']} s or {limits['memory_mb']} MB, ends the process, or touches anything outside "
        "its folder.",
        f"Size {_each(one['size'] for one in facts)}, seed {_each(one['seed'] for one in facts)}; slowest "
        f"case {max(one['slowest_case_seconds'] for one in facts):.1f} s. Run with {versions}, commit "
        f"{_each((one['code']['commit'] or 'unknown')[:12] for one in facts)}.",
    ]


def _each(values: Iterable[object]) -> str:
    """Different values, in the order in which they were met."""
    return " or ".join(dict.fromkeys(map(str, values)))


def _sums(rows: Sequence[Row]) -> list[str]:
    return [
        str(len(rows)),
        str(total(rows, "cases")),
        str(total(rows, "failures")),
        str(max(int(row["peak_mb"]) for row in rows)),
        f"{sum(float(row['seconds']) for row in rows):.0f}",
    ]


def kinds(fault: str, part: Sequence[Row]) -> Block:
    """One row a kind of a campaign."""
    columns = [Column(name="Kind"), Column(name="Cases", align="r"), Column(name="Ended in")]
    columns += [Column(name=name, align="r") for name in ("Failures", "Peak memory, MB")]
    cells = [
        [row["kind"], row["cases"], _brief(row["outcomes"]), row["failures"], row["peak_mb"]] for row in part
    ]
    return Block(title=f"{fault}: {part[0]['title'].lower()}", columns=columns, rows=cells)


def _brief(outcomes: str) -> str:
    """The commonest outcomes, and how many cases ended in others."""
    told = outcomes.split("; ")
    others = sum(int(outcome.rpartition(" ")[2]) for outcome in told[SHOWN:])
    return "; ".join(told[:SHOWN] + ([f"others {others}"] if others else []))


if __name__ == "__main__":
    main()
