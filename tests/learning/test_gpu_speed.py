"""The GPU benchmark, rehearsed on the CPU: what it measures, what it says where it cannot, what it writes."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from hocp.__main__ import main
from hocp.contracts import files, record
from hocp.learning import gpu_builds, gpu_clock, gpu_speed
from hocp.learning.gpu_precision import PRECISIONS
from hocp.learning.gpu_speed_layers import Case, error, exact, work

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
FP32 = {"device": CPU, "dtype": torch.float32}


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    """Rows and report of a run over one clip, without networks, as the command writes them."""
    folder = tmp_path_factory.mktemp("gpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu_speed, "ROUNDS", 2)
        patch.setattr(gpu_speed, "network_rows", lambda *args, **options: ())
        assert main(["gpu-bench", "--out", str(folder), "--device", "cpu", "--size", "small"]) == 0
    (table,) = folder.glob("*.csv")
    return files.read_csv(table, record.SPEED), json.loads(table.with_suffix(".json").read_text())


def test_every_case_has_a_row_a_peer_and_call(rehearsal):
    rows, _ = rehearsal
    found = [tuple(row[n] for n in ("suite", "size", "dtype", "call", "peer", "layout")) for row in rows]
    assert len(found) == len(set(found))
    asked = [case for case, _ in gpu_speed.cases(gpu_speed.SIZES["small"]) if isinstance(case, Case)]
    assert len(found) == sum(2 * len(case.peers) for case in asked)


def test_what_is_measured_has_all_numbers_and_what_is_not_has_a_reason(rehearsal):
    rows, report = rehearsal
    assert report["rehearsal"] and report["limits"]["copy_gbs"] > 0 and report["limits"]["fp32_gflops"] > 0
    without = [row for row in rows if not row["median_ms"]]
    assert len(without) == len(report["missing"]) > 0
    assert {row["peer"] for row in without if row["dtype"] == "float32"} <= {
        "hocp triton",
        "tltorch factorized",
    }
    assert all(missing["reason"] for missing in report["missing"])
    for row in rows:
        if row["median_ms"]:
            assert float(row["q25_ms"]) <= float(row["median_ms"]) <= float(row["q75_ms"])
            assert float(row["roof_ms"]) > 0 and row["commit"] and row["torch"] == torch.__version__
            bound = 2e-5 if row["dtype"] == "float32" else 3e-2
            computes = row["peer"] not in ("copy", "products linear")
            assert float(row["error"]) <= bound if computes else row["error"] == "", row


def test_a_wrong_peer_is_found(monkeypatch):
    from hocp.learning import gpu_speed_layers

    build, case = gpu_speed_layers.build, Case(1, 4, (3, 3))
    expected = exact(case, **FP32)

    def broken(case, name, **like):
        peer = build(case, name, **like)
        return peer if name == "dense" else torch.nn.Sequential(peer, torch.nn.ReLU())

    monkeypatch.setattr(gpu_speed_layers, "build", broken)
    assert error(case, "hocp views", "contiguous", expected, **FP32) > 1e-2


@pytest.mark.parametrize("stage", [False, True])
def test_a_wrong_gradient_of_one_factor_is_found(monkeypatch, stage):
    from hocp.learning import gpu_speed_layers

    build, case = gpu_speed_layers.build, Case(1, 4, (3, 3), stage=stage)
    name, expected = "1-D convolutions" if stage else "hocp views", exact(case, **FP32)
    assert error(case, name, "contiguous", expected, **FP32) < 1e-5

    def broken(case, name, **like):
        peer = build(case, name, **like)
        list(peer.parameters())[-1].register_hook(lambda gradient: 1.1 * gradient)
        return peer

    monkeypatch.setattr(gpu_speed_layers, "build", broken)
    assert error(case, name, "contiguous", expected, **FP32) == pytest.approx(0.1, abs=1e-3)


def test_work_by_hand():
    """C = 4, R = 8, 2 x 3 positions, batch 5: 30 positions."""
    layer, stage = Case(5, 4, (2, 3), 2), Case(5, 4, (2, 3), 2, stage=True)
    parameters = 8 * (4 + 4 + 3 + 3 + 1)
    assert work(layer, "hocp views", 2) == {
        "macs": 30 * 8 * (4 + 3 + 3 + 4), "bytes": 2 * (2 * 30 * 4 + parameters), "parameters": parameters,
    }  # fmt: skip
    assert work(stage, "hocp triton", 4) == {"macs": 30 * 8 * 6, "bytes": 4 * (2 * 30 * 8 + 6 * 8)}
    assert work(layer, "dense", 4)["macs"] == 30 * 4 * 4 * 9
    assert work(layer, "products linear", 4) == {
        "macs": 30 * 2 * 4 * 8, "bytes": 4 * (2 * 30 * 4 + 2 * 4 * 8), "parameters": 2 * 4 * 8
    }  # fmt: skip


def test_time_that_is_up_is_said():
    (case, precision), *_ = gpu_speed.cases(gpu_speed.SIZES["small"])
    rows = list(gpu_speed._case_rows(case, precision, CPU, {}, deadline=0))
    assert {row["reason"] for row in rows} == {"no time was left"} and len(rows) == 2 * len(case.peers)


def test_an_interrupt_ends_measuring_but_not_the_report(monkeypatch):
    (case, precision), *_ = gpu_speed.cases(gpu_speed.SIZES["small"])
    network = gpu_speed.SIZES["small"].network
    monkeypatch.setattr(gpu_speed, "ROUNDS", 1)
    monkeypatch.setattr(gpu_speed, "cases", lambda size: [(case, precision), (network, precision)])
    lines = []

    def say(line):
        lines.append(line)
        if len(lines) == 4:  # of kernels, then of a copy, the GPU's own form, which a CPU lacks, and another
            raise KeyboardInterrupt

    rows, report = gpu_speed.measure(CPU, "small", workers=1, say=say)
    names = [tuple(gpu_speed._name(row).values()) for row in rows]
    assert len(names) == len(set(names)) == len(lines) - 1  # the first line tells of kernels
    assert [n for n, row in enumerate(rows) if "median_ms" in row] == [0, 2]
    assert {missing["reason"] for missing in report["missing"][1:]} == {"no time was left"}
    assert {"networks", "stages"} == {row["suite"] for row in rows}


def test_kernels_are_built_once_a_kind_of_layer():
    fp32, _, bf16 = PRECISIONS
    small = gpu_speed.SIZES["small"].network
    image = Case(1, 8, (6, 5))
    asked = [
        (image, fp32),
        (replace(image, batch=3), fp32),
        (replace(image, stage=True), fp32),
        (image, bf16),
    ]
    found = gpu_builds.layers(asked)
    assert [(layer.rank, layer.precision, layer.size) for layer in found] == [
        (8, "fp32", (6, 5)), (8, "bf16", (6, 5)),
    ]  # fmt: skip
    of_network = gpu_builds.layers([(small, bf16)])
    assert len(of_network) == len({layer.kernels for layer in of_network})
    assert {layer.stride for layer in of_network} == {(1, 1, 1), (1, 2, 2)}
    assert all(layer.autocast and len(layer.size) == 3 for layer in of_network)
    assert gpu_builds.build_kernels(asked, CPU, workers=4, deadline=0) == 0


def test_networks_of_the_table_infer_and_train():
    size = replace(gpu_speed.SIZES["small"].network, clip=(2, 16, 16), batch=2)
    options = {"rounds": 1, "deadline": float("inf")}
    rows = list(gpu_speed.network_rows(size, PRECISIONS[0], CPU, **options))
    of = {
        rank: [row["peer"] for row in rows if (row["rank_of"], row["call"]) == (rank, "inference")]
        for rank in ("matched", "C")
    }
    ours = ["dense", "dense", "hocp triton", "hocp auto", "products linear", "rest"]
    assert of == {"matched": ours, "C": ours}
    assert all(row["median_ms"] > 0 for row in rows if row["peer"] != "hocp triton")
    assert all("CUDA device" in row["reason"] for row in rows if row["peer"] == "hocp triton")
    sizes = {(row["rank_of"], row["peer"]): row.get("parameters") for row in rows}
    assert sizes["C", "rest"] < sizes["C", "products linear"] < sizes["C", "hocp auto"]
    assert sizes["C", "hocp auto"] < sizes["matched", "hocp auto"]


def test_rounds_call_all_in_turn():
    order = []
    calls = {name: gpu_clock.Timed(lambda name=name: order.append(name)) for name in "ab"}
    assert {name: len(times) for name, times in gpu_clock.timed(calls, CPU, 3).items()} == {"a": 3, "b": 3}
    assert order == list("ababab")
    assert gpu_clock.spread([4.0, 1.0, 2.0, 3.0, 5.0]) == {
        "median_ms": 3, "q25_ms": 2, "q75_ms": 4, "rounds": 5
    }  # fmt: skip


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_triton_rows_in_the_interpreter():
    """The calls that a GPU will make, on one small case each, after its kernels were built."""
    program = (
        "import torch; from hocp.learning import gpu_builds, gpu_speed, gpu_speed_layers as layers\n"
        "gpu_speed.ROUNDS = 1\n"
        "layers.LAYERS = layers.STAGES = (('hocp triton', 'channels_last'),)\n"
        "fp32, most = gpu_speed.PRECISIONS[0], {'fp32_gflops': 1.0, 'copy_gbs': 1.0}\n"
        "(wanted,) = gpu_builds.layers([(layers.Case(1, 3, (3, 3)), fp32)])\n"
        "gpu_builds._build((wanted, 'cpu'))\n"
        "for case in (layers.Case(1, 3, (3, 3)), layers.Case(1, 3, (3, 3), stage=True)):\n"
        "    rows = gpu_speed._case_rows(case, fp32, torch.device('cpu'), most, deadline=float('inf'))\n"
        "    for row in rows: assert row['median_ms'] > 0 and 0 < row['error'] < 1e-5, row"
    )
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env=environment, timeout=300)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_status_3_and_no_file(tmp_path, capsys):
    assert main(["gpu-bench", "--out", str(tmp_path / "new")]) == 3
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "finds no GPU" in said.err
    assert not (tmp_path / "new").exists()


def test_wrong_use_is_refused(tmp_path, capsys):
    assert main(["gpu-bench", "--device", "cpu", "--out", str(tmp_path)]) == 2
    assert "rehearse with --device cpu --size small" in capsys.readouterr().err
    assert main(["gpu-bench", "--workers", "0", "--out", str(tmp_path)]) == 2
    assert "--workers is 0; expected at least 1" in capsys.readouterr().err
