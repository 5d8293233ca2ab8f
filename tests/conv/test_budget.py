"""The split of a budget, against all possible splits."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocp.conv.budget import Choices, allocate, least

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
def test_a_split_keeps_the_budget_and_no_single_change_would_improve_it(layers, more):
    budget = least(layers) + more
    levels = allocate(layers, budget)
    cost, loss = spent(layers, levels)
    assert cost <= budget
    for n, layer in enumerate(layers):
        for level in layer.levels:
            changed = [*levels[:n], level, *levels[n + 1 :]]
            other_cost, other_loss = spent(layers, changed)
            assert other_cost > budget or other_loss >= loss
    assert loss <= best(layers, budget) + max(max(layer.losses) - min(layer.losses) for layer in layers)


@settings(deadline=None, max_examples=300)
@given(layers(), st.data())
def test_a_split_is_the_best_of_all_where_the_budget_is_met_along_the_hulls(layers, data):
    """Lagrange: for any price of cost, the split that is cheapest in sum is the best for what it costs."""
    price = data.draw(st.integers(1, 80)) / 16 + 1 / 512  # between all slopes, so no ties
    total = 0.0
    for layer in layers:
        total += min(
            zip(layer.losses, layer.costs, strict=True), key=lambda point: point[0] + price * point[1]
        )[1]
    levels = allocate(layers, total)
    assert spent(layers, levels)[1] == pytest.approx(best(layers, total))


def test_what_is_useless_is_never_taken():
    """Dearer and no better, or as dear and worse."""
    layer = Choices((1, 2, 3, 0), (5, 7, 5, 9), (1.0, 1.0, 2.0, 0.5))
    assert layer.useful() == Choices((1, 0), (5, 9), (1.0, 0.5))
    assert allocate([layer], 8) == [1] and allocate([layer], 9) == [0]


def test_the_steepest_gain_is_bought_first():
    """Worked by hand: 10 -> 4 for 2, then 4 -> 3 for 2; the other layer 6 -> 0 for 6."""
    one, other = Choices((1, 2, 3), (1, 3, 5), (10, 4, 3)), Choices((1, 2), (1, 7), (6, 0))
    assert allocate([one, other], 2) == [1, 1]
    assert allocate([one, other], 4) == [2, 1]
    assert allocate([one, other], 10) == [2, 2]
    assert allocate([one, other], 12) == [3, 2]
