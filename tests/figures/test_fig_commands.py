"""Each figure by its command: both files, the same bytes twice, no torch."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from hocp.contracts import published
from hocp.contracts.manifest import DATASETS

ROOT = Path(__file__).parents[2]


def commands(scenario: Path) -> dict[str, list]:
    """Figure -> its options for the made-up scenario."""
    manifests = [scenario / "data" / dataset / "manifest.csv" for dataset in DATASETS]
    sewa = scenario / "data" / "sewa"
    tables = scenario / "tables"
    tested = sorted(scenario.glob("runs/sewa.*/predictions.npz"))
    speed = ["--speed", scenario / "bench" / "speed.csv"]
    return {
        "overview": [],
        "tucker": [],
        "cp": [],
        "flops": ["--published", published.PAPER, "--cost", scenario / "bench" / "cost.csv"],
        "sparsity": ["--published", published.PAPER, "--ranks", *scenario.glob("runs/*/ranks.csv")],
        "trajectory": [
            "--predictions",
            *tested,
            "--manifest",
            sewa / "manifest.csv",
            "--crops",
            sewa / "crops.h5",
        ],
        "training": ["--histories", *sorted(scenario.glob("runs/*/history.csv")), "--manifests", *manifests],
        "clips": ["--predictions", *tested, "--manifests", sewa / "manifest.csv"],
        "calibration": ["--predictions", *tested, "--manifests", sewa / "manifest.csv"],
        "pareto": ["--runs", tables / "runs.csv", "--intervals", tables / "intervals.csv"],
        "groups": ["--groups", scenario / "tables" / "groups.csv", "--runs", scenario / "tables" / "runs.csv",
                   "--manifest", scenario / "data" / "sessions" / "manifest.csv"],
        "intervals": [
            word
            for name in ("runs", "intervals", "controls")
            for word in (f"--{name}", tables / f"{name}.csv")
        ],
        "pareto_time": speed,
        "latency": speed,
        "roofline": speed,
        "va_plane": ["--manifests", *manifests],
        "faces": ["--manifests", *manifests, "--crops", *(path.with_name("crops.h5") for path in manifests)],
        "crops": ["--sensitivity", scenario / "tables" / "sensitivity.csv"],
    }  # fmt: skip


NAMES = tuple(commands(Path()))


def test_every_module_is_tested_here():
    assert {path.stem.removeprefix("fig_") for path in (ROOT / "figures").glob("fig_*.py")} == set(NAMES)


def test_every_figure_has_a_caption():
    captions = (ROOT / "workflow" / "report").glob("fig_*.rst")
    assert {path.stem.removeprefix("fig_") for path in captions} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_command_writes_the_same_vector_and_picture_each_time(name, scenario, tmp_path):
    module = importlib.import_module(f"figures.fig_{name}")
    options = [str(option) for option in commands(scenario)[name]]
    written = []
    for attempt in ("first", "second"):
        module.main(["--out", str(tmp_path / attempt / "figure"), *options])
        written.append({path.name: path.read_bytes() for path in (tmp_path / attempt).iterdir()})
    assert set(written[0]) == {"figure.pdf", "figure.png"}
    assert written[0] == written[1]


def test_no_figure_imports_torch():
    code = "import sys\n" + "\n".join(f"import figures.fig_{name}" for name in NAMES)
    code += "\nassert 'torch' not in sys.modules and 'matplotlib.pyplot' in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_type_is_embedded_as_truetype(scenario, tmp_path):
    importlib.import_module("figures.fig_overview").main(["--out", str(tmp_path / "f")])
    assert b"/Type3" not in (tmp_path / "f.pdf").read_bytes()
