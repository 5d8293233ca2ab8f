"""The training loop: it learns, resumes to the bit, keeps what a stage freezes, and stops at a non-number."""

import io
import math
import re

import pytest
import torch
from runs import Pixels, StopAfter, prepared, same, train, trainer
from safetensors.torch import load_file

from hocp.conv import temporal_parameters
from hocp.learning import losses
from hocp.learning.history import History
from hocp.learning.loop import NonFinite
from hocp.learning.plan import Plan

NEVER = StopAfter()


def test_a_tiny_set_is_learned(tmp_path, affectnet):
    calm = {"flip": 0.0, "rotate": 0.0, "scale": 0.0, "shift": 0.0, "light": 0.0}
    spec = prepared.spec("affectnet.resnet18.f0.s0", "resnet18", steps=60, batch=48, augment=calm, lr=5e-3)
    made = trainer(spec, affectnet, tmp_path)
    assert made.fit(NEVER)
    first, last = made.history.rows[0], made.history.rows[-1]
    assert first["loss_ccc"] > 0.8 and last["loss_ccc"] < 0.1 and last["loss_rmse"] < 0.2
    assert last["val_valence_ccc"] > 0.5 and last["val_arousal_ccc"] > 0.5


def test_expressions_are_learned(tmp_path, affectnet):
    spec = prepared.spec("affectnet.x.f0.s0", "resnet18", steps=1, expression_loss=True)
    network = Pixels(outputs=10)
    before = network.fc.weight.clone()
    assert trainer(spec, affectnet, tmp_path, network=network).fit(NEVER)
    assert (network.fc.weight != before).any(1).all(), "all ten outputs move"


