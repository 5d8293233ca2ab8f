"""The trial of tiles: what would be timed on a GPU, and the committed table of what was."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from hocp.contracts import files

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "results/reference/triton_tiles.nvidia-h200.torch2.11.0.csv"
pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")


def test_each_tile_is_tried_once_and_what_is_shipped_is_among_them():
    from hocp.conv.kernels import triton_tiles
    from tests.bench import gpu_tiles

    found = list(gpu_tiles.trials())
    assert len(found) == len(set(found))
    for dtype in gpu_tiles.DTYPES:
        z = torch.empty(gpu_tiles.BATCH, gpu_tiles.FRAMES, 56, 56, 64, dtype=dtype, device="meta")
        shipped = [*triton_tiles.tiles(z.shape, z.shape[-1], z.element_size(), gpu_tiles.MODES)]
        shipped.append(triton_tiles.gradient_tile(z.shape, z.shape, z.element_size(), gpu_tiles.MODES))
        assert set(shipped) <= {trial.tile for trial in found if (trial.dtype, trial.rank) == (dtype, 64)}


def test_the_committed_table_has_its_columns_and_the_tiles_shipped_are_near_the_fastest():
    """Of the forward kernel, of which walks are chosen by timing; within a fifth at every size."""
    from hocp.conv.kernels import triton_tiles
    from tests.bench import gpu_tiles

    rows = files.read_csv(TABLE, gpu_tiles.COLUMNS)
    for dtype in gpu_tiles.DTYPES:
        for rank, side in gpu_tiles.STAGES:
            of_size = [
                row for row in rows
                if (row["kernel"], row["dtype"], row["rank"]) == ("depthwise", str(dtype)[6:], str(rank))
            ]  # fmt: skip
            z = torch.empty(gpu_tiles.BATCH, gpu_tiles.FRAMES, side, side, rank, dtype=dtype, device="meta")
            shipped = [
                gpu_tiles.facts(gpu_tiles.Trial("depthwise", dtype, rank, side, tile))
                for tile in triton_tiles.tiles(z.shape, z.shape[-1], z.element_size(), gpu_tiles.MODES)
            ]
            names = [f"tile_{name}" for name in gpu_tiles.TILE]
            wanted = [[str("" if tile[name] is None else tile[name]) for name in names] for tile in shipped]
            times = [float(row["microseconds"]) for row in of_size if [row[n] for n in names] in wanted]
            assert times and min(times) <= 1.2 * min(float(row["microseconds"]) for row in of_size)


@pytest.mark.parametrize("module", ["gpu_tiles", "gpu_profile"])
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_and_no_file(tmp_path, module):
    command = [sys.executable, "-m", f"tests.bench.{module}", "--out", str(tmp_path / "table.csv")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=dict(os.environ))
    assert done.returncode == 3 and done.stderr.count("\n") == 1 and "no GPU" in done.stderr
    assert not list(tmp_path.iterdir())
