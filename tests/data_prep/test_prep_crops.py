"""Presets and resizers of crops, against hand-computed boxes, brute force, and the crops of before."""

import hashlib
from argparse import ArgumentParser, Namespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mini_releases import afew_va, clips, encode, options, prepared, ramp

from data_prep import crops, faces
from data_prep.affectnet_rows import Row
from data_prep.crops import Crop
from data_prep.lookalike.dynamics import act, draw_subject, feel
from data_prep.lookalike.geometry import WITHOUT_JAW_AND_INNER_CORNERS, project, solid_landmarks, turn
from data_prep.lookalike.identity import draw_identity
from data_prep.record import Box, Picture
from data_prep.resizers import RESIZERS, resize
from hocp.contracts import manifest

BOX = Box(60, 20, 100, 50)  # 40 wide, 30 high, off the diagonal
IMAGE = (100, 160)  # height, width


def noise(height: int = 100, width: int = 160, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_presets_by_hand():
    assert Crop(side=8, preset="landmarks", margin=1.25).region(BOX, IMAGE) == Box(55, 10, 105, 60)
    assert Crop(side=8, preset="box", margin=1.0).region(BOX, IMAGE) == Box(60, 15, 100, 55)
    assert Crop(side=8, preset="none", margin=3.0).region(BOX, IMAGE) == Box(0, -30, 160, 130)
    emonet = Crop(side=8, preset="emonet", margin=3.0).region(BOX, IMAGE)
    half = 200 * ((40 + 30) / 220) / 2  # a square of 200 pixels at the scale (w + h) / 220
    assert emonet == pytest.approx((80 - half, 35 - half, 80 + half, 35 + half))


def test_emonet_is_about_1_8_times_a_square_box():
    region = Crop(side=8, preset="emonet").region(Box(10, 20, 60, 70), IMAGE)
    assert (region.right - region.left) / 50 == pytest.approx(1.818, abs=1e-3)


def test_a_box_without_jaw_is_made_up_for():
    with_jaw, without = (
        Crop(side=8, preset="emonet", points=points).region(BOX, IMAGE) for points in (68, 49)
    )
    assert (without.right - without.left) == pytest.approx(crops.JAW * (with_jaw.right - with_jaw.left))
    assert without.left + without.right == pytest.approx(with_jaw.left + with_jaw.right)


def test_the_factor_for_the_jaw_is_that_of_generated_faces():
    """Width + height of the box of 68 landmarks over that of 49, over people, expressions and poses."""
    ratios = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        who, subject = draw_identity(rng), draw_subject(rng)
        for channels in act(rng, subject, feel(rng, subject, 8)):
            spots = project(solid_landmarks(who, channels), turn(channels), 50.0, np.zeros(2))
            inner = spots[WITHOUT_JAW_AND_INNER_CORNERS]
            ratios.append(np.ptp(spots, axis=0).sum() / np.ptp(inner, axis=0).sum())
    assert len(spots) == 68 and len(inner) == 49
    assert np.median(ratios) == pytest.approx(crops.JAW, abs=0.01)
    assert np.quantile(ratios, [0.05, 0.95]) == pytest.approx([1.20, 1.33], abs=0.01)


def test_anamorphic_squares_are_square_on_the_screen():
    for preset in ("landmarks", "emonet", "none"):
        region = Crop(side=8, preset=preset).region(BOX, IMAGE, aspect=4 / 3)
        width, height = region.right - region.left, region.bottom - region.top
        assert width * 4 / 3 == pytest.approx(height)
    wide = Crop(side=8, preset="emonet").region(BOX, IMAGE, aspect=4 / 3)
    assert wide.bottom - wide.top == pytest.approx(200 / 220 * (40 * 4 / 3 + 30))


def test_width_and_height_are_not_taken_for_a_corner():
    """Published code handed (x, y, w, h) over as corners; off the diagonal and off square that shows."""
    row = Row("a.png", 2, ("a.png", "60", "20", "40", "30", "", "1", "0", "0"))
    assert row.box() == BOX
    picture = ramp(160, 100)
    crop = Crop(side=40, preset="box")(Picture(picture), row.box())
    assert np.array_equal(crop[20, :, 0], np.arange(60, 100))
    assert np.array_equal(crop[:, 20, 1], np.arange(15, 55))
    rows, columns = np.nonzero((crop == picture[35, 80]).all(axis=2))
    assert (rows.tolist(), columns.tolist()) == ([20], [20])  # the centre is x = 80, y = 35


#: SHA-256 of crops as they were made before presets and resizers could be chosen; side 48 of `noise`.
BEFORE = {
    (1.0, 1.0): "2675f533f9be054328439fe7e5c9feb925feea07fa224dd7a67ef8e8df5997f4",
    (1.4, 1.0): "f9706824f3173260f1699135adbab519e69c8884d482a1baa83c36d63b097a84",
    (1.25, 4 / 3): "4e5362f41e215557350f83dd94cdfd2d6f3fe8f37bc010c250f9e2dd4bf7114c",
}


@pytest.mark.parametrize(("margin", "aspect"), BEFORE)
def test_crops_are_bit_for_bit_what_they_were(margin, aspect):
    box = Box(97.25, 11.5, 150.75, 88.125)
    crop = Crop(side=48, margin=margin)(Picture(noise()), box, aspect=aspect)
    assert hashlib.sha256(crop.tobytes()).hexdigest() == BEFORE[margin, aspect]


@pytest.mark.parametrize("dataset", ["affectnet", "sewa", "afew_va"])
def test_defaults_of_the_readers(dataset):
    crop = Crop.of(options(dataset), 56)
    expected = {
        "affectnet": ("box", 1.0, 68),
        "sewa": ("landmarks", 1.4, 49),
        "afew_va": ("landmarks", 1.25, 68),
    }
    assert (crop.preset, crop.margin, crop.points) == expected[dataset]
    assert crop.resize == "bilinear" and crop.side == 56


def test_a_reader_may_offer_less():
    assert Crop.of(Namespace(margin=1.3), 24) == Crop(side=24, margin=1.3)


@pytest.mark.parametrize("how", RESIZERS)
def test_resizing_to_the_same_size_changes_nothing(how):
    patch = noise(24, 24)
    assert np.array_equal(resize(patch, Box(0, 0, 24, 24), 24, how=how), patch)


def test_area_and_nearest_by_hand():
    patch = noise(24, 24)
    area = resize(patch, Box(0, 0, 24, 24), 8, how="area").astype(float)
    assert np.abs(area - patch.reshape(8, 3, 8, 3, 3).mean(axis=(1, 3))).max() <= 1  # two passes of 8 bits
    nearest = resize(patch, Box(0, 0, 24, 24), 8, how="nearest")
    assert np.array_equal(nearest, patch[1::3, 1::3])


def sampled(patch: np.ndarray, region: Box, side: int) -> np.ndarray:
    """Bilinear sampling at the centres of new pixels, pixel by pixel."""
    out = np.empty((side, side, 3))
    for row in range(side):
        for column in range(side):
            y = region.top + (row + 0.5) * (region.bottom - region.top) / side - 0.5
            x = region.left + (column + 0.5) * (region.right - region.left) / side - 0.5
            total = np.zeros(3)
            for j in (int(np.floor(y)), int(np.floor(y)) + 1):
                for i in (int(np.floor(x)), int(np.floor(x)) + 1):
                    weight = max(0, 1 - abs(y - j)) * max(0, 1 - abs(x - i))
                    total += (
                        weight * patch[min(max(j, 0), len(patch) - 1), min(max(i, 0), patch.shape[1] - 1)]
                    )
            out[row, column] = total
    return out


@given(st.floats(0, 4), st.floats(0, 6), st.floats(5, 24), st.floats(5, 18), st.integers(3, 12))
def test_aliased_bilinear_is_sampling_between_four_pixels(left, top, width, height, side):
    patch = noise(24, 28, seed=side)
    region = Box(left, top, left + width, top + height)
    found = resize(patch, region, side, how="bilinear_aliased")
    assert found.flags.c_contiguous and found.dtype == np.uint8
    assert np.abs(found - sampled(patch, region, side)).max() <= 0.5 + 1e-9


def test_only_the_antialiased_ones_average():
    """Fine stripes come out grey, or as stripes that are not there."""
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::2] = 255
    spread = {how: np.ptp(resize(stripes, Box(0, 0, 96, 96), 20, how=how)[5:-5, 5:-5]) for how in RESIZERS}
    assert spread["bilinear"] < 40 and spread["bicubic"] < 60
    assert spread["nearest"] == 255 and spread["bilinear_aliased"] > 100


