"""Projections of data preparation, against lines computed by hand."""

import csv

import pytest

from figures import tab_preparation
from hocp.contracts import files, record

MACHINE = {"processor": "Abacus", "cores": 2, "libraries": {"pillow": "1.0"}, "side": 112}


def command(place, memory, out) -> list[str]:
    given = {"preparation": f"{place}.csv", "machine": f"{place}.json", "memory": memory, "out": out}
    return [text for name, path in given.items() for text in (f"--{name}", str(path))]


def rows() -> list[dict]:
    """Two seconds of start; 4 ms of work and 1 ms of the main process an item; 40 kB out, 800 B of memory."""
    base = {"dataset": "afew_va", "processes": 1}
    found = [
        {**base, "stage": "decode", "units": 4, "decoded": 100, "cpu_s": 0.35},
        {**base, "stage": "convert", "units": 4, "decoded": 100, "cpu_s": 0.375},
        {**base, "stage": "crop", "units": 4, "decoded": 100, "cpu_s": 0.40},
        {**base, "stage": "part: decode to RGB", "units": 4, "decoded": 4000, "cpu_s": 10.0},
        {**base, "stage": "part: cut and resize", "units": 4, "decoded": 4000, "cpu_s": 4.0},
        {**base, "stage": "part: rest", "units": 4, "decoded": 4000, "cpu_s": 6.0},
        {**base, "stage": "read file", "units": 4, "processes": 2, "items": 300, "wall_s": 1.5},
        {**base, "stage": "read memory", "units": 4, "processes": 2, "items": 900, "wall_s": 1.5},
        {**base, "stage": "train", "units": 4, "processes": 2, "items": 8, "wall_s": 16.0},
    ]
    for units in (1, 2, 4):
        n = 1000 * units
        for processes in (1, 2):
            found.append({
                **base, "stage": "prepare", "units": units, "processes": processes, "decoded": n, "items": n,
                "cpu_s": 2 + 0.005 * n, "main_cpu_s": 1 + (0.005 if processes == 1 else 0.001) * n,
                "wall_s": 2 + 0.005 * n / (1 if processes == 1 else 1.6),
                "peak_bytes": 100e6 + 800 * n, "source_bytes": 240e3 * n, "out_bytes": 40e3 * n + 5000,
                "work_bytes": 42e3 * n, "inodes": 6,
            })  # fmt: skip
    return found


@pytest.fixture
def record_of(tmp_path):
    """Command line for a record of these rows."""

    def make(found: list[dict]) -> list[str]:
        files.write_csv(tmp_path / "p.csv", record.PREPARATION, found)
        files.write_json(tmp_path / "p.json", MACHINE)
        held = [{"items": n, "peak_bytes": 80_000_000 + 500 * n} for n in (10_000, 100_000)]
        files.write_csv(tmp_path / "m.csv", record.PREPARATION_MEMORY, held)
        return command(tmp_path / "p", tmp_path / "m.csv", tmp_path / "t")

    return make


def test_projection_is_the_line_through_the_sizes(record_of, tmp_path):
    tab_preparation.main(record_of(rows()))
    with (tmp_path / "t.csv").open() as file:
        found = {(row["quantity"], row["cores"]): float(row["value"]) for row in csv.DictReader(file)}
    n = 30051
    for cores in (2, 8, 64):
        assert found["time", str(cores)] * 3600 == pytest.approx(2 + n * (0.001 + 0.004 / cores), rel=1e-4)
    assert found["whole", "1"] == pytest.approx(200)
    assert found["decoding only", "1"] == pytest.approx(100 / 0.35, rel=1e-5)
    assert found["share of limit", "1"] == pytest.approx(0.7, rel=1e-5)
    assert found["share of limit in RGB", "1"] == pytest.approx(0.75, rel=1e-5)
    assert found["bound of the share", "1"] == pytest.approx(0.875)
    assert found["part: decode to RGB", "1"] == pytest.approx(2.5)
    assert found["part: rest", "1"] == pytest.approx(1.5)
    assert found["memory a row", "1"] == pytest.approx(500)
    assert found["memory of the real rows", "1"] == pytest.approx(80 + 225)
    assert found["efficiency", "2"] == pytest.approx(0.8)
    assert found["result", ""] == pytest.approx((40e3 * n + 5000) / 1e9, rel=1e-5)
    assert found["work folder", ""] == pytest.approx(42e3 * n / 1e9, rel=1e-5)
    assert found["peak memory", "1"] == pytest.approx(103.2) and found["inodes", ""] == 6
    assert found["read file", "2"] / found["train", "2"] == pytest.approx(400)


def test_wide_form_says_it_all(record_of, tmp_path):
    tab_preparation.main(record_of(rows()))
    text = (tmp_path / "t.md").read_text()
    for needed in ("| 70 % | 88 % |", "| 80 % |", "| 2.500 | 1.000 | 1.500 | 5.000 | 50 % |",
                   "| 1.00 |", "30051 frames", "Projected, not measured", "400 times",
                   "Abacus, 2 cores; pillow 1.0", "Generated data",
                   "85 MB of 10000 rows, 130 MB of 100000 rows; 500 bytes a row",
                   "by which 450000 take 305 MB"):  # fmt: skip
        assert needed in text, needed


def test_a_short_run_is_called_provisional(record_of, tmp_path):
    arguments = record_of(rows())
    for size, said in (("full", False), ("short", True)):
        files.write_json(tmp_path / "p.json", {**MACHINE, "size": size})
        tab_preparation.main(arguments)
        assert ("Provisional: a short run" in (tmp_path / "t.md").read_text()) == said


def test_one_size_makes_no_line(record_of):
    few = [row for row in rows() if row["units"] == 4]
    with pytest.raises(ValueError, match="at least two"):
        tab_preparation.main(record_of(few))


def test_the_committed_record_makes_the_table(root, tmp_path):
    place = root / "results/reference/preparation.cpu"
    tab_preparation.main(command(place, place.with_name("preparation_memory.csv"), tmp_path / "t"))
    text = (tmp_path / "t.md").read_text()
    assert all(name in text for name in ("AffectNet", "SEWA", "AFEW-VA"))
    assert text == place.with_suffix(".cpu.md").read_text(), "make the .md anew from the record"
