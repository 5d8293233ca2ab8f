"""The commands as a person or Snakemake runs them: signals, several processes, wrong use, what they leave."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from runs import Pixels, StopAfter, command, prepared, same, train, trainer

from hocp.contracts import files, record
from hocp.learning import facts, start, train_command

ROOT = Path(__file__).parents[2]
SPEC = prepared.spec("affectnet.resnet18.f0.s0", "resnet18", steps=6, expression_loss=True)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, affectnet):
    """A trained and evaluated run."""
    return train(SPEC, affectnet, tmp_path_factory.mktemp("run"))


def test_a_run_leaves_these_files(run_folder):
    names = {path.name for path in run_folder.iterdir()}
    assert names == {"model.safetensors", "history.csv", "train.json", "predictions.npz", "record.json"}
    assert not list((run_folder.parents[1] / "checkpoints").rglob("*.pt"))


def test_the_record_tells_what_was_done(run_folder, affectnet):
    known = files.read_json(run_folder / "record.json")
    assert known["spec"] == SPEC and known["spec_sha256"] == files.sha256_of(SPEC)
    assert known["model_sha256"] == files.sha256(run_folder / "model.safetensors")
    assert known["predictions_sha256"] == files.sha256(run_folder / "predictions.npz")
    assert known["data"]["crops_sha256"] == files.sha256(affectnet / "crops.h5")
    assert known["items"] == {"train": 48, "val": 16, "test": 24}
    assert (known["data"]["items"], known["data"]["usable"]) == (89, 88)  # one has no image
    assert known["train"]["steps"] == 6 and known["train"]["resumed"] == []
    network = start.fresh(SPEC)
    assert known["network"]["parameters"] == sum(p.numel() for p in network.parameters())
    hooks, macs = [], []
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            hooks.append(
                layer.register_forward_hook(lambda m, _, y: macs.append(y.numel() * m.weight[0].numel()))
            )
    network.eval()(torch.zeros(1, 3, prepared.SIDE, prepared.SIDE))
    assert known["network"]["macs"] == sum(macs)


def test_the_record_names_no_place(run_folder):
    for name in ("train.json", "record.json"):
        text = (run_folder / name).read_text()
        assert (
            str(Path.home()) not in text
            and str(run_folder.parent) not in text
            and os.uname().nodename not in text
        )


def test_the_command_keeps_what_can_be_told(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys,
        "argv",
        ["hocp", "train", "--spec", '{"run": 1}', "--data", str(tmp_path / "d"), "--out", "/srv/x/y", "a b"],
    )
    assert facts.command_line() == "python -m hocp train --spec '{spec}' --data d --out '<elsewhere>/y' 'a b'"


def test_macs_of_a_clip_are_shared_by_its_frames(tmp_path, afew_va):
    spec = prepared.spec("afew_va.hocp_scratch.f0.s0", "hocp_resnet18_3d", steps=1, frames=4)
    known = files.read_json(train(spec, afew_va, tmp_path) / "record.json")
    image = prepared.spec("afew_va.hocp.f0.s0", "hocp_resnet18", steps=1)
    per_image = files.read_json(train(image, afew_va, tmp_path) / "record.json")["network"]["macs"]
    assert per_image < known["network"]["macs"] < 4 * per_image


def test_predictions_are_those_of_the_network_for_each_test_item(run_folder, affectnet):
    found = record.read_predictions(run_folder / "predictions.npz")
    network, _ = start.load(run_folder)
    rows = {row["item"]: row for row in csv_rows(affectnet / "manifest.csv") if row["split"] == "test"}
    assert found["item"].tolist() == list(rows)
    with h5py.File(affectnet / "crops.h5") as file:
        images = np.stack([file["crops"][int(row["row"])] for row in rows.values()])
    x = (torch.from_numpy(images).float() / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    with torch.no_grad():
        expected = network.eval()(x.permute(0, 3, 1, 2))
    torch.testing.assert_close(torch.from_numpy(found["valence"]), expected[:, 0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.from_numpy(found["arousal"]), expected[:, 1], rtol=1e-4, atol=1e-5)
    assert found["expression"].tolist() == expected[:, 2:].argmax(1).tolist()
    assert found["expression_true"].tolist() == [int(row["expression"]) for row in rows.values()]
    np.testing.assert_allclose(
        found["valence_true"], [float(row["valence"]) for row in rows.values()], atol=1e-6
    )
    assert set(found["frame"]) == {-1}


def csv_rows(path: Path) -> list[dict[str, str]]:
    from hocp.contracts.manifest import COLUMNS

    return files.read_csv(path, COLUMNS)


def _arguments(spec: dict, data: Path, folder: Path) -> list[str]:
    options = {
        "--data": data,
        "--out": folder / "out",
        "--checkpoints": folder / "scratch",
        "--device": "cpu",
    }
    return ["train", "--spec", json.dumps(spec), *(str(x) for pair in options.items() for x in pair)]


@pytest.fixture(scope="module")
def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def test_sigterm_saves_exits_143_and_the_same_command_goes_on(tmp_path, affectnet, environment):
    spec = {**SPEC, "training": {**SPEC["training"], "steps": 400, "evaluate_every": 1000}}
    call = [sys.executable, "-m", "hocp", *_arguments(spec, affectnet, tmp_path)]
    with subprocess.Popen(call, env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        first = process.stderr.readline()
        assert "step" in first, first
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 143, rest
    assert not (tmp_path / "out").exists()
    (checkpoint,) = (tmp_path / "scratch").iterdir()
    stopped = int(checkpoint.name.split(".")[1])
    assert 0 < stopped < 400
    # Three more steps instead of all: the rest is tested in test_loop.
    made = trainer(spec, affectnet, tmp_path / "scratch")
    assert not made.fit(StopAfter(3))
    assert made.resumed == [stopped] and made.done == stopped + 3


def test_training_imports_no_more_than_it_needs(tmp_path, afew_va, environment):
    """Seconds that every one of a scenario's many runs would pay."""
    spec = prepared.spec("afew_va.hocp_scratch.f0.s0", "hocp_resnet18_3d", steps=1, frames=4)
    code = "import sys; from hocp.__main__ import main; main(sys.argv[1:]); print(*sys.modules)"
    call = [sys.executable, "-c", code, *_arguments(spec, afew_va, tmp_path)]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    loaded = set(done.stdout.split())
    assert "torch" in loaded
    assert not loaded & {"tensorly", "torchmetrics", "pandas", "matplotlib"}


