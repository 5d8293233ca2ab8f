"""Timings are compared alike with alike: ratios by hand, their spread, the faster layout, and refusals."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from speed_inputs import layer, slowed, timing, write_speed

from figures import speed
from figures.speed import Condition, Ratio
from hocp.contracts import record

DENSE = timing(12.0, suite="layers", subject="some layer", batch=2, rank_of="C", call="forward", peer="dense")
OURS = {**DENSE, **timing(3.0), "peer": "hocp auto"}


def table(*rows):
    return pd.DataFrame(rows)


def test_ratio_and_spread_by_hand():
    ratio = speed.quicker(table(DENSE, OURS), speed.OURS, ["dense"])
    assert ratio == pytest.approx((12 / 3, 0.95 * 12 / (1.1 * 3), 1.1 * 12 / (0.95 * 3)))
    assert str(ratio) == "4.0 (3.5–4.6)"


def test_the_peer_counts_in_its_faster_layout_and_the_fastest_of_several():
    last = {**DENSE, **timing(9.0), "layout": "channels_last"}
    assert speed.quicker(table(DENSE, last, OURS), speed.OURS, ["dense"]).value == pytest.approx(3)
    other = {**DENSE, **timing(6.0), "peer": "tucker"}
    assert speed.quicker(table(DENSE, last, other, OURS), speed.OURS, ["dense", "tucker"]).value == 2


def test_nothing_to_compare_is_no_number():
    assert speed.quicker(table(DENSE), speed.OURS, ["dense"]) is None
    assert speed.quicker(table(DENSE, {**OURS, "median_ms": None}), speed.OURS, ["dense"]) is None


@pytest.mark.parametrize("column", speed.ALIKE)
def test_unlike_timings_are_refused_by_name(column):
    other = {**OURS, column: 7 if column in speed.NUMBERS else "else"}
    with pytest.raises(ValueError, match=rf"timings differ in {column}: \w+.*, .*one run, timed alike"):
        speed.quicker(table(DENSE, other), speed.OURS, ["dense"])


def test_rows_of_two_machines_share_no_figure():
    other = {**DENSE, "processor": "Other CPU", "commit": "def"}
    with pytest.raises(ValueError, match="processor: Other CPU, Some CPU; commit: abc, def"):
        speed.under(table(DENSE, other), Condition("cpu", "float32", 2, "kept"))


def test_a_case_is_one_layer_at_one_rank_under_one_call(tmp_path):
    cases = [("2C", "forward"), ("C", "forward + backward"), ("C", "forward")]
    rows = [layer(3, 64, 8, *case, peer) for peer in ("dense", "hocp auto") for case in cases]
    read = speed.read(write_speed(tmp_path / "speed.csv", rows))
    found = [(case.rank_of, case.call, list(of_case["peer"])) for case, of_case in speed.cases(read)]
    assert found == [(*case, ["dense", "hocp auto"]) for case in cases]


def test_figures_show_the_kept_allocator_on_the_most_threads():
    kinds = [{}, {"allocator": "default"}, {"threads": 1}, {"device": "H200", "threads": 4}]
    chosen = speed.condition(table(*({**DENSE, **kind} for kind in kinds)))
    assert chosen == ("cpu", "float32", 2, "kept")
    assert str(chosen) == "2 threads, float32, allocator kept"


@pytest.mark.parametrize(
    ("rows", "message"),
    [([], "no timing in it"), ([layer(2, 64, 8, "C", "forward", "dense")] * 2, "dense.* stands twice")],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, rows, message):
    with pytest.raises(ValueError, match=rf"speed\.csv: .*{message}"):
        speed.read(write_speed(tmp_path / "speed.csv", rows))


def test_numbers_are_numbers_and_an_empty_cell_is_none(tmp_path):
    read = speed.read(write_speed(tmp_path / "speed.csv", [layer(2, 64, 8, "C", "forward", "dense")]))
    assert list(read.columns) == list(record.SPEED)
    assert read.loc[0, "channels"] == 64 and pd.isna(read.loc[0, "saved_bytes"])
    assert read.loc[0, "form"] == ""


def test_share_of_the_roofline():
    row = pd.Series({**DENSE, "roof_ms": 6.0})
    assert speed.roof_fraction(row) == pytest.approx((0.5, 6 / 13.2, 6 / 11.4))


times = st.floats(0.01, 1e4)


@given(times, times, times)
def test_a_ratio_turns_round_and_chains(a, b, c):
    first, second, third = (slowed(timing(1.0), value) for value in (a, b, c))
    there, back = speed.quotient(first, second), speed.quotient(second, first)
    assert there.low <= there.value <= there.high
    assert there == pytest.approx((1 / back.value, 1 / back.high, 1 / back.low))
    assert there.value * speed.quotient(second, third).value == pytest.approx(a / c)


@given(st.lists(st.tuples(times, times, times), min_size=1, max_size=5))
def test_geometric_mean_is_the_root_of_the_product(values):
    mean = speed.geometric_mean([Ratio(*sorted(triple)) for triple in values])
    product = 1.0
    for triple in values:
        product *= sorted(triple)[0] ** (1 / len(values))
    assert mean.value == pytest.approx(product)
