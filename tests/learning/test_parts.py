"""Runs on some groups of the training part: which ones, the same for all methods, nested, refused beyond."""

from itertools import pairwise

import prepared
import pytest

from hocp.clips import Prepared
from hocp.learning.parts import position


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eight sessions to train on, of one to eight frames, one to watch and one to test."""
    items = [
        {"item": f"{g}/{f}", "split": {8: "val", 9: "test"}.get(g, "train"), "group": f"S{g}",
         "clip": f"c{g}", "frame": f}
        for g in range(10) for f in range(g + 1)
    ]  # fmt: skip
    return Prepared(prepared.write(tmp_path_factory.mktemp("groups") / "sewa", "sewa", items))


def spec(groups, *, seed=0, method="hocp"):
    return {"run": "sewa.hocp.f0.s0", "method": method, "fold": 0, "seed": seed, "groups": groups}


def trained_on(data, **values):
    found = position(data, "train", spec(**values)).tolist()
    groups = {data.items[k].group for k in found}
    assert sorted(found) == [k for k, item in enumerate(data.items) if item.group in groups]
    return groups


def test_so_many_groups_wholly_and_none_of_another_part(data):
    for count in range(1, 9):
        groups = trained_on(data, groups=count)
        assert len(groups) == count and groups <= {f"S{g}" for g in range(8)}


def test_more_groups_contain_the_fewer(data):
    nested = [trained_on(data, groups=count) for count in range(1, 9)]
    assert all(few < more for few, more in pairwise(nested))


def test_the_seed_alone_decides_which(data):
    assert trained_on(data, groups=3) == trained_on(data, groups=3, method="another")
    assert len({frozenset(trained_on(data, groups=3, seed=seed)) for seed in range(20)}) > 5


def test_other_parts_and_runs_on_all_groups_are_whole(data):
    assert position(data, "train", spec(None)).tolist() == data.part("train", 0).tolist()
    assert position(data, "test", spec(2)).tolist() == data.part("test", 0).tolist()
    assert position(data, "val", spec(2)).tolist() == data.part("val", 0).tolist()


@pytest.mark.parametrize("count", [0, 9])
def test_more_groups_than_there_are_is_refused(data, count):
    with pytest.raises(ValueError, match=rf"training_groups.counts.* {count} groups.*has 8"):
        position(data, "train", spec(count))
