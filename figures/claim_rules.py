"""Rules by which claims that follow from definitions are judged; exact, from cost.csv and identities.csv.

Each takes the numbers of the ledger's `test` and the evidence, and gives a `Finding`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from figures import cost_tables, verdicts
from figures.verdicts import Verdict
from hocp.contracts import files, record, trail
from hocp.contracts.published import Published

Test = Mapping[str, Any]
Row = dict[str, str]
DEFINITIONS = "definitions"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came of one claim: both numbers as text, interval, verdict, on which data, rows of evidence."""

    verdict: Verdict
    published: str = ""
    ours: str = ""
    low: str = ""
    high: str = ""
    data: str = ""
    evidence: tuple[str, ...] = ()


def absent(what: str, published: str = "") -> Finding:
    """Nothing to judge by."""
    return Finding(verdict=Verdict(verdicts.NOT_RUN, what), published=published)


@dataclass(frozen=True)
class Evidence:
    """Files of a scenario that claims are judged by; None or empty where the scenario has none."""

    known: Published
    home: Path
    cost: Path | None = None
    identities: Path | None = None
    comparisons: Path | None = None
    runs: Path | None = None
    ranks: tuple[Path, ...] = ()

    def at(self, path: Path, **key: object) -> str:
        """Name of a row: file and what tells it from the others."""
        name = trail.name_of(path, self.home).removeprefix("scenario:")
        return f"{name}#" + ",".join(f"{k}={v}" for k, v in key.items())

    @cached_property
    def counted(self) -> dict[tuple[str, str, str], Row]:
        """Rows of cost.csv by table, item and kind."""
        return {} if self.cost is None else cost_tables.read_cost(self.cost)

    @cached_property
    def bars(self) -> dict[tuple[int, int, str], Row]:
        """Layers of the FLOP figure."""
        rows = cost_tables.of_table(self.counted, "flop_figure").values()
        return {(int(row["c_in"]), int(row["c_out"]), row["kind"]): row for row in rows}


def rounds(test: Test, evidence: Evidence) -> Finding:
    """Reported millions of parameters: ours round to them."""
    table, item = test["table"], test["item"]
    cells = [c for c in evidence.known.cells(table) if c.method == item and c.metric == "parameters_millions"]
    if not cells:
        raise ValueError(
            f"{evidence.known.place}: table {table} reports no size of {item!r}, which a claim needs"
        )
    place = {"sizes": "emotion"}.get(table, table)
    row = cost_tables.reported_size(cells[0], cost_tables.of_table(evidence.counted, place))
    return Finding(
        verdict=Verdict(row["verdict"], row["reason"]),
        published=row["published"],
        ours=row["ours"],
        data=DEFINITIONS,
        evidence=_cost(evidence, table=place, item=item),
    )


def _cost(evidence: Evidence, **key: object) -> tuple[str, ...]:
    return () if evidence.cost is None else (evidence.at(evidence.cost, **key),)


def smaller(test: Test, evidence: Evidence) -> Finding:
    """Parameters that one network saves against another."""
    counted = cost_tables.of_table(evidence.counted, "emotion")
    published = f"{test['percent']:g}"
    if not {test["item"], test["than"]} <= set(counted):
        return absent(cost_tables.ABSENT, published)
    ours, other = (int(counted[test[name]]["parameters"]) for name in ("item", "than"))
    saved = 100 * (1 - ours / other)
    said = verdicts.verdict(test["percent"], saved, data="analytic", tolerance=test["within"])
    rows = (
        *_cost(evidence, table="emotion", item=test["item"]),
        *_cost(evidence, table="emotion", item=test["than"]),
    )
    return Finding(verdict=said, published=published, ours=f"{saved:.2f}", data=DEFINITIONS, evidence=rows)


