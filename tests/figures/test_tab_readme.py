"""The tables in the README are those of the CSV files, or the check says which are not."""

from math import prod

import pytest
from speed_inputs import layer, write_speed
from table_inputs import METHODS, pipe_rows, runs, write_cost, write_runs

from figures import claims, readme, tab_afew_va, tab_affectnet, tab_cifar, tab_claims, tab_sewa, tab_sizes
from hocp.contracts import claims as ledger

MARKED = (
    "# Title\n\n<!-- table:headline -->\nold\n<!-- /table -->\n\nBetween.\n\n"
    "<!-- table:tab_sewa -->\n<!-- /table -->\nEnd.\n"
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Folder with every table that the README can show, all runs on generated data at 0.5."""
    folder = tmp_path_factory.mktemp("tables")
    found = write_runs(folder / "runs.csv", [row for dataset in METHODS for row in runs(dataset)])
    cost = write_cost(folder / "cost.csv")
    for command in (tab_affectnet, tab_sewa, tab_afew_va, tab_sizes, tab_cifar):
        option = ["--runs", found] if command in (tab_affectnet, tab_sewa, tab_afew_va) else ["--cost", cost]
        command.main([*option, "--out", str(folder / command.__name__.rpartition(".")[2])])
    return folder


SPEED = "<!-- table:speed -->\nold\n<!-- /table -->\n"


def call(tmp_path, tables, text, *options):
    place = tmp_path / "README.md"
    place.write_text(text)
    status = readme.main(["--readme", str(place), "--tables", str(tables), "--scenario", "made_up", *options])
    return status, place.read_text()


def test_only_what_is_between_the_markers_changes(tmp_path, tables):
    status, text = call(tmp_path, tables, MARKED)
    assert status == 0
    assert text.startswith("# Title\n\n<!-- table:headline -->\n|")
    assert "old" not in text
    assert "\n\nBetween.\n\n<!-- table:tab_sewa -->\n|" in text
    assert text.endswith("<!-- /table -->\nEnd.\n")


def test_rewriting_twice_changes_nothing(tmp_path, tables):
    _, once = call(tmp_path, tables, MARKED)
    assert call(tmp_path, tables, once) == (0, once)


def test_paper_ours_verdict(tmp_path, tables):
    _, text = call(tmp_path, tables, MARKED)
    lines = pipe_rows(text)
    assert ["ResNet-18 3-D, parameters", "33 Mˢ", "33.167 M", "reproduced"] in lines
    assert ["15 bars of the FLOP figure", "3.48 to 231.95 GFLOPsᵛ", "15 equal to 5 decimals",
            "reproduced"] in lines  # fmt: skip
    assert ["SEWA, HO-CPConv, transduction", "0.75ʳ / 0.52ʳ", "0.500 / 0.500",
            "not comparable: generated data"] in lines  # fmt: skip
    assert "ours, generated data" in text
    assert "remembered only" in text
    assert "scenario `made_up`" in text


def test_a_table_shows_every_method_that_the_paper_trained(tmp_path, tables):
    _, text = call(tmp_path, tables, "<!-- table:tab_sewa -->\n<!-- /table -->\n")
    names = [line[0] for line in pipe_rows(text)[2:]]
    assert len(names) == len(METHODS["sewa"])
    assert not [name for name in names if "TRL" in name]


def test_several_seeds_have_a_spread(tmp_path):
    found = write_runs(tmp_path / "runs.csv", runs("sewa", seeds=(0, 1, 2)))
    tab_sewa.main(["--runs", found, "--out", str(tmp_path / "tab_sewa")])
    _, text = call(tmp_path, tmp_path, "<!-- table:tab_sewa -->\n<!-- /table -->\n")
    assert "| 0.510 ± 0.010 / 0.510 ± 0.010 |" in text
    assert "scenario `made_up`, mean ± standard deviation over 3 seeds." in text


def test_speed_is_that_of_the_timings(tmp_path, tables):
    timings = write_speed(tmp_path / "speed.csv")
    _, text = call(tmp_path, tables, SPEED, "--speed", str(timings))
    lines = pipe_rows(text)
    assert lines[0][2:] == ["Than dense", "", "Than TensorLy-Torch", "", "Than two products alone", ""]
    saved = prod(27 * c / (2 * c + 9) for c in (64, 128, 256, 512)) ** (1 / 4)
    dense = (
        f"{saved * 0.5 / 0.6:.1f} ({saved * 0.5 / 0.6 * 0.95 / 1.1:.1f}–{saved * 0.5 / 0.6 * 1.1 / 0.95:.1f})"
    )
    against = "2.5 (2.2–2.9)"  # 0.5 of the peak over 0.2, that of the fastest of three forms
    assert lines[3][:6] == ["3-D layers of a ResNet-18", "7 to 8 %", dense, dense, against, against]
    assert lines[3][6:] == ["not run"] * 2  # the made-up record has no products
    assert [line[:2] for line in lines[4:]] == [
        ["2-D layers of a ResNet-18", "22 to 23 %"], ["R3D-18", "9 %"], ["ResNet-18", "26 %"]
    ]  # fmt: skip
    assert "Some CPU, torch 2.13.0. 2 threads, float32, allocator kept." in text


def test_without_timings_speed_is_not_run(tmp_path, tables):
    _, text = call(tmp_path, tables, SPEED)
    assert text == SPEED.replace("old", "Not run: there is no record of timings yet.")


def test_what_a_record_does_not_hold_is_not_run(tmp_path, tables):
    rows = [layer(2, 64, 14, "C", "forward", peer) for peer in ("dense", "hocp auto")]
    _, text = call(tmp_path, tables, SPEED, "--speed", str(write_speed(tmp_path / "speed.csv", rows)))
    lines = pipe_rows(text)
    assert lines[3] == ["3-D layers of a ResNet-18", *["not run"] * 7]
    assert lines[4][1:] == ["23 %", "3.6 (3.1–4.1)", *["not run"] * 5]


def test_check_passes_on_a_fresh_readme_and_names_a_stale_table(tmp_path, tables, capsys):
    _, fresh = call(tmp_path, tables, MARKED)
    assert call(tmp_path, tables, fresh, "--check") == (0, fresh)
    stale = fresh.replace("0.75ʳ / 0.52ʳ", "0.75ʳ / 0.99ʳ", 1)
    status, text = call(tmp_path, tables, stale, "--check")
    assert (status, text) == (1, stale)  # the check writes nothing
    assert "out of date: headline;" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no marker here", "no marker; put"),
        ("<!-- table:tab_moon -->\n<!-- /table -->\n", "marker table:tab_moon: expected one of headline"),
    ],
)
def test_what_cannot_be_filled_is_named(tmp_path, tables, capsys, text, message):
    assert call(tmp_path, tables, text) == (2, text)
    assert message in capsys.readouterr().err


def test_a_missing_table_leaves_the_readme_alone(tmp_path, capsys):
    assert call(tmp_path, tmp_path, MARKED) == (2, MARKED)
    assert "tab_sizes.csv" in capsys.readouterr().err


def test_claims_are_gathered_by_their_verdict(tmp_path, tables):
    claims.main(["--cost", str(tables / "cost.csv"), "--out", str(tmp_path / "claims.csv")])
    tab_claims.main(["--claims", str(tmp_path / "claims.csv"), "--out", str(tmp_path / "tab_claims")])
    _, text = call(tmp_path, tmp_path, "<!-- table:claims -->\n<!-- /table -->\n")
    lines = {line[0]: line[1:] for line in pipe_rows(text)}
    assert lines["not testable here"] == ["3", "state of the art, CIFAR-10 accuracy, 20BN-Jester"]
    assert "size of ResNet-18 3-D" in lines["reproduced"][1]
    assert lines["not reproduced"] == ["1", "50 times fewer operations"]
    assert lines["not run"][1].startswith("no identities.csv in this scenario: chain of")
    assert sum(int(line[0]) for line in list(lines.values())[2:]) == len(ledger.load())


def test_a_claim_judged_on_generated_data_says_how_it_stands(tmp_path):
    (tmp_path / "tab_claims.csv").write_text(
        "short,verdict,data,reason\none,partly supported,generated,3 of 4\ntwo,reproduced,definitions,equal\n"
    )
    _, text = call(tmp_path, tmp_path, "<!-- table:claims -->\n<!-- /table -->\n")
    lines = pipe_rows(text)
    assert ["partly supported on generated data", "1", "one (3 of 4)"] in lines
    assert ["reproduced", "1", "two"] in lines
