"""Rows of the four tables: values by hand, what is missing, seeds, folds, and files that do not fit."""

from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest

from hocp.contracts import files, manifest, record
from hocp.contracts.manifest import Facts, Item
from hocp.statistics import conventions, tested, uncertainty, units
from hocp.statistics.controls import rows as control_rows
from hocp.statistics.evaluated import Evaluated
from hocp.statistics.panel import Options
from tests.statistics.made import a_run as made
from tests.statistics.made import clips

FAST = Options(resamples=200, permutations=200)


def one(rows, **wanted):
    """The only row with these values."""
    (row,) = [row for row in rows if all(row.get(k) == v for k, v in wanted.items())]
    return row


#: Two clips of two people in two folds, 18 and 3 frames; the second clip has constant labels.
TRUE = [*np.linspace(-1, 1, 18).tolist(), 0.5, 0.5, 0.5]
PREDICTED = [*(0.5 * np.linspace(-1, 1, 18) + 0.1).tolist(), 0.4, 0.5, 1.6]
NAMES = {"clip": ["a"] * 18 + ["b"] * 3, "group": ["p"] * 18 + ["q"] * 3, "fold": [0] * 18 + [1] * 3}


@pytest.fixture(scope="module")
def grid():
    return list(conventions.rows([made(PREDICTED, TRUE, **NAMES)]))


def test_every_convention_of_every_metric(grid):
    assert set().union(*grid) <= set(record.CONVENTIONS)
    axes = ("aggregation", "processing", "policy", "metric", "variance", "sign", "dimension")
    keys = [tuple(row[axis] for axis in axes) for row in grid]
    assert len(keys) == len(set(keys))
    assert {row["aggregation"] for row in grid} == {
        "pooled", "fold_mean", "clip_mean", "clip_weighted", "group_mean", "window16_mean", "batch32_mean",
    }  # fmt: skip
    assert all((row["value"] is None) == bool(row["reason"]) for row in grid)
    assert {row["n"] for row in grid} == {21}  # no label is exactly zero


def test_units_and_those_without_a_value_are_counted(grid):
    key = {"metric": "ccc", "variance": "population", "processing": "raw", "dimension": "valence"}
    first, true = np.array(PREDICTED[:18]), np.array(TRUE[:18])
    alone = 2 * np.cov(first, true, ddof=0)[0, 1] / (first.var() + true.var() + 0.01)
    found = one(grid, **key, aggregation="clip_mean", policy="excluded")
    assert (found["units"], found["undefined"]) == (2, 1) and found["value"] == f"{alone:.6f}"
    assert one(grid, **key, aggregation="clip_mean", policy="zero")["value"] == f"{alone / 2:.6f}"
    windows = one(grid, **key, aggregation="window16_mean", policy="excluded")
    assert (windows["units"], windows["undefined"]) == (3, 1), "16 and 2 frames of clip a, 3 of clip b"
    pooled = one(grid, **key, aggregation="pooled")
    assert (pooled["policy"], pooled["units"]) == ("", 1)
    error = one(grid, metric="rmse", aggregation="clip_mean", processing="raw", dimension="valence")
    assert (error["policy"], error["undefined"]) == ("excluded", 0), "an error needs no variance"


def test_clipping_moves_what_lies_outside(grid):
    key = {"metric": "mse", "aggregation": "pooled", "dimension": "valence"}
    raw, clipped = (float(one(grid, **key, processing=how)["value"]) for how in ("raw", "clipped"))
    assert raw - clipped == pytest.approx(
        (1.1**2 - 0.5**2) / 21, abs=2e-6
    )  # 1.6 becomes 1.0, the label is 0.5


def test_zeros_are_taken_out_of_the_count():
    found = list(conventions.rows([made([0.1, -0.2, 0.3], [0.0, 0.0, 0.5])]))
    key = {"metric": "sagr", "aggregation": "pooled", "processing": "raw", "dimension": "valence"}
    assert [one(found, **key, sign=sign)["n"] for sign in ("strict", "zeros_dropped")] == [3, 1]


def test_single_images_have_neither_clips_nor_people():
    found = units.partitions(made([0.1] * 40, [0.2] * 40, clip=[""] * 40))
    assert list(found) == ["pooled", "batch32_mean"] and found["batch32_mean"].tolist() == [0] * 32 + [1] * 8


def test_a_value_that_is_not_finite_has_its_reason():
    found = list(conventions.rows([made([float("nan"), 0.1], [0.0, 0.1])]))
    assert {row["value"] for row in found if row["processing"] == "raw"} == {None}
    assert all(
        "1 of 2 values are not finite" in row["reason"] for row in found if row["aggregation"] == "pooled"
    )


def panel(*methods, seeds=(0,), **more):
    return [
        clips(np.random.default_rng([place, seed]), method=method, seed=seed, noise=0.1 + 0.2 * place, **more)
        for place, method in enumerate(methods) for seed in seeds
    ]  # fmt: skip


