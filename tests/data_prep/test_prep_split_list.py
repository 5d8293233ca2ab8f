"""The published list: what it holds, that it makes the same split again, and what is refused."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mini_releases import afew_va, affectnet_2017, clips, image_name, prepared, row, sewa

from data_prep import __main__ as command_line
from data_prep import splits, splits_list
from data_prep.record import Face, Scale
from data_prep.splits_balance import balance, distance
from hocp.contracts import files, manifest

MAKE = {"affectnet": affectnet_2017, "sewa": sewa, "afew_va": lambda folder: afew_va(folder, clips())}


def listed(folder) -> list[dict[str, str]]:
    return files.read_csv(folder / "split.csv", manifest.SPLIT_COLUMNS)


def prepare(dataset: str, source, out, *more: object) -> int:
    given = ["prepare", dataset, "--source", source, "--out", out, "--data", "generated", "--side", 16]
    return command_line.main([*map(str, given), "--processes", "1", *map(str, more)])


@pytest.mark.parametrize("dataset", MAKE)
def test_list_says_where_everything_is(tmp_path, dataset):
    MAKE[dataset](tmp_path / "a")
    items = [item for item in prepared(dataset, tmp_path / "a").values() if item.usable]
    rows = {row["unit"]: row for row in listed(tmp_path / "a-out")}
    assert rows.keys() == {item.clip or item.item for item in items}
    for item in items:
        assert rows[item.clip or item.item]["part"] == item.split
    held = {(item.group, rows[item.clip or item.item]["group"]) for item in items}
    if dataset == "affectnet":  # each picture is a group of its own
        assert len(held) == len(items)
    else:
        assert len(held) == len({item.group for item in items}) == len({code for _, code in held})
    split = manifest.read_facts(tmp_path / "a-out/manifest.json").split
    assert split["sha256"] == files.sha256(tmp_path / "a-out/split.csv")


def test_no_name_of_a_person_is_in_the_list(tmp_path):
    afew_va(tmp_path / "a", clips())
    prepared("afew_va", tmp_path / "a")
    assert "actor" in (tmp_path / "a-out/manifest.csv").read_text()
    assert "actor" not in (tmp_path / "a-out/split.csv").read_text().lower()


def test_faces_of_one_picture_are_one_group(tmp_path):
    second = row(image_name(3), box=(10, 20, 30, 30))
    affectnet_2017(tmp_path / "a", train=[second])
    prepared("affectnet", tmp_path / "a")
    rows = {row["unit"]: (row["group"], row["part"]) for row in listed(tmp_path / "a-out")}
    assert rows[image_name(3)] == rows[f"{image_name(3)}#2"]


@pytest.mark.parametrize("dataset", MAKE)
def test_a_given_list_makes_the_same_split_again(tmp_path, dataset):
    """Whatever the seed says; only rule and seed in the facts differ."""
    MAKE[dataset](tmp_path / "a")
    assert prepare(dataset, tmp_path / "a", tmp_path / "one") == 0
    given = tmp_path / "one/split.csv"
    assert prepare(dataset, tmp_path / "a", tmp_path / "two", "--seed", 5, "--split-list", given) == 0
    for name in ("manifest.csv", "split.csv", "crops.h5"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    first, second = (manifest.read_facts(tmp_path / name / "manifest.json").split for name in ("one", "two"))
    assert (second["rule"], second["seed"]) == ("list given as split.csv", None)
    assert second.pop("given_sha256") == first["sha256"]
    assert {k: v for k, v in first.items() if k not in ("rule", "seed")} == {
        k: v for k, v in second.items() if k not in ("rule", "seed")
    }


def test_a_list_may_leave_groups_empty_and_choose_other_parts(tmp_path):
    names = sewa(tmp_path / "a")
    parts = dict(zip(names, ["test", "test", "val", "train", "train", "train"], strict=True))
    rows = [{"unit": unit, "group": "", "part": part} for unit, part in parts.items()]
    files.write_csv(tmp_path / "mine.csv", manifest.SPLIT_COLUMNS, rows)
    assert prepare("sewa", tmp_path / "a", tmp_path / "out", "--split-list", tmp_path / "mine.csv") == 0
    assert {i.clip: i.split for i in manifest.read(tmp_path / "out/manifest.csv")} == parts


def test_folds_may_be_given_where_the_rule_has_a_ratio(tmp_path):
    names = sewa(tmp_path / "a")
    rows = [{"unit": unit, "group": "", "part": f"fold{k % 5}"} for k, unit in enumerate(names)]
    files.write_csv(tmp_path / "mine.csv", manifest.SPLIT_COLUMNS, rows)
    assert prepare("sewa", tmp_path / "a", tmp_path / "out", "--split-list", tmp_path / "mine.csv") == 0


WRONG = {
    "1 units that no usable clip or image here has: 099": lambda rows: [*rows, {**rows[0], "unit": "099"}],
    "1 units missing, which are usable here: 001": lambda rows: rows[1:],
    "1 units with another subject, session or picture here than in the list: 001": lambda rows: [
        {**rows[0], "group": "0" * 16}, *rows[1:]
    ],
    "groups leak between splits": lambda rows: [
        {**rows[0], "part": "fold0" if rows[0]["part"] != "fold0" else "fold1"}, *rows[1:]
    ],
    "part is 'dev', expected one of train, val": lambda rows: [{**rows[0], "part": "dev"}, *rows[1:]],
    "unit '001' stands in the list already": lambda rows: [*rows, rows[0]],
    "parts are fold0; expected train and test, perhaps val, or all of fold0, fold1": lambda rows: [
        {**row, "part": "fold0"} for row in rows
    ],
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_lists_that_are_refused(tmp_path, capsys, words):
    afew_va(tmp_path / "a", clips())
    prepared("afew_va", tmp_path / "a")
    mine = tmp_path / "mine.csv"
    files.write_csv(mine, manifest.SPLIT_COLUMNS, WRONG[words](listed(tmp_path / "a-out")))
    assert prepare("afew_va", tmp_path / "a", tmp_path / "out", "--split-list", mine) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_official_test_part_stays(tmp_path, capsys):
    affectnet_2017(tmp_path / "a")
    prepared("affectnet", tmp_path / "a")
    rows = listed(tmp_path / "a-out")
    moved = next(row for row in rows if row["part"] == "test")
    moved["part"] = "train"
    files.write_csv(tmp_path / "mine.csv", manifest.SPLIT_COLUMNS, rows)
    assert prepare("affectnet", tmp_path / "a", tmp_path / "out", "--split-list", tmp_path / "mine.csv") == 2
    text = capsys.readouterr().err
    assert "1 units of the official test part that the list does not test" in text and moved["unit"] in text


def test_another_table_is_no_list(tmp_path, capsys):
    afew_va(tmp_path / "a", clips())
    (tmp_path / "mine.csv").write_text("clip,fold\n001,1\n")
    assert prepare("afew_va", tmp_path / "a", tmp_path / "out", "--split-list", tmp_path / "mine.csv") == 2
    assert "expected ['unit', 'group', 'part']" in capsys.readouterr().err


people = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 12), st.floats(-1, 1), st.floats(-1, 1), st.integers(0, 3)),
    min_size=20, max_size=40,
)  # fmt: skip


def frames(drawn) -> list[Face]:
    """Clips of people: (person, frames, valence, arousal, stratum) each."""
    return [
        Face(item=f"{clip}/{n}", clip=str(clip), group=f"p{who}", valence=v, arousal=a, stratum=f"s{kind}")
        for clip, (who, length, v, a, kind) in enumerate(drawn)
        for n in range(length)
    ]


@settings(max_examples=15, deadline=None)
@given(people, st.integers(0, 3))
def test_no_group_is_on_two_sides_and_nothing_is_lost(drawn, seed):
    faces = frames(drawn)
    groups = len({face.group for face in faces})
    made = [splits.by_ratio(faces, ratio="3:1:1", seed=seed)] if groups >= 3 else []
    made += [splits.folds(faces, seed=seed)] if groups >= 5 else []
    for plan in made:
        assert plan.split.keys() == {face.item for face in faces}
        pairs = {(face.group, plan.split[face.item]) for face in faces}
        assert len(pairs) == groups
        assert len({part for _, part in pairs}) == (5 if "fold0" in plan.split.values() else 3)


def test_distance_by_hand():
    assert distance({"a": 1}, {"a": 7}) == 0 and distance({"a": 1}, {"b": 1}) == 1
    assert distance({"a": 3, "b": 1}, {"a": 1, "b": 1}) == pytest.approx(0.25)


def test_balance_by_hand():
    """Four frames of two people, one a part: two frames of 1.0, one of 0 and one of 0.5."""
    faces = [
        Face(item=f"{who}/{n}", clip=who, group=who, valence=v, arousal=0.0, stratum=who)
        for who, levels in (("x", (10, 10)), ("y", (0, 5)))
        for n, v in enumerate(levels)
    ]
    split = {face.item: {"x": "train", "y": "test"}[face.group] for face in faces}
    found = balance(faces, split, scale=Scale(0.1, 0.0))
    assert found["train"] == {
        "items": 2, "units": 1, "groups": 1, "valence": 0.5, "arousal": 0.0, "strata": 0.5
    }  # fmt: skip
    assert list(found) == ["train", "test"] and found["test"]["valence"] == 0.5


def test_balance_counts_by_the_signed_scale():
    faces = [Face(item=str(n), valence=v, arousal=v) for n, v in enumerate((0.50, 0.51, 0.9))]
    split = {"0": "train", "1": "val", "2": "test"}
    found = balance(faces, split, scale=Scale(2.0, -1.0))  # 0.00, 0.02 are one tenth, 0.8 another
    assert found["train"]["valence"] == found["val"]["valence"] == pytest.approx(1 / 3, abs=1e-4)
    assert "strata" not in found["train"] and found["train"]["groups"] == 0


def test_the_list_is_sorted_and_the_same_for_the_same_seed(tmp_path):
    faces = frames([(k % 9, 3, k / 40, -k / 40, k % 2) for k in range(30)])
    texts = []
    for order in (faces, faces[::-1]):
        folder = tmp_path / str(len(texts))
        folder.mkdir()
        plan = splits.folds(faces, seed=2)
        splits_list.publish(folder, order, plan, scale=Scale(1.0, 0.0))
        texts.append((folder / "split.csv").read_bytes())
    assert texts[0] == texts[1]
    assert Counter(line["part"] for line in listed(tmp_path / "0")).keys() == set(splits_list.FOLD_PARTS)
