"""Where parameters come from: another run, its head cut, a pruned one, and what does not fit."""

import pytest
import torch
from runs import prepared, train
from safetensors.torch import load_file

from hocp.contracts import files, record
from hocp.learning import start

LASSO = dict(start=("finetune", "affectnet.hocp.f0.s0"), expression_loss=True, steps=12, lasso=40.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("start")


@pytest.fixture(scope="module")
def image_run(folder, affectnet):
    spec = prepared.spec("affectnet.hocp.f0.s0", "hocp_resnet18", steps=3, expression_loss=True)
    return train(spec, affectnet, folder)


@pytest.fixture(scope="module")
def lasso_run(folder, affectnet, image_run):
    spec = prepared.spec("affectnet.hocp_lasso.f0.s0", "hocp_resnet18", **LASSO)
    return train(spec, affectnet, folder, origin=image_run)


def _images(*size):
    return torch.randn(*size, 32, 32, generator=torch.Generator().manual_seed(0))


def test_finetuning_keeps_the_first_two_outputs(afew_va, image_run):
    spec = prepared.spec("afew_va.hocp.f2.s0", "hocp_resnet18", start=("finetune", "affectnet.hocp.f0.s0"))
    network, (image, _) = start.begin(spec, image_run).eval(), start.load(image_run)
    x = _images(2, 3)
    torch.testing.assert_close(network(x), image.eval()(x)[:, :2])


def test_transduction_begins_as_the_image_network_on_every_frame(afew_va, image_run):
    spec = prepared.spec(
        "afew_va.hocp_transduction.f0.s0",
        "hocp_resnet18_3d",
        start=("transduce", "affectnet.hocp.f0.s0"),
        frames=5,
    )
    network, (image, _) = start.begin(spec, image_run).eval(), start.load(image_run)
    clip = _images(2, 3, 5)
    frames = torch.stack([image.eval()(clip[:, :, t])[:, :2] for t in range(5)], 1)
    torch.testing.assert_close(network(clip), frames, rtol=1e-4, atol=1e-5)
    # And what it becomes is loaded into the network of that name.
    assert {n: p.shape for n, p in network.state_dict().items()} == {
        n: p.shape for n, p in start.fresh(spec).state_dict().items()
    }


def test_the_lasso_prunes_for_real(image_run, lasso_run):
    facts = files.read_json(lasso_run / "train.json")
    pruning = facts["train"]["pruning"]
    rows = files.read_csv(lasso_run / "ranks.csv", record.RANKS)
    assert 0 < pruning["zeroed"] == sum(int(row["zeroed"]) for row in rows) < pruning["components"]
    assert all(
        float(row["share"]) == pytest.approx(int(row["zeroed"]) / int(row["rank"]), abs=1e-6) for row in rows
    )
    assert pruning["output_change"] < 1e-4 * max(1, pruning["output_scale"])
    stored = sum(v.numel() for n, v in load_file(lasso_run / "model.safetensors").items() if not _buffer(n))
    assert stored == pruning["parameters_after"] == facts["network"]["parameters"]
    removed = sum(int(row["parameters_before"]) - int(row["parameters_after"]) for row in rows)
    assert pruning["parameters_before"] - pruning["parameters_after"] == removed > 0


def _buffer(name: str) -> bool:
    return name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")


def test_a_pruned_run_loads_and_begins_another(lasso_run):
    network, facts = start.load(lasso_run)
    assert sum(p.numel() for p in network.parameters()) == facts["network"]["parameters"]
    state = load_file(lasso_run / "model.safetensors")
    assert all(torch.equal(network.state_dict()[name], state[name]) for name in state)


def test_lasso_starts_with_the_function_of_its_origin(image_run):
    spec = prepared.spec("affectnet.hocp_lasso.f0.s0", "hocp_resnet18", **LASSO)
    network, (image, _) = start.begin(spec, image_run).eval(), start.load(image_run)
    torch.testing.assert_close(network(_images(2, 3)), image.eval()(_images(2, 3)))


@pytest.mark.parametrize("given", [None, "here"])
def test_a_start_that_is_missing_or_superfluous_is_refused(given, image_run):
    kind = ("scratch", None) if given else ("finetune", "affectnet.hocp.f0.s0")
    spec = prepared.spec("affectnet.x.f0.s0", "hocp_resnet18", start=kind)
    with pytest.raises(ValueError, match=r"affectnet\.x\.f0\.s0 needs"):
        start.begin(spec, image_run if given else None)


def test_another_run_than_asked_for_is_refused(image_run):
    spec = prepared.spec("affectnet.x.f0.s0", "resnet18", start=("finetune", "affectnet.resnet18.f0.s0"))
    with pytest.raises(
        ValueError, match=r"holds run affectnet\.hocp\.f0\.s0, expected affectnet\.resnet18\.f0\.s0"
    ):
        start.begin(spec, image_run)


def test_a_network_of_another_kind_is_refused(image_run):
    spec = prepared.spec("affectnet.x.f0.s0", "resnet18", start=("finetune", "affectnet.hocp.f0.s0"))
    with pytest.raises(ValueError, match="not a model of this network"):
        start.begin(spec, image_run)


def test_an_unfinished_run_is_no_start(tmp_path):
    with pytest.raises(FileNotFoundError, match="not trained"):
        start.load(tmp_path)


def test_a_changed_model_is_refused(tmp_path, image_run):
    for name in ("train.json", "model.safetensors"):
        (tmp_path / name).write_bytes((image_run / name).read_bytes())
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(ValueError, match="has SHA-256"):
        start.load(tmp_path)