def test_intervals_hold_the_value_and_say_of_what():
    rows = list(uncertainty.intervals(panel("hocp", "r3d18", seeds=(0, 1)), FAST))
    assert set().union(*rows) <= set(record.INTERVALS)
    assert len(rows) == 2 * 2 * 2 * 4
    assert {(row["unit"], row["clusters"], row["seeds"]) for row in rows} == {
        ("clip", 12, 2),
        ("subject", 6, 2),
    }
    for row in rows:
        assert float(row["low"]) < float(row["value"]) < float(row["high"]) and row["reason"] == ""


def test_a_value_is_the_mean_over_seeds():
    tests = panel("hocp", seeds=(3, 4))
    row = one(uncertainty.intervals(tests, FAST), unit="clip", dimension="valence", metric="rmse")
    each = [np.sqrt(np.mean((t.predicted["valence"] - t.true["valence"]) ** 2)) for t in tests]
    assert float(row["value"]) == pytest.approx(fmean(each), abs=1e-6)


def test_one_seed_is_said():
    assert {row["reason"] for row in uncertainty.intervals(panel("hocp"), FAST)} == {uncertainty.ONE_SEED}


def test_images_are_resampled_one_by_one_and_people_are_missed():
    image = made(np.linspace(-1, 1, 30), np.linspace(-1, 0.9, 30), clip=[""] * 30, dataset="affectnet")
    rows = list(uncertainty.intervals([image], FAST))
    assert {(row["unit"], row.get("clusters")) for row in rows} == {("image", 30), ("subject", None)}
    assert {row["reason"] for row in rows if row["unit"] == "subject"} == {uncertainty.NO_PEOPLE}


def test_a_number_that_is_none_has_its_reason():
    flat = clips(np.random.default_rng(0))
    flat = replace(flat, predicted={d: np.full(len(v), 0.2) for d, v in flat.predicted.items()})
    row = one(uncertainty.intervals([flat], FAST), unit="clip", dimension="valence", metric="pcc")
    assert row.get("value") is None and row["reason"] == "seed 0: predictions are constant"


METHODS = ("hocp_transduction", "hocp_scratch", "hocp", "resnet18", "r3d18", "r2plus1d18")


@pytest.fixture(scope="module")
def compared():
    return list(uncertainty.comparisons(panel(*METHODS, seeds=(0, 1)), FAST))


def test_every_pair_of_every_family(compared):
    assert set().union(*compared) <= set(record.COMPARISONS)
    assert len(compared) == 2 * 7 * 2 * 4
    for row in compared:
        assert float(row["low"]) <= float(row["difference"]) <= float(row["high"])
        assert 0 < float(row["p_value"]) <= float(row["p_adjusted"]) <= 1
    sizes = {row["family"]: row["adjustment"] for row in compared}
    assert sizes == {
        "transduction_vs_scratch": "Holm, 2 comparisons",
        "temporal_vs_static": "Holm, 2 comparisons",
        "hocp_vs_dense": "Holm, 10 comparisons",
    }


def test_a_difference_is_a_minus_b_and_a_clear_one_is_seen(compared):
    key = {"method_a": "hocp_transduction", "method_b": "r2plus1d18", "unit": "clip", "dimension": "valence"}
    better = one(compared, **key, metric="ccc")
    assert float(better["low"]) > 0 and float(better["p_adjusted"]) < 0.1
    assert float(one(compared, **key, metric="rmse")["high"]) < 0
    tests = {t.head["method"]: t for t in panel(*METHODS) if t.head["method"] in key.values()}
    first, second = (list(uncertainty.intervals([tests[key[m]]], FAST)) for m in ("method_a", "method_b"))
    alone = list(uncertainty.comparisons(list(tests.values()), FAST))
    values = [
        float(one(rows, unit="clip", dimension="valence", metric="ccc")["value"]) for rows in (first, second)
    ]
    assert float(one(alone, **key, metric="ccc")["difference"]) == pytest.approx(
        values[0] - values[1], abs=2e-6
    )


def test_the_same_seed_gives_the_same_rows(compared):
    assert list(uncertainty.comparisons(panel(*METHODS, seeds=(0, 1)), FAST)) == compared


def test_a_method_that_was_not_run_is_named():
    rows = list(uncertainty.comparisons(panel("hocp_transduction", "hocp"), FAST))
    missing = one(rows, family="transduction_vs_scratch", unit="clip", dimension="valence", metric="ccc")
    assert missing["reason"] == "no run of hocp_scratch on sewa" and "difference" not in missing
    found = one(rows, family="temporal_vs_static", unit="clip", dimension="valence", metric="ccc")
    assert found["reason"] == uncertainty.ONE_SEED and found["adjustment"] == "Holm, 2 comparisons"


