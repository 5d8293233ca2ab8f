"""AffectNet's two releases, in every form that public loaders met."""

import h5py
import numpy as np
import pytest
from mini_releases import (
    BOX,
    COLUMNS,
    affectnet_2017,
    affectnet_2021,
    encode,
    image_name,
    npy,
    options,
    points,
    prepared,
    quartet,
    ramp,
    row,
    write,
)

from data_prep import affectnet
from data_prep.tree import Tree
from hocp.contracts import manifest


def test_lists_with_header_and_without(tmp_path):
    for name, header in (("a", COLUMNS), ("b", "#" + COLUMNS), ("c", "")):
        affectnet_2017(tmp_path / name, header=header)
        items = prepared("affectnet", tmp_path / name, "--validation-share", "0.25")
        assert {item.status for item in items.values()} == {"ok"} and len(items) == 30
        assert {items[image_name(number)].split for number in range(24, 30)} == {"test"}
        assert {items[image_name(number)].split for number in range(24)} == {"train", "val"}
    item = items[image_name(9)]
    assert (item.valence, item.arousal, item.expression, item.group, item.clip) == (0.25, -0.5, 1, "", "")


def test_crop_is_the_box_of_the_list(tmp_path):
    affectnet_2017(tmp_path / "a")
    items = prepared("affectnet", tmp_path / "a", side=40)
    with h5py.File(tmp_path / "a-out/crops.h5") as file:
        crop = file["crops"][items[image_name(11)].row]
    x, y, width, height = BOX
    assert np.array_equal(crop[3, :, 0], np.arange(x, x + width))
    assert np.array_equal(crop[:, 3, 1], np.arange(y, y + height))
    assert (crop[..., 2] == 11).all()  # and of the right image


def test_spreadsheet_copy_with_landmarks_in_columns(tmp_path):
    affectnet_2017(tmp_path / "a")
    for name in ("training", "validation"):
        path = tmp_path / f"a/Manually_Annotated_file_lists/{name}.csv"
        path.write_text(path.read_text().replace(";", ","))
    items = prepared("affectnet", tmp_path / "a", "--crop", "landmarks", "--margin", "1.0")
    assert {item.status for item in items.values()} == {"ok"} and len(items) == 30


FAULTS = {
    "label_null": {"valence": "NULL"},
    "label_nan": {"arousal": "nan"},
    "label_range": {"valence": 1.73},
    "va_missing": {"valence": -2, "arousal": -2},
    "class_excluded": {"expression": 9, "valence": -2, "arousal": -2},
    "box_bad": {"box": (60, 20, -40, 40)},
    "box_clamped": {"box": (140, 20, 40, 40)},
}


@pytest.mark.parametrize("status", FAULTS)
def test_faults_of_rows(tmp_path, status):
    name = image_name(100)
    affectnet_2017(tmp_path / "a", train=[row(name, **FAULTS[status])], extra={name: encode(ramp(blue=100))})
    item = prepared("affectnet", tmp_path / "a")[name]
    assert item.status == status and item.note
    assert item.usable == (status in manifest.USABLE) and bool(item.split) == item.usable


FILES = {
    "img_missing": None,
    "img_empty": b"",
    "img_undecodable": encode(ramp(), "JPEG")[:400],
    "img_mode_converted": encode(ramp()[..., 0]),
}


@pytest.mark.parametrize("status", FILES)
def test_faults_of_files(tmp_path, status):
    name, content = image_name(100), FILES[status]
    extra = {} if content is None else {name: content}
    affectnet_2017(tmp_path / "a", train=[row(name)], extra=extra)
    assert prepared("affectnet", tmp_path / "a")[name].status == status


@pytest.mark.parametrize(
    ("expression", "status"),
    [("NULL", "label_null"), ("happy", "label_nan"), (11, "label_range"), (8, "class_excluded")],
)
def test_faults_of_expressions(tmp_path, expression, status):
    name = image_name(100)
    affectnet_2017(tmp_path / "a", train=[row(name, expression=expression)], extra={name: encode(ramp())})
    assert prepared("affectnet", tmp_path / "a")[name].status == status


def test_rows_that_repeat(tmp_path):
    twice, other, same = image_name(3), image_name(100), image_name(29)  # the last is in validation.csv
    rows = [row(twice, expression=3), row(twice, box=(10, 20, 30, 30)), row(other), row(same)]
    affectnet_2017(tmp_path / "a", train=rows, extra={other: encode(ramp(blue=5))})
    items = prepared("affectnet", tmp_path / "a", "--validation-share", "0.5")
    assert items[twice].status == "ok" and items[f"{twice}#2"].status == "dup_key"
    assert items[f"{twice}#3"].status == "ok", "a second face in a picture is no repetition"
    assert items[f"{twice}#3"].split == items[twice].split
    assert items[other].status == "dup_content" and image_name(5) in items[other].note
    assert items[same].split == "test" and items[f"{same}#2"].status == "dup_content", (
        "validation is untouched"
    )


def test_malformed_row_is_named_by_its_line(tmp_path):
    affectnet_2017(tmp_path / "a", train=[["3/short.jpg", "1", "2"]])
    items = prepared("affectnet", tmp_path / "a")
    name = "Manually_Annotated_file_lists/training.csv:26"
    assert items[name].status == "label_null" and "neither 9 nor 144" in items[name].note
    assert sum(item.usable for item in items.values()) == 30


