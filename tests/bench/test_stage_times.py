"""Stages of a forward call: they are all there, and no more than the call. In a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hocp.conv.kernels import build
from tests.bench.stage_times import STAGES


@pytest.mark.skipif(build.unavailable() is not None, reason="no compiler")
def test_stages_are_parts_of_the_call():
    program = (
        "import json; from tests.bench.stage_times import rows\n"
        "print(json.dumps(list(rows(((2, 16, 14, 14), (1, 16, 4, 7, 7)), rounds=3, calls=5))))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    for row in json.loads(answer.stdout):
        stages = [row[name] for name in STAGES]
        assert min(stages) > 0 and row["two_products_ms"] > 0
        assert row["outside_ms"] > 0 and sum(stages) < row["call_ms"]
