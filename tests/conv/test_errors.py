"""Wrong use gets a ValueError that echoes value, expectation and place: the table of the whole library.

Each row of `errors_layers` and `errors_networks` is a call and the parts that its text must have.
"""

import re

import errors_layers
import errors_networks
import numpy as np
import pytest
import torch

from hocp.conv import CPConv, TTConv, TuckerConv

CASES = errors_layers.CASES + errors_networks.CASES


def told(call) -> str:
    """The text of the refusal."""
    with pytest.raises(ValueError) as caught:
        call()
    assert type(caught.value) is ValueError or type(caught.value).__module__.startswith("hocp")
    return str(caught.value)


@pytest.mark.parametrize("case", CASES, ids=[" | ".join(case[1:])[:70] for case in CASES])
@pytest.mark.filterwarnings("ignore")
def test_wrong_use_is_refused_with_place_value_and_expectation(case):
    call, *parts = case
    text = told(call)
    missing = [part for part in parts if part not in text]
    assert not missing, f"{missing} not in: {text}"
    assert len(parts) >= 2


@pytest.mark.filterwarnings("ignore")
def test_no_two_texts_are_the_same_and_there_are_many_kinds():
    """Distinct as they stand, and more than 120 even without names of classes, quoted values and numbers."""
    texts = [told(call) for call, *_ in CASES]
    twins = {text for text in texts if texts.count(text) > 1}
    assert not twins and len(texts) >= 180
    blank = re.compile(
        r"'[^']*'|\d+|torch\.\w+|\b(CPConv|TuckerConv|TTConv|ConvNd|SeparableDepthwise|cp_conv)\b"
    )
    assert len({blank.sub("_", text) for text in texts}) >= 120


def test_whole_numbers_of_any_type_are_taken():
    """As torch does; only a bool, which counts as a number in Python, is none."""
    two, three = np.int64(2), torch.tensor(3)
    for layer in (
        CPConv(two, two, (three, np.int32(3)), rank=two, stride=three, groups=np.uint8(2)),
        TuckerConv(two, two, [three, three], rank=(two, two), separate_modes=np.int16(1)),
        TTConv(two, two, torch.Size([3, 3]), rank=(two, two, two), padding=((two, 1), (0, two))),
    ):
        options = layer.options()
        assert all(type(number) is int for number in (options["in_channels"], *options["kernel_size"]))
        assert layer(torch.zeros(1, 2, 9, 9)).shape[1] == 2
