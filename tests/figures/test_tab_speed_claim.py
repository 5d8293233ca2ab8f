"""The four lines of speed: means by hand, what was not timed, and rows that each number leads back to."""

import csv
from math import prod

import pytest
from speed_inputs import layer, write_speed
from table_inputs import read_long

from figures import tab_speed_claim


def make(folder, found=None):
    path = write_speed(folder / "speed.csv", found)
    tab_speed_claim.main(["--speed", str(path), "--out", str(folder / "tab_speed_claim")])
    rows = read_long(folder / "tab_speed_claim")
    return {(row["line"], row["call"], row["against"]): row for row in rows}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("claim"))


def test_layers_are_the_geometric_mean_of_the_stages(made):
    row = made["3-D layers of a ResNet-18", "inference", "dense"]
    saved = prod(27 * c / (2 * c + 9) for c in (64, 128, 256, 512)) ** (1 / 4)
    assert float(row["times_quicker"]) == pytest.approx(saved * 0.5 / 0.6, rel=1e-4)
    assert float(row["low"]) == pytest.approx(saved * 0.5 / 0.6 * 0.95 / 1.1, rel=1e-4)
    assert float(row["share_low"]) == pytest.approx((2 * 512 + 10) / (27 * 512), abs=1e-4)


def test_evidence_is_one_row_of_each_side_and_stage(made, tmp_path):
    with write_speed(tmp_path / "speed.csv").open(newline="") as file:
        timings = list(csv.DictReader(file))
    evidence = made["3-D layers of a ResNet-18", "training", "TensorLy-Torch"]["evidence"].split("; ")
    assert len(evidence) == 4 * 2
    for text in evidence:
        wanted = dict(pair.split("=") for pair in text.removeprefix("speed.csv#").split("|"))
        (row,) = [row for row in timings if wanted.items() <= row.items()]
        assert row["peer"] in ("hocp auto", "tltorch mobilenet")  # the fastest of the three


def test_what_was_not_timed_has_its_reason(tmp_path):
    found = make(tmp_path, [layer(2, 64, 14, "C", "forward", peer) for peer in ("dense", "hocp auto")])
    row = found["2-D layers of a ResNet-18", "inference", "TensorLy-Torch"]
    assert (row["times_quicker"], row["reason"]) == ("", "not run: no timing of both")
    assert found["2-D layers of a ResNet-18", "inference", "dense"]["reason"] == ""


def test_products_of_torch_count_by_the_faster(tmp_path):
    ours = layer(2, 64, 14, "C", "forward", "hocp auto") | {"median_ms": 8.0}
    found = [ours, ours | {"peer": "products conv", "median_ms": 10.0},
             ours | {"peer": "products linear", "median_ms": 6.0}]  # fmt: skip
    row = make(tmp_path, found)["2-D layers of a ResNet-18", "inference", "two products alone"]
    assert float(row["times_quicker"]) == pytest.approx(6 / 8)
    assert "1 means that ours computes its convolutions" in (tmp_path / "tab_speed_claim.md").read_text()


STAGES = ((64, 56), (128, 28), (256, 14), (512, 7))


def on_gpu(channels, side, call, peer, dtype, milliseconds):
    row = layer(3, channels, side, "C", call, "hocp auto", device="H200", threads=8, dtype=dtype)
    return row | {"peer": peer, "median_ms": milliseconds, "q25_ms": milliseconds, "q75_ms": milliseconds}


def test_a_gpu_has_a_line_for_each_number_format(tmp_path):
    found = []
    for dtype, dense in (("float32", 8.0), ("bfloat16", 2.0)):
        for stage in STAGES:
            found += [on_gpu(*stage, "forward", "dense", dtype, dense)]
            found += [on_gpu(*stage, "forward", "hocp triton", dtype, 1.0)]
    made = make(tmp_path, found)
    assert {key[0] for key in made} == {f"3-D layers of a ResNet-18, {d}" for d in ("bfloat16", "float32")}
    assert float(made["3-D layers of a ResNet-18, float32", "inference", "dense"]["times_quicker"]) == 8
    assert float(made["3-D layers of a ResNet-18, bfloat16", "inference", "dense"]["times_quicker"]) == 2
    assert not any(against == "two products alone" for _, _, against in made)
    text = (tmp_path / "tab_speed_claim.md").read_text()
    assert "Timed on H200" in text and "CUDA graphs" in text and "products alone" not in text


def test_a_mean_of_some_sizes_of_a_gpu_is_not_shown(tmp_path):
    found = [
        on_gpu(*stage, "forward", peer, "float32", 1.0)
        for stage in STAGES
        for peer in ("dense", "hocp triton")
    ]
    for row in found[2:]:
        row["median_ms"] = row["q25_ms"] = row["q75_ms"] = ""
    row = make(tmp_path, found)["3-D layers of a ResNet-18, float32", "inference", "dense"]
    assert (row["times_quicker"], row["reason"]) == ("", "not run: only 1 of 4 sizes were timed")


def test_a_gpu_has_columns_of_the_products_alone_where_they_were_timed(tmp_path):
    found = []
    for stage in STAGES:
        for peer, time in (("dense", 4.0), ("hocp triton", 1.0), ("products linear", 0.5)):
            found += [on_gpu(*stage, "forward", peer, "bfloat16", time)]
    made = make(tmp_path, found)
    row = made["3-D layers of a ResNet-18, bfloat16", "inference", "two products alone"]
    assert float(row["times_quicker"]) == 0.5
