"""Every planted fault that is listed is in the files, and every kind is planted."""

import fault_checks
import pytest

from data_prep.lookalike import afew_va_faults, affectnet_2021, affectnet_faults, sewa_faults
from data_prep.lookalike.faults import victims
from data_prep.lookalike.seeds import stream
from hocp.contracts.manifest import STATUSES

KINDS = {
    "affectnet": {*affectnet_faults.KINDS, *affectnet_faults.RARE_FILES},
    "affectnet_2021": set(affectnet_2021.KINDS),
    "afew_va": set(afew_va_faults.KINDS),
    "sewa": {*sewa_faults.KINDS, sewa_faults.REPEATED, sewa_faults.NO_LIKING},
}


@pytest.mark.parametrize("dataset", sorted(KINDS))
def test_listed_faults_are_in_the_files(dataset, releases):
    checks = getattr(fault_checks, dataset)(releases[dataset])
    faults = fault_checks.planted(releases[dataset])
    for fault in faults:
        assert checks[fault["kind"]](fault["item"]), fault
    assert {fault["kind"] for fault in faults} == set(checks)
    assert KINDS[dataset] <= set(checks)


@pytest.mark.parametrize("dataset", sorted(KINDS))
def test_statuses_are_words_of_the_manifest(dataset, releases):
    for fault in fault_checks.planted(releases[dataset]):
        assert fault["expected_status"] in {*STATUSES, None}


def test_a_check_can_fail(releases):
    """The checks above mean something: most fail on an item that has another fault."""
    checks = fault_checks.afew_va(releases["afew_va"])
    items = {fault["kind"]: fault["item"] for fault in fault_checks.planted(releases["afew_va"])}
    other = items["null as valence"]
    kinds = ("gap in the keys", "no PNG file", "empty PNG file", "wrong number of landmarks", "no landmarks")
    for kind in kinds:
        assert not checks[kind](other)


def test_victims_are_different_items_and_all_kinds_are_used():
    chosen = victims(stream(0, "v"), list(range(100)), ["a", "b", "c"], rate=40)
    assert len(chosen) == 9
    assert sorted(chosen.values()) == sorted("abc" * 3)
    with pytest.raises(ValueError, match="ask for more"):
        victims(stream(0, "v"), [1, 2], ["a", "b", "c"], rate=40)


def test_statement_says_what_the_data_are(statements):
    for dataset, statement in statements.items():
        assert statement["data"] == "generated data"
        assert statement["seed"] == 11
        assert statement["dataset"] == dataset.removesuffix("_2021")
        assert set(statement["versions"]) == {"python", "numpy", "pillow", "av"}
        assert statement["sizes"]
