"""AVEC's subsets of SEWA: which label belongs to which frame, who is on which side, and what is left out."""

import json
import shlex
import shutil
from fractions import Fraction

import h5py
import numpy as np
import pytest
from mini_releases import (
    AVEC_HEADER,
    avec,
    gold,
    options,
    pack_zip,
    points,
    prepared,
    recording,
    video,
    write,
)

from data_prep import __main__ as command_line
from data_prep import avec_labels, avec_layout, avec_recording, sewa
from data_prep.avec_boxes import Tracked
from data_prep.record import Quarantine
from data_prep.tree import Tree
from hocp.contracts import manifest

FIFTY, FILM, NTSC = Fraction(50), Fraction(25), Fraction(30000, 1001)


def facts(source) -> manifest.Facts:
    return manifest.read_facts(source.with_name(source.name + "-out") / "manifest.json")


def crops(source) -> np.ndarray:
    with h5py.File(source.with_name(source.name + "-out") / "crops.h5") as file:
        return file["crops"][:]


def of(items, clip: str) -> list[manifest.Item]:
    return [item for item in items.values() if item.clip == clip]


# Label k is at k / 10 s. By hand: at 25 a second frame 2 is shown from 0.08 s and frame 3 from 0.12 s, so the
# label at 0.1 s is on frame 2. At 29.97, frame 3 comes at 0.1001 s, just too late; at 30, at 0.1 s sharp.
SHOWN = {
    FIFTY: [0, 5, 10, 15, 20, 25],
    FILM: [0, 2, 5, 7, 10, 12],
    Fraction(30): [0, 3, 6, 9, 12, 15],
    NTSC: [0, 2, 5, 8, 11, 14],
    Fraction(10): [0, 1, 2, 3, 4, 5],
    Fraction(8): [0, 0, 1, 2, 3, 4],
}


@pytest.mark.parametrize("rate", SHOWN)
def test_frame_on_the_screen_by_hand(rate):
    assert [avec_recording.on_screen(step, rate) for step in range(6)] == SHOWN[rate]


@pytest.mark.parametrize(("rate", "form"), [(FIFTY, "avi"), (FILM, "avi"), (NTSC, "mp4"), (FILM, "mp4")])
def test_labels_meet_the_frames_of_their_time(tmp_path, rate, form):
    avec(tmp_path / "a")
    film = video(int(rate * 6 / 10) + 1, rate=rate, form=form, slope=8)
    name = recording(tmp_path / "a", "Train_HU_01", video=film, form=form)
    items = of(prepared("sewa", tmp_path / "a"), name)
    assert [(item.item, item.frame) for item in items] == [
        (f"{name}/{5 * k:06d}", 5 * k) for k in range(6)
    ]  # on the grid of SEWA Basic, 50 a second, whatever the video's rate
    found = crops(tmp_path / "a")
    for k, item in enumerate(items):
        assert item.valence == pytest.approx(0.2 + k / 1000) and item.arousal == pytest.approx(
            -0.1 - k / 1000
        )
        assert abs(found[item.row][..., 2].mean() - 8 * SHOWN[rate][k]) < 4
    assert facts(tmp_path / "a").fps == 10 and facts(tmp_path / "a").frame_step == 5


SWAPPED = "name;timestamp;valence;arousal;liking"


@pytest.mark.parametrize(
    "header", ["", AVEC_HEADER, "Name; Time; Arousal; Valence", '"name";"time";"arousal";"valence"']
)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_arousal_comes_before_valence(header, quote):
    width = header.count(";") + 1 if header else 5
    rows = [f"{quote}Devel_DE_01{quote};{k / 10};0.75;-0.25;0.5" for k in range(3)]
    text = "\n".join([header] * bool(header) + [";".join(row.split(";")[:width]) for row in rows])
    for content in (text, "\ufeff" + text, text.replace("\n", "\r\n"), text.replace(";", ",")):
        table = avec_labels.Gold(content.encode(), name="Devel_DE_01")
        assert (table.first, table.last) == (0, 2)
        assert [table.at(step) for step in range(3)] == [(-0.25, 0.75)] * 3  # valence, arousal


def test_a_header_in_another_order_is_obeyed():
    table = avec_labels.Gold(f"{SWAPPED}\nx;0.0;0.75;-0.25;0\n", name="x")
    assert table.at(0) == (0.75, -0.25)


GOOD = gold("Train_HU_01", 6).splitlines()
LATE = [line.replace(";0.100000;", ";0.150000;") for line in GOOD]


