"""runs.csv: values by hand, folds together, what has no number, and files that do not belong together."""

import shutil

import numpy as np
import pytest
from runs import command, prepared, train

from hocp.contracts import files, record, trail
from hocp.learning import scoring
from hocp.learning.scoring import Evaluated


def _evaluated(run: str, predicted, true, **more) -> Evaluated:
    dataset, method, fold, seed = run.split(".")
    n = len(predicted)
    arrays = {
        "item": np.array([f"{run}{k}" for k in range(n)]),
        "clip": np.array(["c"] * n),
        "frame": np.arange(n),
        "valence": np.array(predicted),
        "valence_true": np.array(true),
        "arousal": np.array(predicted),
        "arousal_true": -np.array(true),
        "expression": np.full(n, -1),
        "expression_true": np.full(n, -1),
    }
    known = {
        "run": run,
        "dataset": dataset,
        "method": method,
        "fold": int(fold[1:]),
        "seed": int(seed[1:]),
        "network": {"name": "r3d18", "parameters": 7, "macs": 9},
        "data": {"data": "generated"},
        "train": {"seconds": 1.5},
    }
    return Evaluated(known, {**arrays, **more})


def _table(*runs: Evaluated) -> dict:
    keys = ("run", "fold", "convention", "dimension", "metric")
    return {tuple(row[key] for key in keys): row for row in scoring.rows(runs)}


def test_a_run_by_hand():
    table = _table(_evaluated("sewa.r3d18.f0.s0", [1.0, 1.0, 2.0, 4.0], [0.0, 1.0, 2.0, 3.0]))
    assert len(table) == 8
    row = table["sewa.r3d18.f0.s0", 0, "pooled", "valence", "ccc"]
    assert row["value"] == f"{2.5 / 3:.6f}" and row["n"] == 4 and row["reason"] == ""
    assert row["network"] == "r3d18" and row["parameters"] == 7 and row["seconds"] == 1.5
    assert table["sewa.r3d18.f0.s0", 0, "pooled", "valence", "rmse"]["value"] == f"{0.5**0.5:.6f}"
    assert table["sewa.r3d18.f0.s0", 0, "pooled", "valence", "sagr"]["value"] == "0.750000"
    assert table["sewa.r3d18.f0.s0", 0, "pooled", "arousal", "sagr"]["value"] == "0.000000"
    assert float(table["sewa.r3d18.f0.s0", 0, "pooled", "arousal", "pcc"]["value"]) == pytest.approx(
        -0.912871
    )


def test_folds_are_pooled_and_averaged():
    folds = [
        _evaluated("afew_va.r3d18.f1.s0", [1.0, 2.0, 4.0], [0.0, 1.0, 3.0]),
        _evaluated("afew_va.r3d18.f0.s0", [0.0, 1.0], [0.0, 1.0]),
    ]
    table = _table(*folds)
    pooled = table["afew_va.r3d18.all.s0", "all", "pooled", "valence", "rmse"]
    assert pooled["value"] == f"{(3 / 5) ** 0.5:.6f}" and pooled["n"] == 5 and pooled["seconds"] == 3.0
    mean = table["afew_va.r3d18.all.s0", "all", "fold_mean", "valence", "rmse"]
    assert mean["value"] == "0.500000" and mean["n"] == 5
    ccc = [2 * 14 / 9 / (28 / 9 + 1), 1.0]
    assert (
        table["afew_va.r3d18.all.s0", "all", "fold_mean", "valence", "ccc"]["value"] == f"{np.mean(ccc):.6f}"
    )
    assert len(table) == 2 * 8 + 8 + 8


def test_only_afew_va_and_only_equal_seeds_and_methods_go_together():
    runs = [
        _evaluated(f"{name}.s{seed}", [0.0, 1.0], [0.0, 1.0])
        for name in ("afew_va.r3d18.f0", "afew_va.hocp.f0", "sewa.r3d18.f0")
        for seed in (0, 1)
    ]
    together = {key[0] for key in _table(*runs) if key[1] == "all"}
    assert together == {f"afew_va.{method}.all.s{seed}" for method in ("r3d18", "hocp") for seed in (0, 1)}


