"""The doctor on good, damaged, half and foreign folders: text, JSON, exit status."""

import json
from pathlib import Path

import pytest
from mini_releases import (
    afew_va,
    affectnet_2017,
    affectnet_2021,
    affectnet_automatic,
    clips,
    image_name,
    options,
    quartet,
    raters,
    row,
    segment,
    sewa,
    table,
    write,
)

from data_prep import __main__ as command_line
from data_prep import affectnet, doctor_consequences, doctor_findings, expected, images
from data_prep.doctor import examine
from data_prep.doctor_look import Plan, Tolerant, look
from data_prep.expected import Expected
from hocp.contracts.manifest import STATUSES

COUNTS = {
    "AffectNet 2017, manual": {"training rows": 24, "validation rows": 6},
    "AffectNet 2021": {"training images": 20, "validation images": 5},
    "SEWA Basic": {"segments": 6, "sessions": 6, "frames by the names": 126},
    "AFEW-VA": {"clips": 10, "frames": 40, "actors": 5},
}
MAKE = {
    "affectnet-2017": affectnet_2017,
    "affectnet-2021": affectnet_2021,
    "sewa": sewa,
    "afew_va": lambda folder: afew_va(folder, clips(), layout="zips"),
}


@pytest.fixture
def small(monkeypatch):
    """Published numbers that are those of the miniature releases."""
    numbers = {name: tuple(Expected(w, n, "paper") for w, n in c.items()) for name, c in COUNTS.items()}
    monkeypatch.setattr(expected, "TABLE", numbers)


def doctor(capsys, *arguments) -> tuple[int, str]:
    status = command_line.main(["doctor", *map(str, arguments)])
    answer = capsys.readouterr()
    assert not answer.err or status == 2
    return status, answer.out + answer.err


