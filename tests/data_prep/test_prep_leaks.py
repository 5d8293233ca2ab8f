"""Leaks that are planted are found; sound data sets pass; a brute-force search agrees."""

import itertools
from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mini_releases import afew_va, affectnet_2017, affectnet_2021, clips, options, prepared, sewa

from data_prep import __main__ as command_line
from data_prep import leaks, splits
from data_prep import sewa as reader
from data_prep.record import Face, Quarantine
from hocp.contracts import files, manifest
from hocp.contracts.manifest import Facts, Item

SIDE = 16


def portraits(count: int, seed: int = 0) -> np.ndarray:
    """Blurry pictures that differ at 8 x 8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return coarse.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2)


def store(folder, rows: list[dict], *, pictures: np.ndarray | None = None, listed: dict | None = None):
    """A prepared data set of these items; split.csv follows them but for `listed`."""
    folder.mkdir()
    items = [
        Item(**{"dataset": "sewa", "row": row, "valence": 0.0, "arousal": 0.0, **given})
        for row, given in enumerate(rows)
    ]
    manifest.write(folder / "manifest.csv", items)
    parts = {i.clip or i.item: {"group": i.group, "part": i.split} for i in items}
    listing = [{"unit": unit, **row, **(listed or {}).get(unit, {})} for unit, row in parts.items()]
    files.write_csv(folder / "split.csv", manifest.SPLIT_COLUMNS, listing)
    with h5py.File(folder / "crops.h5", "w") as file:
        file["crops"] = portraits(len(items)) if pictures is None else pictures
    return folder


def name(subject: int, first: int, last: int, kind: str = "SAH") -> str:
    return f"{kind}_C1_S{(subject + 1) // 2:03d}_P{subject:03d}_VC1_{first:06d}_{last:06d}"


def frame(clip: str, number: int, split: str, group: str) -> dict:
    return {"item": f"{clip}/{number:06d}", "clip": clip, "frame": number, "split": split, "group": group}


SOUND = [
    frame(name(1, 1, 50), 0, "train", "S001"), frame(name(1, 1, 50), 5, "train", "S001"),
    frame(name(1, 41, 90, "SVL"), 0, "train", "S001"), frame(name(3, 1, 50), 0, "test", "S002"),
    frame(name(5, 20, 70), 0, "val", "S003"),
]  # fmt: skip


def test_a_sound_split_passes(tmp_path):
    report = leaks.find(store(tmp_path / "a", SOUND))
    assert report == leaks.Report([], 0, 5) and leaks.check(tmp_path / "a") == 0


def planted(**changes) -> list[dict]:
    """`SOUND` with the first frame of the second session changed."""
    return [row if place != 3 else {**row, **changes} for place, row in enumerate(SOUND)]


LEAKS = {
    "group S001 is in train": planted(group="S001"),
    "clip SAH_C1_S001_P001_VC1_000001_000050 is in": planted(clip=name(1, 1, 50)),
    "footage of P001 is in": planted(clip=name(1, 30, 60)),
    "listed group S001 is in train": planted(group="S001"),
}


@pytest.mark.parametrize("words", LEAKS)
def test_planted_leak_is_found(tmp_path, words):
    report = leaks.find(store(tmp_path / "a", LEAKS[words]))
    assert any(leak.startswith(words) for leak in report.leaks), report.leaks
    with pytest.raises(ValueError, match="leaks between parts of the split"):
        leaks.check(tmp_path / "a")


def test_adjoining_footage_is_no_leak(tmp_path):
    rows = planted(clip=name(1, 91, 120))  # another group by its session, and not a frame in common
    assert not leaks.find(store(tmp_path / "a", rows)).leaks


def test_one_picture_in_two_parts(tmp_path):
    rows = [{"item": f"a.jpg{more}", "split": split} for more, split in (("", "train"), ("#2", "test"))]
    report = leaks.find(store(tmp_path / "a", [{**row, "dataset": "affectnet"} for row in rows]))
    assert report.leaks == ["picture a.jpg is in train (a.jpg) and test (a.jpg#2)"]


def test_same_content_by_the_list_s_hash(tmp_path):
    rows = [
        {"item": f"{n}.jpg", "split": split, "dataset": "affectnet"}
        for n, split in enumerate(("train", "val"))
    ]
    same = {f"{n}.jpg": {"group": "00ff"} for n in range(2)}
    report = leaks.find(store(tmp_path / "a", rows, listed=same))
    assert report.leaks == ["listed group 00ff is in train (0.jpg) and val (1.jpg)"]


def test_equal_crops_in_two_parts(tmp_path):
    pictures = portraits(5)
    pictures[4] = pictures[0]
    report = leaks.find(store(tmp_path / "a", SOUND, pictures=pictures))
    assert report.leaks == [f"the same crop is in train ({SOUND[0]['item']}) and val ({SOUND[4]['item']})"]
    pictures[4], pictures[1] = portraits(1, seed=9)[0], pictures[0]  # within a part it is none
    assert not leaks.find(store(tmp_path / "b", SOUND, pictures=pictures)).leaks
    pictures[:] = 17  # and pictures of one colour show nobody
    assert leaks.find(store(tmp_path / "c", SOUND, pictures=pictures)) == leaks.Report([], 0, 5)


def test_near_duplicates_are_counted_and_pass(tmp_path):
    pictures = portraits(5)
    pictures[3] = pictures[0]
    pictures[3, 0, 0] ^= 1
    assert leaks.find(store(tmp_path / "a", SOUND, pictures=pictures)) == leaks.Report([], 2, 5)


def test_average_hash_by_hand():
    crop = np.zeros((1, 20, 20, 3), np.uint8)
    crop[0, :, 10:] = 200
    assert leaks.average_hashes(crop) == [bytes([0b00001111] * 8)]
    assert leaks.average_hashes(np.minimum(crop, 90)) == leaks.average_hashes(crop)  # darker, as well
    assert leaks.average_hashes(crop.swapaxes(1, 2)) == [bytes([0] * 4 + [255] * 4)]


@given(st.integers(8, 40), st.integers(0, 2**32 - 1), st.sampled_from([1, 60, 255]))
def test_average_hash_is_that_of_numpys_means(side, seed, spread):
    crops = np.random.default_rng(seed).integers(0, spread + 1, (3, side, side, 3), np.uint8)
    grey, edges = crops.mean(axis=3), np.linspace(0, side, 9).astype(int)
    grid = [[grey[:, a:b, c:d].mean(axis=(1, 2)) for c, d in pairwise(edges)] for a, b in pairwise(edges)]
    cells = np.moveaxis(np.array(grid), 2, 0)
    apart = cells - cells.mean(axis=(1, 2), keepdims=True)
    found = np.unpackbits(np.array([list(one) for one in leaks.average_hashes(crops)], np.uint8), axis=1)
    clear = np.abs(apart) > 1e-9  # on a tie the order of the sums decides
    assert np.array_equal(found.reshape(-1, 8, 8)[clear], (apart > 0)[clear])


def test_a_list_that_says_otherwise(tmp_path):
    clip = SOUND[4]["clip"]
    report = leaks.find(store(tmp_path / "a", SOUND, listed={clip: {"part": "test"}}))
    assert report.leaks == [f"{SOUND[4]['item']} is in val, split.csv has test"]
    rows = files.read_csv(tmp_path / "a/split.csv", manifest.SPLIT_COLUMNS)
    files.write_csv(tmp_path / "a/split.csv", manifest.SPLIT_COLUMNS, rows[:-1])
    assert leaks.find(tmp_path / "a").leaks == [f"{SOUND[4]['item']} is in val, split.csv has nothing"]


frames = st.lists(
    st.tuples(
        st.integers(1, 4), st.integers(1, 60), st.integers(0, 30), st.sampled_from(["train", "val", "test"]),
        st.integers(0, 5),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(frames)
def test_brute_force_agrees(tmp_path_factory, drawn):
    """Compare all pairs of items, each by each."""
    rows, faces = [], portraits(6, seed=3)
    for number, (subject, first, more, split, _) in enumerate(drawn):
        rows.append(frame(name(subject, first, first + more), number, split, f"S{(subject + 1) // 2:03d}"))
    pictures = np.stack([faces[look] for *_, look in drawn])
    report = leaks.find(store(tmp_path_factory.mktemp("any") / "a", rows, pictures=pictures))

    def leak(one: int, other: int) -> bool:
        (subject, first, more, split, look), (person, start, length, side, face) = drawn[one], drawn[other]
        meets = subject == person and first <= start + length and start <= first + more
        session = (subject + 1) // 2 == (person + 1) // 2
        return split != side and (meets or session or look == face)

    pairs = itertools.combinations(range(len(drawn)), 2)
    assert bool(report.leaks) == any(leak(*pair) for pair in pairs)


MAKE = {
    "affectnet": affectnet_2017,
    "affectnet 2021": affectnet_2021,
    "sewa": sewa,
    "afew_va": lambda folder: afew_va(folder, clips()),
}


@pytest.mark.parametrize("release", MAKE)
def test_prepared_releases_pass_the_command(tmp_path, capsys, release):
    MAKE[release](tmp_path / "a")
    prepared(release.split()[0], tmp_path / "a")
    assert command_line.main(["leaks", str(tmp_path / "a-out")]) == 0
    assert "0 leaks among" in capsys.readouterr().out


def test_the_command_fails_on_a_leak_and_on_files_that_were_changed(tmp_path, capsys):
    sewa(tmp_path / "a")
    prepared("sewa", tmp_path / "a")
    out = tmp_path / "a-out"
    items = manifest.read(out / "manifest.csv")
    tested = next(item for item in items if item.split == "test")
    moved = [replace(item, split="train") if item is tested else item for item in items]
    manifest.write(out / "manifest.csv", moved)
    assert command_line.main(["leaks", str(out)]) == 1
    text = capsys.readouterr().err
    assert "manifest.csv is not the file that manifest.json describes" in text
    assert f"group {tested.group} is in" in text and f"{tested.item} is in train, split.csv has test" in text


def test_a_leak_stops_preparation(tmp_path, monkeypatch):
    """Whatever dealt the groups, and even if its own check slept."""
    sewa(tmp_path / "a")
    monkeypatch.setattr(splits, "check", lambda pairs: None)
    monkeypatch.setattr(
        splits, "deal", lambda faces, *_, **__: {face.item: place % 3 for place, face in enumerate(faces)}
    )
    with pytest.raises(ValueError, match="leaks between parts of the split: group S00"):
        prepared("sewa", tmp_path / "a")
    assert not (tmp_path / "a-out").exists()


def test_facts_count_near_duplicates(tmp_path):
    sewa(tmp_path / "a")
    prepared("sewa", tmp_path / "a")
    facts: Facts = manifest.read_facts(tmp_path / "a-out/manifest.json")
    assert facts.split["near_duplicates"] == leaks.find(tmp_path / "a-out").near


segments = st.lists(
    st.tuples(st.integers(1, 2), st.integers(1, 40), st.integers(1, 30)), min_size=2, max_size=6
)


@given(segments, st.integers(1, 5))
def test_repeated_footage_goes_before_anything_is_split(drawn, step):
    """Kept frames of two segments of a subject are never nearer than a step, compared each by each."""
    watch = reader.repeats(options("sewa", "--frame-step", str(step)))
    kept = []
    for subject, first, length in dict.fromkeys(drawn):
        clip = name(subject, first, first + length - 1)
        for index in range(0, length, step):
            try:
                watch(Face(item=f"{clip}/{index}", clip=clip, position=first + index))
                kept.append((subject, clip, first + index))
            except Quarantine as reason:
                assert reason.status == "dup_content"
    for (one, clip, here), (other, another, there) in itertools.combinations(kept, 2):
        assert one != other or clip == another or abs(here - there) >= step