def edited(row: int, *fields: str) -> str:
    return "\n".join([*GOOD[:row], ";".join(["Train_HU_01", f"{row / 10}", *fields]), *GOOD[row + 1 :]])


@pytest.mark.parametrize(
    ("changes", "statuses"),
    [
        ({"labels": None}, ["label_null"]),
        ({"labels": ""}, ["label_null"]),
        ({"labels": AVEC_HEADER}, ["label_null"]),
        ({"labels": "no table\nat all"}, ["label_null"]),
        ({"labels": gold("Train_HU_02", 6)}, ["label_null"]),
        ({"labels": "\n".join(LATE)}, ["label_null"]),
        ({"labels": "\n".join([*GOOD, "Train_HU_01;0.6;0.1"])}, ["label_null"]),
        ({"labels": "\n".join([*GOOD, "Train_HU_01;1e9;0;0;0"])}, ["label_null"]),
        ({"labels": edited(2, "nan", "0.1", "0")}, ["ok", "ok", "label_nan", "ok", "ok", "ok"]),
        ({"labels": edited(2, "0.1", "x", "0")}, ["ok", "ok", "label_nan", "ok", "ok", "ok"]),
        ({"labels": edited(2, "0.1", "", "0")}, ["ok", "ok", "label_null", "ok", "ok", "ok"]),
        ({"labels": edited(2, "0.1", "-1.01", "0")}, ["ok", "ok", "label_range", "ok", "ok", "ok"]),
        ({"labels": edited(2, "0.1", "0.1", "nan")}, ["ok"] * 6),  # liking is not used
        ({"labels": "\n".join(GOOD[:3] + GOOD[4:])}, ["ok", "ok", "ok", "frame_gap", "ok", "ok"]),
        ({"labels": "\n".join(GOOD[:3] + GOOD[2:])}, ["ok", "ok", "dup_key", "ok", "ok", "ok"]),
        ({"labels": "\n".join(GOOD[2:])}, ["ok"] * 4),
        ({"video": None}, ["img_missing"] * 6),
        ({"video": b""}, ["img_empty"] * 6),
        ({"video": b"RIFFxxxxAVI nothing"}, ["img_undecodable"] * 6),
        ({"video": video(20)}, ["ok"] * 4 + ["frame_gap"] * 2),  # frames 20 and 25 are missing
        ({"video": video(21)}, ["ok"] * 5 + ["frame_gap"]),
        ({"video": video(35)}, ["ok"] * 6),  # the labels reach to frame 30, and 0.1 s more is nothing odd
        ({"video": video(36)}, ["frame_extra"] * 6),
    ],
)
def test_faults(tmp_path, changes, statuses):
    avec(tmp_path / "a")
    name = recording(tmp_path / "a", "Train_HU_01", **changes)
    items = prepared("sewa", tmp_path / "a")
    assert [item.status for item in of(items, name)] == statuses
    assert {item.status for item in items.values() if item.clip not in (name, "Test_DE_01")} == {"ok"}


def test_withheld_labels_leave_one_item_a_recording(tmp_path):
    avec(tmp_path / "a")
    (item,) = of(prepared("sewa", tmp_path / "a"), "Test_DE_01")
    assert (item.item, item.status, item.split) == ("Test_DE_01", "label_null", "")
    assert "withhold" in item.note


def test_labels_are_moved_by_the_delay(tmp_path):
    avec(tmp_path / "a")
    items = of(prepared("sewa", tmp_path / "a", "--label-delay", "0.2"), "Train_DE_01")
    # What is seen at k / 10 s was rated 0.2 s later: label k + 2; after the last label nothing was rated.
    assert [item.status for item in items] == ["ok"] * 4 + ["label_null"] * 2
    assert [item.valence for item in items[:4]] == pytest.approx([0.202, 0.203, 0.204, 0.205])
    assert facts(tmp_path / "a").release == "AVEC 2019 (SEWA subset), labels 0.2 s earlier"
    found = crops(tmp_path / "a")
    assert [abs(found[item.row][..., 2].mean() - 10 * k) < 4 for k, item in enumerate(items[:4])] == [
        True
    ] * 4


def resting(name: str) -> str:
    """Arousal leaves zero at row 1, valence at row 3; both may be zero again later."""
    arousal, valence = [0, 0.1, 0.1, 0.1, 0, 0.1], [0, 0, 0, 0.2, 0.2, 0]
    return "\n".join(
        f"{name};{k / 10};{a};{v};0" for k, (a, v) in enumerate(zip(arousal, valence, strict=True))
    )


