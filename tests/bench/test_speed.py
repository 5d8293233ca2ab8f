"""Time, memory and error of layers and networks side by side; run by `python -m tests.bench.run`.

Without --benchmark-only, layers and networks of a few channels are only checked.
"""

import pytest
import torch

from tests.bench import machine, others
from tests.bench.calls import CALLS
from tests.bench.measuring import facts, findings, ready, repeats
from tests.bench.networks import REST

#: Most that float32 may be off float64. In networks a ReLU whose input rounds to the other side of zero
#: switches whole paths of the gradient; torch's dense ones were found to be off by 0.004.
TOLERANCE = {"layers": 1e-5, "networks": 2e-2}
QUIET = others.Quiet()


def test_time(benchmark, measurement, effort):
    _skip_without_tltorch(measurement)
    made = ready(measurement)
    benchmark.group = f"{measurement.case.subject}, {measurement.call}"
    benchmark.extra_info.update(facts(measurement), **machine.surroundings())
    call, how_often = CALLS[measurement.call], repeats(measurement, effort)
    with others.Watch() as watch:
        result = benchmark.pedantic(call, (made,), **how_often)
    disturbed = watch.disturbed and torch.get_num_threads() > 1  # on one the clock is that of the thread
    benchmark.extra_info["disturbed"] = disturbed
    if disturbed:  # so that the next one is not; `collect` leaves this pass out
        QUIET.wait()
    if measurement.turn == 0:
        found = findings(measurement, result)
        benchmark.extra_info.update(found)
        _check(found, measurement)


def test_speed_values(measurement):
    _skip_without_tltorch(measurement)
    found = findings(measurement, CALLS[measurement.call](ready(measurement)))
    _check(found, measurement)


def _check(found, measurement):
    computes = measurement.peer.name != REST
    assert found["error"] < TOLERANCE[measurement.case.suite] if computes else found["error"] is None


def _skip_without_tltorch(measurement):
    if measurement.peer.name.startswith("tltorch"):
        pytest.importorskip("tltorch")
