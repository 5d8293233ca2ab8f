"""The benchmark's releases are read as real ones are, and a small run of it makes the table."""

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

from data_prep.prepare import READERS, prepare
from figures import preparation, tab_preparation
from hocp.contracts import files, record
from tests.prep_bench import dealing, doctoring, memory, parts, releases, run, stages
from tests.prep_bench.sizes import SIZES


def test_copies_differ_for_a_hash_and_not_for_a_decoder(tmp_path):
    releases.affectnet(tmp_path, 20, "gate")
    data = [path.read_bytes() for path in sorted(tmp_path.rglob("*.jpg"))]
    assert len({hashlib.sha256(one).digest() for one in data}) == 20
    pixels = [np.asarray(Image.open(io.BytesIO(one))) for one in data]
    assert np.array_equal(pixels[3], pixels[11]) and not np.array_equal(pixels[3], pixels[4])


def test_every_copy_is_usable(tmp_path):
    for dataset, count in (("affectnet", 120), ("sewa", 4)):
        source, out = tmp_path / dataset, tmp_path / f"{dataset}.out"
        releases.make(dataset, source, count, "gate")
        options = _options(dataset)
        facts = prepare(dataset, source, out=out, data="generated", side=16, options=options)
        assert set(facts.counts) == {"ok"}
        if dataset == "affectnet":
            assert facts.counts == {"ok": 120}
        else:  # lengths vary by a fifth
            assert 4 * 48 <= 5 * facts.counts["ok"] <= 4 * 75
        measured = {row["stage"]: row for row in stages.measure(dataset, source, tmp_path)}
        assert list(measured) == ["decode", "convert", "crop", "encode"]
        assert len({measured[stage]["decoded"] for stage in ("decode", "convert", "crop")}) == 1
        assert all(row["cpu_s"] > 0 for row in measured.values())


def _options(dataset):
    import argparse

    parser = argparse.ArgumentParser()
    READERS[dataset].add_options(parser)
    return parser.parse_args([])


def test_a_small_run_makes_the_table(tmp_path):
    csv = tmp_path / "p.csv"
    run.main(["--size", "gate", "--datasets", "afew_va", "--out", str(csv)])
    rows = files.read_csv(csv, record.PREPARATION)
    whole = [row for row in rows if row["stage"] == "prepare"]
    assert [(int(row["units"]), int(row["processes"])) for row in whole] == [
        (units, processes) for units in SIZES["gate"]["afew_va"] for processes in (1, 2)
    ]
    for row in whole:
        assert int(row["decoded"]) == int(row["items"]) == 6 * int(row["units"])
        assert float(row["cpu_s"]) > float(row["main_cpu_s"]) - 1e-9 > 0 and int(row["peak_bytes"]) > 30e6
        assert int(row["inodes"]) == 2 + 4 + 1  # two folders, four files of the result, one of the work
        crops = 3 * 112 * 112 * int(row["items"])
        assert min(int(row["out_bytes"]), int(row["work_bytes"])) > crops
    assert {row["stage"] for row in rows} >= {"read file", "read memory", "train"}
    spent = [float(row["cpu_s"]) for row in rows if row["stage"].startswith(preparation.PART)]
    assert len(spent) == len(parts.PARTS) + 1 and all(seconds > 0 for seconds in spent)
    held = Path(__file__).parents[2] / "results/reference/preparation_memory.csv"
    given = {"preparation": csv, "machine": csv.with_suffix(".json"), "memory": held, "out": tmp_path / "t"}
    tab_preparation.main([text for name, path in given.items() for text in (f"--{name}", str(path))])
    text = (tmp_path / "t.md").read_text()
    assert "AFEW-VA" in text and "30051 frames" in text and "Read from the file" in text
    assert all(f"| {name} |" in text for name in (*parts.PARTS, parts.REST))


def test_time_is_counted_once_and_for_what_was_entered_last(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(parts.time, "process_time", lambda: next(clock))
    counted = parts.Parts()  # at 0; every entry and every exit takes one second
    inner = counted.timed("inner", lambda: None)

    def outer():
        yield inner()

    for _ in counted.timed("outer", outer)():
        inner()
    counted.close()
    # outer: before and after its inner, and its last step; rest: start and end, and around the step's use.
    assert counted.seconds == {"outer": 3, "inner": 2, parts.REST: 4}


def test_memory_of_a_few_rows(tmp_path):
    out = tmp_path / "m.csv"
    memory.main(["200", "--out", str(out)])
    (row,) = files.read_csv(out, record.PREPARATION_MEMORY)
    assert row["items"] == "200" and 30e6 < int(row["peak_bytes"]) < 512e6


def test_doctor_of_a_few_files(tmp_path):
    out = tmp_path / "d.csv"
    doctoring.main(["40", "80", "--out", str(out), "--scratch", str(tmp_path)])
    rows = files.read_csv(out, record.PREPARATION_DOCTOR)
    assert [row["files"] for row in rows] == ["40", "80"] and all(float(row["cpu_s"]) > 0 for row in rows)
    assert files.read_json(out.with_suffix(".json"))["projected"]["files"] == doctoring.REAL


def test_dealers_of_a_few_people(tmp_path):
    out = tmp_path / "s.csv"
    dealing.main(["--releases", "1", "--seeds", "1", "--share", "0.1", "--out", str(out)])
    rows = files.read_csv(out, record.PREPARATION_SPLITS)
    assert len(rows) == len(dealing.DEALERS) * (5 + 2 + 2)
    for dataset, rule in dealing.RULES:
        off = {dealer: [] for dealer in dealing.DEALERS}
        for row in rows:
            if (row["dataset"], row["rule"]) == (dataset, rule):
                off[row["dealer"]].append(float(row["valence"]) + float(row["arousal"]))
        assert max(off["ours"]) < max(off["random"])  # else there would be no need of it


def test_the_page_says_what_the_records_say():
    """Sentences of data_prep/README.md, made anew from the committed records."""
    root = Path(__file__).parents[2]
    page = " ".join((root / "data_prep/README.md").read_text("utf-8").split())
    assert doctoring.sentence(root / "results/reference/preparation_doctor.csv") in page
    for sentence in dealing.sentences(root / "results/reference/preparation_splits.csv"):
        assert " ".join(sentence.split()) in page
