"""Expected counts: they add up as their sources say, and differences are told with both numbers."""

from types import SimpleNamespace

from data_prep import expected
from data_prep.record import Face, Matched, Release
from data_prep.sewa_segment import Segment


def table(release: str) -> dict[str, int]:
    return {one.what: one.number for one in expected.numbers(release)}


def total(release: str, start: str, *, but: tuple[str, ...] = ()) -> int:
    return sum(n for what, n in table(release).items() if what.startswith(start) and not what.endswith(but))


def test_classes_add_up_to_the_totals():
    """Sums that the publisher's read-me and users of both releases quote."""
    manual = table("AffectNet 2017, manual lists")
    assert total("AffectNet 2017, manual lists", "training rows, ") == manual["training rows"] == 414_800
    assert total("AffectNet 2017, manual lists", "validation rows, ") == manual["validation rows"] == 5_500
    assert total("AffectNet 2017, manual", "training rows, ", but=("none", "face")) == 287_652
    small = table("AffectNet 2021, 8 labels")
    assert total("AffectNet 2021, 8 labels", "training images, ") == small["training images"] == 287_651
    assert total("AffectNet 2021, 8 labels", "training images, ", but=("contempt",)) == 283_901
    assert total("AffectNet 2021, 8 labels", "validation images, ") == small["validation images"] == 3_999
    basic = table("SEWA Basic, annotations V, mean of the value columns")
    assert total("SEWA Basic", "segments ") == basic["segments"] == 538


def test_every_number_has_a_source_that_the_page_explains():
    for entries in expected.TABLE.values():
        assert {one.source for one in entries} <= {"paper", "loaders", "loader", "inferred"}


def release(name: str, units=(), **counts: int) -> Release:
    return Release(name, list(units), [], [], matched=Matched(counts=counts))


def test_counts_come_in_the_same_order_in_every_process():
    """Names in a set would not: their hashes are salted, and manifest.json would have other bytes."""
    kinds = ("SSD", "SVL", "SAH", "SSL", "SVH", "SAL")
    units = [Segment(f"{kind}_C1_S001_P001_VC1_000001_000050") for kind in kinds]
    counts = expected.counted(release("SEWA Basic", units))
    assert [name for name in counts if name.startswith("segments ")] == [
        f"segments {k}" for k in sorted(kinds)
    ]


def test_rows_are_counted_by_part_and_class():
    faces = [Face(item=str(n), part="train", expression=n % 2 + 8) for n in range(5)]
    faces += [Face(item="v", part="test", expression=3, status="img_missing"), Face(item="w", part="test")]
    counts = expected.counted(release("AffectNet 2017, manual lists"), faces)
    assert counts == {
        "training rows": 5, "training rows, none": 3, "training rows, uncertain or no face": 2,
        "validation rows": 2, "validation rows, surprise": 1,
    }  # fmt: skip


def test_actors_are_counted_once():
    faces = [Face(item=str(n), group=group) for n, group in enumerate(["a", "a", "b", "", "actor unknown"])]
    assert expected.counted(release("AFEW-VA, 12 archives", clips=3), faces) == {"clips": 3, "actors": 2}


def test_segments_are_counted_by_name():
    names = [
        "SAH_C1_S001_P001_VC1_000001_000100",
        "SAH_C1_S001_P002_VC1_000011_000020",
        "SSD_C2_S002_P003_VC1_000001_000001",
    ]
    units = [Segment(name) for name in names] + [Segment(names[0], repeated="copy")]
    assert expected.counted(release("SEWA Basic, annotations V", units)) == {
        "segments": 3, "frames by the names": 111, "sessions": 2, "subjects": 3,
        "segments SAH": 2, "segments SSD": 1,
    }  # fmt: skip


def test_recordings_are_counted_by_name():
    units = [SimpleNamespace(name=f"Train_DE_{n:02d}") for n in range(33)]
    units += [SimpleNamespace(name=f"Devel_DE_{n:02d}") for n in range(14)]
    counts = expected.counted(release("AVEC 2018", units))
    assert counts == {"Train_DE recordings": 33, "Devel_DE recordings": 14}
    assert expected.deviations("AVEC 2018", counts) == [
        {"what": "Train_DE recordings", "expected": 34, "found": 33, "source": "paper"}
    ]


def test_differences():
    assert expected.deviations("AFEW-VA, folders", {"clips": 600, "frames": 30_051, "actors": 240}) == []
    assert expected.deviations("AFEW-VA, folders", {"clips": 599}) == [
        {"what": "clips", "expected": 600, "found": 599, "source": "paper"}
    ]
    about = {what: {"training rows": number} for what, number in (("near", 539_607), ("far", 400_000))}
    assert not expected.deviations("AffectNet 2017, automatic list", about["near"])
    assert expected.deviations("AffectNet 2017, automatic list", about["far"])
    assert expected.deviations("something else", {"clips": 1}) == []
