"""All methods of one data set on the same clusters and the same resamples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hocp.contracts.published import DIMENSIONS
from hocp.statistics import bootstrap, clusters, measures
from hocp.statistics.bootstrap import Interval
from hocp.statistics.exact import Sums, Undefined
from hocp.statistics.permutation import swaps
from hocp.statistics.tested import Tested


class Options(NamedTuple):
    """How intervals and tests are made."""

    resamples: int = 5000
    permutations: int = 10000
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True)
class Panel:
    """One data set, one unit of resampling.

    Attributes
    ----------
    dataset, data, unit : str
    seeds : mapping of str to tuple of int
        Method -> its seeds, in order.
    tables : mapping
        (method, dimension) -> sums of shape (K, S, F); see `hocp.statistics.clusters`.
    options : Options
    """

    dataset: str
    data: str
    unit: str
    seeds: Mapping[str, tuple[int, ...]]
    tables: Mapping[tuple[str, str], np.ndarray]
    options: Options

    @classmethod
    def of(cls, tests: Sequence[Tested], unit: str, options: Options) -> "Panel":
        """All methods and seeds of one data set.

        Raises
        ------
        ValueError
            If two of them were not tested on the same items.
        """
        first = tests[0]
        for other in tests:
            if not (np.array_equal(other.clip, first.clip) and np.array_equal(other.fold, first.fold)):
                raise ValueError(
                    f"{first.head['run']} and {other.head['run']} were not tested on the same items; "
                    "methods are compared on the same folds only"
                )
        labels, cluster = np.unique(clusters.names(first)[unit], return_inverse=True)
        seeds: dict[str, list[int]] = {}
        for tested in tests:
            seeds.setdefault(tested.head["method"], []).append(tested.head["seed"])
        tables = {
            (method, dimension): np.stack([
                clusters.table(t.predicted[dimension], t.true[dimension], cluster, clusters=len(labels))
                for t in tests if t.head["method"] == method
            ], axis=1)
            for method in seeds for dimension in DIMENSIONS
        }  # fmt: skip
        head = first.head
        return cls(
            head["dataset"], head["data"], unit, {m: tuple(s) for m, s in seeds.items()}, tables, options
        )

    @property
    def count(self) -> int:
        """Number of clusters."""
        return len(next(iter(self.tables.values())))

    @cached_property
    def drawn(self) -> Mapping[tuple[str, str], np.ndarray]:
        """(method, dimension) -> sums of resamples, shape (R, S, F); the same clusters for all."""
        random = np.random.default_rng([self.options.seed, 0])
        wide = np.concatenate([table.reshape(self.count, -1) for table in self.tables.values()], axis=1)
        sums = bootstrap.resampled(wide, resamples=self.options.resamples, random=random)
        ends = np.cumsum([table[0].size for table in self.tables.values()])[:-1]
        return {
            key: part.reshape(-1, *table.shape[1:])
            for (key, table), part in zip(self.tables.items(), np.split(sums, ends, axis=1), strict=True)
        }

    @cached_property
    def ways(self) -> tuple[np.ndarray, bool]:
        """Swaps of two methods' clusters, the same for every pair."""
        random = np.random.default_rng([self.options.seed, 1])
        return swaps(self.count, permutations=self.options.permutations, random=random)

    def interval(
        self, terms: Sequence[tuple[float, str]], dimension: str, metric: str, seeds: Sequence[int]
    ) -> Interval:
        """Interval of a sum of methods with signs: ``[(1, a)]`` is a's own, ``[(1, a), (-1, b)]`` of a - b.

        Means are over these `seeds`; if several, they are resampled too, the same ones for every term.
        """
        random = np.random.default_rng([self.options.seed, 2])
        shares = bootstrap.seed_weights(len(seeds), resamples=self.options.resamples, random=random)
        value, drawn, left = 0.0, 0.0, 0.0
        for sign, method in terms:
            chosen = [self.seeds[method].index(seed) for seed in seeds]
            table, sums = self.tables[method, dimension][:, chosen], self.drawn[method, dimension][:, chosen]
            compute = clusters.METRICS[metric]
            value = value + sign * compute(table.sum(0)).mean()
            drawn = drawn + sign * (shares * compute(sums)).sum(-1)
            left = left + sign * compute(bootstrap.left_out(table)).mean(-1)
        return bootstrap.bca(float(value), drawn, left, level=self.options.level)


def exact(tests: Sequence[Tested], method: str, dimension: str, metric: str) -> dict[int, float]:
    """Seed -> the method's metric over all items, rounded once.

    Raises
    ------
    Undefined
        If a seed has no value; names it.
    """
    found = {}
    for tested in tests:
        if tested.head["method"] == method:
            sums = Sums.of(tested.predicted[dimension], tested.true[dimension])
            try:
                found[tested.head["seed"]] = measures.METRICS[metric](sums)
            except Undefined as error:
                raise Undefined(f"seed {tested.head['seed']}: {error}") from None
    return found
