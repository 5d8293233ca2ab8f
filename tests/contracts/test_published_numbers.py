"""The published numbers: complete, marked, consistent, and refused with a clear word when they are not."""

import copy

import pytest
import yaml

from hocp.contracts import published

KNOWN = published.load()


def changed(tmp_path, change):
    """Path of a copy of the file with one change; `change` gets the document."""
    document = copy.deepcopy(dict(KNOWN.document))
    change(document)
    path = tmp_path / "paper.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    return path


def row(document, number=0):
    return document["sewa"]["rows"][number]


def cell(table, **wanted):
    (found,) = [c for c in KNOWN.cells(table) if all(getattr(c, k) == v for k, v in wanted.items())]
    return found


def test_all_cells_are_there():
    assert [len(KNOWN.cells(table)) for table in published.EMOTION] == [5 * 8, 8 * 8, 9 * 8]
    assert len(KNOWN.bars()) == 15
    assert not KNOWN.document["meta"]["full_text_at_hand"]


def test_a_cell_has_its_own_confidence_or_that_of_its_row():
    best = {"table": "sewa", "method": "hocp_transduction", "dimension": "valence"}
    pcc, ccc = (
        cell(best["table"], method=best["method"], dimension="valence", metric=m) for m in ("pcc", "ccc")
    )
    assert (pcc.value, pcc.confidence, ccc.value, ccc.confidence) == (0.84, "partial", 0.75, "recall")
    assert "calls this number a CCC" in pcc.note
    quoted = cell("afew_va", method="rf_hybrid_dct", dimension="valence", metric="pcc")
    assert (quoted.printed, quoted.confidence, quoted.name[:13]) == ("0.407", "primary", "Random forest")


def test_a_number_that_the_paper_does_not_give_is_empty():
    missing = cell("sewa", method="sewa_svm", dimension="valence", metric="rmse")
    assert (missing.value, missing.printed) == (None, "")


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.6, 2, "0.60"),
        (0.407, 2, "0.407"),
        (33, 0, "33"),
        (2.3, 2, "2.30"),
        (97.0, 1, "97.0"),
        (0.05, 2, "0.05"),
    ],
)
def test_numbers_keep_the_digits_of_the_paper(value, decimals, text):
    assert published.printed(value, decimals) == text


def test_pooled_concordance_exceeds_correlation_only_where_a_note_says_so():
    for table in published.EMOTION:
        by_metric = {(c.setting, c.method, c.dimension, c.metric): c for c in KNOWN.cells(table)}
        for (*where, metric), ccc in by_metric.items():
            pcc = by_metric[*where, "pcc"]
            if metric == "ccc" and None not in (ccc.value, pcc.value) and ccc.value > pcc.value:
                assert "exceeds PCC" in ccc.note, where


def test_unsure_numbers_name_memory_or_the_summary_as_source():
    for table in published.EMOTION + published.FLAT:
        for found in KNOWN.cells(table):
            if found.confidence in ("recall", "recall_weak", "partial", "secondary"):
                assert {"memory", "summary"} & set(found.sources), found
            if found.confidence in ("partial", "secondary"):
                assert "summary" in found.sources, found
            if found.confidence == "primary":
                assert not {"memory", "summary"} & set(found.sources), found


@pytest.mark.parametrize("kind", ["dense", "hocp3", "hocp6"])
def test_the_closed_forms_reproduce_the_bars(kind):
    positions = KNOWN.document["flop_figure"]["positions"]
    for (c, t, name), height in KNOWN.bars().items():
        r = {"dense": 0, "hocp3": 3, "hocp6": 6}[kind] * c
        operations = t * (27 * c + 1) if kind == "dense" else r * c + r * t + 17 * r + 10 * c
        if name == kind:
            assert 2e-9 * positions * operations == pytest.approx(height, abs=5e-6)


def test_reported_sizes_agree_with_the_reference_counts():
    for table, outputs in (("sizes", 2), ("cifar", 10)):
        for found in KNOWN.cells(table):
            if found.metric == "parameters_millions":
                count = KNOWN.count(found.method, outputs)
                assert f"{count.parameters / 1e6:.{found.decimals}f}" == found.printed


def test_counts_admit_what_their_tolerance_says():
    exact, near = KNOWN.count("resnet18", 2), KNOWN.count("hocp_resnet18", 2)
    assert exact.admits(11177538) and not exact.admits(11177539)
    assert near.admits(11179252) and near.admits(11235000) and not near.admits(11300000)
    with pytest.raises(ValueError, match="has no resnet18 with 3 outputs; it has resnet18/2, "):
        KNOWN.count("resnet18", 3)


def test_an_unknown_table_is_named():
    with pytest.raises(ValueError, match="no table 'imagenet', expected one of affectnet"):
        KNOWN.cells("imagenet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: row(d, 3)["valence"].update(ccc=1.6), r"sewa\.rows\[3\]\.valence\.ccc: 1\.6 is greater"),
        (lambda d: row(d, 3)["valence"].update(ccc="x"), r"sewa\.rows\[3\]\.valence\.ccc: 'x' is not"),
        (lambda d: row(d).update(confidence="sure"), r"sewa\.rows\[0\]\.confidence: 'sure' is not one"),
        (lambda d: row(d).pop("confidence"), r"sewa\.rows\[0\]: 'confidence' is a required"),
        (lambda d: d.update(imagenet={}), "the file: .*'imagenet' was unexpected"),
        (lambda d: row(d).update(sources=["dream"]), r"sewa\.rows\[0\]\.sources: 'dream' is not under"),
        (lambda d: row(d).update(cells={"valence.rmse": {"confidence": "recall"}}),
         r"sewa\.rows\[0\]\.cells: 'valence\.rmse' names no number"),
        (lambda d: d["sewa"]["rows"].append(row(d)), r"sewa\.rows\[8\]: .*stands twice"),
        (lambda d: d["sizes"]["decimals"].clear(), r"sizes\.decimals: no entry for 'parameters_millions'"),
    ],
)  # fmt: skip
def test_a_slip_is_named_by_file_key_and_value(tmp_path, change, message):
    with pytest.raises(ValueError, match=rf"paper\.yaml: {message}"):
        published.load(changed(tmp_path, change))


def test_a_key_that_stands_twice_is_noticed(tmp_path):
    text = published.PAPER.read_text("utf-8")
    (tmp_path / "paper.yaml").write_text(text + "\nsizes: {}\n")
    with pytest.raises(ValueError, match=r"(?s)paper\.yaml: not YAML: key 'sizes' stands twice.*line "):
        published.load(tmp_path / "paper.yaml")
