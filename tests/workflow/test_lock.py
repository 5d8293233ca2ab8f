"""One run at a time, and no lock that outlives its run."""

import subprocess
import sys
from pathlib import Path

import pytest

from workflow.one_run import hold

ROOT = Path(__file__).resolve().parents[2]


def test_second_is_refused_until_the_first_is_killed(tmp_path):
    code = (
        f"import time; from workflow.one_run import hold; hold({str(tmp_path)!r})\n"
        "print('held', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match=f"process {first.pid}"):
            hold(tmp_path)
    finally:
        first.kill()
        first.wait()
    hold(tmp_path)
