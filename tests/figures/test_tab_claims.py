"""The claims judged: exact ones from counts and identities, effects by their intervals, no more."""

from pathlib import Path

import pytest
import yaml
from table_inputs import METHODS, cost_rows, pipe_rows, read_long, runs, write_cost, write_runs

from figures import claims, tab_claims, verdicts
from hocp.contracts import claims as ledger
from hocp.contracts import files, published, record

NAMES = (
    "chain_is_dense",
    "modes_commute",
    "transduced_is_frame_by_frame",
    "ones_sum_neighbours",
    "transduction_adds_taps_times_rank",
    "bottleneck_is_tucker",
    "resnext_is_tucker",
    "mobilenet_v1_is_cp",
    "mobilenet_v2_is_cp",
    "pruned_is_whole",
)


def write_identities(path: Path, **relative: float) -> str:
    """identities.csv with the error 2e-16 but where another is given."""
    rows = [
        {
            "identity": name,
            "case": "one",
            "order": 2,
            "dtype": "float64",
            "seed": 0,
            "error": 1e-16,
            "scale": 0.5,
            "relative": relative.get(name, 2e-16),
        }
        for name in NAMES
    ]
    files.write_csv(path, record.IDENTITIES, rows)
    return str(path)


def comparison(family="transduction_vs_scratch", a="hocp_transduction", b="hocp_scratch", **changes):
    """One row of comparisons.csv: a clear gain of `a`, over three seeds."""
    return {
        "dataset": "sewa",
        "family": family,
        "method_a": a,
        "method_b": b,
        "dimension": "valence",
        "metric": "ccc",
        "difference": 0.3,
        "low": 0.1,
        "high": 0.5,
        "p_value": 0.001,
        "p_adjusted": 0.01,
        "adjustment": "holm",
        "unit": "clip",
        "seeds": 3,
        "clusters": 40,
        "data": "generated",
        "reason": "",
    } | changes


def write_ranks(folder: Path, *zeroed: int) -> list[str]:
    """ranks.csv of one run each: so many of 100 components."""
    paths = []
    for seed, count in enumerate(zeroed):
        row = {
            "run": f"affectnet.hocp_lasso.f0.s{seed}",
            "data": "generated",
            "gamma": 1,
            "layer": "l",
            "rank": 100,
            "zeroed": count,
            "share": count / 100,
            "parameters_before": 1,
            "parameters_after": 1,
        }
        files.write_csv(folder / f"s{seed}" / "ranks.csv", record.RANKS, [row])
        paths.append(str(folder / f"s{seed}" / "ranks.csv"))
    return paths


def judged(tmp_path, *options) -> dict[str, dict[str, str]]:
    """Rows of claims.csv by id."""
    claims.main([*map(str, options), "--out", str(tmp_path / "claims.csv")])
    return {row["id"]: row for row in files.read_csv(tmp_path / "claims.csv", claims.COLUMNS)}


def compared(tmp_path, *rows) -> dict[str, str]:
    """The claim that transduction beats training from scratch, from these rows."""
    files.write_csv(tmp_path / "comparisons.csv", record.COMPARISONS, rows)
    return judged(tmp_path, "--comparisons", tmp_path / "comparisons.csv")["transduction_over_scratch"]


