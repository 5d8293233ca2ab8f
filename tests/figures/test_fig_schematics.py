"""The schematic figures say what the layers do: right factors, right counts, right stages."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from figures import fig_cp, fig_overview, fig_tucker
from figures.labels import label


def _words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("module", [fig_cp, fig_overview, fig_tucker])
def test_everything_lies_on_the_page(module):
    figure = module.draw()
    figure.canvas.draw()
    page = figure.bbox
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1, text


@pytest.mark.parametrize("module", [fig_cp, fig_overview, fig_tucker])
def test_no_two_texts_overlap(module):
    figure = module.draw()
    figure.canvas.draw()
    boxes = [(text.get_text(), text.get_window_extent()) for text in figure.axes[0].texts]
    for index, (words, box) in enumerate(boxes):
        clashes = [
            other
            for other, place in boxes[index + 1 :]
            if box.shrunk(0.9, 0.8).overlaps(place.shrunk(0.9, 0.8))
        ]
        assert not clashes, f"{words!r} lies on {clashes}"


def test_overview_has_the_temporal_factor_in_the_video_network_only():
    words = _words(fig_overview.draw())
    assert words.count(fig_overview.TEMPORAL.factor) == 1
    for step in fig_overview.SPATIAL:
        assert words.count(step.factor) == 2


def test_stage_one_trains_the_temporal_factors_alone():
    """Discs stand for trained factors: four on images, one and five in the stages on video."""
    figure = fig_overview.draw()
    discs = [patch for patch in figure.axes[0].patches if type(patch).__name__ == "Circle"]
    stages = {height: [d for d in discs if d.center[1] == height] for height in {d.center[1] for d in discs}}
    video = {height: [d for d in row if d.center[0] > 3.3] for height, row in stages.items()}
    green = to_rgba(label("parts", "time").colour)
    assert [d.get_facecolor() for d in video[fig_overview.FIRST_PLAN]] == [green]
    assert len(video[fig_overview.SECOND_PLAN]) == 5
    assert len(stages[fig_overview.FIRST_PLAN]) == 5


def test_parameter_counts_written_in_the_blocks_add_up_to_the_papers_formulas():
    """The formulas of the figures, evaluated, against direct counts of the factors."""
    sizes = {"C": 5, "T": 7, "R": 3, "R_C": 2, "R_T": 4, "K_0": 3, "K_1": 2}
    cp = sum(_evaluate(block.words[-1], sizes) for block in fig_cp.SEPARABLE[:-1])
    assert cp == sum(np.prod(shape) for shape in [(5, 3), (3, 3), (2, 3), (3,), (7, 3)])
    mobile = sum(_evaluate(block.words[-1], sizes) for block in fig_cp.MOBILE[:-1])
    assert mobile == sum(np.prod(shape) for shape in [(5, 3), (3, 2, 3), (7, 3)])
    tucker = sum(_evaluate(block.words[-1], sizes) for block in fig_tucker.CHAIN[:-1])
    assert tucker == sum(np.prod(shape) for shape in [(5, 2), (4, 2, 3, 2), (7, 4)])


def _evaluate(formula: str, sizes: dict[str, int]) -> int:
    """Value of a formula such as "$R + RT$", a sum of products of names."""
    total = 0
    for term in formula.strip("$").split("+"):
        rest, product = term.replace(" ", ""), 1
        while rest:
            name = next(n for n in sorted(sizes, key=len, reverse=True) if rest.startswith(n))
            rest, product = rest[len(name) :], product * sizes[name]
        total += product
    return total
