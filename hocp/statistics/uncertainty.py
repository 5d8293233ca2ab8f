"""Rows of ``intervals.csv`` and ``comparisons.csv``."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from statistics import mean
from typing import Any

from hocp.contracts.published import DIMENSIONS
from hocp.statistics import clusters
from hocp.statistics.exact import Undefined
from hocp.statistics.panel import Options, Panel, exact
from hocp.statistics.permutation import holm, p_value
from hocp.statistics.tested import Tested

#: Question -> pairs of methods that answer it, the one expected to be better first.
FAMILIES = {
    "transduction_vs_scratch": (("hocp_transduction", "hocp_scratch"),),
    "temporal_vs_static": (("hocp_transduction", "hocp"),),
    "hocp_vs_dense": (
        ("hocp", "resnet18"),
        ("hocp_scratch", "r3d18"),
        ("hocp_scratch", "r2plus1d18"),
        ("hocp_transduction", "r3d18"),
        ("hocp_transduction", "r2plus1d18"),
    ),
}
ONE_SEED = "one seed: how results differ between seeds is not in the interval"
NO_PEOPLE = "the release does not say who is shown"


def intervals(tests: Iterable[Tested], options: Options) -> Iterator[dict[str, Any]]:
    """One row a data set, unit, method, dimension and metric."""
    for group in _datasets(tests):
        units = clusters.names(group[0])
        for unit in dict.fromkeys([*units, "subject"]):
            panel = Panel.of(group, unit, options) if unit in units else None
            for method in dict.fromkeys(tested.head["method"] for tested in group):
                for dimension in DIMENSIONS:
                    for metric in clusters.METRICS:
                        head = {
                            **_about(group[0]),
                            "method": method,
                            "dimension": dimension,
                            "metric": metric,
                            "unit": unit,
                            "level": options.level,
                            "resamples": options.resamples,
                        }
                        yield head | _interval(group, panel, method, dimension, metric)


def _datasets(tests: Iterable[Tested]) -> Iterator[list[Tested]]:
    ordered = sorted(tests, key=lambda t: (t.head["dataset"], t.head["method"], t.head["seed"]))
    for _, group in groupby(ordered, key=lambda t: t.head["dataset"]):
        yield list(group)


def _about(tested: Tested) -> dict[str, Any]:
    return {"dataset": tested.head["dataset"], "data": tested.head["data"]}


def _interval(
    group: Sequence[Tested], panel: Panel | None, method: str, dimension: str, metric: str
) -> dict[str, Any]:
    """Value over seeds, and its interval or why there is none."""
    try:
        values = exact(group, method, dimension, metric)
    except Undefined as error:
        return {"reason": str(error)}
    cells = {"value": _text(mean(values.values())), "seeds": len(values)}
    if panel is None:
        return cells | {"reason": NO_PEOPLE}
    found = panel.interval([(1, method)], dimension, metric, list(values))
    return cells | _ends(found, seeds=len(values)) | {"clusters": panel.count}


def _ends(found, *, seeds: int) -> dict[str, Any]:
    note = found.reason or (ONE_SEED if seeds == 1 else "")
    return {"low": _text(found.low), "high": _text(found.high), "reason": note}


def _text(value: float | None) -> str | None:
    return None if value is None else f"{value:.6f}"


def comparisons(tests: Iterable[Tested], options: Options) -> Iterator[dict[str, Any]]:
    """One row a data set, unit, family, pair, dimension and metric; adjusted within family and metric."""
    for group in _datasets(tests):
        for unit in clusters.names(group[0]):
            panel = Panel.of(group, unit, options)
            for family, pairs in FAMILIES.items():
                for metric in clusters.METRICS:
                    asked = [(pair, d) for pair in pairs if _possible(pair, panel) for d in DIMENSIONS]
                    yield from _adjusted([
                        {**_about(group[0]), "family": family, "method_a": pair[0], "method_b": pair[1],
                         "dimension": dimension, "metric": metric, "unit": unit,
                         **_compared(group, panel, pair, dimension, metric)}
                        for pair, dimension in asked
                    ])  # fmt: skip


def _possible(pair: Sequence[str], panel: Panel) -> bool:
    """Clip networks need clips; on single images only pairs that were run are asked about."""
    return panel.unit != "image" or set(pair) <= set(panel.seeds)


def _compared(
    group: Sequence[Tested], panel: Panel, pair: tuple[str, str], dimension: str, metric: str
) -> dict[str, Any]:
    """Difference over the common seeds, its interval and p-value, or why there is none."""
    for method in pair:
        if method not in panel.seeds:
            return {"reason": f"no run of {method} on {panel.dataset}"}
    seeds = [seed for seed in panel.seeds[pair[0]] if seed in panel.seeds[pair[1]]]
    if not seeds:
        return {"reason": f"{pair[0]} and {pair[1]} have no seed in common"}
    try:
        first, second = (exact(group, method, dimension, metric) for method in pair)
    except Undefined as error:
        return {"reason": str(error)}
    difference = mean(first[s] for s in seeds) - mean(second[s] for s in seeds)
    found = panel.interval([(1, pair[0]), (-1, pair[1])], dimension, metric, seeds)
    cells = {"difference": _text(difference), "seeds": len(seeds), "clusters": panel.count}
    return (
        cells | _ends(found, seeds=len(seeds)) | {"p_value": _swapped(panel, pair, dimension, metric, seeds)}
    )


def _swapped(
    panel: Panel, pair: Sequence[str], dimension: str, metric: str, seeds: Sequence[int]
) -> float | None:
    ways, every = panel.ways
    first, second = (
        panel.tables[method, dimension][:, [panel.seeds[method].index(s) for s in seeds]] for method in pair
    )
    return p_value(first, second, clusters.METRICS[metric], ways, every=every)


def _adjusted(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of one family and metric, their p-values adjusted for each other."""
    tested = [row for row in rows if row.get("p_value") is not None]
    for row, adjusted in zip(tested, holm([row["p_value"] for row in tested]), strict=True):
        row |= {"p_adjusted": f"{adjusted:.4g}", "adjustment": f"Holm, {len(tested)} comparisons",
                "p_value": f"{row['p_value']:.4g}"}  # fmt: skip
    yield from rows
