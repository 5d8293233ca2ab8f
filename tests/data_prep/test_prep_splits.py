"""Splits: nobody on two sides, everybody on one, balanced, and the same for the same seed."""

from collections import Counter

import numpy as np
import pytest

from data_prep import splits
from data_prep.record import Face, Scale
from data_prep.splits_balance import balance


def people(groups: int, *, seed: int = 0) -> list[Face]:
    """Frames of clips of people; some people have many clips, each person has levels of their own."""
    rng = np.random.default_rng(seed)
    faces = []
    for group in range(groups):
        level = rng.normal(size=2)
        for clip in range(1 + group % 4):
            name = f"{group:03d}-{clip}"
            for frame in range(int(rng.integers(5, 20))):
                valence, arousal = level + 0.2 * rng.normal(size=2)
                stratum = f"C{group % 3} {'SAH' if clip % 2 else 'SVL'}"
                face = Face(item=f"{name}/{frame}", clip=name, group=f"{group:03d}", stratum=stratum)
                face.valence, face.arousal = float(valence), float(arousal)
                faces.append(face)
    return faces


def sides(faces: list[Face], plan) -> dict[str, set[str]]:
    """Group -> splits it is in."""
    found = {}
    for face in faces:
        found.setdefault(face.group, set()).add(plan.split[face.item])
    return found


def test_folds_hold_every_frame_once_and_every_actor_whole():
    faces = people(60)
    plan = splits.folds(faces, seed=3)
    assert plan.split.keys() == {face.item for face in faces}
    assert all(len(parts) == 1 for parts in sides(faces, plan).values())
    counts = Counter(plan.split.values())
    assert sorted(counts) == [f"fold{fold}" for fold in range(5)]
    assert max(counts.values()) < 1.2 * min(counts.values())


def test_folds_balance_the_histogram_better_than_chance():
    faces = people(60)
    plan = splits.folds(faces, seed=3)

    def unevenness(split: dict[str, str]) -> float:
        cells = Counter((face.valence > 0, face.arousal > 0, split[face.item]) for face in faces)
        table = np.array([[cells[v, a, f"fold{k}"] for k in range(5)] for v in (0, 1) for a in (0, 1)])
        return float(table.std(axis=1).mean())

    rng = np.random.default_rng(0)
    chance = []
    for _ in range(40):
        fold = {
            group: f"fold{k % 5}" for k, group in enumerate(rng.permutation(sorted({f.group for f in faces})))
        }
        chance.append(unevenness({face.item: fold[face.group] for face in faces}))
    assert unevenness(plan.split) < min(chance)


@pytest.mark.parametrize(("ratio", "test_share"), [("3:1:1", 1 / 5), ("8:1:1", 1 / 10)])
def test_ratio_by_session(ratio, test_share):
    faces = people(120)
    plan = splits.by_ratio(faces, ratio=ratio, seed=1)
    assert all(len(parts) == 1 for parts in sides(faces, plan).values())
    shares = {part: count / len(faces) for part, count in Counter(plan.split.values()).items()}
    assert shares["test"] == pytest.approx(test_share, abs=0.03)
    assert shares["val"] == pytest.approx(test_share, abs=0.03)
    for code in ("C0", "C1", "C2"):
        inside = [plan.split[face.item] for face in faces if face.stratum.startswith(code)]
        assert inside.count("test") / len(inside) == pytest.approx(test_share, abs=0.06)


def release(clips: int, groups: int, *, strata: int, seed: int) -> list[Face]:
    """Clips of the release's number and groups, their frames thinned; levels hang on group and clip."""
    rng = np.random.default_rng(seed)
    levels, kinds = rng.normal(0, 2, (groups, 2)), rng.integers(0, strata, clips)
    faces = []
    for clip, group in enumerate(rng.permutation(np.arange(clips) % groups)):
        middle = levels[group] + rng.normal(0, 2, 2)
        for frame in range(int(rng.integers(3, 16))):
            valence, arousal = np.rint(middle + rng.normal(0, 0.5, 2)).clip(-9, 9)
            face = Face(item=f"{clip}/{frame}", clip=str(clip), group=str(group), stratum=str(kinds[clip]))
            face.valence, face.arousal = float(valence), float(arousal)
            faces.append(face)
    return faces