@pytest.mark.parametrize(
    ("choices", "statuses"),
    [
        ([], ["ok"] * 6),
        (["--drop-leading-zeros", "true"], ["label_null"] * 3 + ["ok"] * 3),
        # Label k + 2 must be row 3 or later, and there are 6: k is 1, 2 or 3.
        (
            ["--drop-leading-zeros", "true", "--label-delay", "0.2"],
            ["label_null"] + ["ok"] * 3 + ["label_null"] * 2,
        ),
    ],
)
def test_zeros_at_the_start(tmp_path, choices, statuses):
    avec(tmp_path / "a")
    recording(tmp_path / "a", "Train_HU_01", labels=resting("Train_HU_01"))
    items = prepared("sewa", tmp_path / "a", *choices)
    assert [item.status for item in of(items, "Train_HU_01")] == statuses
    assert ("zeros at the start dropped" in facts(tmp_path / "a").release) == bool(choices)


def test_nothing_but_zeros_is_all_left_out():
    table = avec_labels.Gold("x;0.0;0;0;0\nx;0.1;0.000;-0.0;1\n", name="x")
    assert table.start_up == 2


def test_parts_are_official_and_speakers_stay_whole(tmp_path):
    for culture in ("DE", "HU"):
        for number in range(1, 9):
            recording(tmp_path / "a", f"Train_{culture}_{number:02d}", rows=2)
        recording(tmp_path / "a", f"Devel_{culture}_01", rows=2)
    splits = {}
    for seed in ("0", "1"):
        items = prepared("sewa", tmp_path / "a", "--seed", seed).values()
        pairs = {(item.clip, item.split) for item in items}
        assert len(pairs) == 18 and {item.group for item in items} == {item.clip for item in items}
        assert {clip for clip, split in pairs if split == "test"} == {"Devel_DE_01", "Devel_HU_01"}
        splits[seed] = {clip for clip, split in pairs if split == "val"}
        assert sorted(clip[:8] for clip in splits[seed]) == ["Train_DE"] * 2 + ["Train_HU"] * 2  # 1 in 4
    assert splits["0"] != splits["1"]
    assert "official" in facts(tmp_path / "a").split["rule"]
    prepared("sewa", tmp_path / "a", "--split", "8:1:1")
    items = manifest.read((tmp_path / "a-out") / "manifest.csv")
    assert len({item.clip for item in items if item.split == "val"}) == 2  # 1 in 9


def test_no_part_to_test_on_stops(tmp_path):
    avec(tmp_path / "a")
    (tmp_path / "a/AVEC2019_SEWA/video/Devel_DE_01.avi").unlink()
    with pytest.raises(ValueError, match="usable recordings: 4 of Train, 0 of Devel"):
        prepared("sewa", tmp_path / "a")
    assert not (tmp_path / "a-out").exists()


def test_releases_side_by_side(tmp_path):
    for year in (2017, 2018, 2019):
        avec(tmp_path / "a", year)
    for year, clip in ((2019, "Train_DE_01"), (2018, "Train_DE_01"), (2017, "Train_01")):
        choice = [] if year == 2019 else ["--release", f"avec{year}"]
        items = prepared("sewa", tmp_path / "a", *choice)
        assert len(of(items, clip)) == 6 and len({item.clip for item in items.values()}) == 6
        assert facts(tmp_path / "a").release == f"AVEC {year} (SEWA subset)"
        assert any(f"AVEC{year}_SEWA/labels/{clip}.csv" in name for name in facts(tmp_path / "a").sources)
    notes = sewa.locate(Tree(tmp_path / "a"), options("sewa")).notes
    assert "avec2018 is here too and was not read (--release)" in notes
    with pytest.raises(ValueError, match="no basic there; expected --release auto or avec2019, avec2018"):
        prepared("sewa", tmp_path / "a", "--release", "basic")


@pytest.mark.parametrize(
    ("names", "titled", "year"),
    [
        (["Train_01", "Devel_01"], False, 2017),
        (["Train_DE_01", "Devel_DE_01", "Test_HU_66"], False, 2018),
        (["Train_DE_01", "Devel_DE_01"], True, 2019),
        (["Train_DE_01", "Train_HU_01"], False, 2019),
        (["Train_DE_01", "Test_CN_70"], False, 2019),
    ],
)
def test_year_without_its_folder(tmp_path, names, titled, year):
    for name in names:
        write(tmp_path, f"x/video/{name}.avi", "")
        write(tmp_path, f"x/labels/{name}.csv", gold(name, 2, header=AVEC_HEADER if titled else ""))
    assert list(avec_layout.found(Tree(tmp_path))) == [year]