CASES = {
    "image": ("affectnet.resnet18.f0.s0", "resnet18", "affectnet", {"expression_loss": True}),
    "clip": ("afew_va.hocp_scratch.f1.s3", "hocp_resnet18_3d", "afew_va", {"frames": 4}),
    "lasso": ("affectnet.hocp_lasso.f0.s0", "hocp_resnet18", "affectnet", {"lasso": 0.5}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(tmp_path, request, case, stop):
    run, network, data, options = CASES[case]
    spec = prepared.spec(run, network, steps=6, **options)
    data = request.getfixturevalue(data)
    whole = trainer(spec, data, tmp_path / "whole")
    assert whole.fit(NEVER)
    assert not trainer(spec, data, tmp_path / "cut").fit(StopAfter(stop))
    torch.manual_seed(99)  # whatever the new process did before
    resumed = trainer(spec, data, tmp_path / "cut")
    assert resumed.fit(NEVER)
    assert f"going on after step {stop} of 6" in resumed.said.getvalue()
    assert resumed.resumed == [stop]
    assert same(whole.network, resumed.network)
    moments, resumed_moments = (run.optimizer.state_dict()["state"] for run in (whole, resumed))
    torch.testing.assert_close(moments, resumed_moments, rtol=0, atol=0)
    strip = [{k: v for k, v in row.items() if k != "seconds"} for row in whole.history.rows]
    assert strip == [{k: v for k, v in row.items() if k != "seconds"} for row in resumed.history.rows]


def test_another_seed_is_another_run(tmp_path, affectnet):
    networks = []
    for seed in (0, 0, 1):
        made = trainer(
            prepared.spec(f"affectnet.resnet18.f0.s{seed}", "resnet18", steps=2), affectnet, tmp_path
        )
        made.fit(NEVER)
        networks.append(made.network)
    assert same(networks[0], networks[1]) and not same(networks[0], networks[2])


@pytest.fixture(scope="module")
def image_run(tmp_path_factory, affectnet):
    """A static network to transduce."""
    spec = prepared.spec("affectnet.hocp.f0.s0", "hocp_resnet18", steps=3, expression_loss=True)
    return train(spec, affectnet, tmp_path_factory.mktemp("image"), evaluate=False)


TRANSDUCTION = dict(
    start=("transduce", "affectnet.hocp.f0.s0"),
    frames=4,
    steps=6,
    stages=[{"train": "temporal", "share": 0.5}, {"train": "all", "share": 0.5}],
)


def _transduction(tmp_path, afew_va, image_run):
    spec = prepared.spec("afew_va.hocp_transduction.f0.s0", "hocp_resnet18_3d", **TRANSDUCTION)
    return trainer(spec, afew_va, tmp_path, origin=image_run)


def test_stage_one_of_transduction_leaves_what_was_there_bit_identical(tmp_path, afew_va, image_run):
    made = _transduction(tmp_path, afew_va, image_run)
    before = {name: value.clone() for name, value in made.network.state_dict().items()}
    assert not made.fit(StopAfter(3))
    new = {name for name, _ in temporal_parameters(made.network)}
    after = made.network.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert new and moved == new
    # What was there is the image network's: its spatial factors stand behind the new temporal one.
    image = load_file(image_run / "model.safetensors")
    successors = {
        name: re.sub(r"factors\.([23])$", lambda m: f"factors.{int(m[1]) + 1}", name) for name in image
    }
    kept = [name for name in image if image[name].shape == after[successors[name]].shape]
    assert len(kept) > 100
    assert all(torch.equal(after[successors[name]], image[name]) for name in kept)
    assert torch.equal(after["fc.weight"], image["fc.weight"][:2])


def test_stage_two_moves_everything_and_resumes_to_the_bit_across_the_border(tmp_path, afew_va, image_run):
    whole = _transduction(tmp_path / "whole", afew_va, image_run)
    start = {name: value.clone() for name, value in whole.network.state_dict().items()}
    assert whole.fit(NEVER)
    assert [row["stage"] for row in whole.history.rows] == ["temporal"] * 3 + ["all"] * 3
    assert all(p.requires_grad for p in whole.network.parameters())
    for name, parameter in whole.network.named_parameters():
        assert not torch.equal(parameter, start[name]), name
    for stop in (2, 3, 4):
        assert not _transduction(tmp_path / str(stop), afew_va, image_run).fit(StopAfter(stop))
        resumed = _transduction(tmp_path / str(stop), afew_va, image_run)
        assert resumed.fit(NEVER)
        assert same(whole.network, resumed.network), stop


def test_a_non_number_stops_the_run_and_names_where(tmp_path, affectnet):
    spec = prepared.spec("affectnet.resnet18.f0.s0", "resnet18", steps=5)
    made = trainer(spec, affectnet, tmp_path)
    with torch.no_grad():
        made.network.layer2[0].conv1.weight[0, 0, 0, 0] = math.nan
    with pytest.raises(NonFinite) as caught:
        made.fit(NEVER)
    text = str(caught.value)
    assert "affectnet.resnet18.f0.s0, step 1 of 5" in text
    assert "first non-finite: parameter layer2.0.conv1.weight" in text
    assert "rmse nan" in text and "gradient norm nan" in text
    assert not list(tmp_path.iterdir()), "no checkpoint of a broken network"


def test_an_exploding_rate_is_caught(tmp_path, affectnet):
    spec = prepared.spec("affectnet.resnet18.f0.s0", "resnet18", steps=50, lr=1e30)
    with pytest.raises(NonFinite, match=r"step \d+ of 50"):
        trainer(spec, affectnet, tmp_path).fit(NEVER)


def test_half_precision_learns_too(tmp_path, affectnet):
    spec = prepared.spec(
        "affectnet.resnet18.f0.s0", "resnet18", steps=30, batch=48, precision="bf16", lr=5e-3
    )
    made = trainer(spec, affectnet, tmp_path)
    assert made.fit(NEVER)
    assert made.history.rows[-1]["loss_ccc"] < 0.5
    assert all(p.dtype == torch.float32 for p in made.network.parameters())


def test_padding_does_not_count(tmp_path):
    """Frames behind the mask are copies; with other labels under them the run stays the same."""
    clips = {"a": ("train", [0, 1, 2]), "b": ("train", [0, 1]), "v": ("val", [0, 1, 2])}
    data = prepared.sewa(tmp_path / "data", clips, frame_step=1)
    spec = prepared.spec("sewa.r3d18.f0.s0", "r3d18", steps=2, frames=4, batch=4)
    networks = []
    for spoil in (False, True):
        made = trainer(spec, data, tmp_path / str(spoil))
        gather = made.batches.source.data.gather

        def spoiled(position, mask, gather=gather):
            batch = gather(position, mask)
            assert not mask.all()
            return batch._replace(targets=batch.targets.masked_fill(~mask[..., None], 77.0))

        if spoil:
            made.batches.source.data.gather = spoiled
        made.fit(NEVER)
        networks.append(made.network)
    assert same(*networks)


def test_history_reads_well_in_a_log(tmp_path, affectnet):
    spec = prepared.spec("affectnet.resnet18.f0.s0", "resnet18", steps=8)
    made = trainer(spec, affectnet, tmp_path)
    made.fit(NEVER)
    lines = made.said.getvalue().splitlines()
    assert len(lines) == 8 and all(line.startswith("affectnet.resnet18.f0.s0  step ") for line in lines)
    assert all(line.isprintable() for line in lines)
    assert [bool(row["val_valence_ccc"] is not None) for row in made.history.rows] == [False] * 3 + [True] + [
        False
    ] * 3 + [True]


def test_plan_reads_stages_and_rates():
    training = {
        **prepared.TRAINING,
        "steps": 100,
        "stages": [{"train": "temporal", "share": 0.3}, {"train": "all", "share": 0.7}],
    }
    plan = Plan.of(training)
    assert [plan.stage(step) for step in (0, 29, 30, 99)] == [0, 0, 1, 1]
    assert [plan.rate(step) for step in (0, 59, 60, 84, 85, 99)] == pytest.approx(
        [2e-3, 2e-3, 6e-4, 6e-4, 1.8e-4, 1.8e-4]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": [{"train": "all", "share": 0.5}]}, "add up to 0.5, expected 1"),
        ({"stages": [{"train": "spatial", "share": 1.0}]}, "'spatial', expected one of"),
        ({"precision": "fp8"}, "'fp8', expected fp32 or bf16"),
    ],
)
def test_wrong_training_values_are_refused(tmp_path, affectnet, change, message):
    with pytest.raises(ValueError, match=message):
        trainer(prepared.spec("affectnet.resnet18.f0.s0", "resnet18", **change), affectnet, tmp_path)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_history_draws_one_bar_in_a_terminal_and_goes_on_where_it_stood():
    parts = losses.Parts(*torch.rand(5, generator=torch.Generator().manual_seed(0)))
    first = History("sewa.r3d18.f0.s0", 10, stream=Terminal())
    for _ in range(3):
        first.add(parts, torch.tensor(0.5))
    first.row(3, stage="all", lr=1e-3, validation={"valence": 0.25, "arousal": None})
    first.add(parts, torch.tensor(0.5))
    second = History("sewa.r3d18.f0.s0", 10, stream=(screen := Terminal()))
    second.load(first.state())
    second.add(parts, torch.tensor(0.5))
    second.row(5, stage="all", lr=1e-3, validation={"valence": 0.3, "arousal": None})
    second.close()
    assert "5/10" in screen.getvalue() and "CCC 0.300 undefined" in screen.getvalue()
    assert [row["step"] for row in second.rows] == [3, 5]
    assert second.rows[1]["loss"] == pytest.approx(float(parts.loss), rel=1e-5)
    assert second.rows[1]["val_arousal_ccc"] is None