def test_every_claim_has_a_rule_and_a_place():
    found = ledger.load()
    assert len(found) == len({claim.id for claim in found}) >= 25
    assert {claim.test["rule"] for claim in found} == set(claims.RULES), (
        "a rule that no claim uses, or the reverse"
    )
    assert {claim.confidence for claim in found} <= set(published.load().levels)
    assert all(len(claim.short) < 50 for claim in found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(kind="sure"), r"claims\[0\]\.kind: 'sure' is not one"),
        (lambda c: c.update(extra=1), r"claims\[0\]: .*'extra' was unexpected"),
        (lambda c: c["test"].update(rule="guess"), r"claims\[0\]\.test: "),
        (
            lambda c: c.update(testable_on=[]),
            r"claim size_resnet18: testable_on is \[\] with the rule 'rounds'",
        ),
        (
            lambda c: c.update(testable_on=["licensed"]),
            r"claim size_resnet18: kind is analytic but testable_on",
        ),
        (lambda c: c.update(id="size_r3d18"), r"claims\[1\]\.id: 'size_r3d18' stands twice"),
    ],
)
def test_a_slip_in_the_ledger_is_named(tmp_path, change, message):
    document = yaml.safe_load(ledger.LEDGER.read_text("utf-8"))
    change(document["claims"][0])
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(ValueError, match=rf"claims\.yaml: {message}"):
        ledger.load(tmp_path / "claims.yaml")


def test_analytic_claims_are_settled_by_counts_and_identities(tmp_path):
    found = judged(
        tmp_path,
        "--cost",
        write_cost(tmp_path / "cost.csv", counted()),
        "--identities",
        write_identities(tmp_path / "identities.csv"),
    )
    words = {name: row["verdict"] for name, row in found.items() if row["kind"] == "analytic"}
    assert words.pop("flop_fifty") == "not reproduced"
    assert set(words.values()) == {"reproduced"}, words
    assert float(found["flop_fifty"]["ours"]) == pytest.approx(115.98089 / 19.83906, abs=0.005)
    assert found["size_hocp"]["published"] == "11" and found["size_saving"]["ours"] == "66.08"
    assert {found[name]["data"] for name in words} == {"definitions"}
    assert found["kernel_exact"]["evidence"] == "identities.csv#identity=chain_is_dense"