_TWO = """
import json, sys
sys.path.insert(0, {tests!r})
import torch
from pathlib import Path
from runs import Pixels, StopAfter, trainer
import runs
from hocp.learning import parallel
torch.set_num_threads(1)
runs.ALONE = parallel.start("cpu")
torch.manual_seed(0)
made = trainer(json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), network=Pixels())
assert made.fit(StopAfter())
torch.save(made.network.state_dict(), Path(sys.argv[3]) / f"rank{{runs.ALONE.rank}}.pt")
runs.ALONE.finish()
"""


def test_two_processes_train_the_network_of_one(tmp_path, affectnet, environment):
    """Without batch norm: gradients and loss are those of the whole batch."""
    spec = prepared.spec("affectnet.resnet18.f0.s0", "resnet18", steps=5)
    script = tmp_path / "two.py"
    script.write_text(_TWO.format(tests=str(Path(__file__).parent)))
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    arguments = [json.dumps(spec), str(affectnet), str(tmp_path)]
    done = subprocess.run(call + arguments, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    torch.manual_seed(0)
    alone = Pixels()
    before = alone.fc.weight.clone()
    assert trainer(spec, affectnet, tmp_path / "one", network=alone).fit(StopAfter())
    assert (alone.fc.weight - before).abs().max() > 1e-3
    for rank in range(2):
        state = torch.load(tmp_path / f"rank{rank}.pt", weights_only=True)
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(state[name], value, rtol=1e-5, atol=1e-6)


def test_torchrun_hands_every_option_on():
    """Its parser takes a known beginning of one of its own options for that option, wherever it stands."""
    from torch.distributed.run import get_args_parser

    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    options = [option for action in parser._actions for option in action.option_strings if option != "-h"]
    assert "--start-run" in options
    for option in options:
        handed_on = get_args_parser().parse_args(["--standalone", "-m", "hocp", "train", option, "x"])
        assert handed_on.training_script_args == ["train", option, "x"]


def test_a_batch_that_does_not_divide_is_refused():
    from hocp.learning.parallel import Processes

    with pytest.raises(ValueError, match="8, which 3 processes cannot share"):
        Processes(0, 3, torch.device("cpu")).share(8)


def test_the_same_run_twice_gives_the_same_model(tmp_path, affectnet, run_folder):
    again = train(SPEC, affectnet, tmp_path)
    assert files.sha256(again / "model.safetensors") == files.sha256(run_folder / "model.safetensors")
    assert files.sha256(again / "predictions.npz") == files.sha256(run_folder / "predictions.npz")


def test_a_non_number_ends_with_one_line_and_no_model(tmp_path, affectnet, capsys):
    spec = {**SPEC, "training": {**SPEC["training"], "lr": 1e30}}
    assert command(*_arguments(spec, affectnet, tmp_path)) == 1
    assert "first non-finite" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--spec": "{"}, "--spec is not JSON"),
        ({"--spec": "{}"}, "--spec has no run"),
        ({"--device": "tpu9"}, "'tpu9', expected auto"),
        ({"--device": "cuda:7"}, "no GPU here"),
        ({"--data": "AFEW"}, "holds afew_va, run affectnet.resnet18.f0.s0 needs affectnet"),
    ],
)
def test_wrong_use_ends_with_one_line_and_status_2(tmp_path, affectnet, afew_va, capsys, change, message):
    if "cuda:7" in change.values() and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    arguments = _arguments(SPEC, affectnet, tmp_path)
    for name, value in change.items():
        arguments[arguments.index(name) + 1] = str(afew_va) if value == "AFEW" else value
    assert command(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


def test_a_run_is_not_evaluated_on_other_data(tmp_path, run_folder, capsys):
    other = prepared.affectnet(tmp_path / "data", train=10)
    assert command("evaluate", "--run", run_folder, "--data", other) == 2
    assert "trained on another data set" in capsys.readouterr().err


def test_a_record_that_does_not_fit_is_refused(run_folder):
    known = files.read_json(run_folder / "record.json")
    facts.check(known, "here")
    for change, message in (
        ({"host": "x"}, "host"),
        ({"spec_sha256": "0"}, "spec_sha256"),
        ({"schema": "hocp-train-1"}, "here: at"),
    ):
        with pytest.raises(ValueError, match=message):
            facts.check({**known, **change}, "here")


def test_a_kill_leaves_a_run_that_goes_on(tmp_path, affectnet, environment):
    spec = {**SPEC, "training": {**SPEC["training"], "steps": 400, "evaluate_every": 1000}}
    call = [
        sys.executable,
        "-m",
        "hocp",
        *_arguments(spec, affectnet, tmp_path),
        "--checkpoint-seconds",
        "0.05",
    ]
    with subprocess.Popen(call, env=environment, stderr=subprocess.DEVNULL, cwd=tmp_path) as process:
        deadline = time.monotonic() + 60
        while len(list((tmp_path / "scratch").glob("[0-9a-f]*.pt"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    made = trainer(spec, affectnet, tmp_path / "scratch")
    made.fit(StopAfter(1))
    assert made.resumed[0] > 0
    whole = trainer({**spec}, affectnet, tmp_path / "whole")
    whole.fit(StopAfter(made.done))
    assert same(made.network, whole.network)