def test_landmarks_when_asked_for(tmp_path):
    bad = {"lnd_missing": "", "lnd_count": points(67)}
    rows = [row(image_name(200 + n), landmarks=spots) for n, spots in enumerate(bad.values())]
    extra = {image_name(200 + n): encode(ramp(blue=200 + n)) for n in range(2)}
    affectnet_2017(tmp_path / "a", train=rows, extra=extra)
    items = prepared("affectnet", tmp_path / "a", "--crop", "landmarks")
    assert [items[image_name(200 + n)].status for n in range(2)] == list(bad)
    assert items[image_name(0)].status == "ok"
    assert {item.status for item in prepared("affectnet", tmp_path / "a").values()} == {"ok"}  # boxes suffice


def test_paths_in_a_list_stay_in_the_release(tmp_path):
    write(tmp_path, "secret.png", encode(ramp(blue=1)))
    affectnet_2017(tmp_path / "a", train=[row("../../secret.png"), row(str(tmp_path / "secret.png"))])
    items = prepared("affectnet", tmp_path / "a")
    assert items["../../secret.png"].status == items[str(tmp_path / "secret.png")].status == "img_missing"


def test_variants_of_the_tree(tmp_path):
    """A doubled level, lists beside the images and with other names, backslashes, stray files."""
    affectnet_2017(tmp_path / "raw")
    lists, home = tmp_path / "raw/Manually_Annotated_file_lists", tmp_path / "a/Manually_Annotated"
    home.mkdir(parents=True)
    (tmp_path / "raw/Manually_Annotated_Images").rename(home / "Manually_Annotated_Images")
    (home / "Manually_training.csv").write_text((lists / "training.csv").read_text().replace("/", "\\"))
    (home / "validation.csv").write_bytes((lists / "validation.csv").read_bytes())
    write(home, "Manually_Annotated_Images/1/Thumbs.db", b"not an image")
    items = prepared("affectnet", tmp_path / "a")
    assert len(items) == 30 and {item.status for item in items.values()} == {"ok"}


def test_lists_that_differ_stop(tmp_path):
    affectnet_2017(tmp_path / "a")
    write(tmp_path / "a", "copy/training.csv", ",".join(row("1/x.jpg")))
    with pytest.raises(ValueError, match=r"lists that differ: .*copy/training.csv"):
        prepared("affectnet", tmp_path / "a")


def test_missing_parts_stop_with_what_to_do(tmp_path):
    chosen = options("affectnet")
    for name, content, match in [
        ("empty/readme.txt", b"", "no AffectNet release recognised"),
        ("rar/Manually_Annotated.part01.rar", b"Rar!", "data_prep unpack .*rar --out DIR"),
        ("half/training.csv", ",".join(row("1/a.jpg")), "expected training.csv and validation.csv"),
    ]:
        write(tmp_path, name, content)
        with pytest.raises(ValueError, match=match):
            affectnet.locate(Tree(tmp_path / name.split("/")[0]), chosen)
    affectnet_2017(tmp_path / "a")
    (tmp_path / "a/Manually_Annotated_Images").rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"none of their images, e\.g\. 1/"):
        affectnet.locate(Tree(tmp_path / "a"), chosen)
    affectnet_2017(tmp_path / "both")
    affectnet_2021(tmp_path / "both")
    with pytest.raises(ValueError, match=r"AffectNet 2017, .* and AffectNet 2021"):
        affectnet.locate(Tree(tmp_path / "both"), chosen)


@pytest.mark.parametrize("text", [False, True])
def test_release_of_2021_with_numbers_or_text(tmp_path, text):
    affectnet_2021(tmp_path / "a", text=text)
    items = prepared("affectnet", tmp_path / "a", side=224)
    assert len(items) == 25 and {item.status for item in items.values()} == {"ok"}
    item = items["train_set/9"]
    assert (item.valence, item.arousal, item.expression) == (0.5, -0.25, 1)
    assert items["val_set/9"].split == "test" and item.split in ("train", "val")
    with h5py.File(tmp_path / "a-out/crops.h5") as file:
        crops = file["crops"][:]
    assert (
        abs(crops[item.row][..., 2].mean() - 9) < 2
        and abs(crops[items["val_set/9"].row][..., 2].mean() - 109) < 2
    )
    assert np.abs(crops[item.row][100, :, 0].astype(int) - np.arange(224)).mean() < 2  # the whole image


def test_faults_of_2021(tmp_path):
    affectnet_2021(tmp_path / "a")
    hollow = npy([1.0])[:60]
    huge = npy(np.zeros(1)).replace(b"(1,)", b"(99999999999,)")
    bad = {
        "label_null": {"aro": None},
        "label_nan": {"val": npy("happy")},
        "label_range": {"val": 3.0},
        "va_missing": {"val": -2.0},
        "lnd_count": {"lnd": points(67).ravel()},
        "lnd_missing": {"lnd": None},
        "img_empty": {"image": b""},
    }
    for number, changes in enumerate(bad.values(), start=101):
        quartet(tmp_path / "a", "train", number, **changes)
    for number, content in enumerate([hollow, huge, b"", npy([1.0, 2.0]), b"\x93NUMPY\x09\x00"], start=201):
        quartet(tmp_path / "a", "train", number, exp=content)
    write(tmp_path / "a", "train_set/images/301.jpg", encode(ramp(), "JPEG"))  # no annotation at all
    items = prepared("affectnet", tmp_path / "a", "--crop", "landmarks")
    assert [items[f"train_set/{101 + n}"].status for n in range(len(bad))] == list(bad)
    assert {items[f"train_set/{n}"].status for n in range(201, 206)} == {"label_nan"}
    assert items["train_set/301"].status == "label_null"
    assert items["train_set/9"].status == "ok"


def test_pickles_are_not_loaded(tmp_path):
    affectnet_2021(tmp_path / "a")
    quartet(tmp_path / "a", "train", 101, exp=npy([None], object))
    assert prepared("affectnet", tmp_path / "a")["train_set/101"].status == "label_nan"
