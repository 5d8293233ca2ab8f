"""The split of a budget, against all possible splits."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocp.conv.factorization.budget import Choices, allocate, least

costs = st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True)


@st.composite
def layers(draw) -> list[Choices]:
    """Up to three layers; some choices are dominated, costs may come in any order."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        prices = draw(costs)
        losses = [draw(st.integers(0, 40)) / 4 for _ in prices]
        found.append(Choices(tuple(range(len(prices))), tuple(prices), tuple(losses)))
    return found


def spent(layers: list[Choices], levels: list[int]) -> tuple[float, float]:
    """Cost and loss of a split."""
    at = [(layer, layer.levels.index(level)) for layer, level in zip(layers, levels, strict=True)]
    return sum(layer.costs[i] for layer, i in at), sum(layer.losses[i] for layer, i in at)


def best(layers: list[Choices], budget: float) -> float:
    """Smallest loss of all splits within the budget."""
    splits = [spent(layers, list(levels)) for levels in product(*(layer.levels for layer in layers))]
    return min(loss for cost, loss in splits if cost <= budget)


@settings(deadline=None, max_examples=300)
@given(layers(), st.integers(0, 60))
def test_a_split_of_whole_numbers_is_the_best_of_all(layers, more):
    budget = least(layers) + more
    cost, loss = spent(layers, allocate(layers, budget))
    assert cost <= budget and loss == pytest.approx(best(layers, budget))


@settings(deadline=None, max_examples=200)
@given(layers(), st.floats(0, 60), st.sampled_from([1e-6, 0.37, 1e5]))
def test_any_other_split_keeps_the_budget_and_is_the_best_of_a_slightly_smaller_one(layers, more, unit):
    """Costs are rounded up to a two-thousandth part of what there is to spend."""
    layers = [Choices(x.levels, tuple(unit * c for c in x.costs), x.losses) for x in layers]
    budget = least(layers) + unit * more
    cost, loss = spent(layers, allocate(layers, budget))
    assert cost <= budget * (1 + 1e-12)
    assert loss <= best(layers, budget - unit * more * len(layers) / 2000) + 1e-9


def test_what_is_useless_is_never_taken():
    """Dearer and no better, or as dear and worse."""
    layer = Choices((1, 2, 3, 0), (5, 7, 5, 9), (1.0, 1.0, 2.0, 0.5))
    assert layer.useful() == Choices((1, 0), (5, 9), (1.0, 0.5))
    assert allocate([layer], 8) == [1] and allocate([layer], 9) == [0]


def test_a_layer_is_not_fed_because_the_better_use_just_does_not_fit():
    """By hand: the first layer's last step is too dear by one, so a smaller one is taken, not the other's."""
    loud = Choices((1, 2, 3, 0), (1, 7, 11, 13), (100, 40, 20, 0))
    quiet = Choices((1, 2), (1, 6), (1, 0))
    assert allocate([loud, quiet], 13) == [3, 1]
    assert allocate([loud, quiet], 14) == [0, 1]
    assert allocate([loud, quiet], 2) == [1, 1]


def test_large_budgets_are_used_to_the_last_that_fits():
    """More than two thousand units, met to less than one choice."""
    levels = range(1, 900)
    layers = [Choices(tuple(levels), tuple(977 * n for n in levels), tuple(1 / n for n in levels))]
    (level,) = allocate(layers, 600_000)
    assert level == 600_000 // 977
