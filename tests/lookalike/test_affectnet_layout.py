"""The look-alike of AffectNet has the layout, codes and proportions of the official releases."""

import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from release_views import affectnet_rows

from data_prep.lookalike.affectnet import EXTENSIONS, TRAIN_SHARES, Sizes, codes, plan
from data_prep.lookalike.portrait import PLANE, draw_affect
from data_prep.lookalike.seeds import stream


@pytest.fixture(scope="module")
def rows(releases):
    return affectnet_rows(releases["affectnet"])


def test_tree_and_lists(releases, rows):
    folder = releases["affectnet"]
    assert {p.name for p in folder.iterdir()} == {
        "Manually_Annotated_Images",
        "Manually_Annotated_file_lists",
        "lookalike.json",
    }
    header = (folder / "Manually_Annotated_file_lists" / "training.csv").read_text().splitlines()[0]
    names = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks"
    assert header == names + ",expression,valence,arousal"
    assert all(re.fullmatch(r"\d{1,4}/[0-9a-f]{56}\.\w{3,4}", row["path"]) for row in rows)


def test_images_are_there_and_of_the_kinds_of_the_release(releases, rows):
    root = releases["affectnet"] / "Manually_Annotated_Images"
    there = {str(p.relative_to(root)) for p in root.rglob("*.*") if p.suffix != ".db"}
    listed = {row["path"] for row in rows}
    assert there <= listed
    assert len(listed - there) == 1  # the planted one
    endings = Counter(path.rsplit(".", 1)[1] for path in listed)
    assert endings["jpg"] > 0.75 * len(listed)
    assert endings["tif"] == 1
    assert endings["bmp"] >= 1


def test_boxes_and_landmarks_lie_on_the_face(releases, rows):
    root = releases["affectnet"] / "Manually_Annotated_Images"
    seen = 0
    for row in rows:
        path = root / row["path"]
        if row["part"] == "training" or int(row["expression"]) == 10:
            continue  # all faults are in the training list; class 10 shows no face
        width, height = Image.open(path).size
        x, y, w, h = (float(row[name]) for name in ("x", "y", "width", "height"))
        assert width == height == pytest.approx(1.3 * w, abs=2)
        assert w == h
        assert x == y == pytest.approx(0.15 * w, abs=1.5)
        points = np.array(row["landmarks"].split(";"), float).reshape(68, 2)
        inside = (points > (x - 0.15 * w, y - 0.15 * h)) & (points < (x + 1.15 * w, y + 1.15 * h))
        assert inside.mean() > 0.9
        assert 0.6 < np.ptp(points[:, 1]) / h < 1.35
        seen += 1
    assert seen > 10


def test_codes_without_affect_have_minus_two(rows):
    for row in rows:
        if int(row["expression"]) >= 9:
            assert (row["valence"], row["arousal"]) == ("-2", "-2")
    usable = [row for row in rows if row["part"] == "validation" and int(row["expression"]) <= 8]
    values = np.array([[float(row["valence"]), float(row["arousal"])] for row in usable])
    assert np.abs(values).max() <= 1


def test_class_shares_are_the_official_ones():
    drawn = np.bincount(codes(stream(0, "test"), 40000, TRAIN_SHARES), minlength=11)
    np.testing.assert_allclose(drawn / 40000, TRAIN_SHARES / 414_800, atol=5e-4)
    assert TRAIN_SHARES.sum() == 414_800
    assert TRAIN_SHARES[:7].sum() == 283_902
    assert EXTENSIONS["jpg"] == 0.91


def test_validation_has_as_many_of_each(rows):
    counts = Counter(row["expression"] for row in rows if row["part"] == "validation")
    assert len(counts) == 11
    assert max(counts.values()) - min(counts.values()) <= 11


def test_sizes_vary_within_the_limits():
    sides = [photo.side for photo in plan(1, Sizes(images=600, side_min=60, side_max=300))["training"]]
    assert 60 <= min(sides) < 75
    assert 240 < max(sides) <= 300


@pytest.mark.parametrize(
    ("code", "valence", "arousal"),
    [(1, 1, 0), (2, -1, -1), (3, 0, 1), (4, -1, 1), (5, -1, 1), (6, -1, 1), (7, -1, 0)],
)
def test_expressions_lie_where_they_belong_on_the_plane(code, valence, arousal):
    rng = stream(0, "plane")
    mean = np.mean([draw_affect(rng, code) for _ in range(300)], axis=0)
    for value, sign in zip(mean, (valence, arousal), strict=True):
        assert not sign or sign * value > 0.2
    assert len(PLANE) == 10  # no face, no place


def test_release_of_2021(releases):
    folder = releases["affectnet_2021"]
    ids = {}
    for part in ("train_set", "val_set"):
        notes = sorted((folder / part / "annotations").iterdir())
        ids[part] = {int(path.name.split("_")[0]) for path in notes}
        assert all(re.fullmatch(r"\d+_(exp|val|aro|lnd)\.npy", path.name) for path in notes)
        kinds = set()
        for path in notes:
            array = np.load(path, allow_pickle=False)
            assert array.shape == ((136,) if "lnd" in path.name else ())
            kinds.add(array.dtype.kind)
            if "exp" in path.name:
                assert 0 <= int(array.item()) <= 7
        assert {"U", "f"} <= kinds
        sizes = {Image.open(p).size for p in (folder / part / "images").iterdir() if p.stat().st_size}
        assert sizes == {(224, 224)}
    assert ids["train_set"] & ids["val_set"], "ids repeat between the parts, as in the release"
    assert max(ids["train_set"]) >= len(ids["train_set"]), "ids have gaps"
