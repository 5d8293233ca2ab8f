"""Test faces cut again: the first variant is what was prepared, the others are what their names say."""

import h5py
import numpy as np
import pytest
from mini_releases import afew_va, affectnet_2017, clips, encode, options, prepared, ramp, sewa

from data_prep import __main__ as command_line
from data_prep.recrop import MARGINS, choose, recrop
from data_prep.resizers import RESIZERS
from hocp.contracts import files, manifest, variants
from hocp.contracts.manifest import Item

MAKE = {"affectnet": affectnet_2017, "sewa": sewa, "afew_va": lambda folder: afew_va(folder, clips())}


def made(folder) -> tuple[variants.Variants, dict[tuple[str, str], np.ndarray]]:
    """Facts, and variant -> crops."""
    facts = variants.read(folder)
    with h5py.File(folder / "variants.h5") as file:
        crops = file["crops"][:]
    return facts, dict(zip(map(tuple, facts.variants), crops, strict=True))


@pytest.mark.parametrize("dataset", MAKE)
def test_the_first_is_what_was_prepared(tmp_path, dataset):
    MAKE[dataset](tmp_path / "a")
    items = prepared(dataset, tmp_path / "a")
    recrop(tmp_path / "a-out", tmp_path / "a", out=tmp_path / "more", options=options(dataset))
    facts, crops = made(tmp_path / "more")
    tested = [name for name, item in items.items() if manifest.parts(item.split, 0) == "test"]
    assert facts.items == tested and facts.dataset == dataset and facts.data == "generated"
    assert facts.manifest_sha256 == files.sha256(tmp_path / "a-out/manifest.csv")
    with h5py.File(tmp_path / "a-out/crops.h5") as file:
        expected = file["crops"][:][[items[name].row for name in tested]]
    assert np.array_equal(crops["trained", ""], expected)
    assert len(crops) == 1 + len(MARGINS) + len(RESIZERS) - 1 + 1 + (dataset == "afew_va")
    assert np.array_equal(crops["colour", "bgr"], expected[..., ::-1])
    for factor in MARGINS:  # resizers may agree on ramps
        assert not np.array_equal(crops["margin", f"{factor:g}"], expected)


def test_margins_are_times_that_of_training(tmp_path):
    """A ramp's steepness in a crop tells how much of the image it holds."""
    affectnet_2017(tmp_path / "a")
    prepared("affectnet", tmp_path / "a", "--margin", "1.2")
    recrop(
        tmp_path / "a-out",
        tmp_path / "a",
        out=tmp_path / "more",
        options=options("affectnet", "--margin", "1.2"),
    )
    _, crops = made(tmp_path / "more")
    for factor in MARGINS:
        columns = crops["margin", f"{factor:g}"][0, 8, 4:12, 0].astype(float)
        assert np.diff(columns).mean() == pytest.approx(1.2 * 40 * factor / 16, rel=0.05)


def test_anamorphic_the_other_way(tmp_path):
    content = clips()
    for clip in content:
        names = [name for name in content[clip] if name.endswith(".png")]
        content[clip] |= dict.fromkeys(names, encode(ramp(720, 576, blue=int(clip))))
    afew_va(tmp_path / "a", content)
    prepared("afew_va", tmp_path / "a", "--anamorphic", "true")
    chosen = options("afew_va", "--anamorphic", "true")
    recrop(tmp_path / "a-out", tmp_path / "a", out=tmp_path / "more", options=chosen, most=2)
    facts, crops = made(tmp_path / "more")
    assert len(facts.items) == 2 and facts.trained["anamorphic"] == "true"
    tall, short = (
        np.ptp(crops[key][0, :, 8, 1].astype(float)) for key in (("trained", ""), ("anamorphic", "false"))
    )
    assert tall / short == pytest.approx(4 / 3, rel=0.05)
    prepared("afew_va", tmp_path / "a")
    recrop(tmp_path / "a-out", tmp_path / "a", out=tmp_path / "back", options=options("afew_va"), most=2)
    _, back = made(tmp_path / "back")
    assert np.array_equal(back["trained", ""], crops["anamorphic", "false"])
    assert np.array_equal(back["anamorphic", "true"], crops["trained", ""])


def test_other_options_or_another_release_are_refused(tmp_path):
    for name in ("a", "b"):
        affectnet_2017(tmp_path / name, images=30 if name == "a" else 29)
    prepared("affectnet", tmp_path / "a")
    for source, chosen, words in [
        ("a", options("affectnet", "--margin", "1.1"), "6 crops differ"),
        ("b", options("affectnet"), "1 items of .* not found"),
    ]:
        with pytest.raises(ValueError, match=words + ".*with the same options"):
            recrop(tmp_path / "a-out", tmp_path / source, out=tmp_path / "more", options=chosen)
        assert not (tmp_path / "more").exists()


def test_choice_is_even_and_of_the_test_part():
    items = [
        Item(item=str(n), dataset="afew_va", split=f"fold{n % 5}", row=n, valence=0, arousal=0)
        for n in range(100)
    ]
    chosen = choose(items, fold=2, most=7)
    assert {item.split for item in chosen} == {"fold2"} and len({item.item for item in chosen}) == 7
    assert (chosen[0].item, chosen[-1].item) == ("2", "97")
    assert choose(items, fold=2, most=400) == [item for item in items if item.split == "fold2"]


def test_command(tmp_path, capsys):
    affectnet_2017(tmp_path / "a")
    prepared("affectnet", tmp_path / "a")
    places = f"--source {tmp_path}/a --prepared {tmp_path}/a-out --out {tmp_path}/more --most 4"
    assert command_line.main(["recrop", "affectnet", *places.split()]) == 0
    assert capsys.readouterr().out == "4 test items of affectnet, each cut in 11 ways\n"