def test_archives_are_read_in_place(tmp_path):
    avec(tmp_path / "a")
    expected = prepared("sewa", tmp_path / "a")
    home = tmp_path / "a/AVEC2019_SEWA"
    for folder in ("video", "labels"):
        pack_zip(home, f"{folder}.zip", {path.name: path.read_bytes() for path in (home / folder).iterdir()})
        shutil.rmtree(home / folder)
    assert prepared("sewa", tmp_path / "a") == expected
    assert {"AVEC2019_SEWA/video.zip", "AVEC2019_SEWA/labels.zip"} <= set(facts(tmp_path / "a").sources)


def test_without_boxes_the_central_square_is_the_crop(tmp_path):
    avec(tmp_path / "a")
    for margin in ("1.0", "1.4"):
        prepared("sewa", tmp_path / "a", "--margin", margin, side=20)
        crop = crops(tmp_path / "a")[0].astype(int)
        # Of 160 x 100 pixels columns 30 to 129; red is the column, green the row, 5 pixels to one.
        assert np.abs(crop[10, :, 0] - (32 + 5 * np.arange(20))).max() < 8
        assert np.abs(crop[4:, 10, 1] - (2 + 5 * np.arange(4, 20))).max() < 8
        assert facts(tmp_path / "a").crop["crop"] == "whole" and facts(tmp_path / "a").crop["margin"] == 1
    with pytest.raises(ValueError, match="expected 1 or more where there are no boxes"):
        prepared("sewa", tmp_path / "a", "--margin", "0.9")
    notes = sewa.locate(Tree(tmp_path / "a"), options("sewa")).notes
    assert any("do not compare" in note for note in notes)


def openface(frames: list[tuple], *, blank: str = " ") -> str:
    """Table of (frame, success, box) and, where given, confidence."""
    columns = ["frame", "face_id", "timestamp", "confidence", "success"]
    lines = [columns + [f"{axis}_{n}" for axis in "xy" for n in range(68)]]
    for frame, success, box, *rest in frames:
        marks = points(68, box).T.ravel()
        lines.append([str(frame), "0", "0.0", str(rest[0] if rest else 0.9), str(success), *map(str, marks)])
    return "\n".join(f",{blank}".join(line) for line in lines)


BOX = (60, 20, 40, 40)


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("first", [0, 1])
def test_boxes_come_from_tables_of_openface(tmp_path, blank, first):
    avec(tmp_path / "a")
    frames = [(first + i, 1, (60 + i, 20, 40, 40)) for i in range(30)]
    frames[10] = (first + 10, 0, BOX)
    del frames[20]
    for name in ("Train_DE_01", "Train_DE_02", "Train_DE_03", "Devel_DE_01"):
        write(tmp_path / "boxes", f"{name}.csv", openface(frames, blank=blank))
    items = prepared("sewa", tmp_path / "a", "--boxes", str(tmp_path / "boxes"), "--margin", "1", side=40)
    statuses = [item.status for item in of(items, "Train_DE_01")]
    assert statuses == ["ok", "ok", "lnd_missing", "ok", "lnd_missing", "ok"]
    assert {item.status for item in of(items, "Train_DE_04")} == {"lnd_missing"}
    crop = crops(tmp_path / "a")[items["Train_DE_01/000015"].row].astype(int)
    assert np.abs(crop[20, :, 0] - np.arange(75, 115)).mean() < 4  # frame 15 has its box at x = 75
    assert facts(tmp_path / "a").crop["crop"] == "landmarks of OpenFace"


def test_of_several_faces_the_surest_is_taken():
    table = Tracked(
        openface([(1, 1, BOX, 0.5), (1, 1, (5, 5, 9, 9), 0.8), (1, 1, (0, 0, 2, 2), 0.7)]).encode()
    )
    assert table.at(0) == pytest.approx((5, 5, 14, 14))
    with pytest.raises(Quarantine, match="no face tracked"):
        table.at(1)


@pytest.mark.parametrize("text", ["", "frame,x_0\n1,2", "\0", openface([(1, 1, BOX)]).replace("y_67", "z")])
def test_other_tables_are_no_boxes(text):
    with pytest.raises(Quarantine, match="no table of OpenFace"):
        Tracked(text.encode())


