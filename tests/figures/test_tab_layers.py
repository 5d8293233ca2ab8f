"""Times of layers: medians, spreads, and ratios within one layer and call only."""

import pytest
from table_inputs import pipe_rows, read_long

from figures import tab_layers
from hocp.contracts import files


def benchmark(layer, call, kind, median, **info):
    return {"name": f"test[{kind}]", "extra_info": {"layer": layer, "call": call, "kind": kind, "threads": 1,
                           "processor": "Some CPU", "torch": "2.13.0", **info},
            "stats": {"median": median, "iqr": median / 10, "rounds": 7}}  # fmt: skip


BENCHMARKS = [
    benchmark("64 to 64", "forward", "dense", 0.004, macs=1_500_000),
    benchmark("64 to 64", "forward", "hocp", 0.002),
    benchmark("64 to 64", "forward", "tltorch", 0.006),
    benchmark("64 to 64", "forward + backward", "hocp", 0.010),
    benchmark("8 to 8", "forward", "hocp", 0.001),
    benchmark("8 to 8", "forward", "dense", 0.0005),
]


def make(tmp_path, benchmarks):
    files.write_json(tmp_path / "layers.json", {"benchmarks": benchmarks})
    tab_layers.main(["--layers", str(tmp_path / "layers.json"), "--out", str(tmp_path / "tab_layers")])
    return read_long(tmp_path / "tab_layers"), (tmp_path / "tab_layers.md").read_text()


def test_medians_and_ratios(tmp_path):
    rows, text = make(tmp_path, BENCHMARKS)
    found = {(r["layer"], r["call"], r["kind"]): r for r in rows}
    ours = found["64 to 64", "forward", "hocp"]
    assert (ours["median_ms"], ours["iqr_ms"], ours["rounds"]) == ("2.000", "0.200", "7")
    assert (ours["ratio_to_dense"], ours["ratio_to_tltorch"]) == ("2.00", "3.00")
    assert found["64 to 64", "forward", "dense"]["macs"] == "1500000"
    # Neither another call nor another layer is a reference.
    alone = found["64 to 64", "forward + backward", "hocp"]
    assert (alone["ratio_to_dense"], alone["ratio_to_tltorch"]) == ("", "")
    assert found["8 to 8", "forward", "hocp"]["ratio_to_dense"] == "0.50"
    assert "Timed with 1 thread of Some CPU, torch 2.13.0." in text
    lines = pipe_rows(text)
    assert lines[0][2:] == ["Forward", "", "", "", "Forward + backward", "", "", ""]
    names = [line[0] for line in lines[3:]]
    assert names[0] == "*64 to 64*" and names[4] == "*8 to 8*"
    chosen = ["HO-CP, form chosen by shape", "", "2.000", "0.200", "2.00", "3.00", "10.000", "1.000", "", ""]
    assert lines[5] == chosen


@pytest.mark.parametrize(
    ("benchmarks", "message"),
    [
        ([], "no benchmark in it"),
        ([BENCHMARKS[0], BENCHMARKS[0]], "64 to 64, forward, dense stands twice"),
        ([{**BENCHMARKS[0], "extra_info": {"layer": "x"}}], r"test\[dense\]: extra_info has no call, kind"),
    ],
)
def test_a_report_that_cannot_be_read_is_named(tmp_path, benchmarks, message):
    with pytest.raises(ValueError, match=rf"layers\.json.*{message}"):
        make(tmp_path, benchmarks)
