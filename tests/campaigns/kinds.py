"""The kinds of a campaign, dealt in turn: case number k of a seed is the same whatever the count."""

import random
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

from tests.campaigns.case import Case

Run = Callable[[random.Random, Path], str]


class Kinds:
    """
    A campaign's kinds, in the order in which they were added.

    Parameters
    ----------
    fault : str
        Name of the campaign; part of every case's seed.
    """

    def __init__(self, fault: str):
        self._fault = fault
        self._kinds: dict[str, tuple[frozenset[str], Run]] = {}

    def add(self, kind: str, run: Run, *expected: str) -> None:
        """Add a kind; `run` takes a source of random details and the folder."""
        assert kind not in self._kinds and expected, kind
        self._kinds[kind] = frozenset(expected), run

    def kind(self, kind: str, *expected: str) -> Callable[[Run], Run]:
        """Decorate the function that runs a kind."""

        def adder(run: Run) -> Run:
            self.add(kind, run, *expected)
            return run

        return adder

    def cases(self, size: int, seed: int) -> Iterator[Case]:
        """Yield `size` cases, and at least one of each kind."""
        size = max(size, len(self._kinds))
        for index, kind in zip(range(size), cycle(self._kinds), strict=False):
            yield self._case(kind, f"{self._fault}/{seed}/{index}")

    def _case(self, kind: str, key: str) -> Case:
        expected, run = self._kinds[kind]
        return Case(kind, expected, lambda folder: run(random.Random(key), folder))
