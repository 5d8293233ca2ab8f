"""SEWA Basic: what belongs together in time, on which scale, and who must stay on one side."""

import shutil

import h5py
import numpy as np
import pytest
from mini_releases import (
    avec,
    landmark_text,
    options,
    pack_zip,
    points,
    prepared,
    raters,
    segment,
    sewa,
    table,
    video,
    write,
)

from data_prep import sewa as reader
from data_prep import sewa_files
from data_prep.record import Face, Quarantine, Scale
from data_prep.tree import Tree
from hocp.contracts import manifest


def facts(source) -> manifest.Facts:
    return manifest.read_facts(source.with_name(source.name + "-out") / "manifest.json")


def test_frames_labels_and_landmarks_belong_together(tmp_path):
    names = sewa(tmp_path / "a")
    items = prepared("sewa", tmp_path / "a", "--margin", "1.0", side=40)
    assert len(items) == 30 and {item.status for item in items.values()} == {"ok"}
    with h5py.File(tmp_path / "a-out/crops.h5") as file:
        crops = file["crops"][:]
    for index in (0, 5, 10, 15, 20):
        item = items[f"{names[1]}/{index:06d}"]
        assert (item.clip, item.frame, item.group) == (names[1], index, "S002")
        assert item.valence == pytest.approx(2 * (0.44 + index / 1000) - 1, abs=1e-6)  # mean of five raters
        assert abs(crops[item.row][..., 2].mean() - 2 * index) < 4  # frame i is painted with blue 2 i
        assert np.abs(crops[item.row][20, :, 0].astype(int) - np.arange(60, 100)).mean() < 4
    assert facts(tmp_path / "a").fps == 10 and facts(tmp_path / "a").frame_step == 5
    assert "annotations V, mean of the value columns" in facts(tmp_path / "a").release


def test_step_of_one_keeps_all(tmp_path):
    sewa(tmp_path / "a")
    assert len(prepared("sewa", tmp_path / "a", "--frame-step", "1")) == 6 * 21


@pytest.mark.parametrize("kind", ["unit", "signed"])
def test_scale_is_measured_and_recorded(tmp_path, kind):
    names = sewa(tmp_path / "a", 5)
    values = raters(21, 0.5) if kind == "unit" else raters(21, 0.5) - 1.0
    names.append(segment(tmp_path / "a", 6, valence=table(values), arousal=table(values)))
    items, scale = prepared("sewa", tmp_path / "a"), facts(tmp_path / "a").scale
    native = 0.5 if kind == "unit" else -0.5
    assert (scale["factor"], scale["offset"]) == ((2.0, -1.0) if kind == "unit" else (1.0, 0.0))
    assert scale["native_min"] == pytest.approx(min(native, 0.4))
    assert items[f"{names[-1]}/000000"].valence == pytest.approx(
        scale["factor"] * native + scale["offset"], abs=1e-6
    )


def test_mixed_scale_stops(tmp_path):
    sewa(tmp_path / "a", 5)
    segment(tmp_path / "a", 6, valence=table(raters(21, -0.5)))
    with pytest.raises(ValueError, match="no common scale"):
        prepared("sewa", tmp_path / "a")
    assert not (tmp_path / "a-out").exists()


def test_modality_and_column_are_choices(tmp_path):
    for session in range(1, 7):
        segment(tmp_path / "a", session, modality="AV")
    with pytest.raises(ValueError, match="none usable: 30 label_null"):
        prepared("sewa", tmp_path / "a")
    items = prepared("sewa", tmp_path / "a", "--modality", "AV", "--column", "r1")
    assert min(item.valence for item in items.values()) == pytest.approx(2 * (0.4 - 0.02) - 1)
    assert "annotations AV, column r1" in facts(tmp_path / "a").release
    with pytest.raises(ValueError, match="no column 'gold'; expected 'mean' or one of"):
        prepared("sewa", tmp_path / "a", "--modality", "AV", "--column", "gold")


SHORT, LONG, SLIGHTLY = video(14), video(30), video(22)
CUT = video(21)[:4000]
NAN = raters(21, 0.4)
NAN[10, 3] = np.nan
WILD = raters(21, 0.4)
WILD[10] = 3.7