@pytest.mark.parametrize("preset", ["landmarks", "emonet", "none"])
def test_the_manifest_says_how_faces_were_cut(tmp_path, preset):
    content = clips()
    content["001"] |= {n: encode(ramp(720, 576)) for n in content["001"] if n.endswith(".png")}
    afew_va(tmp_path / "a", content)
    chosen = ("--crop", preset, "--resize", "area", "--anamorphic", "true")
    prepared("afew_va", tmp_path / "a", *chosen)
    crop = manifest.read_facts(tmp_path / "a-out/manifest.json").crop
    assert crop == {
        "side": 16, "resize": RESIZERS["area"], "crop": preset, "anamorphic": True, "stretched": 4,
        **({"margin": 1.25} if preset == "landmarks" else {}),
    }  # fmt: skip


def test_unknown_presets_are_refused(capsys):
    parser = ArgumentParser()
    crops.add_options(parser, presets=("landmarks", "none"), points=68)
    with pytest.raises(SystemExit):
        parser.parse_args(["--crop", "box"])
    assert "landmarks" in capsys.readouterr().err


def test_every_preset_of_every_reader_has_a_meaning():
    for dataset in manifest.DATASETS:
        chosen = options(dataset)
        region = Crop.of(chosen, 8).region(BOX, IMAGE)
        assert region.right > region.left and faces.inside(region, 160, 100)
