"""AFEW-VA as archives, folders and flat, and what is wrong with single clips and frames."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from mini_releases import afew_va, clip, clips, edited, encode, options, points, prepared, ramp, write

from data_prep import afew_va as reader
from data_prep.tree import Tree


@pytest.mark.parametrize("layout", ["flat", "folders", "zips"])
def test_layouts_give_the_same(tmp_path, layout):
    afew_va(tmp_path / layout, clips(), layout=layout)
    items = prepared("afew_va", tmp_path / layout)
    assert len(items) == 40 and {item.status for item in items.values()} == {"ok"}
    item = items["002/00003"]
    assert (item.clip, item.frame, item.group) == ("002", 3, "actor 1")
    assert (item.valence, item.arousal) == (0.0, -0.3) and items["001/00001"].valence == -0.1


def test_every_clip_is_in_one_fold_and_every_actor_too(tmp_path):
    afew_va(tmp_path / "a", clips(20))
    items = prepared("afew_va", tmp_path / "a").values()
    assert {item.split for item in items} == {f"fold{k}" for k in range(5)}
    assert len({(item.clip, item.split) for item in items}) == 20
    assert len({(item.group, item.split) for item in items}) == 10


def test_crop_is_the_square_around_the_landmarks(tmp_path):
    afew_va(tmp_path / "a", clips())
    items = prepared("afew_va", tmp_path / "a", "--margin", "1.0", side=40)
    with h5py.File(tmp_path / "a-out/crops.h5") as file:
        crop = file["crops"][items["004/00002"].row]
    assert np.array_equal(crop[5, :, 0], np.arange(60, 100)) and np.array_equal(
        crop[:, 5, 1], np.arange(20, 60)
    )
    assert (crop[..., 2] == 4).all()


def test_anamorphic_frames_are_widened_when_asked(tmp_path):
    """A box of 75 x 100 stored pixels is square on the screen; frames of other sizes are left alone."""
    files = clips()
    spots = points(68, (75, 75, 75, 100)).tolist()
    files["001"] = edited(
        files["001"], "001", lambda d: [e.update(landmarks=spots) for e in d["frames"].values()]
    )
    files["001"] |= {name: encode(ramp(720, 576)) for name in files["001"] if name.endswith(".png")}
    afew_va(tmp_path / "a", files)
    widths = {}
    for flag in ("false", "true"):
        items = prepared("afew_va", tmp_path / "a", "--margin", "1.0", "--anamorphic", flag, side=100)
        with h5py.File(tmp_path / "a-out/crops.h5") as file:
            shown, other = (
                file["crops"][items[name].row][50, :, 0].astype(int) for name in ("001/00001", "002/00001")
            )
        widths[flag] = np.ptp(shown), np.ptp(other)
    assert abs(widths["false"][0] - 99) <= 1 and abs(widths["true"][0] - 74) <= 1
    assert widths["false"][1] == widths["true"][1]


def entry(**changes):
    return lambda description: description["frames"]["00002"].update(changes)


FAULTS = {
    "label_null": entry(valence=None),
    "label_nan": entry(arousal=float("nan")),
    "label_range": entry(arousal=11.0),
    "lnd_count": entry(landmarks=points(67).tolist()),
    "lnd_missing": entry(landmarks=[]),
    "box_bad": entry(landmarks=points(68, (500, 20, 40, 40)).tolist()),
    "box_clamped": entry(landmarks=points(68, (140, 20, 40, 40)).tolist()),
}


@pytest.mark.parametrize("status", FAULTS)
def test_faults_of_entries(tmp_path, status):
    files = clips()
    files["003"] = edited(files["003"], "003", FAULTS[status])
    afew_va(tmp_path / "a", files)
    items = prepared("afew_va", tmp_path / "a")
    assert items["003/00002"].status == status and items["003/00002"].note
    assert sum(item.status == "ok" for item in items.values()) == 39


@pytest.mark.parametrize(
    ("content", "status"),
    [(None, "img_missing"), (b"", "img_empty"), (encode(ramp())[:200], "img_undecodable")],
)
def test_faults_of_frames(tmp_path, content, status):
    files = clips()
    files["003"]["003/00002.png"] = content
    files["003"] = {name: data for name, data in files["003"].items() if data is not None}
    afew_va(tmp_path / "a", files)
    items = prepared("afew_va", tmp_path / "a")
    assert items["003/00002"].status == status and sum(item.usable for item in items.values()) == 39


def test_gaps_are_named_and_frames_keep_their_numbers(tmp_path):
    files = clips()
    files["003"] = clip("003", actor="Actor 2", frames=9, first=0)
    for key in ("00003", "00004"):
        files["003"] = edited(files["003"], "003", lambda d, key=key: d["frames"].pop(key))
        del files["003"][f"003/{key}.png"]
    files["003"] = edited(files["003"], "003", lambda d: d["frames"].pop("00006"))
    afew_va(tmp_path / "a", files)
    items = {name: item for name, item in prepared("afew_va", tmp_path / "a").items() if item.clip == "003"}
    assert [item.frame for item in items.values()] == list(range(9))
    assert {item.frame: item.status for item in items.values() if item.status != "ok"} == {
        3: "frame_gap", 4: "frame_gap", 6: "label_null",
    }  # fmt: skip


def test_every_second_frame_on_the_clips_own_grid(tmp_path):
    afew_va(tmp_path / "a", clips())
    items = prepared("afew_va", tmp_path / "a", "--frame-step", "2")
    assert [item.frame for item in items.values() if item.clip == "001"] == [1, 3]


@pytest.mark.parametrize(
    "text", [None, b"", b"{", b"[]", b'{"frames": []}', b'{"actor": "X"}', b"[" * 100_000, b"\xff\xfe"]
)
def test_broken_description_costs_its_clip_only(tmp_path, text):
    files = clips()
    files["003"]["003/003.json"] = text
    files["003"] = {name: data for name, data in files["003"].items() if data is not None}
    afew_va(tmp_path / "a", files)
    items = prepared("afew_va", tmp_path / "a")
    broken = [item for item in items.values() if item.clip == "003"]
    assert len(broken) == 4 and {item.status for item in broken} == {"label_null"}
    assert all("JSON" in item.note for item in broken)
    assert sum(item.status == "ok" for item in items.values()) == 36


def test_actors_are_one_person_however_spelt(tmp_path):
    files = clips()
    spellings = ["Zoë  Müller", "ZOE\u0308 MU\u0308LLER", " zoë müller "]
    for number, actor in zip((1, 4, 7), spellings, strict=True):
        name = f"{number:03d}"
        files[name] = edited(files[name], name, lambda d, actor=actor: d.update(actor=actor))
    for name in ("009", "010"):
        files[name] = edited(files[name], name, lambda d: d.pop("actor"))
    afew_va(tmp_path / "a", files)
    items = prepared("afew_va", tmp_path / "a")
    assert {items[f"{number:03d}/00001"].group for number in (1, 4, 7)} == {"zoë müller"}
    assert items["009/00001"].group == items["010/00001"].group == "actor unknown"


def test_clip_of_one_frame(tmp_path):
    files = clips() | {"011": clip("011", actor="Actor 1", frames=1, first=7)}
    afew_va(tmp_path / "a", files)
    assert prepared("afew_va", tmp_path / "a")["011/00007"].status == "ok"


def test_clip_that_is_there_twice(tmp_path):
    afew_va(tmp_path / "a", clips(), layout="zips")
    afew_va(tmp_path / "a", {"003": clips()["003"]})
    items = prepared("afew_va", tmp_path / "a")
    repeated = [item for item in items.values() if item.status == "dup_key"]
    assert [item.clip for item in repeated] == ["003"] and sum(item.usable for item in items.values()) == 40


def test_stray_index_far_away_opens_no_gap(tmp_path):
    files = clips()
    files["003"] = edited(files["003"], "003", lambda d: d["frames"].update({"999999": {}}))
    afew_va(tmp_path / "a", files)
    items = [item for item in prepared("afew_va", tmp_path / "a").values() if item.clip == "003"]
    assert len(items) == 5 and items[-1].status == "label_null"


def test_unofficial_copies_are_ignored(tmp_path):
    afew_va(tmp_path / "a", clips())
    for name, data in clips()["001"].items():
        write(tmp_path / "a", f"001_cropped/{Path(name).name}", data)
    write(tmp_path / "a", "__MACOSX/._001.json", b"")
    assert len(prepared("afew_va", tmp_path / "a")) == 40


def test_nothing_recognised(tmp_path):
    write(tmp_path / "a", "001/notes.json", json.dumps({}))
    with pytest.raises(ValueError, match="12 zip archives as delivered, or folders 001 to 600"):
        reader.locate(Tree(tmp_path / "a"), options("afew_va"))
