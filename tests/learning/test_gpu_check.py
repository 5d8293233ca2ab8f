"""The GPU check, rehearsed on the CPU: what it measures, what it refuses, what it writes."""

import json
import math
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from hocp.__main__ import main
from hocp.learning import gpu_agreement, gpu_check, gpu_training
from hocp.learning.gpu_precision import PRECISIONS, computing
from hocp.networks import names

CPU = torch.device("cpu")
SHAPE = (2, 3, 3, 32, 32)
FP32 = PRECISIONS[0]


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    """A check of two networks and few steps; the record as the command writes it."""
    folder = tmp_path_factory.mktemp("gpu")
    size = gpu_check.Size(0.125, SHAPE, 6, (3, 32, 32), 3, 8, 300.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(gpu_check.SIZES, "small", size)
        patch.setattr(gpu_check, "names", lambda: ("hocp_resnet18", "hocp_resnet18_3d"))
        status = main(["gpu-check", "--out", str(folder), "--device", "cpu", "--size", "small"])
    (path,) = folder.iterdir()
    return status, path, json.loads(path.read_text())


def test_record_says_what_was_done_on_what(rehearsal):
    status, path, found = rehearsal
    assert status == (0 if found["verdict"] == "passed" else 1)
    assert path.name == f"gpu_check.cpu.torch{torch.__version__.partition('+')[0]}.json"
    assert found["rehearsal"] is True and found["device"]["type"] == "cpu"
    assert found["settings"]["seed"] == gpu_check.SEED and found["settings"]["clip"] == [3, 32, 32]
    assert found["environment"]["packages"]["torch"] == torch.__version__


def test_every_network_precision_and_probe_has_a_row(rehearsal):
    _, _, found = rehearsal
    rows = [(r["network"], r["probe"], r["precision"]) for r in found["agreement"]]
    networks = ("hocp_resnet18", "hocp_resnet18_3d")
    assert rows == [(n, p, q.name) for n in networks for p in ("as_built", "smooth") for q in PRECISIONS]
    rows = [(r["network"], r["precision"]) for r in found["training"]]
    assert rows == [(n, q.name) for n in networks for q in PRECISIONS]


def test_rows_hold_errors_within_their_bounds_or_a_reason(rehearsal):
    _, _, found = rehearsal
    for row in found["agreement"]:
        if row["precision"] == "tf32":
            assert row["verdict"] == "skipped" and "TF32" in row["reason"]
        else:
            assert row["verdict"] == "passed" and 0 < row["output_error"] <= row["output_bound"]
    for row in found["training"]:
        if row["precision"] != "tf32":
            assert row["steps"] == len(row["losses"]) == 8 and row["finite"]
            assert row["clips_per_second"] > 0 and row["peak_memory_bytes"] is None


def test_a_wrong_gradient_is_found(monkeypatch):
    """A convolution whose backward pass is off by a factor, while its outputs are right."""
    build = gpu_agreement.build

    def broken(name, **options):
        network = build(name, **options)
        network.layer3[0].conv1.register_full_backward_hook(lambda module, given, left: (3 * given[0],))
        return network

    def reference(network):
        network = gpu_agreement.deepcopy(network)
        network.layer3[0].conv1._backward_hooks.clear()
        return network

    monkeypatch.setattr(gpu_agreement, "build", broken)
    monkeypatch.setattr(gpu_agreement, "_rebuilding", reference)
    rows = gpu_agreement.agreement("resnet18", CPU, width=0.125, shape=SHAPE, seed=0)
    verdicts = {(row["probe"], row["precision"]): row["verdict"] for row in rows}
    judged = [("smooth", "fp32"), ("smooth", "bf16"), ("as_built", "fp32")]
    assert [verdicts[row] for row in judged] == ["failed"] * 3


def test_a_wrong_output_is_found():
    y, gradients = torch.ones(4, dtype=torch.float64), {"w": torch.ones(3)}
    shifted = gpu_agreement.judge((y + 1e-3, gradients), (y, gradients), 1e-4, None)
    assert shifted["verdict"] == "failed" and shifted["output_error"] == pytest.approx(1e-3)
    lost = gpu_agreement.judge((y * math.nan, gradients), (y, gradients), 1e-4, None)
    assert lost["verdict"] == "failed" and lost["output_error"] is None


def test_fp32_is_closer_than_bf16():
    rows = gpu_agreement.agreement("r3d18", CPU, width=0.125, shape=SHAPE, seed=0)
    error = {(r["probe"], r["precision"]): r.get("gradient_error") for r in rows}
    assert error["smooth", "fp32"] < 1e-4 < 1e-2 < error["smooth", "bf16"]


def test_settings_of_the_process_are_restored():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with pytest.raises(RuntimeError), computing(PRECISIONS[1], CPU):
        assert torch.backends.cudnn.allow_tf32
        raise RuntimeError
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before


def test_generated_clips_show_their_targets():
    clips, targets = gpu_training.generated_clips(5, (6, 40, 60), seed=1)
    assert clips.shape == (5, 3, 6, 40, 60) and targets.shape == (5, 6, 2)
    assert targets.abs().max() <= 0.8
    brightness = clips.mean(1).clamp_min(0.9) - 0.9  # (N, T, H, W); the spot stands out of the noise
    mass = brightness.sum((-2, -1))
    x = (brightness.sum(-2) * torch.linspace(-1, 1, 60)).sum(-1) / mass
    y = (brightness.sum(-1) * torch.linspace(-1, 1, 40)).sum(-1) / mass
    assert (x - targets[..., 0]).abs().max() < 0.1 and (y - targets[..., 1]).abs().max() < 0.1
    again, _ = gpu_training.generated_clips(5, (6, 40, 60), seed=1)
    assert torch.equal(clips, again)


def training(**changes):
    data = gpu_training.generated_clips(4, (2, 32, 32), seed=0)
    options = {"width": 0.125, "steps": 4, "batch": 2, "seed": 0, "deadline": math.inf} | changes
    return gpu_training.train("resnet18", FP32, CPU, data, **options)


def test_backward_pass_computes_in_the_precision_that_the_row_names(monkeypatch):
    """cuDNN's default is TF32; a row of fp32 must not have it in either pass."""
    seen, build = [], gpu_training.build

    def watched(name, **options):
        network = build(name, **options)
        network.fc.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
        network.fc.register_full_backward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
        return network

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(gpu_training, "build", watched)
    training()
    assert seen == [False] * 8 and torch.backends.cudnn.allow_tf32


def test_losses_that_are_not_finite_fail_and_stay_json(monkeypatch):
    monkeypatch.setattr(gpu_training, "_loss", lambda y, targets: y.sum() * math.inf)
    row = training()
    assert row["verdict"] == "failed" and not row["finite"] and set(row["losses"]) == {None}
    json.dumps(row, allow_nan=False)


def test_a_failing_device_is_a_row(monkeypatch):
    def fail(*args, **options):
        raise RuntimeError("out of memory\ndetails")

    monkeypatch.setattr(gpu_training, "_steps", fail)
    assert training() | {"clip": None} == {
        "network": "resnet18", "precision": "fp32", "batch": 2, "clip": None,
        "verdict": "failed", "reason": "out of memory",
    }  # fmt: skip


def test_time_that_is_up_is_said(monkeypatch):
    assert training(deadline=time.monotonic() - 1)["reason"] == gpu_training.NO_TIME
    monkeypatch.setattr(gpu_training, "_OVER_TIME", 2)
    row = training(deadline=time.monotonic() + 0.01)
    assert row["steps"] == 2 and "after 2 of 4 steps" in row["reason"]
    assert row["verdict"] in ("stopped", "failed")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_status_3_and_no_file(tmp_path, capsys):
    assert main(["gpu-check", "--out", str(tmp_path / "new")]) == 3
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "finds no GPU" in said.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--device", "cpu"], "rehearse with --device cpu --size small"),
        (["--device", "tpu"], "--device is 'tpu'; expected cuda, cuda:N or cpu"),
        (["--size", "huge"], "--size is 'huge'; expected one of full, small"),
    ],
)
def test_wrong_use_is_refused(options, text, tmp_path, capsys):
    assert main(["gpu-check", "--out", str(tmp_path / "new"), *options]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_needs_no_more_than_training():
    """The packages that only preparing data, decomposing kernels and drawing need may be absent."""
    program = (
        "import sys\n"
        "for name in ('tensorly', 'tltorch', 'jsonschema', 'yaml', 'pandas', 'scipy', 'torchmetrics'):\n"
        "    sys.modules[name] = None\n"
        "import hocp.learning.gpu_check as check, hocp.learning.gpu_command\n"
        "check.names = lambda: ('hocp_resnet18',)\n"
        "import torch; found = check.check(torch.device('cpu'), 'small', say=lambda line: None)\n"
        "assert len(found['training']) == 3, found"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)


def test_all_networks_are_checked():
    assert gpu_check.names() == names()


@pytest.mark.parametrize(("pool", "average", "size"), [
    (nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1), (7, 8)),
    (nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)), nn.AvgPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)), (3, 7, 8)),
])  # fmt: skip
def test_the_smooth_probe_averages_the_windows_of_the_maximum(pool, average, size):
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(gpu_agreement.smoothed(nn.Sequential(pool))(x), average(x))


def test_the_probes_draw_no_dropout_and_the_smooth_one_has_no_kink():
    rows = gpu_agreement.agreement("mobilenetv2", CPU, width=0.125, shape=SHAPE, seed=0)
    assert {row["verdict"] for row in rows if row["precision"] == "fp32"} == {"passed"}