def bars(test: Test, evidence: Evidence) -> Finding:
    """Bars of the FLOP figure, to all their digits."""
    heights = evidence.known.bars()
    if not set(heights) <= set(evidence.bars):
        return absent(cost_tables.ABSENT, str(len(heights)))
    room = 0.5 * 10 ** -evidence.known.document["flop_figure"]["decimals"]["gflops"]
    ours = {key: float(evidence.bars[key]["gflops_paper_convention"]) for key in heights}
    good = sum(abs(ours[key] - height) <= room * (1 + 1e-9) for key, height in heights.items())
    return Finding(
        verdict=verdicts.share(good, len(heights), "bars equal"),
        published=str(len(heights)),
        ours=str(good),
        data=DEFINITIONS,
        evidence=_cost(evidence, table="flop_figure"),
    )


def largest_ratio(test: Test, evidence: Evidence) -> Finding:
    """How many times fewer operations, at most: of dense and factorized bars of one pair of channels."""
    bars, wanted = evidence.bars, test["at_least"]
    ratios = {
        key: float(bars[*key[:2], "dense"]["gflops_paper_convention"]) / float(row["gflops_paper_convention"])
        for key, row in bars.items()
        if key[2] != "dense"
    }
    if not ratios:
        return absent(cost_tables.ABSENT, f"{wanted:g}")
    best = max(ratios, key=ratios.__getitem__)
    word = verdicts.REPRODUCED if ratios[best] >= wanted else verdicts.NOT_REPRODUCED
    found = f"the largest of {len(ratios)} ratios, {best[0]} to {best[1]} channels"
    return Finding(
        verdict=Verdict(word, found),
        published=f"{wanted:g}",
        ours=f"{ratios[best]:.2f}",
        data=DEFINITIONS,
        evidence=_cost(evidence, table="flop_figure"),
    )


def formulas(test: Test, evidence: Evidence) -> Finding:
    """Counted parameters and multiply-accumulates against R (C + T + sum K) and C T prod K, at 3 x 3 x 3."""
    positions = evidence.known.document["flop_figure"]["positions"]
    checks = list(_counts(evidence.bars, positions))
    if not checks:
        return absent(cost_tables.ABSENT)
    said = verdicts.share(sum(checks), len(checks), "counts equal the formula")
    return Finding(
        verdict=said,
        published=str(len(checks)),
        ours=str(sum(checks)),
        data=DEFINITIONS,
        evidence=_cost(evidence, table="flop_figure"),
    )


def _counts(bars: Mapping[tuple[int, int, str], Row], positions: int) -> Iterator[bool]:
    for (c, t, kind), row in bars.items():
        expected = 27 * c * t if kind == "dense" else int(row["rank"]) * (c + t + 3 + 3 + 3)
        yield int(row["parameters"]) == expected
        yield int(row["macs"]) == positions * expected


def identities(test: Test, evidence: Evidence) -> Finding:
    """Measured identities: the largest relative error of all cases."""
    if evidence.identities is None:
        return absent("no identities.csv in this scenario")
    rows = [
        r for r in files.read_csv(evidence.identities, record.IDENTITIES) if r["identity"] in test["names"]
    ]
    missing = sorted(set(test["names"]) - {row["identity"] for row in rows})
    if missing:
        return absent(f"identities.csv has no {', '.join(missing)}")
    worst = max(float(row["relative"]) for row in rows)
    word = verdicts.REPRODUCED if worst <= test["at_most"] else verdicts.NOT_REPRODUCED
    said = Verdict(word, f"{len(rows)} case{'s' * (len(rows) > 1)} measured")
    ours = f"{worst:.1e}" if worst else "0"
    where = tuple(evidence.at(evidence.identities, identity=name) for name in test["names"])
    return Finding(verdict=said, published="0", ours=ours, data=DEFINITIONS, evidence=where)


def none(test: Test, evidence: Evidence) -> Finding:
    """Nothing here can test it."""
    return Finding(verdict=Verdict(verdicts.NOT_TESTABLE, test["why"]))


RULES: dict[str, Callable[[Test, Evidence], Finding]] = {
    rule.__name__: rule for rule in (rounds, smaller, bars, largest_ratio, formulas, identities, none)
}
