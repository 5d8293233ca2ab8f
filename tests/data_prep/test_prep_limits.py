"""Limits of faults: when preparation stops, what it says, and what is recorded where it does not."""

import argparse
from collections import Counter
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from mini_releases import affectnet_2017, image_name, options, row, segment, sewa

from data_prep import __main__ as command_line
from data_prep import limits, prepare
from hocp.contracts import manifest

PREPARE = "prepare affectnet --source {0}/a --out {0}/out --data {1} --side 16 --processes 1"


def items(status: str, count: int, *, clips: int = 0, others: int = 0) -> list[SimpleNamespace]:
    """So many bad items, in so many clips, among so many good ones."""
    names = [f"c{n % clips}" if clips else "" for n in range(count)]
    bad = [SimpleNamespace(item=f"bad{n}", clip=clip, status=status) for n, clip in enumerate(names)]
    return bad + [SimpleNamespace(item=f"good{n}", clip="", status="ok") for n in range(others)]


def check(found, dataset: str = "afew_va", **changes: float) -> dict[str, float]:
    return limits.check(found, dataset=dataset, changes=changes)


def test_message_names_everything_that_helps():
    with pytest.raises(ValueError) as caught:
        check(items("img_undecodable", 30, others=970))
    text = str(caught.value)
    for needed in (
        "30 of 1000 items (3.00%) are img_undecodable",
        "the limit is 1.00%",
        "bad0, bad1, bad2. ",
        "fetch these files again",
        "--limit img_undecodable=0.04",
    ):
        assert needed in text
    check(items("img_undecodable", 30, others=970), img_undecodable=0.04)  # as the message says


def test_every_excess_is_named():
    with pytest.raises(ValueError, match=r"are img_empty (?s:.*) are label_range"):
        check(items("img_empty", 40, others=500) + items("label_range", 40))


def test_floor_of_items_and_of_clips():
    check(items("dup_key", 20, others=5))
    with pytest.raises(ValueError, match="21 of 26 items"):
        check(items("dup_key", 21, others=5))
    check(items("img_empty", 300, clips=2, others=200))  # two videos without bytes
    with pytest.raises(ValueError, match="300 of 500 items"):
        check(items("img_empty", 300, clips=3, others=200))


@given(st.lists(st.tuples(st.sampled_from(sorted(manifest.STATUSES)), st.integers(0, 60)), max_size=6))
def test_rule_against_its_definition(groups):
    found = [one for status, count in groups for one in items(status, count)]
    counts = Counter(one.status for one in found)
    expected = {
        status
        for status, count in counts.items()
        if status in limits.DEFAULTS and count > 20 and count / len(found) > limits.DEFAULTS[status]
    }
    assert set(limits.Tally(found).exceeded(limits.DEFAULTS)) == expected


def test_what_is_regular_has_no_limit():
    usable = {"ok", "box_clamped", "img_mode_converted", "frame_extra"}
    unlimited = usable | {"va_missing", "class_excluded", "rule_excluded"}
    assert set(manifest.STATUSES) - set(limits.DEFAULTS) == unlimited
    for status in unlimited:
        check(items(status, 1000))


def test_known_peculiarities_of_data_sets_pass():
    (good,), (bad,) = items("ok", 1), items("dup_content", 1)
    check([bad] * 78_116 + [good] * 422_037, "sewa")  # frames that are not distinct in SEWA Basic
    with pytest.raises(ValueError, match="dup_content"):
        check(items("dup_content", 160, others=840), "afew_va")


@pytest.mark.parametrize(
    "text", ["img_empty", "img_empty=", "img_empty=2", "img_empty=-1", "ok=1", "img_emty=0.1", "=0.1"]
)
def test_wrong_limits_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        limits.limit(text)
    assert limits.limit("img_empty=0.05") == ("img_empty", 0.05)


def test_configuration_knows_the_same_statuses(root):
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text("utf-8"))
    assert set(schema["$defs"]["limits"]["properties"]) == set(limits.DEFAULTS)


def test_preparation_stops_and_leaves_nothing(tmp_path, capsys):
    affectnet_2017(tmp_path / "a", train=[row(image_name(100 + n)) for n in range(25)])  # no such images
    command = PREPARE.format(tmp_path, "generated")
    assert command_line.main(command.split()) == 2
    assert "25 of 55 items (45.45%) are img_missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert command_line.main([*command.split(), "--limit", "img_missing=0.5", "--limit", "dup_key=0"]) == 0
    text = capsys.readouterr().out
    assert (
        "img_missing" in text and "0.5" in text and "not compared with published ones, generated data" in text
    )
    facts = manifest.read_facts(tmp_path / "out/manifest.json")
    assert facts.limits["img_missing"] == 0.5 and facts.limits["label_range"] == 0.001
    assert (facts.items, facts.usable, facts.deviations) == (55, 30, None)


def test_counts_of_licensed_data_that_differ_are_warned_of_and_recorded(tmp_path, capsys):
    affectnet_2017(tmp_path / "a")
    command = PREPARE.format(tmp_path, "licensed")
    assert command_line.main(command.split()) == 0
    assert "warning: training rows: 24 found, 414,800 expected [loaders]" in capsys.readouterr().out
    facts = manifest.read_facts(tmp_path / "out/manifest.json")
    assert {"what": "validation rows", "expected": 5500, "found": 6, "source": "loaders"} in facts.deviations


def test_two_whole_videos_may_be_lost(tmp_path):
    sewa(tmp_path / "a", 6)
    for session in (7, 8, 9):
        segment(tmp_path / "a", session, video=b"")
    every = options("sewa", "--frame-step", "1")
    arguments = {"out": tmp_path / "out", "data": "generated", "side": 16, "options": every}
    with pytest.raises(ValueError, match=r"63 of 189 items .* are img_empty"):
        prepare.prepare("sewa", tmp_path / "a", **arguments)
    for path in (tmp_path / "a").glob("*S009*/*"):
        path.unlink()
    assert prepare.prepare("sewa", tmp_path / "a", **arguments).counts["img_empty"] == 42