@pytest.mark.parametrize(
    ("changes", "statuses"),
    [
        ({"video": b""}, ["img_empty"] * 5),
        ({"video": None}, ["img_missing"] * 5),
        ({"video": b"RIFFxxxxAVI nothing"}, ["img_undecodable"] * 5),
        ({"video": SHORT}, ["ok"] * 3 + ["frame_gap"] * 2),
        ({"video": LONG}, ["frame_extra"] * 5),
        ({"video": SLIGHTLY}, ["ok"] * 5),
        ({"valence": None}, ["label_null"] * 5),
        ({"arousal": ""}, ["label_null"] * 5),
        ({"arousal": "frame_idx,r1\n"}, ["label_null"] * 5),
        ({"arousal": "no table"}, ["label_null"] * 5),
        ({"arousal": table(raters(12, 0.4))}, ["ok"] * 3 + ["label_null"] * 2),
        ({"valence": table(NAN)}, ["ok", "ok", "label_nan", "ok", "ok"]),
        ({"valence": table(WILD)}, ["ok", "ok", "label_range", "ok", "ok"]),
        ({"landmarks": {11: landmark_text(np.full((49, 2), -1.0))}}, ["ok", "ok", "lnd_missing", "ok", "ok"]),
        ({"landmarks": {11: None}}, ["ok", "ok", "lnd_missing", "ok", "ok"]),
        ({"landmarks": {11: "one line"}}, ["ok", "ok", "lnd_missing", "ok", "ok"]),
        ({"landmarks": {11: landmark_text(points(68))}}, ["ok", "ok", "lnd_count", "ok", "ok"]),
        (
            {"landmarks": {11: landmark_text(points(49, (500, 20, 9, 9)))}},
            ["ok", "ok", "box_bad", "ok", "ok"],
        ),
    ],
)
def test_faults(tmp_path, changes, statuses):
    sewa(tmp_path / "a", 5)
    name = segment(tmp_path / "a", 6, **changes)
    items = prepared("sewa", tmp_path / "a")
    assert [item.status for item in items.values() if item.clip == name] == statuses
    assert {item.status for item in items.values() if item.clip != name} == {"ok"}


def test_a_video_cut_half_way_keeps_what_came_before(tmp_path):
    sewa(tmp_path / "a", 5)
    name = segment(tmp_path / "a", 6, video=CUT)
    items = [item for item in prepared("sewa", tmp_path / "a").values() if item.clip == name]
    usable = [item.usable for item in items]
    assert usable == sorted(usable, reverse=True) and not usable[-1]
    assert {item.status for item in items if not item.usable} <= {"frame_gap", "img_undecodable"}


def test_counts_that_differ_are_noted(tmp_path):
    sewa(tmp_path / "a", 5)
    name = segment(tmp_path / "a", 6, video=video(22, rate=25))
    item = prepared("sewa", tmp_path / "a")[f"{name}/000000"]
    assert "the video has 22 frames, its name says 21" in item.note
    assert "states 25 frames a second, expected 50" in item.note


def test_same_footage_under_two_names_counts_once(tmp_path):
    sewa(tmp_path / "a")
    twin = segment(tmp_path / "a", 1, prefix="SSL")
    overlap = segment(tmp_path / "a", 2, first=113)  # frames 113 to 133 against 101 to 121
    partner = segment(tmp_path / "a", 3, subject=5)  # the other person of session 3, same frame numbers
    items = prepared("sewa", tmp_path / "a")
    statuses = {
        clip: [i.status for i in items.values() if i.clip == clip] for clip in (twin, overlap, partner)
    }
    assert statuses[twin] == ["dup_content"] * 5 and "SAH_C1_S001" in items[f"{twin}/000000"].note
    assert (
        statuses[overlap] == ["dup_content"] * 3 + ["ok"] * 2
    )  # 113, 118, 123 lie within a step of 101 ... 121
    assert statuses[partner] == ["ok"] * 5


def test_a_broken_first_copy_does_not_spoil_the_second(tmp_path):
    sewa(tmp_path / "a")
    shutil.rmtree(tmp_path / "a/SAH_C1_S001_P002_VC1_000101_000121")
    segment(tmp_path / "a", 1, video=b"")
    twin = segment(tmp_path / "a", 1, prefix="SSL")
    assert {i.status for i in prepared("sewa", tmp_path / "a").values() if i.clip == twin} == {"ok"}


def test_segment_in_two_folders(tmp_path):
    names = sewa(tmp_path / "a")
    shutil.copytree(tmp_path / f"a/{names[0]}", tmp_path / f"a/copy/{names[0]}")
    items = prepared("sewa", tmp_path / "a")
    assert [item.clip for item in items.values() if item.status == "dup_key"] == [names[0]]
    assert sum(item.usable for item in items.values()) == 30


def test_sessions_stay_whole(tmp_path):
    for session in range(1, 11):
        segment(tmp_path / "a", session)
        segment(tmp_path / "a", session, first=901, prefix="SVL")
    for ratio, sizes in (
        ("3:1:1", {"train": 6, "val": 2, "test": 2}),
        ("8:1:1", {"train": 8, "val": 1, "test": 1}),
    ):
        items = prepared("sewa", tmp_path / "a", "--split", ratio).values()
        pairs = {(item.group, item.split) for item in items}
        assert len(pairs) == 10
        assert {split: sum(s == split for _, s in pairs) for split in sizes} == sizes