def joined(text: str) -> str:
    """The report without its line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("thorough", [False, True])
def test_a_whole_release_is_fine(tmp_path, capsys, small, name, thorough):
    MAKE[name](tmp_path / "a")
    status, text = doctor(
        capsys, tmp_path / "a", "--json", tmp_path / "r.json", "--processes", 1, *["--thorough"] * thorough
    )
    assert status == 0
    assert ("Numbers made from this release may be set beside the paper's." in text) == (
        name not in ("affectnet-2021", "sewa")
    )
    assert (
        "fine (exit status 0)" in text and max(map(len, text.replace(str(tmp_path), "").splitlines())) <= 110
    )
    report = json.loads((tmp_path / "r.json").read_text())
    (found,) = report["releases"]
    assert report["schema"] == "hocp-doctor-1" and report["exit"] == found["exit"] == 0
    assert found["dataset"] == name.split("-")[0] and not found["generated"]
    counts = {one["what"]: one["found"] for one in found["counts"] if one["same"]}
    published = next(c for release, c in COUNTS.items() if found["release"].startswith(release))
    assert counts == published
    assert found["items"]["decoded"] == {
        "ok": {"affectnet-2017": 30, "affectnet-2021": 25, "sewa": 30, "afew_va": 40}[name]
    }


def test_damage_is_named_item_by_item(tmp_path, capsys, small):
    rows = [row(image_name(100)), row(image_name(101), valence=7), row(image_name(102), expression=9)]
    affectnet_2017(tmp_path / "a", train=rows, extra={image_name(101): b"", image_name(102): b""})
    (tmp_path / "a/Manually_Annotated_Images" / image_name(4)).write_bytes(b"\x89PNG torn")
    status, text = doctor(capsys, tmp_path / "a", "--json", tmp_path / "r.json")
    assert status == 1 and "usable, with findings (exit status 1)" in text
    found = json.loads((tmp_path / "r.json").read_text())["releases"][0]
    severity = {one["code"]: one["severity"] for one in found["findings"]}
    assert severity == {
        "img_missing": "finding", "label_range": "finding", "img_undecodable": "finding", "count": "finding",
        "class_excluded": "remark",
    }  # fmt: skip
    examples = {one["code"]: one["examples"] for one in found["findings"]}
    assert examples["img_missing"] == [image_name(100)] and examples["label_range"] == [image_name(101)]
    assert examples["img_undecodable"] == [image_name(4)]
    for one in found["findings"]:
        assert one["consequence"] == doctor_consequences.CONSEQUENCES[one["code"]]
    assert found["items"]["listed"] == {"ok": 30, "class_excluded": 1, "img_missing": 1, "label_range": 1}
    assert "training rows: 27 found, 24 expected [paper]" in joined(text) and image_name(100) in text


def test_too_much_damage_is_not_usable_until_the_limit_is_raised(tmp_path, capsys, small):
    affectnet_2017(tmp_path / "a", train=[row(image_name(100 + n)) for n in range(25)])
    status, text = doctor(capsys, tmp_path / "a")
    assert status == 2 and "more than the limit of 1.0%" in text and "not usable as it is" in text
    assert doctor(capsys, tmp_path / "a", "--limit", "img_missing=1")[0] == 1


def test_a_sample_is_drawn_by_seed_and_thorough_sees_all(tmp_path, small):
    files = clips()
    files["007"]["007/00002.png"] = b""
    afew_va(tmp_path / "a", files)
    seen = {}
    for seed in range(6):
        (one,) = examine(tmp_path / "a", Plan(units=3, seed=seed)).found
        (again,) = examine(tmp_path / "a", Plan(units=3, seed=seed)).found
        assert one.look.decoded.items == 12 and one.look.decoded.counts == again.look.decoded.counts
        assert (one.look.units, one.look.all_units, one.look.listed.items) == (3, 10, 40)
        seen[seed] = one.status
    assert set(seen.values()) == {0, 1}, "3 of 10 clips hold the broken frame, or do not"
    (one,) = examine(tmp_path / "a", Plan(thorough=True)).found
    assert one.status == 1 and one.look.decoded.examples["img_empty"] == ["007/00002"]


def test_thorough_finds_content_that_stands_twice(tmp_path, small):
    sewa(tmp_path / "a", 6)
    segment(tmp_path / "a", 1, prefix="SSL")
    (one,) = examine(tmp_path / "a", Plan(thorough=True)).found
    assert one.look.decoded.counts["dup_content"] == 5
    said = {f.code: f.severity for f in one.findings}
    assert said == {"dup_content": "remark", "count": "finding", "note": "remark"}


def test_labels_of_two_scales_stop(tmp_path, small):
    sewa(tmp_path / "a", 5)
    segment(tmp_path / "a", 6, valence=table(raters(21, -0.5)))
    (one,) = examine(tmp_path / "a", Plan()).found
    assert one.status == 2 and one.findings[0].code == "scale" and "no common scale" in one.findings[0].text


def half(folder: Path) -> None:
    affectnet_2017(folder)
    (folder / "Manually_Annotated_file_lists/validation.csv").unlink()


def packed(folder: Path) -> None:
    write(folder, "Manually_Annotated.part01.rar", b"Rar!")


def quartets(folder: Path) -> None:
    quartet(folder, "train", 1)


HALF = {
    "one list": (half, "no validation list, only"),
    "rar volumes": (packed, "data_prep unpack"),
    "one part of 2021": (quartets, "no val_set"),
}


@pytest.mark.parametrize("case", HALF)
def test_half_a_release_is_recognised_and_not_usable(tmp_path, capsys, case):
    make, said = HALF[case]
    make(tmp_path / "a")
    status, text = doctor(capsys, tmp_path / "a", "--json", tmp_path / "r.json")
    assert status == 2 and "affectnet, incomplete" in text and said in joined(text)
    (found,) = json.loads((tmp_path / "r.json").read_text())["releases"]
    assert found["release"] is None and found["findings"][0]["code"] == "incomplete"


def test_a_broken_archive_does_not_hide_the_others(tmp_path, capsys, small):
    afew_va(tmp_path / "a", clips(), layout="zips")
    whole = (tmp_path / "a/02.zip").read_bytes()
    (tmp_path / "a/02.zip").write_bytes(whole[: len(whole) // 2])
    status, text = doctor(capsys, tmp_path / "a")
    assert (
        status == 2 and "AFEW-VA, 1 archive\n" in text and "02.zip: not a whole zip archive" in joined(text)
    )
    assert "clips: 5 found, 10 expected" in joined(text)


def test_missing_clips_are_named(tmp_path, small):
    files = clips()
    del files["003"]
    afew_va(tmp_path / "a", files)
    (one,) = examine(tmp_path / "a", Plan()).found
    assert any("the first is 003" in finding.text for finding in one.findings) and one.status == 1


def test_several_data_sets_below_one_folder(tmp_path, capsys, small):
    for name, make in MAKE.items():
        make(tmp_path / "all" / name)
    write(tmp_path / "all", "notes.txt", "mine")
    status, text = doctor(capsys, tmp_path / "all", "--json", tmp_path / "r.json")
    assert status == 0
    found = json.loads((tmp_path / "r.json").read_text())["releases"]
    assert [Path(one["folder"]).name for one in found] == sorted(MAKE)
    for title in (
        "AffectNet 2017, manual lists",
        "AffectNet 2021, 8 labels",
        "SEWA Basic",
        "AFEW-VA, 2 archives",
    ):
        assert title in text


def test_both_parts_of_2017_are_two_releases(tmp_path, small):
    affectnet_2017(tmp_path / "a")
    affectnet_automatic(tmp_path / "a")
    found = examine(tmp_path / "a", Plan()).found
    assert [one.release.name for one in found] == [
        "AffectNet 2017, manual lists",
        "AffectNet 2017, automatic list",
    ]
    assert [finding.code for finding in found[1].findings] == ["automatic"]
    assert found[1].look.listed.items == 20


def test_folders_of_clips_are_one_release(tmp_path, small):
    afew_va(tmp_path / "a", clips(), layout="folders")
    sewa(tmp_path / "a/chats", 6)
    found = examine(tmp_path / "a", Plan()).found
    assert sorted(one.dataset for one in found) == ["afew_va", "sewa"]


@pytest.mark.parametrize("asked", [".", "a"])
def test_generated_releases_are_exempt_and_say_so(tmp_path, capsys, asked):
    afew_va(tmp_path / "a", clips())
    write(tmp_path / "a", "lookalike.json", "{}")
    status, text = doctor(capsys, tmp_path / asked)
    assert status == 0 and "(generated data)" in text and "nothing about the paper's" in text
    assert "(30,051)" in text, "the published number is shown, and not held against it"


@pytest.mark.parametrize("broken", [False, True])
def test_a_foreign_folder(tmp_path, capsys, broken):
    write(tmp_path / "a", "holiday/001.jpg", b"")
    if broken:
        write(tmp_path / "a", "05.zip", b"PK torn")
    status, text = doctor(capsys, tmp_path / "a", "--json", tmp_path / "r.json")
    text = joined(text)
    assert status == 2 and "no data set recognised" in text
    for needed in ("training.csv and validation.csv", "12 zip archives", "SAH_C1_S001", "data_prep check"):
        assert needed in text
    assert ("05.zip: not a whole zip archive" in text) == broken
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["releases"] == [] and set(report["unrecognised"]) == {"affectnet", "sewa", "afew_va"}
    assert bool(report["archives"]) == broken


def test_no_such_folder(tmp_path, capsys):
    status, text = doctor(capsys, tmp_path / "absent")
    assert status == 2 and "absent: no such folder" in text


def test_every_finding_has_its_consequence():
    statuses = set(STATUSES) - {"ok"}
    assert statuses <= set(doctor_consequences.CONSEQUENCES)
    for code in set(doctor_consequences.CONSEQUENCES) - statuses - {"unknown"}:
        finding = doctor_findings.Finding(code, "finding", "")
        assert finding.consequence.endswith(".")


def test_lists_are_read_without_decoding(tmp_path, small, monkeypatch):
    """What is told by names and rows must not cost a picture: a full release has 420,000."""
    affectnet_2017(tmp_path / "a", images=200)
    tree = Tolerant(tmp_path / "a")
    chosen, opened = options("affectnet"), []
    read = images.read
    monkeypatch.setattr(images, "read", lambda tree, path: opened.append(path) or read(tree, path))
    seen = look(tree, affectnet, affectnet.locate(tree, chosen), chosen, Plan(units=1))
    assert seen.listed.items == 200 and len(opened) == seen.decoded.items <= 64


def test_files_that_single_segments_lack_are_counted(tmp_path, small):
    sewa(tmp_path / "a", 5)
    name = segment(tmp_path / "a", 6, valence=None)
    (one,) = examine(tmp_path / "a", Plan(units=1)).found
    assert f"1 of 6 have no valence, e.g. {name}" in [finding.text for finding in one.findings]
    assert one.status == 1