def test_no_number_is_an_empty_cell_with_a_reason():
    table = _table(
        _evaluated("afew_va.r3d18.f0.s0", [0.5, 0.5], [0.0, 1.0]),
        _evaluated("afew_va.r3d18.f1.s0", [0.0, 1.0], [0.0, 1.0]),
    )
    row = table["afew_va.r3d18.f0.s0", 0, "pooled", "valence", "pcc"]
    assert row["value"] is None and row["reason"] == "predictions are constant"
    assert table["afew_va.r3d18.f0.s0", 0, "pooled", "valence", "ccc"]["value"] == "0.000000"
    mean = table["afew_va.r3d18.all.s0", "all", "fold_mean", "valence", "pcc"]
    assert mean["value"] is None and mean["reason"] == "fold 0: predictions are constant"


def test_expressions_of_affectnet_are_scored_where_known():
    run = _evaluated(
        "affectnet.hocp.f0.s0",
        [0.0, 1.0, 2.0, 3.0],
        [0.0, 1.0, 2.0, 3.0],
        expression=np.array([0, 1, 2, 3]),
        expression_true=np.array([0, 1, 5, -1]),
    )
    row = _table(run)["affectnet.hocp.f0.s0", 0, "pooled", "expression", "acc"]
    assert row["value"] == f"{2 / 3:.6f}" and row["n"] == 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory, afew_va):
    root = tmp_path_factory.mktemp("scored")
    for fold in (0, 1):
        train(prepared.spec(f"afew_va.r3d18.f{fold}.s0", "r3d18", steps=2, frames=4), afew_va, root)
    return root / "runs"


def test_the_command_writes_the_tidy_table(folder, tmp_path):
    assert command("score", "--runs", *sorted(folder.iterdir()), "--out", tmp_path / "runs.csv") == 0
    rows = files.read_csv(tmp_path / "runs.csv", record.RUNS)
    assert {row["fold"] for row in rows} == {"0", "1", "all"}
    assert {row["data"] for row in rows} == {"generated"}
    assert all((row["value"] == "") == (row["reason"] != "") for row in rows)
    assert next(r["n"] for r in rows if r["fold"] == "all") == str(2 * 24)
    found = record.read_predictions(folder / "afew_va.r3d18.f1.s0" / "predictions.npz")
    error = np.sqrt(np.mean((found["arousal"].astype(float) - found["arousal_true"]) ** 2))
    row = next(r for r in rows if (r["fold"], r["dimension"], r["metric"]) == ("1", "arousal", "rmse"))
    assert float(row["value"]) == pytest.approx(error, abs=1e-6)


def test_the_table_s_trail_names_every_record(folder, tmp_path):
    table = tmp_path / "tables/runs.csv"
    shutil.copytree(folder, tmp_path / "runs")
    assert command("score", "--runs", *sorted((tmp_path / "runs").iterdir()), "--out", table) == 0
    held = {link.name: link.state for link in trail.follow(table)}
    names = [f"scenario:runs/afew_va.r3d18.f{fold}.s0/record.json" for fold in (0, 1)]
    assert held == dict.fromkeys(["scenario:tables/runs.csv", *names], "verified")
    place = tmp_path / "runs/afew_va.r3d18.f1.s0/record.json"
    place.write_text(place.read_text().replace("afew_va", "AFEW-VA", 1))
    with pytest.raises(
        trail.Broken, match=r"f1\.s0/record\.json has changed since runs\.csv was made from it"
    ):
        list(trail.follow(table))


@pytest.mark.parametrize("name", ["predictions.npz", "model.safetensors"])
def test_files_that_do_not_belong_together_are_refused(folder, tmp_path, capsys, name):
    run = tmp_path / "run"
    shutil.copytree(folder / "afew_va.r3d18.f0.s0", run)
    shutil.copy(folder / "afew_va.r3d18.f1.s0" / name, run / name)
    assert command("score", "--runs", run, "--out", tmp_path / "runs.csv") == 2
    assert f"{name} has SHA-256" in capsys.readouterr().err
    assert not (tmp_path / "runs.csv").exists()


def test_a_run_that_is_not_evaluated_is_named(tmp_path, capsys):
    assert command("score", "--runs", tmp_path, "--out", tmp_path / "runs.csv") == 2
    assert "the run is not evaluated" in capsys.readouterr().err
