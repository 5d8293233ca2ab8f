"""Scores on test faces that were cut in other ways."""

import h5py
import numpy as np
import pytest
import torch
from runs import CPU, Pixels, command, prepared, train

from hocp.clips import Prepared
from hocp.contracts import files, record, variants
from hocp.contracts.variants import Variant
from hocp.learning import metrics
from hocp.learning.sensitivity import rows

KINDS = [
    Variant("trained", ""),
    Variant("margin", "0.8"),
    Variant("resize", "nearest"),
    Variant("colour", "bgr"),
]


def store(folder, data, *, changes=None):
    """Test crops of a prepared data set: as they are, shifted, noisy, blue first."""
    known = Prepared(data)
    position = known.part("test", 0)
    crops = known.gather(position, torch.ones(len(position), dtype=torch.bool)).images.numpy()
    noisy = crops ^ np.random.default_rng(0).integers(0, 32, crops.shape, np.uint8)
    folder.mkdir()
    with h5py.File(folder / variants.CROPS, "w") as file:
        file["crops"] = np.stack([crops, np.roll(crops, 5, axis=2), noisy, crops[..., ::-1]])
    facts = variants.Variants(
        dataset="affectnet", data="generated", manifest_sha256=known.facts.manifest_sha256,
        crops_sha256=files.sha256(folder / variants.CROPS), variants=KINDS,
        trained={"margin": "1", "resize": "bilinear", "colour": "rgb"},
        items=[known.items[k].item for k in position.tolist()],
    )  # fmt: skip
    variants.write(folder / variants.FACTS, facts)
    return known, position


def network() -> Pixels:
    torch.manual_seed(0)
    made = Pixels(10)
    with torch.no_grad():
        made.fc.weight.mul_(0.3)
    return made


def run_of(known: Prepared) -> dict:
    return {"run": "affectnet.hocp.f0.s0", "data": {"manifest_sha256": known.facts.manifest_sha256}}


def test_scores_are_those_of_the_network_on_each_variant(tmp_path, affectnet):
    known, position = store(tmp_path / "v", affectnet)
    found = list(rows(network(), run_of(known), data=affectnet, store=tmp_path / "v", device=CPU))
    assert len(found) == 2 * 2 * (3 + 3)  # three kinds with the setting of training and one other each
    with h5py.File(tmp_path / "v/variants.h5") as file:
        x = torch.from_numpy(file["crops"][:]).double().permute(0, 1, 4, 2, 3) / 255
    x = (x - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    true = known.targets[position].numpy()
    order = {("margin", "1"): 0, ("resize", "bilinear"): 0, ("colour", "rgb"): 0}
    order |= {tuple(variant): place for place, variant in enumerate(KINDS)}
    with torch.no_grad():
        expected = [network().double()(images).numpy() for images in x]
    for row in found:
        place, axis = order[row["kind"], row["setting"]], ("valence", "arousal").index(row["dimension"])
        p, t = expected[place][:, axis], true[:, axis].astype(float)
        value = np.sqrt(np.mean((p - t) ** 2)) if row["metric"] == "rmse" else metrics.ccc(p, t)
        assert float(row["value"]) == pytest.approx(value, abs=2e-5)
        base = {(r["dimension"], r["metric"]): float(r["value"]) for r in found if r["trained"]}
        change = float(row["value"]) - base[row["dimension"], row["metric"]]
        assert float(row["change"]) == pytest.approx(change, abs=2e-6)
        assert row["trained"] == (place == 0) and row["n"] == len(position) and row["data"] == "generated"


def test_an_undefined_score_has_a_reason(tmp_path, affectnet):
    known, _ = store(tmp_path / "v", affectnet)
    silent = network()
    with torch.no_grad():
        silent.fc.weight.fill_(float("nan"))
    found = list(rows(silent, run_of(known), data=affectnet, store=tmp_path / "v", device=CPU))
    assert {row["value"] for row in found} == {None} == {row["change"] for row in found}
    assert {row["reason"] for row in found} == {"24 of 24 values are not finite"}


def test_what_does_not_belong_together_is_refused(tmp_path, affectnet):
    known, _ = store(tmp_path / "v", affectnet)
    other = {**run_of(known), "data": {"manifest_sha256": "0" * 64}}
    with pytest.raises(ValueError, match="that of the run is 0000"):
        list(rows(network(), other, data=affectnet, store=tmp_path / "v", device=CPU))
    clips = network()
    clips.order = 3
    with pytest.raises(ValueError, match="a network of clips"):
        list(rows(clips, run_of(known), data=affectnet, store=tmp_path / "v", device=CPU))
    with (tmp_path / "v/variants.h5").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match=r"variants\.h5 is not the file that variants\.json describes"):
        list(rows(network(), run_of(known), data=affectnet, store=tmp_path / "v", device=CPU))


def test_command(tmp_path, affectnet, capsys):
    spec = prepared.spec("affectnet.resnet18.f0.s0", "resnet18", steps=1, expression_loss=True)
    folder = train(spec, affectnet, tmp_path, evaluate=False)
    store(tmp_path / "v", affectnet)
    places = [
        "--runs",
        folder,
        "--data",
        affectnet,
        "--variants",
        tmp_path / "v",
        "--out",
        tmp_path / "s.csv",
    ]
    assert command("sensitivity", *places, "--device", "cpu") == 0
    assert len(files.read_csv(tmp_path / "s.csv", record.SENSITIVITY)) == 24
    assert command("sensitivity", *places, "--data", affectnet, affectnet, "--device", "cpu") == 2
    assert "1 --runs, 2 --data and 1 --variants" in capsys.readouterr().err
