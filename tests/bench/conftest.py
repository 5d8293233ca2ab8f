"""Which layers are timed: with --benchmark-only those of $HOCP_BENCH_SIZE, else none."""

import os
from pathlib import Path

import pytest
import torch
from bench_layers import KINDS, ROUNDS, SIZES


def pytest_generate_tests(metafunc):
    """Layers of the chosen size; tiny ones where only values are checked."""
    if "shape" in metafunc.fixturenames:
        metafunc.parametrize("shape", SIZES[_size(metafunc.config)], ids=str)
        metafunc.parametrize("kind", KINDS)


def pytest_collection_modifyitems(config, items):
    """Take the timed tests out of plain runs: their numbers would mean nothing there."""
    if not config.getoption("benchmark_only"):
        timed = [item for item in items if _is_timed(item)]
        items[:] = [item for item in items if item not in timed]
        config.hook.pytest_deselected(items=timed)


def _is_timed(item):
    """Whether this is a benchmark of a layer."""
    return item.path.parent == Path(__file__).parent and "benchmark" in getattr(item, "fixturenames", ())


@pytest.fixture(autouse=True)
def one_thread():
    """Set here, since variables do not settle it: Snakemake exports some, and MKL's wins over OpenMP's."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config, machine_info):
    """The record says what the machine is, not what it is called."""
    del machine_info["node"]


@pytest.fixture
def rounds(request):
    """Calls that are timed, each by itself."""
    return ROUNDS[_size(request.config)]


def _size(config):
    if not config.getoption("benchmark_only"):
        return "tiny"
    size = os.environ.get("HOCP_BENCH_SIZE", "demo")
    if size not in SIZES:
        raise pytest.UsageError(f"HOCP_BENCH_SIZE is {size!r}; expected one of {', '.join(SIZES)}")
    return size
