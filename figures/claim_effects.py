"""Rules for claims that need data: differences of methods, shares of ranks, published numbers.

On generated data a rule tells whether the mechanism works there; numbers of real data are judged on
licensed data.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from figures import emotion_tables, verdicts
from figures.claim_rules import Evidence, Finding, Row, Test, absent
from hocp.contracts import files, record

LICENSED = "needs licensed data"


def comparisons(test: Test, evidence: Evidence) -> Finding:
    """Differences of two methods on every data set and in both dimensions, each with its interval."""
    if evidence.comparisons is None:
        return absent("no comparisons.csv in this scenario")
    rows = _coarsest(_oriented(files.read_csv(evidence.comparisons, record.COMPARISONS), test))
    told = [row for row in rows if row["difference"] and row["low"] and row["high"]]
    if not told:
        why = next((row["reason"] for row in rows if row["reason"]), "")
        return absent(
            why or f"comparisons.csv has no {test['better']} and {test['than']} in {test['family']}"
        )
    data, seeds = _one(told, "data", evidence.comparisons), min(int(row["seeds"] or 0) for row in told)
    signs = [_sign(row, test["alpha"]) for row in told]
    signs += [0] * (len(rows) - len(told))  # a difference without a number speaks for nothing
    low, high = min(float(row["low"]) for row in told), max(float(row["high"]) for row in told)
    differences = [float(row["difference"]) for row in told]
    return Finding(
        verdict=verdicts.effect(signs, data=data, seeds=seeds, wanted=test["seeds"]),
        ours=_range(differences),
        low=f"{low:.3f}",
        high=f"{high:.3f}",
        data=data,
        evidence=tuple(evidence.at(evidence.comparisons, **{key: row[key] for key in _KEY}) for row in told),
    )


_KEY = ("dataset", "family", "method_a", "method_b", "dimension", "metric", "unit")


def _oriented(rows: Sequence[Row], test: Test) -> Iterator[Row]:
    """Rows of the two methods; where they stand the other way round, the signs are turned."""
    for row in rows:
        if (row["family"], row["metric"]) != (test["family"], test["metric"]):
            continue
        pair = (row["method_a"], row["method_b"])
        if pair == (test["better"], test["than"]):
            yield row
        elif pair == (test["than"], test["better"]):
            turned = {"difference": row["difference"], "low": row["high"], "high": row["low"]}
            yield {**row, **{key: text and f"{-float(text)!r}" for key, text in turned.items()}}


def _coarsest(rows: Iterable[Row]) -> list[Row]:
    """One row a data set and dimension: where clips and people were drawn, that of the fewest clusters.

    Frames of one person hang together more than those of one clip, so its interval is the honest one.
    """
    chosen: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row["dataset"], row["dimension"])
        if key not in chosen or int(row["clusters"] or 0) < int(chosen[key]["clusters"] or 0):
            chosen[key] = row
    return list(chosen.values())


def _sign(row: Row, alpha: float) -> int:
    """1 above zero, -1 below, 0 where the interval holds zero or the adjusted p-value is too large."""
    if row["p_adjusted"] and float(row["p_adjusted"]) > alpha:
        return 0
    return (float(row["low"]) > 0) - (float(row["high"]) < 0)


def _range(values: Sequence[float]) -> str:
    """One number, or the smallest and the largest."""
    low, high = min(values), max(values)
    return f"{low:+.3f}" if len(values) == 1 else f"{low:+.3f} to {high:+.3f}"


def _one(rows: Sequence[Row], column: str, path: Path) -> str:
    kinds = sorted({row[column] for row in rows})
    if len(kinds) != 1:
        raise ValueError(
            f"{path}: {column} is {' and '.join(kinds)} in rows of one claim, expected one of them"
        )
    return kinds[0]


def zeroed(test: Test, evidence: Evidence) -> Finding:
    """Share of CP weights at zero in each lasso run, all layers together, in the published range."""
    low, high = evidence.known.document["rank_selection"]["zeroed_percent"]
    published = f"{low:g} to {high:g}"
    if not evidence.ranks:
        return absent("no run with the lasso in this scenario", published)
    tables = {path: files.read_csv(path, record.RANKS) for path in evidence.ranks}
    layers = [row for rows in tables.values() for row in rows]
    shares = [
        100 * sum(int(row["zeroed"]) for row in rows) / sum(int(row["rank"]) for row in rows)
        for rows in tables.values()
    ]
    signs = [1 if low <= share <= high else -1 for share in shares]
    data = _one(layers, "data", evidence.ranks[0])
    said = verdicts.effect(signs, data=data, seeds=len(shares), wanted=test["seeds"])
    each = [100 * int(row["zeroed"]) / int(row["rank"]) for row in layers]
    found = f"{signs.count(1)} of {len(signs)} runs in the range; layers {min(each):.0f} to {max(each):.0f} %"
    few = f"{len(shares)} of {test['seeds']} seeds; " if len(shares) < test["seeds"] else ""
    return Finding(
        verdict=said._replace(reason=few + found),
        published=published,
        ours=_percents(shares),
        data=data,
        evidence=tuple(evidence.at(path, layer="all") for path in tables),
    )


def _percents(shares: Sequence[float]) -> str:
    low, high = f"{min(shares):.1f}", f"{max(shares):.1f}"
    return low if low == high else f"{low} to {high}"


def cells(test: Test, evidence: Evidence) -> Finding:
    """Published valence and arousal of some methods; judged on licensed data only."""
    table, methods = test["table"], test["methods"]
    cells = [c for c in evidence.known.cells(table) if c.method in methods and c.value is not None]
    if evidence.runs is None:
        return absent("no runs.csv in this scenario", str(len(cells)))
    data, ours = emotion_tables.read_runs(evidence.runs, table)
    if data != "licensed":
        return absent(LICENSED, str(len(cells)))
    rows = emotion_tables.compare(cells, ours, data=data)
    judged = [row for row in rows if row["ours"] and row["published"]]
    if len(judged) < len(cells):
        return absent(f"{len(cells) - len(judged)} of {len(cells)} numbers were not run", str(len(cells)))
    good = sum(row["verdict"] == verdicts.REPRODUCED for row in judged)
    return Finding(
        verdict=verdicts.share(good, len(judged), "numbers within tolerance"),
        published=str(len(cells)),
        ours=str(good),
        data=data,
        evidence=(evidence.at(evidence.runs, dataset=table),),
    )


RULES: dict[str, Callable[[Test, Evidence], Finding]] = {
    "comparisons": comparisons,
    "zeroed": zeroed,
    "cells": cells,
}
