"""EmoNet's rule, case by case at its borders, and what a cleaned data set says of itself."""

from collections import Counter

import pytest
from mini_releases import affectnet_2017, affectnet_2021, image_name, options, prepared

from data_prep import cleaning
from data_prep.record import Face, Quarantine
from hocp.contracts import manifest

EMONET = options("affectnet", "--clean", "emonet")

#: Expression, valence, arousal -> whether EmoNet keeps it, by hand; borders are where labels stand exactly.
CASES = [
    (0, 0.0, 0.0, True), (0, 0.19, 0.0, True), (0, 0.2, 0.0, False), (0, 0.0, -0.2, False),
    (0, 0.6, 0.6, False), (1, 0.2, 0.0, False), (1, 0.21, 0.0, True), (1, 0.0, 0.9, False),
    (1, -0.5, 0.5, False), (1, 0.01, -0.9, True), (2, -0.2, 0.0, False), (2, -0.21, 0.0, True),
    (2, 0.0, -0.9, False), (2, 0.5, 0.0, False), (2, -0.01, 0.9, True), (3, 0.0, 0.2, False),
    (3, 0.0, 0.21, True), (3, 0.9, 0.0, False), (3, 0.3, -0.3, False), (3, -0.9, 0.01, True),
    (4, 0.0, 0.2, False), (4, 0.0, 0.21, True), (4, -0.21, 0.0, True), (4, 0.01, 0.9, False),
    (4, -0.9, -0.01, False), (5, -0.3, 0.0, False), (5, -0.31, 0.0, True), (5, -0.25, 0.0, False),
    (5, 0.0, 0.9, False), (5, 0.5, 0.5, False), (6, 0.0, 0.2, False), (6, 0.0, 0.21, True),
    (6, -0.9, 0.0, False), (6, -0.3, -0.3, False), (6, 0.9, 0.01, True), (7, -0.2, 0.0, False),
    (7, -0.21, 0.0, True), (7, 0.0, 0.9, False), (7, 0.5, 0.5, False), (7, -0.01, 0.9, True),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "valence", "arousal", "kept"), CASES)
def test_rule_by_hand(expression, valence, arousal, kept):
    face = Face(item="a", part="train", expression=expression, valence=valence, arousal=arousal)
    if kept:
        assert cleaning.cleaned(face, EMONET) is face
        return
    with pytest.raises(Quarantine) as caught:
        cleaning.cleaned(face, EMONET)
    assert caught.value.status == "rule_excluded"
    assert cleaning.EMONET[expression].wanted in caught.value.note


def test_all_eight_expressions_have_a_rule():
    assert sorted(cleaning.EMONET) == list(range(8))


WRONG = {"expression": 1, "valence": -0.5, "arousal": 0.5}


@pytest.mark.parametrize(
    ("parts", "cleaned"), [("all", {"train", "test"}), ("train", {"train"}), ("test", {"test"})]
)
def test_parts_that_are_cleaned(parts, cleaned):
    chosen = options("affectnet", "--clean", "emonet", "--clean-parts", parts)
    out = set()
    for part in ("train", "test"):
        try:
            cleaning.cleaned(Face(item="a", part=part, **WRONG), chosen)
        except Quarantine:
            out.add(part)
    assert out == cleaned


def test_nothing_is_cleaned_unless_asked_for():
    face = Face(item="a", part="train", **WRONG)
    assert cleaning.cleaned(face, options("affectnet")) is face


def test_cleaned_release(tmp_path):
    """All have v = 0.25, a = -0.5: the rule keeps the happy ones; the others stay in the manifest."""
    affectnet_2017(tmp_path / "a")
    items = prepared("affectnet", tmp_path / "a", "--clean", "emonet", "--validation-share", "0.4")
    assert Counter(item.status for item in items.values()) == {"ok": 4, "rule_excluded": 26}
    assert {item.expression for item in items.values() if item.usable} == {1}
    assert items[image_name(2)].note.startswith("sad with v = 0.25, a = -0.5, r = 0.559")
    facts = manifest.read_facts(tmp_path / "a-out/manifest.json")
    assert facts.clean == {"rule": "emonet", "parts": "all", "expressions": list(range(8))}
    assert facts.counts == {"ok": 4, "rule_excluded": 26}
    prepared("affectnet", tmp_path / "a")
    assert manifest.read_facts(tmp_path / "a-out/manifest.json").clean == {"rule": "none"}


def test_release_of_2021_is_cleaned_as_well(tmp_path):
    affectnet_2021(tmp_path / "a")  # v = 0.5, a = -0.25; ids 0, 3, 6, ... with expression id % 8
    items = prepared("affectnet", tmp_path / "a", "--clean", "emonet", "--validation-share", "0.4")
    assert {item.expression for item in items.values() if item.usable} == {1}
    assert items["train_set/9"].usable and items["train_set/3"].status == "rule_excluded"


def test_data_sets_without_expressions_have_no_rule():
    assert cleaning.facts(options("sewa")) == {}