def counted():
    """cost.csv with parameters of the figure's layers by the formula; the shared input has 1 there."""
    for row in cost_rows():
        if row["table"] == "flop_figure":
            row |= {"parameters": row["macs"] // (32 * 32 * 16)}
        yield row


def test_one_wrong_count_is_noticed(tmp_path):
    rows = list(counted())
    bar = next(row for row in rows if row["table"] == "flop_figure")
    bar["parameters"] += 1
    bar["gflops_paper_convention"] += 2e-5
    found = judged(tmp_path, "--cost", write_cost(tmp_path / "cost.csv", rows))
    assert (found["cost_formulas"]["verdict"], found["cost_formulas"]["ours"]) == ("partly reproduced", "29")
    assert (found["flop_bars"]["verdict"], found["flop_bars"]["reason"]) == (
        "partly reproduced",
        "14 of 15 bars equal",
    )


def test_an_identity_that_fails_is_not_reproduced(tmp_path):
    place = write_identities(tmp_path / "identities.csv", resnext_is_tucker=1e-9)
    found = judged(tmp_path, "--identities", place)
    assert found["tucker_is_bottleneck"]["verdict"] == "not reproduced"
    assert found["kernel_exact"]["verdict"] == "reproduced"


def test_without_evidence_nothing_is_said(tmp_path):
    words = {row["verdict"] for row in judged(tmp_path).values()}
    assert words == {"not run", "not testable here"}


@pytest.mark.parametrize(
    ("rows", "word", "reason"),
    [
        (
            [comparison(), comparison(dimension="arousal")],
            "supported",
            "2 of 2 differences go its way, 0 against",
        ),
        (
            [comparison(), comparison(dimension="arousal", low=-0.1)],
            "partly supported",
            "1 of 2 differences go its way, 0 against",
        ),
        ([comparison(low=-0.1)], "undecided", "0 of 1"),
        (
            [comparison(), comparison(dataset="afew_va", low=-0.5, high=-0.1)],
            "undecided",
            "1 of 2 differences go its way, 1 against",
        ),
        ([comparison(difference=-0.3, low=-0.5, high=-0.1)], "contradicted", "0 of 1"),
        ([comparison(seeds=1)], "undecided", "1 of 3 seeds; 1 of 1 differences go its way"),
        ([comparison(p_adjusted=0.2)], "undecided", "0 of 1"),
        ([comparison(data="licensed")], "reproduced", "1 of 1"),
        ([comparison(data="licensed", high=-0.1, low=-0.2)], "not reproduced", "0 of 1"),
        (
            [
                comparison(),
                comparison(dimension="arousal", difference=None, low=None, high=None, reason="one clip"),
            ],
            "partly supported",
            "1 of 2",
        ),
        ([comparison(metric="rmse")], "not run", "has no hocp_transduction and hocp_scratch"),
        ([comparison(difference=None, low=None, high=None, reason="one clip")], "not run", "one clip"),
    ],
)
def test_effects_follow_their_intervals(tmp_path, rows, word, reason):
    row = compared(tmp_path, *rows)
    assert row["verdict"] == word and reason in row["reason"]
    assert not word.startswith("supported") or row["data"] == "generated"


def test_of_several_units_the_fewest_clusters_count(tmp_path):
    clips, people = comparison(clusters=40), comparison(unit="subject", clusters=9, low=-0.1)
    for rows in ([clips, people], [people, clips]):
        row = compared(tmp_path, *rows)
        assert (row["verdict"], row["low"]) == ("undecided", "-0.100") and "unit=subject" in row["evidence"]


def test_methods_the_other_way_round_turn_the_sign(tmp_path):
    turned = comparison(a="hocp_scratch", b="hocp_transduction", difference=-0.3, low=-0.5, high=-0.1)
    row = compared(tmp_path, turned)
    assert (row["verdict"], row["ours"], row["low"], row["high"]) == ("supported", "+0.300", "0.100", "0.500")


def test_mixed_data_are_refused(tmp_path):
    with pytest.raises(ValueError, match="data is generated and licensed in rows of one claim"):
        compared(tmp_path, comparison(), comparison(dataset="afew_va", data="licensed"))


@pytest.mark.parametrize(
    ("zeroed", "word", "reason"),
    [
        ((10, 12, 15), "supported", "3 of 3 runs in the range"),
        ((10, 12, 16), "undecided", "2 of 3 runs"),
        ((1, 2, 3), "contradicted", "0 of 3 runs"),
        ((10,), "undecided", "1 of 3 seeds; 1 of 1 runs"),
    ],
)
def test_shares_of_ranks(tmp_path, zeroed, word, reason):
    row = judged(tmp_path, "--ranks", *write_ranks(tmp_path, *zeroed))["rank_selection"]
    assert row["verdict"] == word and reason in row["reason"] and row["published"] == "8 to 15"


@pytest.mark.parametrize(("data", "word"), [("generated", "not run"), ("licensed", "partly reproduced")])
def test_numbers_of_real_data_are_judged_on_real_data_only(tmp_path, data, word):
    place = write_runs(tmp_path / "runs.csv", [r for d in METHODS for r in runs(d, data=data, value=0.6)])
    row = judged(tmp_path, "--runs", place)["numbers_sewa"]
    assert row["verdict"] == word
    assert (row["reason"] == "needs licensed data") == (data == "generated")


def test_the_table_has_every_claim_and_explains_its_words(tmp_path):
    judged(tmp_path, "--cost", write_cost(tmp_path / "cost.csv"))
    tab_claims.main(["--claims", str(tmp_path / "claims.csv"), "--out", str(tmp_path / "tab_claims")])
    text = (tmp_path / "tab_claims.md").read_text("utf-8")
    for claim in ledger.load():
        assert claim.statement in text
    assert len(read_long(tmp_path / "tab_claims")) == len(ledger.load())
    assert len(pipe_rows(text)) == len(ledger.load()) + 4
    for word in ("not run", "not testable here"):
        assert f"{word}: {verdicts.MEANINGS[word]}" in text
    assert "How surely the paper claims it: ᵖ = " in text
