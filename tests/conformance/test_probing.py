"""The judge and the oracles, against torch and TensorLy."""

import kernels
import numpy as np
import pytest
import tensorly as tl
import torch
from libraries import Library
from probing import Failed, NotRun, Probe, holds, outcome, refused, same

CONV = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1, "dilation": 2},
        {"padding": "same"},
        {"padding": "same", "dilation": 2},
        {"padding": "valid"},
        {"padding": 2, "padding_mode": "reflect", "stride": 2},
        {"padding": 3, "padding_mode": "replicate"},
        {"padding": 2, "padding_mode": "circular"},
        {"groups": 2, "padding": 1},
        {"groups": 4},
    ],
    ids=str,
)
@pytest.mark.parametrize("order", CONV)
@pytest.mark.filterwarnings("ignore:Using padding=")
def test_the_slow_convolution_is_torchs(order, options):
    conv = CONV[order](4, 8, (3, 2, 4)[:order], dtype=torch.float64, **options)
    x = kernels.inputs(2, 4, *(7, 6, 8)[:order])
    same(kernels.convolve(x, conv.weight, bias=conv.bias, **options), conv(x))


def test_one_sided_padding_by_hand():
    x, kernel = torch.tensor([[[1.0, 2, 3]]]), torch.tensor([[[1.0, 10, 100]]])
    assert kernels.convolve(x, kernel, padding=((2, 0),)).tolist() == [[[100, 210, 321]]]


@pytest.mark.parametrize("form", kernels.FORMS)
def test_kernels_are_tensorlys(form):
    tensors = kernels.draw(form, (3, 2))
    arrays = [tensor.numpy() for tensor in tensors]
    with tl.backend_context("numpy", local_threadsafe=True):
        expected = {
            "cp": lambda: tl.cp_to_tensor((arrays[0], arrays[1:])),
            "tucker": lambda: tl.tucker_to_tensor((arrays[0], [*arrays[1:], np.eye(3), np.eye(2)])),
            "tt": lambda: np.moveaxis(tl.tt_to_tensor(arrays), -1, 0),
        }[form]()
    same(kernels.kernel_of(form, tensors), torch.from_numpy(np.ascontiguousarray(expected)))


def ask(function):
    return outcome(Probe("Z1", "Geometry", "?", "", function), Library())


def test_outcomes():
    def fails(_):
        raise Failed("x")

    def errs(_):
        raise KeyError(4)

    def lacks(_):
        raise NotRun("no y")

    assert ask(lambda _: None) == {"outcome": "passes", "measured": ""}
    assert ask(fails) == {"outcome": "fails", "measured": "x"}
    assert ask(errs) == {"outcome": "fails", "measured": "KeyError: 4"}
    assert ask(lacks) == {"outcome": "not run", "measured": "no y"}
    assert ask(lambda library: library.layer("cp", [])) == {
        "outcome": "not offered",
        "measured": "no layer from given factors",
    }


def test_a_mistake_in_a_probe_is_no_answer():
    with pytest.raises(AttributeError, match="no_such"):
        ask(lambda library: library.no_such)
    assert ask(lambda _: torch.nn.Linear("2", 2))["measured"].startswith("TypeError")


def test_measurements_are_one_short_line_of_ascii():
    def fails(_):
        raise ValueError("\x1b[96mé" + " xyz" * 50 + "\nmore")

    text = ask(fails)["measured"]
    assert text.startswith("ValueError: ? xyz xyz") and text.endswith("xyz ...") and 85 < len(text) <= 90


@pytest.mark.parametrize(
    ("found", "expected", "message"),
    [
        (torch.ones(2, 3), torch.ones(3, 2), "output 2x3, expected 3x2"),
        (torch.tensor([torch.nan]), torch.ones(1), "output is not finite"),
        (torch.tensor([1.0, 4.0]), torch.tensor([2.0, 4.0]), "output off by 0.25 of its largest value"),
    ],
)
def test_same_tells_how_they_differ(found, expected, message):
    with pytest.raises(Failed, match=message):
        same(found, expected)


def test_refusals():
    def wrong(error):
        raise error

    refused(lambda: wrong(ValueError("rank is -1")), naming="-1")
    for error, text in (
        (None, "accepted"),
        (ValueError("bad"), "does not name -1"),
        (KeyError(), "KeyError inst"),
    ):
        with pytest.raises(Failed, match=text):
            refused(lambda error=error: error and wrong(error), naming="-1")


def test_probes_start_alike_and_leave_nothing_behind():
    before = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        ask(lambda _: drawn.append(float(torch.rand(()))))
    assert drawn[0] == drawn[1]
    assert torch.equal(torch.get_rng_state(), before)
    holds(True, "")