def test_unpacked_archives_are_read_too(tmp_path):
    names = sewa(tmp_path / "a")
    expected = prepared("sewa", tmp_path / "a")
    for name in names:
        for kind in ("Landmarks", "Valence", "Arousal"):
            archive = tmp_path / f"a/{name}/{name}-{kind}.zip"
            shutil.unpack_archive(archive, archive.parent)
            archive.unlink()
    assert prepared("sewa", tmp_path / "a") == expected


@pytest.mark.parametrize(
    ("numbers", "first", "last", "expected"),
    [
        (range(1, 22), 101, 121, 1),
        (range(21), 101, 121, 0),
        (range(101, 122), 101, 121, 101),
        (range(105, 119), 101, 121, 101),  # the recording's numbers, some lost at both ends
        (range(3, 22), 101, 121, 1),
        (range(1, 22), 1, 21, 1),
        (range(21), 1, 21, 0),
        (range(1, 200), 5, 204, 1),
    ],
)
def test_where_counting_starts(numbers, first, last, expected):
    assert sewa_files.origin(list(numbers), first, last) == expected


@pytest.mark.parametrize("header", ["frame_idx,r1,r2,r3,r4,r5", ""])
@pytest.mark.parametrize("first", [0, 1, 101])
@pytest.mark.parametrize("separator", [",", ";"])
def test_tables_with_header_and_without(header, first, separator):
    text = table(raters(21, 0.3), header=header, first=first).replace(",", separator)
    series = sewa_files.Series(text, column="mean", first=101, last=121, what="valence")
    assert [series.at(index) for index in range(21)] == pytest.approx(
        [0.3 + index / 1000 for index in range(21)]
    )
    with pytest.raises(Quarantine, match="label_null"):
        series.at(21)


def test_nothing_recognised(tmp_path):
    write(tmp_path / "a", "SAH_C1_S001_P001_VC1_000001_000100/metadata.ini", "")
    with pytest.raises(ValueError, match="no segment of SEWA Basic recognised"):
        reader.locate(Tree(tmp_path / "a"), options("sewa"))


@pytest.mark.parametrize("modality", ["A", "V", "AV"])
def test_each_modality_is_read_where_all_three_are_there(tmp_path, modality):
    centres = {"A": 0.2, "V": 0.5, "AV": 0.7}
    for session in range(1, 6):
        name = segment(tmp_path / "a", session)
        for what in ("Valence", "Arousal"):
            members = {
                f"{name}_{what}_{mode}_Aligned.csv": table(raters(21, centre))
                for mode, centre in centres.items()
            }
            pack_zip(tmp_path / "a" / name, f"{name}-{what}.zip", members)
    items = prepared("sewa", tmp_path / "a", "--modality", modality)
    assert items[f"{name}/000000"].valence == pytest.approx(2 * centres[modality] - 1, abs=1e-6)


@pytest.mark.parametrize("form", ["-Video.zip", ".mp4", ".AVI", "-Video/{name}.avi"])
def test_forms_of_the_video(tmp_path, form):
    names = sewa(tmp_path / "a")
    expected = prepared("sewa", tmp_path / "a")
    for mark, name in enumerate(names):
        home = tmp_path / "a" / name
        another = video(21, form="mp4", mark=mark)
        film = (home / f"{name}.avi").read_bytes()
        (home / f"{name}.avi").unlink()
        if form == "-Video.zip":
            pack_zip(home, f"{name}-Video.zip", {f"{name}.avi": film})
        else:
            write(home, name + form.format(name=name), another if form == ".mp4" else film)
    found = prepared("sewa", tmp_path / "a")
    assert {key: (item.status, item.note) for key, item in found.items()} == dict.fromkeys(
        expected, ("ok", "")
    )
    kind = {"-Video.zip": "archive", ".mp4": ".mp4"}.get(form, ".avi")
    assert f"video as {kind}: 6" in reader.locate(Tree(tmp_path / "a"), options("sewa")).notes


@pytest.mark.parametrize("inside", [{}, {"a.avi": video(21), "b.avi": video(21)}])
def test_archive_without_its_one_video(tmp_path, inside):
    sewa(tmp_path / "a", 5)
    name = segment(tmp_path / "a", 6, video=None)
    pack_zip(tmp_path / "a" / name, f"{name}-Video.zip", inside)
    items = [item for item in prepared("sewa", tmp_path / "a").values() if item.clip == name]
    assert {item.status for item in items} == {"img_missing"}
    assert f"{len(inside)} videos in it, expected one" in items[0].note


