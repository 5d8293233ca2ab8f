"""Manifest rows survive a round trip, wrong ones are named, folds rotate as documented."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocp.contracts import manifest
from hocp.contracts.manifest import Facts, Item

GOOD = Item(item="a/1.png", dataset="sewa", split="train", group="s1", clip="a", frame=0, row=0,
            valence=0.25, arousal=-1.0)  # fmt: skip
BAD_STATUSES = sorted(set(manifest.STATUSES) - set(manifest.USABLE))

words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8)
# Six decimals are kept, so only such labels come back bit by bit.
labels = st.integers(-1_000_000, 1_000_000).map(lambda n: float(f"{n / 1e6:.6f}"))


@st.composite
def items(draw):
    """Any list of legal items; rows of crops.h5 are distinct."""
    count = draw(st.integers(0, 6))
    return [draw(usable(row)) if draw(st.booleans()) else draw(unusable()) for row in range(count)]


def usable(row):
    return st.builds(
        Item, item=words, dataset=st.sampled_from(manifest.DATASETS), split=st.sampled_from(manifest.SPLITS),
        group=words, clip=words, frame=st.none() | st.integers(0, 10**6), row=st.just(row), valence=labels,
        arousal=labels, expression=st.none() | st.integers(0, 7), status=st.sampled_from(manifest.USABLE),
        note=words,
    )  # fmt: skip


def unusable():
    return st.builds(
        Item, item=words, dataset=st.sampled_from(manifest.DATASETS), valence=st.none() | labels,
        status=st.sampled_from(BAD_STATUSES), note=words,
    )  # fmt: skip


@given(items())
def test_round_trip(tmp_path_factory, listed):
    path = tmp_path_factory.mktemp("manifest") / "manifest.csv"
    manifest.write(path, listed)
    assert manifest.read(path) == listed


def test_usable_means_a_crop():
    assert GOOD.usable
    assert not Item(item="x", dataset="sewa", status="img_missing").usable


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "fer"}, "dataset is 'fer', expected one of affectnet"),
        ({"status": "fine"}, "status is 'fine'"),
        ({"split": "dev"}, "split is 'dev'"),
        ({"split": ""}, "usable item without split"),
        ({"row": None}, "status ok with row None"),
        ({"status": "img_missing"}, "status img_missing with row 0"),
        ({"valence": None}, "valence is None"),
        ({"valence": 1.5}, "valence is 1.5"),
        ({"arousal": float("nan")}, "arousal is nan"),
    ],
)
def test_an_impossible_item_is_refused(change, message):
    with pytest.raises(ValueError, match=rf"a/1\.png.*{message}"):
        replace(GOOD, **change)


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        ("row", "1.5", "row is '1.5', expected a whole number"),
        ("valence", "high", "valence is 'high', expected a number"),
        ("valence", "nan", "valence is nan"),
        ("status", "odd", "status is 'odd'"),
        ("row", "0", "row 0 is that of 'a/1.png' already"),
    ],
)
def test_a_malformed_row_names_file_and_line(tmp_path, column, text, message):
    path = tmp_path / "manifest.csv"
    manifest.write(path, [GOOD, replace(GOOD, item="b", row=1)])
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    cells[manifest.COLUMNS.index(column)] = text
    path.write_text("\n".join([*lines[:2], ",".join(cells)]) + "\n")
    with pytest.raises(ValueError, match=rf"manifest\.csv, line 3.*{message}"):
        manifest.read(path)


FACTS = Facts(
    dataset="sewa", data="generated", release="SEWA Basic", scale={"factor": 2.0, "offset": -1.0},
    frame_step=5, fps=10.0, crop={"side": 56}, split={"rule": "3:1:1", "sha256": "0" * 64}, counts={"ok": 3},
    sources={"a.zip": "1" * 64}, manifest_sha256="2" * 64, crops_sha256="3" * 64,
)  # fmt: skip


def test_facts_round_trip(tmp_path):
    manifest.write_facts(tmp_path / "manifest.json", FACTS)
    assert manifest.read_facts(tmp_path / "manifest.json") == FACTS
    deviations = [{"what": "segments", "expected": 538, "found": 537, "source": "paper"}]
    counts = {"ok": 3, "box_clamped": 2, "img_empty": 4}
    more = replace(FACTS, limits={"img_empty": 0.01}, deviations=deviations, counts=counts)
    manifest.write_facts(tmp_path / "more.json", more)
    assert manifest.read_facts(tmp_path / "more.json") == more and (more.items, more.usable) == (9, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"data": "real"}, "data is 'real'"), ({"extra": 1}, "extra"), ({"fps": ...}, "fps")],
)
def test_wrong_facts_name_the_file(tmp_path, change, message):
    found = {k: v for k, v in {**asdict(FACTS), **change}.items() if v is not ...}
    manifest.files.write_json(tmp_path / "manifest.json", found)
    with pytest.raises(ValueError, match=rf"manifest\.json: .*{message}"):
        manifest.read_facts(tmp_path / "manifest.json")


def test_official_splits_are_taken_as_they_are():
    assert [manifest.parts(split, 0) for split in ("train", "val", "test")] == ["train", "val", "test"]


def test_folds_rotate():
    played = [[manifest.parts(f"fold{k}", fold) for k in range(5)] for fold in range(5)]
    assert played[0] == ["test", "val", "train", "train", "train"]
    assert played[3] == ["train", "train", "train", "test", "val"]
    assert played[4] == ["val", "train", "train", "train", "test"]
    for part in ("test", "val"):  # every fold is tested once and chosen on once
        assert sorted(row.index(part) for row in played) == [0, 1, 2, 3, 4]
