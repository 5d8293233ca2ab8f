"""torch.compile takes every layer as one graph, forward and backward, and changes no number."""

import os
import shutil

import pytest
import torch
from tool_cases import FEW, Side, both, image

NEAR = {"rtol": 1e-9, "atol": 1e-9}


@pytest.fixture(autouse=True)
def fresh():
    """No graph of another test."""
    torch._dynamo.reset()
    torch.manual_seed(0)


def check(module: torch.nn.Module, order: int, **options) -> None:
    """One graph gives the outputs and gradients of the module."""
    x = image(order, dtype=torch.float64)
    compiled = torch.compile(module, fullgraph=True, **options)
    for found, expected in zip(both(compiled, x), both(module, x), strict=True):
        torch.testing.assert_close(found, expected, **NEAR)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_layer_is_one_graph(order):
    check(Side(order, dtype=torch.float64), order, backend="eager")


@pytest.mark.parametrize("order", [1, 4])
def test_the_backward_pass_is_traced_ahead_of_time(order):
    """Above order 3 torch's own batch norm, in a traced backward pass without a compiler, gets the strides of
    its gradient wrong; compilers replace it."""
    names = [name for name in FEW if order < 4 or name != "separable norms"]
    check(Side(order, names, dtype=torch.float64), order, backend="aot_eager")


@pytest.mark.skipif(not shutil.which(os.environ.get("CXX", "g++")), reason="no C++ compiler")
def test_the_default_compiler_gives_the_same_outputs_and_gradients():
    """One of each factorization in one graph: every graph costs the C++ compiler a while."""
    check(Side(2, ("cp block", "tucker separate", "tt"), dtype=torch.float64), 2)
