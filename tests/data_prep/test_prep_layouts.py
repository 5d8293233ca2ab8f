"""Every form in which AffectNet and AFEW-VA are known to lie on disks: recognised, named, read alike."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mini_releases import (
    COLUMNS,
    afew_va,
    affectnet_2017,
    affectnet_2021,
    affectnet_automatic,
    clips,
    encode,
    options,
    pack_zip,
    prepared,
    quartet,
    ramp,
    row,
    write,
)

from data_prep import afew_va as films
from data_prep import affectnet, packed
from data_prep.record import Release, Unrecognised
from data_prep.tree import Tree
from hocp.contracts import manifest

LISTS, IMAGES = "Manually_Annotated_file_lists", "Manually_Annotated_Images"


def located(folder: Path, *texts: str) -> Release:
    return affectnet.locate(Tree(folder), options("affectnet", *texts))


def rewrite(folder: Path, change: Callable[[str], str], *names: str) -> None:
    for name in names or ("training", "validation"):
        path = folder / LISTS / f"{name}.csv"
        path.write_text(change(path.read_text()))


def into_zip(folder: Path) -> None:
    members = {
        f"{LISTS}/{name}.csv": (folder / LISTS / f"{name}.csv").read_bytes()
        for name in ("training", "validation")
    }
    pack_zip(folder, f"{LISTS}.zip", members)
    for name in members:
        (folder / name).unlink()
    (folder / LISTS).rmdir()


def move(folder: Path, source: str, target: str) -> None:
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    (folder / source).rename(folder / target)


def doubled(folder: Path) -> None:
    move(folder, IMAGES, "x")
    move(folder, "x", f"Manually_Annotated/{IMAGES}")
    move(folder, f"{LISTS}/training.csv", "Manually_Annotated/Manually_training.csv")
    move(folder, f"{LISTS}/validation.csv", "Manually_Annotated/validation.csv")


def at_the_top(folder: Path) -> None:
    for path in sorted((folder / IMAGES).iterdir()):
        path.rename(folder / path.name)
    (folder / IMAGES).rmdir()


def with_strays(folder: Path) -> None:
    write(folder, f"{IMAGES}/1/Thumbs.db", b"\xd0\xcf")
    write(folder, "Expression/meta-data/training_info.csv", "epoch,loss\n1,2\n")
    write(folder, "Valence_Arousal/network/readme.txt", "")


#: What was done to the copy -> how, and what the report has to say besides the header that is missing.
FORMS = {
    "as published": (lambda folder: None, ()),
    "# header": (
        lambda folder: rewrite(folder, lambda text: f"#{text}", "training"),
        ("training list with # before its header",),
    ),
    "spreadsheet": (
        lambda folder: rewrite(folder, lambda text: text.replace(";", ",")),
        ("training list with 136 landmark columns", "validation list with 136 landmark columns"),
    ),
    "lists in their zip": (into_zip, ("training list in a zip archive", "validation list in a zip archive")),
    "doubled folders": (doubled, ("doubled folder level",)),
    "backslashes": (lambda folder: rewrite(folder, lambda text: text.replace("/", "\\")), ()),
    "numbered folders at the top": (at_the_top, ()),
    "strays": (with_strays, ("1 stray .db file among the images",)),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_the_manual_part(tmp_path, form):
    change, said = FORMS[form]
    affectnet_2017(tmp_path / "a")
    change(tmp_path / "a")
    matched = located(tmp_path / "a").matched
    assert set(matched.variants) == {"validation list without header", *said}
    assert matched.counts["image files"] == 30 and set(matched.lists) == {
        "training list",
        "validation list",
        "images",
    }
    items = prepared("affectnet", tmp_path / "a")
    assert len(items) == 30 and {item.status for item in items.values()} == {"ok"}
    facts = manifest.read_facts(tmp_path / "a-out/manifest.json")
    assert facts.layout["lists"] == dict(matched.lists) and set(facts.layout["variants"]) == set(
        matched.variants
    )
    assert (facts.layout["counts"]["training rows"], facts.layout["counts"]["validation rows"]) == (24, 6)


AUTOMATIC = {
    "as published": {},
    "other spelling": {
        "home": "Automatically_annotated_images",
        "place": "Automatically_Annotated_file_lists/Automatically_annotated.csv",
    },
    "doubled folders": {"home": "Automatically_Annotated_Images/Automatically_Annotated_Images"},
    "list beside the images": {"place": "automatically_annotated.csv"},
}


@pytest.mark.parametrize("form", AUTOMATIC)
def test_forms_of_the_automatic_part(tmp_path, form):
    affectnet_automatic(tmp_path / "a", **AUTOMATIC[form])
    items = prepared("affectnet", tmp_path / "a", "--part", "automatic", "--validation-share", "0.25")
    assert len(items) == 20 and {item.status for item in items.values()} == {"ok"}
    assert {item.split for item in items.values()} == {"train", "val"}, (
        "there is no official split, hence no test"
    )
    facts = manifest.read_facts(tmp_path / "a-out/manifest.json")
    assert facts.release == "AffectNet 2017, automatic list" and "no test" in facts.split["rule"]


def test_automatic_list_in_its_zip(tmp_path):
    affectnet_automatic(tmp_path / "a", place="list.csv")
    pack_zip(
        tmp_path / "a",
        "Automatically_annotated_file_list.zip",
        {"automatically_annotated.csv": (tmp_path / "a/list.csv").read_bytes()},
    )
    assert (
        "automatic list in a zip archive" in located(tmp_path / "a", "--part", "automatic").matched.variants
    )


def test_null_fields_of_the_automatic_part(tmp_path):
    bad = (
        row("1/x.png", valence="NULL"),
        row("1/y.png", expression="NULL"),
        row("1/z.png", box=("NULL",) * 4, landmarks="NULL"),
    )
    affectnet_automatic(tmp_path / "a", rows=list(bad))
    for name in "xyz":
        write(tmp_path / "a", f"Automatically_Annotated_Images/1/{name}.png", encode(ramp(blue=ord(name))))
    items = prepared("affectnet", tmp_path / "a", "--part", "automatic")
    assert [items[f"1/{name}.png"].status for name in "xyz"] == ["label_null", "label_null", "box_bad"]


def test_both_parts_in_one_folder_do_not_mix(tmp_path):
    affectnet_2017(tmp_path / "a")
    affectnet_automatic(tmp_path / "a")
    found = [set(prepared("affectnet", tmp_path / "a", "--part", part)) for part in ("manual", "automatic")]
    assert [len(items) for items in found] == [30, 20] and not found[0] & found[1]


def test_the_option_is_named_where_only_the_automatic_part_is_there(tmp_path):
    affectnet_automatic(tmp_path / "a")
    with pytest.raises(Unrecognised, match=r"automatically_annotated.csv alone needs --part automatic"):
        located(tmp_path / "a")
    affectnet_2017(tmp_path / "b")
    with pytest.raises(Unrecognised, match="Automatically_Annotated_Images"):
        located(tmp_path / "b", "--part", "automatic")


def test_images_still_in_rar_volumes(tmp_path):
    """With lists and without: what is packed, which volume is missing, with which command to unpack."""
    affectnet_2017(tmp_path / "a")
    move(tmp_path, f"a/{IMAGES}", "elsewhere")
    for number in (1, 2, 4):
        write(
            tmp_path / "a", f"Manually_Annotated_compressed/Manually_Annotated.part{number:02d}.rar", b"Rar!"
        )
    command = r"python -m data_prep unpack .*a --out DIR.*unrar or 7z"
    with pytest.raises(ValueError, match=rf"none of their images.*3 volumes of .*without part 3.*{command}"):
        located(tmp_path / "a")
    move(tmp_path, f"a/{LISTS}", "elsewhere-too")
    with pytest.raises(ValueError, match=rf"AffectNet 2017, manual part, still packed: .*{command}"):
        located(tmp_path / "a")
    with pytest.raises(Unrecognised):
        located(tmp_path / "a", "--part", "automatic")
    write(tmp_path / "b", "Automatically_Annotated.part01.rar", b"Rar!")
    with pytest.raises(
        ValueError, match=r"automatic part, still packed: 1 volume of Automatically_Annotated"
    ):
        located(tmp_path / "b", "--part", "automatic")
    write(tmp_path / "c", "holiday.rar", b"Rar!")
    with pytest.raises(Unrecognised, match=r"still packed: holiday\.rar"):
        located(tmp_path / "c")


def test_volumes_are_told_apart():
    paths = ["a/x.part2.rar", "a/x.part01.rar", "y.RAR", "a/x.part01.txt", "rar"]
    assert packed.archives(paths) == {"a/x": [1, 2], "y": []}


def test_list_that_lacks_the_other_one_is_named(tmp_path):
    write(tmp_path, "a/training.csv", "\n".join([COLUMNS, ",".join(row("1/a.jpg"))]))
    with pytest.raises(
        ValueError, match=r"no validation list, only training\.csv; expected training\.csv and"
    ):
        located(tmp_path / "a")


@pytest.mark.parametrize("text", [False, True])
def test_validation_set_under_another_name(tmp_path, text):
    affectnet_2021(tmp_path / "a", text=text)
    move(tmp_path, "a/val_set", "a/test_set")
    matched = located(tmp_path / "a").matched
    kind = "text" if text else "numbers"
    assert matched.variants == ("validation set named test_set", f"labels stored as {kind}")
    assert matched.counts == {"validation images": 5, "training images": 20}
    assert prepared("affectnet", tmp_path / "a")["test_set/9"].split == "test"
    quartet(tmp_path / "a", "val", 0)
    with pytest.raises(ValueError, match=r"found \['test_set', 'val_set'\]; expected one val_set"):
        located(tmp_path / "a")


def test_files_that_a_quartet_lacks_are_counted_by_name_alone(tmp_path):
    affectnet_2021(tmp_path / "deep/a")
    quartet(tmp_path / "deep/a", "train", 101, aro=None)
    quartet(tmp_path / "deep/a", "train", 102, aro=None, lnd=None)
    (tmp_path / "deep/a/val_set/images/3.jpg").unlink()
    assert located(tmp_path).matched.gaps == (
        "deep/a/val_set: 1 of 5 ids have no image, e.g. 3",
        "deep/a/train_set: 2 of 22 ids have no _aro.npy, e.g. 101",
        "deep/a/train_set: 1 of 22 ids have no _lnd.npy, e.g. 102",
    )


def test_2021_without_its_validation_part(tmp_path):
    quartet(tmp_path / "a", "train", 1)
    with pytest.raises(ValueError, match="found no val_set; expected one val_set"):
        located(tmp_path / "a")


def films_located(folder: Path) -> Release:
    return films.locate(Tree(folder), options("afew_va"))


def nested_zips(folder: Path) -> None:
    """Archives that hold their own number as a folder: 01.zip with 01/001."""
    for name, files in clips().items():
        volume = f"{(int(name) - 1) // 5 + 1:02d}"
        for path, data in files.items():
            write(folder, f"{volume}/{path}", data)
    for volume in ("01", "02"):
        members = {str(p.relative_to(folder)): p.read_bytes() for p in sorted((folder / volume).rglob("*.*"))}
        pack_zip(folder.with_name("zipped"), f"{volume}.zip", members)


def test_forms_of_the_films(tmp_path):
    for layout, said in {
        "flat": "clips in one folder",
        "folders": "2 folders of clips",
        "zips": "2 zip archives",
    }.items():
        afew_va(tmp_path / layout, clips(), layout=layout)
        release = films_located(tmp_path / layout)
        assert release.matched.variants == (said,) and not release.matched.gaps
        assert {"clips": 10, "frames": 40}.items() <= release.matched.counts.items()
    nested_zips(tmp_path / "nested")
    items = prepared("afew_va", tmp_path / "zipped")
    assert len(items) == 40 and {item.status for item in items.values()} == {"ok"}


def test_clips_that_are_missing_are_named_with_their_archive(tmp_path):
    files = clips()
    del files["003"], files["004"]
    afew_va(tmp_path / "a", files)
    assert films_located(tmp_path / "a").matched.gaps == (
        "2 clips before 010 are missing, the first is 003; the release has 50 to an archive, "
        "so look at 01.zip first",
    )


def test_frames_of_a_clip_that_lies_there_twice_count_once(tmp_path):
    afew_va(tmp_path / "a", clips(), layout="zips")
    afew_va(tmp_path / "a", {"003": clips()["003"]})
    assert films_located(tmp_path / "a").matched.counts == {"clips": 10, "frames": 40, "archives": 2}