def test_one_lost_point_is_no_face(tmp_path):
    sewa(tmp_path / "a", 5)
    spots = points(49)
    spots[7] = -1
    name = segment(tmp_path / "a", 6, landmarks={11: landmark_text(spots)})
    item = prepared("sewa", tmp_path / "a")[f"{name}/000010"]
    assert item.status == "lnd_missing" and "lost 1 of 49 points" in item.note


@pytest.mark.parametrize(
    ("text", "culture"),
    [
        ("[Subject]\nCulture = Greek\n", "Greek"),
        ("\ufeffculture: Hungarian \r\n", "Hungarian"),
        ("[Subject]\nAge = 3\n", "C1"),
        ("Culture =\nGender = Female\n", "C1"),
        (None, "C1"),
        ("\n" * 60_000, "C1"),  # blanks that a careless pattern would search for hours
        ("Culture = Greek\n" + "#" * (64 << 10), "C1"),  # larger than any such file: not read
    ],
)
def test_culture_is_what_metadata_says(tmp_path, text, culture):
    name = segment(tmp_path / "a", 1)
    place = tmp_path / "a" / name / "metadata.ini"
    place.unlink() if text is None else place.write_bytes(text.encode())
    (found,) = reader.locate(Tree(tmp_path / "a"), options("sewa")).units
    faces = list(found.read(Tree(tmp_path / "a"), options("sewa")))
    assert {face.stratum for face in faces} == {f"{culture} SAH"}


def test_what_was_recognised_is_said(tmp_path):
    sewa(tmp_path / "a", 5)
    name = segment(tmp_path / "a", 6, video=video(21, rate=25), landmarks={})
    home = tmp_path / "a" / name
    (home / f"{name}-Landmarks.zip").unlink()
    (home / "metadata.ini").unlink()
    pack_zip(home, f"{name}-Liking.zip", {f"{name}_Liking_V_Aligned.csv": table(raters(21, 0.5))})
    release = reader.locate(Tree(tmp_path / "a"), options("sewa"))
    assert {
        "video as .avi: 6", "landmarks as archive: 5", "valence as archive: 6", "liking as archive: 1",
        "container of 50 frames a second: 5", "container of 25 frames a second: 1",
        "6 segments, expected 538", f"1 segments without landmarks, e.g. {name}",
        "1 of 6 containers do not state 50 frames a second, by which times count",
        "value columns: r1, r2, r3, r4, r5",
    } <= set(release.notes)  # fmt: skip
    assert not any("Liking" in archive for archive in release.archives), "what is not used is not hashed"


def test_absent_modality_is_named(tmp_path):
    sewa(tmp_path / "a")
    release = reader.locate(Tree(tmp_path / "a"), options("sewa", "--modality", "A"))
    assert "no table of valence for modality A" in release.notes

    (first, *_) = release.units[0].read(Tree(tmp_path / "a"), options("sewa", "--modality", "A"))
    assert "_Valence_A_Aligned.csv in it, but" in first.note and "_Valence_V_Aligned.csv" in first.note


def test_basic_comes_before_a_challenge_beside_it(tmp_path):
    sewa(tmp_path / "a")
    avec(tmp_path / "a", 2018)
    tree = Tree(tmp_path / "a")
    basic = reader.locate(tree, options("sewa"))
    assert (
        basic.name.startswith("SEWA Basic")
        and "avec2018 is here too and was not read (--release)" in basic.notes
    )
    assert reader.locate(tree, options("sewa", "--release", "avec2018")).name == "AVEC 2018 (SEWA subset)"


@pytest.mark.parametrize(("segments", "low", "stops"), [(10, 0.0, True), (9, 0.0, False), (10, -0.01, False)])
def test_a_culture_on_another_scale_stops(segments, low, stops):
    def face(culture: int, number: int, value: float) -> Face:
        name = f"SAH_C{culture}_S{number:03d}_P{2 * number:03d}_VC1_000001_000009"
        return Face(item=name, clip=name, valence=value, arousal=value)

    faces = [face(1, n, -0.6) for n in range(12)] + [face(2, 50 + n, 0.5) for n in range(segments - 1)]
    faces.append(face(2, 99, low))
    if not stops:
        assert reader.scale(faces) == Scale(1.0, 0.0)
        return
    with pytest.raises(ValueError, match="the 10 segments of C2 have no negative label"):
        reader.scale(faces)


def test_a_release_on_the_unit_interval_is_no_mixture():
    name = "SAH_C1_S001_P001_VC1_000001_000009"
    faces = [Face(item=f"{n}", clip=name, valence=n / 20, arousal=n / 20) for n in range(20)]
    assert reader.scale(faces) == Scale(2.0, -1.0)