def test_methods_without_a_common_seed():
    rows = list(
        uncertainty.comparisons([*panel("hocp_transduction", seeds=(0,)), *panel("hocp", seeds=(1,))], FAST)
    )
    assert one(rows, family="temporal_vs_static", unit="clip", dimension="valence", metric="ccc")[
        "reason"
    ] == ("hocp_transduction and hocp have no seed in common")


def test_other_items_cannot_be_compared():
    with pytest.raises(ValueError, match="were not tested on the same items"):
        list(uncertainty.intervals([*panel("hocp"), *panel("r3d18", count=11)], FAST))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A manifest of six training frames and two test clips of two frames."""
    folder = tmp_path_factory.mktemp("data")
    items = [
        Item(
            item=f"{clip}/{frame}",
            dataset="sewa",
            split=split,
            group=f"person {clip}",
            clip=clip,
            frame=frame,
            row=2 * k + frame,
            valence=(k - 2) / 4,
            arousal=(frame - k) / 8,
        )
        for k, (clip, split) in enumerate(
            (("a", "train"), ("b", "train"), ("c", "train"), ("d", "test"), ("e", "test"))
        )
        for frame in range(2)
    ]
    manifest.write(folder / "manifest.csv", [*items, Item(item="lost", dataset="sewa", status="img_missing")])
    facts = dict.fromkeys(("release", "scale", "frame_step", "fps", "crop", "split", "counts", "sources"))
    manifest.write_facts(
        folder / "manifest.json",
        Facts(
            dataset="sewa",
            data="generated",
            manifest_sha256=files.sha256(folder / "manifest.csv"),
            crops_sha256="",
            **facts,
        ),
    )
    return folder / "manifest.csv"


def run(data, items, *, sha256=None, **changes) -> Evaluated:
    n = len(items)
    known = {
        "run": "sewa.hocp.f0.s0",
        "dataset": "sewa",
        "method": "hocp",
        "fold": 0,
        "seed": 0,
        "data": {"data": "generated", "manifest_sha256": sha256 or files.sha256(data)},
        **changes,
    }
    return Evaluated(
        known, {"item": np.array(items), **{d: np.linspace(0.1, 0.4, n) for d in ("valence", "arousal")}}
    )


def test_missing_predictions_keep_their_place(data):
    (found,) = tested.gather([run(data, ["e/1", "d/0"])], [data])
    assert found.missing.tolist() == [False, True, True, False]
    mean = (-0.5 - 0.25 + 0) / 3
    assert found.predicted["valence"] == pytest.approx([0.4, mean, mean, 0.1])
    assert found.true["valence"].tolist() == [0.25, 0.25, 0.5, 0.5]
    assert found.training[0]["valence"].mean == pytest.approx(mean)
    assert found.group.tolist() == ["person d"] * 2 + ["person e"] * 2
    rows = list(conventions.rows([found]))
    assert {(row["n"], row["missing"]) for row in rows if row["metric"] != "sagr"} == {(4, 2)}


@pytest.mark.parametrize(
    ("items", "changes", "message"),
    [
        (["a/0"], {}, "'a/0' is predicted, but is no item of the test part"),
        (["d/0"], {"dataset": "affectnet"}, "no manifest of affectnet among sewa"),
        (
            ["d/0"],
            {"sha256": "0"},
            "not the manifest that sewa.hocp.f0.s0",
        ),
    ],
)
def test_runs_that_do_not_fit_the_manifest_are_refused(data, items, changes, message):
    with pytest.raises(ValueError, match=message):
        list(tested.gather([run(data, items, **changes)], [data]))


def test_controls(data, tmp_path):
    statement = {"dataset": "sewa", "ceilings": {
        d: {"static": 0.6, "temporal": None, "labels": 0.9} for d in ("valence", "arousal")
    }}  # fmt: skip
    files.write_json(tmp_path / "lookalike.json", statement)
    rows = list(control_rows([data], [tmp_path], folds=[0]))
    assert set().union(*rows) <= set(record.CONTROLS)
    key = {"dimension": "valence", "metric": "rmse"}
    assert float(one(rows, **key, method="constant")["value"]) == pytest.approx((0.3125 / 2) ** 0.5, abs=1e-6)
    # The mean of the training labels is -1/4; labels of the test part are 1/4 and 1/2.
    assert float(one(rows, **key, method="train_mean")["value"]) == pytest.approx(
        ((0.5**2 + 0.75**2) / 2) ** 0.5, abs=1e-6
    )
    chance = one(rows, dimension="valence", metric="ccc", method="permuted")
    assert abs(float(chance["value"])) < 0.3 and "200 orders" in chance["note"]
    ceiling = {"dimension": "valence", "metric": "ccc"}
    assert one(rows, **ceiling, method="ceiling_static")["value"] == "0.600000"
    assert one(rows, **ceiling, method="ceiling_temporal")["reason"] == "not computed"
    assert one(rows, **ceiling, method="train_mean")["value"] == "0.000000"
    unknown = one(control_rows([data], [], folds=[0]), **ceiling, method="ceiling_static")
    assert unknown["reason"].startswith("no generated release")
