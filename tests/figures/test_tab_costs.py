"""Sizes, operations and CIFAR: analytic numbers are judged against published ones."""

import pytest
from table_inputs import cost_rows, read_long, write_cost

from figures import tab_cifar, tab_sizes
from figures.cost_tables import read_cost
from hocp.contracts import published


def make(tmp_path, command, rows=None):
    prefix = tmp_path / command.__name__.rpartition(".")[2]
    command.main(["--cost", write_cost(tmp_path / "cost.csv", rows), "--out", str(prefix)])
    return read_long(prefix), prefix.with_suffix(".md").read_text()


def part(rows, name):
    return {row["item"]: row for row in rows if row["part"] == name}


def test_sizes_round_to_the_published_ones(tmp_path):
    rows, text = make(tmp_path, tab_sizes)
    sizes = part(rows, "sizes")
    assert {k: (r["published"], r["ours"]) for k, r in sizes.items()} == {
        "resnet18": ("11", "11.178"), "r3d18": ("33", "33.167"), "r2plus1d18": ("31", "31.301"),
        "hocp_resnet18_3d": ("11", "11.250"),
    }  # fmt: skip
    assert {row["verdict"] for row in sizes.values()} == {"reproduced"}
    assert "| ResNet-18 3-D | 33ˢ | 33,167,298ᵉ | 33,167,298 | 2.000 |" in text


def test_all_fifteen_bars_follow_from_the_closed_forms(tmp_path):
    rows, _ = make(tmp_path, tab_sizes)
    bars = part(rows, "flop_figure")
    assert len(bars) == 15
    assert {(row["verdict"], row["confidence"]) for row in bars.values()} == {("reproduced", "vector_figure")}
    assert (bars["512x512.hocp6"]["published"], bars["512x512.hocp6"]["ours"]) == ("104.95826", "104.95826")
    assert part(rows, "flop_figure_macs")["512x512.hocp6"]["ours"] == "51.993"  # 16384 * 3072 * 1033 / 1e9


@pytest.mark.parametrize("off", [1e-5, -1e-5])
def test_a_bar_that_differs_in_the_fifth_decimal_is_not_reproduced(tmp_path, off):
    changed = list(cost_rows())
    changed[-1]["gflops_paper_convention"] = 104.95826 + off
    bars = part(make(tmp_path, tab_sizes, changed)[0], "flop_figure")
    assert bars["512x512.hocp6"]["verdict"] == "not reproduced"
    assert bars["512x512.hocp3"]["verdict"] == "reproduced"


def test_one_parameter_too_many_is_not_reproduced(tmp_path):
    changed = list(cost_rows())
    (row,) = [row for row in changed if (row["table"], row["item"]) == ("emotion", "r3d18")]
    row["parameters"] += 1
    counts = part(make(tmp_path, tab_sizes, changed)[0], "sizes_counts")
    assert (counts["r3d18"]["verdict"], counts["resnet18"]["verdict"]) == ("not reproduced", "reproduced")


def test_of_the_rank_rules_only_the_matched_one_gives_the_size(tmp_path):
    rules = part(make(tmp_path, tab_sizes)[0], "rank_rules")
    assert [row["verdict"] for row in rules.values()] == ["reproduced", "not reproduced", "not reproduced"]


def test_torchvision_is_compared_at_its_own_input_only(tmp_path):
    rows = part(make(tmp_path, tab_sizes)[0], "torchvision")
    assert {row["verdict"] for row in rows.values()} == {"reproduced"}
    moved = [row | {"input": "3x8x112x112"} if row["table"] == "torchvision" else row for row in cost_rows()]
    rows = part(make(tmp_path, tab_sizes, moved)[0], "torchvision")
    assert {(row["ours"], row["verdict"]) for row in rows.values()} == {("", "not run")}


def test_a_layer_that_was_not_counted_says_so(tmp_path):
    rows, _ = make(tmp_path, tab_sizes, list(cost_rows())[:-1])
    row = part(rows, "flop_figure")["512x512.hocp6"]
    assert (row["ours"], row["verdict"], row["reason"]) == ("", "not run", "not in cost.csv")


def test_cifar_sizes_are_judged_and_accuracies_not_run(tmp_path):
    rows, text = make(tmp_path, tab_cifar)
    assert {k: (r["published"], r["ours"], r["verdict"]) for k, r in part(rows, "cifar").items()} == {
        "mobilenetv2_cifar": ("2.30", "2.297", "reproduced"),
        "hocp_mobilenetv2_cifar": ("2.29", "2.290", "reproduced"),
    }
    for row in part(rows, "cifar_accuracy").values():
        assert (row["published"], row["ours"], row["verdict"]) == ("94", "", "not run")
        assert row["reason"] == "CIFAR-10 is not part of the suite"
    assert "2,289,786ᵉ" in text


def test_counts_of_the_paper_file_all_appear(tmp_path):
    shown = {row["published"].partition(" ")[0] for command in (tab_sizes, tab_cifar)
             for row in make(tmp_path, command)[0] if row["part"].endswith("_counts")}  # fmt: skip
    expected = {str(c.parameters) for c in published.load().counts()
                if c.outputs == (10 if c.network.endswith("_cifar") else 2)}  # fmt: skip
    assert shown == expected


def test_a_row_that_stands_twice_is_refused(tmp_path):
    rows = list(cost_rows())
    with pytest.raises(ValueError, match="stands twice"):
        read_cost(write_cost(tmp_path / "cost.csv", [*rows, rows[0]]))
