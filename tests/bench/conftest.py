"""What is timed: with --benchmark-only the chosen size and part; else only values of tiny layers count."""

import os
from pathlib import Path

import pytest
import torch

from tests.bench import cases, machine
from tests.bench.measuring import measurements
from tests.bench.options import SIZES

LIMITS = pytest.StashKey[dict]()


def pytest_generate_tests(metafunc):
    """Layers of the chosen size; tiny ones where only values are checked."""
    if "measurement" in metafunc.fixturenames:
        among = cases.cases(
            _size(metafunc.config), _subject(), threads=_threads(), allocator=machine.allocator()
        )
        passes = cases.EFFORT[_size(metafunc.config)].passes
        metafunc.parametrize("measurement", list(measurements(among, passes=passes)), ids=str)


def pytest_collection_modifyitems(config, items):
    """Take the timed tests out of plain runs: their numbers would mean nothing there."""
    if not config.getoption("benchmark_only"):
        timed = [item for item in items if _is_timed(item)]
        items[:] = [item for item in items if item not in timed]
        config.hook.pytest_deselected(items=timed)


def _is_timed(item):
    """Whether this is a benchmark of a layer."""
    return item.path.parent == Path(__file__).parent and "benchmark" in getattr(item, "fixturenames", ())


def pytest_sessionstart(session):
    """Measure the limits of the machine, with which the times of this run are compared; again at its end."""
    if session.config.getoption("benchmark_only"):
        torch.set_num_threads(_threads())
        session.config.stash[LIMITS] = machine.limits()


@pytest.fixture(autouse=True)
def threads():
    """Set here, since variables do not settle it: Snakemake exports some, and MKL's wins over OpenMP's."""
    before = torch.get_num_threads()
    torch.set_num_threads(_threads())
    yield
    torch.set_num_threads(before)


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config, machine_info):
    """The record says what the machine is, not what it is called."""
    del machine_info["node"]
    machine_info["environment"] = machine.description()
    if LIMITS in config.stash:
        before, after = config.stash[LIMITS], machine.limits()
        machine_info["limits"] = {name: max(before[name], after[name]) for name in after}


@pytest.fixture
def effort(request):
    """Time and calls for a row."""
    return cases.EFFORT[_size(request.config)]


def _threads():
    return int(os.environ.get("HOCP_BENCH_THREADS", "1"))


def _subject():
    return os.environ.get("HOCP_BENCH_SUBJECT", "all")


def _size(config):
    if not config.getoption("benchmark_only"):
        return "tiny"
    size = os.environ.get("HOCP_BENCH_SIZE", "demo")
    if size not in SIZES:
        raise pytest.UsageError(f"HOCP_BENCH_SIZE is {size!r}; expected one of {', '.join(SIZES)}")
    return size