def by_chance(faces: list[Face], parts: list[str], seed: int) -> dict[str, str]:
    groups = np.random.default_rng(seed).permutation(sorted({face.group for face in faces}))
    part = {group: parts[place % len(parts)] for place, group in enumerate(groups)}
    return {face.item: part[face.group] for face in faces}


@pytest.mark.parametrize(
    ("clips", "groups", "ratio"), [(600, 240, ""), (538, 173, "3:1:1"), (538, 173, "8:1:1")]
)
def test_balance_at_the_size_of_the_releases(clips, groups, ratio):
    """AFEW-VA, SEWA: parts are alike, and much more so than parts drawn at random."""
    faces, scale = release(clips, groups, strata=36 if ratio else 1, seed=7), Scale(0.1, 0.0)
    names = ["val", "test", *["train"] * (int(ratio[0]))] if ratio else [f"fold{k}" for k in range(5)]
    plan = splits.by_ratio(faces, ratio=ratio, seed=0) if ratio else splits.folds(faces, seed=0)
    found = balance(faces, plan.split, scale=scale)
    chance = [balance(faces, by_chance(faces, names, seed), scale=scale) for seed in range(5)]
    for part, numbers in found.items():
        share = names.count(part) / len(names)
        assert numbers["items"] / len(faces) == pytest.approx(share, abs=0.02)
        for histogram in ("valence", "arousal", "strata") if ratio else ("valence", "arousal"):
            usual = np.median([drawn[part][histogram] for drawn in chance])
            assert numbers[histogram] < 0.6 * usual, (part, histogram, numbers[histogram], usual)


def test_seed_decides():
    faces = people(40)
    first, same, other = (splits.folds(faces, seed=seed) for seed in (1, 1, 2))
    assert first == same
    assert first.split != other.split


def test_too_few_groups_are_refused():
    with pytest.raises(ValueError, match="4 subjects or sessions cannot be dealt into 5"):
        splits.folds(people(4), seed=0)


def test_ratio_with_few_groups_says_so():
    faces = people(4)
    plan = splits.by_ratio(faces, ratio="3:1:1", seed=0)
    groups = {face.group: plan.split[face.item] for face in faces}
    assert Counter(groups.values()) == {"train": 2, "val": 1, "test": 1}
    assert "4 groups only: 2:1:1" in plan.rule["rule"]
    with pytest.raises(ValueError, match="2 subjects or sessions cannot be dealt into 3"):
        splits.by_ratio(people(2), ratio="3:1:1", seed=0)


def official(train: int = 200, test: int = 40) -> list[Face]:
    faces = []
    for number in range(train + test):
        name, part = f"{number}.jpg", "train" if number < train else "test"
        for row in range(1 + (number % 10 == 0)):  # every tenth picture has two faces
            faces.append(
                Face(
                    item=f"{name}#{row}",
                    source=name,
                    content=name.encode(),
                    part=part,
                    stratum=str(number % 4),
                )
            )
    return faces


def test_official_test_part_is_kept_and_a_share_of_each_class_validates():
    faces = official()
    plan = splits.official(faces, share=0.2, seed=5)
    assert {face.item for face in faces if face.part == "test"} == {
        i for i, s in plan.split.items() if s == "test"
    }
    pictures = {face.source: (face.stratum, plan.split[face.item]) for face in faces if face.part == "train"}
    assert all(plan.split[face.item] == pictures[face.source][1] for face in faces if face.part == "train")
    assert Counter(pictures.values()) == {
        (str(c), s): n for c in range(4) for s, n in (("val", 10), ("train", 40))
    }


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 2.0])
def test_share_must_be_a_share(share):
    with pytest.raises(ValueError, match=f"validation share {share}"):
        splits.official(official(), share=share, seed=0)


def test_leakage_raises_and_names_the_group():
    splits.check([("a", "train"), ("a", "train"), ("b", "test")])
    with pytest.raises(ValueError, match=r"1 groups leak .* 'a' is in test and train"):
        splits.check([("a", "train"), ("b", "test"), ("a", "test")])


def test_a_leaking_deal_does_not_pass(monkeypatch):
    faces = people(10)
    monkeypatch.setattr(
        splits, "deal", lambda faces, *_, **__: {face.item: i % 5 for i, face in enumerate(faces)}
    )
    with pytest.raises(ValueError, match="leak"):
        splits.folds(faces, seed=0)
