"""Parts of a speed benchmark put together: statistics over passes, the roof, and what is refused."""

import json

import pytest

from hocp.contracts import files, record
from tests.bench import collect
from tests.bench.speed_parts import INFO, LIMITS, benchmark, part


def one_row(*benchmarks):
    (row,) = collect.rows({"p.json": part(*benchmarks)})
    return row


def test_passes_are_merged_into_one_row():
    row = one_row(benchmark("dense", 1, [4, 6]), benchmark("dense", 0, [1, 2, 3]))
    assert (row["rounds"], row["median_ms"], row["q25_ms"], row["q75_ms"]) == (5, 3, 2, 4)
    assert row["pass_medians_ms"] == "2.0000 5.0000", "in the order of the passes, not of the file"
    assert row["macs"] == 10**9 and row["error"] == 1e-7


def test_disturbed_passes_are_left_out_of_the_statistics_if_there_are_others():
    quiet, disturbed = benchmark("dense", 0, [1, 2, 3]), benchmark("dense", 1, [8, 9], disturbed=True)
    row = one_row(quiet, disturbed)
    assert (row["rounds"], row["median_ms"]) == (3, 2)
    assert row["pass_medians_ms"] == "2.0000 8.5000", "all passes, since peers are compared pass by pass"
    quiet["extra_info"]["disturbed"] = True
    assert one_row(quiet, disturbed)["rounds"] == 5


def test_layouts_are_rows_of_their_own():
    part_ = part(*(benchmark("dense", 0, [1], layout=layout) for layout in ("contiguous", "channels_last")))
    assert [row["layout"] for row in collect.rows({"p": part_})] == ["contiguous", "channels_last"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 20),  # 2 GFLOP at 100 GFLOP/s
        ({"bytes": 2**24 + 10**9}, 1e3 * (2**24 + 10**9) / 10e9),  # from memory
        ({"macs": 1, "bytes": 4 * 10**6}, 0.1),  # within the cache
        ({"call": "forward + backward"}, 60),
        ({"call": "inference"}, 20),
        ({"call": "training step"}, 60),
    ],
)
def test_roof(changes, expected):
    info = benchmark("hocp auto", 0, [1], **changes)["extra_info"]
    assert collect.roof_ms(info, LIMITS) == pytest.approx(expected)


def test_others_have_no_roof():
    assert collect.roof_ms(benchmark("tucker", 0, [1])["extra_info"], LIMITS) is None


def write(folder, **parts):
    """Paths of parts written as JSON."""
    for name, content in parts.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return [str(folder / f"{name}.json") for name in parts]


def test_command_writes_rows_and_environment(tmp_path):
    fast, slow = part(benchmark("dense", 0, [1])), part(benchmark("dense", 0, [2], threads=1, disturbed=True))
    out = tmp_path / "speed.csv"
    collect.main([*write(tmp_path, two=fast, one=slow), "--out", str(out)])
    rows = files.read_csv(out, record.SPEED)
    assert [row["threads"] for row in rows] == ["2", "1"]
    assert rows[0]["saved_bytes"] == "" and rows[0]["subject"] == INFO["subject"]
    told = files.read_json(tmp_path / "speed.json")
    assert told["processor"] == "P"
    assert [(run["passes"], run["disturbed"]) for run in told["runs"]] == [(1, 0), (1, 1)]
    assert [(run["part"], run["threads"], run["peak_gflops"]) for run in told["runs"]] == [
        ("two", 2, 100), ("one", 1, 100)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"processor": "Q"}, {"cores": 4}, {"packages": {"torch": "2.6"}}, {"code": {"commit": "d"}}]
)
def test_unlike_machines_are_refused(change):
    parts = {
        "a": part(benchmark("dense", 0, [1])),
        "b": part(benchmark("dense", 0, [1], threads=1), **change),
    }
    with pytest.raises(
        ValueError, match=rf"b and a cannot be compared, they differ in {next(iter(change))}: "
    ):
        collect.common(parts)


def test_clocks_may_differ():
    parts = {
        "a": part(benchmark("dense", 0, [1])),
        "b": part(benchmark("dense", 0, [1]), clocks_mhz=[3.0, 3.0]),
    }
    assert [run["clocks_mhz"] for run in collect.common(parts)["runs"]] == [[2400.0, 2400.0], [3.0, 3.0]]


def test_a_row_in_two_parts_is_refused():
    parts = {name: part(benchmark("dense", 0, [1])) for name in ("a", "b")}
    with pytest.raises(ValueError, match=r"b: layers, .*dense.* stands in a, too"):
        list(collect.rows(parts))


def test_an_empty_part_is_refused():
    with pytest.raises(ValueError, match=r"a: no benchmark in it"):
        collect.common({"a": part()})


def test_the_roof_is_the_highest_that_any_part_on_as_many_threads_saw():
    slow, quick = (
        part(benchmark("hocp auto", 0, [1])),
        part(benchmark("hocp auto", 0, [1], allocator="default")),
    )
    slow["machine_info"] = {**slow["machine_info"], "limits": {name: 0.5 * x for name, x in LIMITS.items()}}
    single = part(benchmark("hocp auto", 0, [1], threads=1))
    single["machine_info"] = slow["machine_info"]
    roofs = [row["roof_ms"] for row in collect.rows({"a": slow, "b": quick, "c": single})]
    assert roofs == [20, 20, 40]  # 2 GFLOP at 100 and 50 GFLOP/s


def test_a_dense_convolution_above_the_measured_peak_raises_it():
    """2 GFLOP in 8 ms, in its quicker pass; of images a library may save multiply-adds."""
    dense = benchmark("dense", 0, [9, 10, 11]), benchmark("dense", 1, [8])
    image = benchmark("dense", 0, [1], order=2, subject="2-D")
    report = part(*dense, image, benchmark("tucker", 0, [1]))
    assert collect.highest([report]) == {2: {**LIMITS, "peak_gflops": pytest.approx(250)}}
