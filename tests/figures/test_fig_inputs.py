"""Predictions that are compared by item or clip: every method and seed has the same items, each once."""

import figure_inputs
import pytest

from figures.inputs import read_tests
from hocp.contracts.spec import Run


def _runs(scenario, name):
    return sorted(scenario.glob(f"runs/{name}/predictions.npz"))


@pytest.fixture
def manifests(scenario):
    return [scenario / f"data/{dataset}/manifest.csv" for dataset in ("sewa", "afew_va")]


def test_tables_by_data_set_with_the_manifests_word(scenario, manifests):
    tables = read_tests([*_runs(scenario, "afew_va.hocp.*"), *_runs(scenario, "sewa.*")], manifests)
    assert {dataset: len(table) for dataset, table in tables.items()} == {"afew_va": 240, "sewa": 6 * 240}
    assert tables["sewa"]["data"].unique() == ["generated"]
    assert sorted(tables["afew_va"]["fold"].unique()) == [0, 1, 2, 3, 4]


def test_a_method_that_lacks_a_fold_is_named(scenario, manifests):
    paths = [*_runs(scenario, "afew_va.hocp.*"), *_runs(scenario, "afew_va.hocp_scratch.*")[1:]]
    with pytest.raises(ValueError, match=r"afew_va: hocp_scratch, seed 0, predicted 160 of 240 test items"):
        read_tests(paths, manifests)


def test_a_run_on_some_groups_beside_one_on_all_is_refused(scenario, manifests, tmp_path):
    run = Run("sewa", "hocp", 0, 0, 4)
    figure_inputs.write_predictions(tmp_path / str(run), run)
    paths = [*_runs(scenario, "sewa.hocp.*"), tmp_path / str(run) / "predictions.npz"]
    with pytest.raises(ValueError, match=r"'c0/00000' was predicted twice by hocp, seed 0; .* whole"):
        read_tests(paths, manifests)


def test_a_run_whose_manifest_is_not_given_is_refused(scenario, manifests):
    with pytest.raises(ValueError, match="a run on sewa, but manifests are given of afew_va only"):
        read_tests(_runs(scenario, "sewa.*"), manifests[1:])
