"""The profile of the Triton kernels: what is made of what ncu prints, and the committed table."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from hocp.contracts import files

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "results/reference/triton_profile.nvidia-h200.torch2.11.0.csv"
pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
NAMED = {"device": "a GPU", "commit": "a commit"}


def printed(launches, counters):
    names = ["ID", "Kernel Name", *counters]
    lines = [[str(n), "depthwise", *("1,234.5" for _ in counters)] for n in range(launches)]
    table = [names, ["", "", *("%" for _ in counters)], *lines]
    return "==PROF== Connected\n" + "\n".join(",".join(f'"{cell}"' for cell in line) for line in table)


def test_a_line_of_counters_a_launch():
    from tests.bench import gpu_profile

    launched = list(gpu_profile.trials())
    assert [trial.kernel for trial in launched] == ["depthwise", "factor_gradients"] * 4
    rows = gpu_profile.table(printed(8, gpu_profile.COUNTERS.values()), launched, **NAMED)
    assert [(row["rank"], row["kernel"]) for row in rows] == [
        (trial.rank, trial.kernel) for trial in launched
    ]
    assert all(tuple(row) == gpu_profile.COLUMNS for row in rows)
    assert {row[column] for row in rows for column in gpu_profile.COUNTERS} == {"1234.5"}


def test_what_ncu_did_not_see_is_said():
    from tests.bench import gpu_profile

    launched, known = list(gpu_profile.trials()), list(gpu_profile.COUNTERS.values())
    with pytest.raises(ValueError, match="saw 7 launches of 8"):
        gpu_profile.table(printed(7, known), launched, **NAMED)
    with pytest.raises(ValueError, match=r"saw 0 launches of 8; it said: .*permission"):
        gpu_profile.table("==ERROR== no permission", launched, **NAMED)
    with pytest.raises(ValueError, match=f"ncu lacks {known[0]}"):
        gpu_profile.table(printed(8, known[1:]), launched, **NAMED)


def test_the_committed_table_has_both_kernels_at_every_size():
    from tests.bench import gpu_profile

    rows = files.read_csv(TABLE, gpu_profile.COLUMNS)
    assert {(row["kernel"], int(row["rank"])) for row in rows} == {
        (trial.kernel, trial.rank) for trial in gpu_profile.trials()
    }
    assert all(
        0 < float(row[name]) < 100 for row in rows for name in gpu_profile.COUNTERS if "percent" in name
    )
