"""Tables that nobody has to trust: bounded in time and memory, and refused in words."""

import csv
import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mini_releases import avec, pack_zip, prepared, raters, recording, segment, sewa, table

from data_prep import avec_labels, sewa_files, tables
from data_prep.record import Quarantine

plain = st.text(st.characters(codec="utf-8", exclude_characters='\0\r\n";\t|,\ufeff'), min_size=1, max_size=6)


@given(
    st.lists(st.lists(plain.filter(str.strip), min_size=2, max_size=6), min_size=1, max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_what_a_writer_writes_is_read(rows, delimiter, end, bom):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    assert list(tables.rows("\ufeff" * bom + text.getvalue())) == rows


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a;b\n1;\x00\n", "NUL bytes"),
        ("a;b\n1;2\n".encode("utf-16"), "NUL bytes"),
        (b"a" * (tables.LINE + 1), "a line of more than"),
        (b"1;" * (tables.FIELDS + 1), "fields"),
        (b'a;"b' + b"\n" * 140_000 + b"x" * 100, "no table"),
    ],
)
def test_refused_in_words(content, words):
    with pytest.raises(ValueError, match=words):
        list(tables.rows(content))


def test_more_lines_than_any_table_has(monkeypatch):
    monkeypatch.setattr(tables, "LINES", 5)
    with pytest.raises(ValueError, match="more than 5 lines"):
        list(tables.rows("1;2\n" * 6))


def test_bytes_that_are_no_text_become_question_marks():
    assert list(tables.rows(b"caf\xe9;1\n\n ; \n2;3")) == [["caf\ufffd", "1"], ["2", "3"]]


HOSTILE = {
    "one line of 15 MB": b"1," * (15 << 19),
    "line ends alone": b"\n" * (15 << 20),
    "quote that never closes": b'1,"' + (b"x" * 99 + b"\n") * (1 << 17),
    "NUL bytes": b"\0" * (1 << 20),
    "spaces for commas": b"1 0.5 0.5\n" * 1000,
    "too many columns": b"1,2,3,4,5,6,7,8,9,10\n" * 10,
    "infinite frame": b"inf,0.5\n1e999,0.5\n",
    "not a table": b"%PDF-1.4 \xff\xfe\xfd",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("reader", ["basic", "avec"])
def test_hostile_tables_end_in_a_status_within_bounds(content, reader, monkeypatch):
    monkeypatch.setattr(tables, "LINES", 20_000)  # tracing memory is slow
    tracemalloc.start()
    try:
        with pytest.raises(Quarantine) as caught:
            if reader == "basic":
                sewa_files.Series(content, column="mean", first=1, last=9, what="valence")
            else:
                avec_labels.Gold(content, name="Train_01")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.status == "label_null" and len(caught.value.note) < 200
    assert peak < 8 << 20, "what is read is held line by line"


def test_files_larger_than_any_table_are_not_read(tmp_path):
    """Zeros that take no space on the disk, and a text that takes little in an archive."""
    avec(tmp_path / "a")
    recording(tmp_path / "a", "Train_HU_01")
    with (tmp_path / "a/AVEC2019_SEWA/labels/Train_HU_01.csv").open("r+b") as file:
        file.truncate(tables.BYTES + 1)
    items = prepared("sewa", tmp_path / "a")
    assert items["Train_HU_01"].status == "label_null"
    assert "bytes, expected at most" in items["Train_HU_01"].note
    sewa(tmp_path / "b", 5)
    name = segment(tmp_path / "b", 6)
    member = f"{name}_Valence_V_Aligned.csv"
    pack_zip(tmp_path / "b" / name, f"{name}-Valence.zip", {member: b"1," * (20 << 19)})
    statuses = {item.status for item in prepared("sewa", tmp_path / "b").values() if item.clip == name}
    assert statuses == {"label_null"}


@pytest.mark.parametrize(("columns", "works"), [(1, True), (5, True), (8, True), (9, False), (0, False)])
def test_one_to_eight_columns_of_values(columns, works):
    text = table(np.full((4, columns), 0.25), header=",".join(["frame_idx", *map(str, range(columns))]))
    if not works:
        with pytest.raises(Quarantine, match="label_null"):
            sewa_files.Series(text, column="mean", first=1, last=4, what="valence")
        return
    series = sewa_files.Series(text, column="mean", first=1, last=4, what="valence")
    assert series.width == columns and series.at(3) == 0.25


def test_a_frame_that_stands_twice_has_no_label():
    text = table(raters(4, 0.4)) + "\n2,0.9,0.9,0.9,0.9,0.9"
    series = sewa_files.Series(text, column="mean", first=1, last=4, what="valence")
    assert series.at(0) == pytest.approx(0.4)
    with pytest.raises(Quarantine) as caught:
        series.at(1)
    assert caught.value.status == "dup_key"


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
@settings(max_examples=60, deadline=None)
def test_any_bytes_give_labels_or_a_status(content):
    for read in (
        lambda: sewa_files.Series(content, column="mean", first=1, last=9, what="valence").at(0),
        lambda: avec_labels.Gold(content, name="x").at(0),
    ):
        try:
            read()
        except Quarantine as reason:
            assert reason.status.startswith(("label_", "dup_key", "frame_gap"))