def test_boxes_for_nobody_stop(tmp_path):
    avec(tmp_path / "a")
    write(tmp_path / "boxes", "someone.csv", openface([(1, 1, BOX)]))
    with pytest.raises(ValueError, match="no table of OpenFace for any recording"):
        prepared("sewa", tmp_path / "a", "--boxes", str(tmp_path / "boxes"))


def test_scale_is_signed_and_measured(tmp_path):
    avec(tmp_path / "a")
    prepared("sewa", tmp_path / "a")
    scale = facts(tmp_path / "a").scale
    assert (scale["factor"], scale["offset"]) == (1.0, 0.0)
    assert (scale["native_min"], scale["native_max"]) == (pytest.approx(-0.105), pytest.approx(0.205))


def test_rescaled_copy_stops(tmp_path):
    for name in avec(tmp_path / "a")[:-1]:
        text = gold(name, 6, valence=0.6, arousal=0.55)
        write(tmp_path / "a", f"AVEC2019_SEWA/labels/{name}.csv", text)
    with pytest.raises(ValueError, match="rescaled copy"):
        prepared("sewa", tmp_path / "a")


def test_step_is_a_multiple_of_the_labels(tmp_path):
    avec(tmp_path / "a")
    items = of(prepared("sewa", tmp_path / "a", "--frame-step", "10"), "Train_DE_01")
    assert [item.frame for item in items] == [0, 10, 20] and facts(tmp_path / "a").fps == 5
    with pytest.raises(ValueError, match=r"frame step 4: .* expected a multiple of 5"):
        prepared("sewa", tmp_path / "a", "--frame-step", "4")


def test_one_video_under_two_names(tmp_path):
    avec(tmp_path / "a")
    home = tmp_path / "a/AVEC2019_SEWA/video"
    shutil.copy(home / "Devel_DE_01.avi", home / "Train_DE_02.avi")
    items = prepared("sewa", tmp_path / "a")
    assert {item.status for item in of(items, "Train_DE_02")} == {"dup_content"}
    assert {item.status for item in of(items, "Devel_DE_01")} == {"ok"}


def test_what_was_recognised_is_said(tmp_path):
    avec(tmp_path / "a")
    name = recording(
        tmp_path / "a",
        "Train_HU_01",
        form="mp4",
        video=video(15, rate=25, form="mp4"),
        labels=gold("Train_HU_01", 6).replace("Train", "'Train").replace("_01;", "_01';"),
    )
    assert {item.status for item in of(prepared("sewa", tmp_path / "a"), name)} == {"ok"}
    notes = sewa.locate(Tree(tmp_path / "a"), options("sewa")).notes
    assert {
        "Train_DE: 4", "4 recordings Train_DE, expected 34", "0 recordings Test_CN, expected 70",
        "video as .avi: 6", "video as .mp4: 1", "container of 25 frames a second: 1",
        "labels, header, names plain: 5", "labels, no titles, names quoted: 1",
        "1 of 1 recordings of Test have no labels: they are withheld",
    } <= set(notes)  # fmt: skip


@pytest.mark.parametrize("text", ["-1", "0.05", "11", "x", "nan"])
def test_delays_are_tenths_of_seconds(text, capsys):
    with pytest.raises(SystemExit):
        options("sewa", "--label-delay", text)
    assert "steps of 0.1" in capsys.readouterr().err


def test_prepared_from_the_command_line_as_the_configuration_writes_it(tmp_path, capsys):
    """The options of `data.prepare.sewa`, written as workflow/rules/common.smk writes them."""
    avec(tmp_path / "a")
    values = {
        "release": "avec2019",
        "label_delay": 0.1,
        "drop_leading_zeros": True,
        "boxes": "",
        "frame_step": 5,
    }
    written = " ".join(f"--{name.replace('_', '-')} {json.dumps(value)}" for name, value in values.items())
    command = f"prepare sewa --source {tmp_path}/a --out {tmp_path}/out --data generated --side 16 {written}"
    assert command_line.main([*shlex.split(command), "--processes", "1"]) == 0
    text = capsys.readouterr().out
    assert "AVEC 2019 (SEWA subset), labels 0.1 s earlier, zeros at the start dropped" in text
    assert "signed = 1 x native +0" in text and "Devel is tested" in text


def test_check_finds_it_there(tmp_path, capsys):
    avec(tmp_path / "a", 2017)
    assert command_line.main(["check", f"sewa={tmp_path / 'a'}"]) == 0
    assert capsys.readouterr() == ("", "")
