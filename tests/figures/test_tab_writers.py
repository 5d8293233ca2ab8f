"""One description, four files: long CSV, Markdown, LaTeX, and a page (test_tab_pages.py)."""

import re
import shutil
import subprocess

import pytest
from table_inputs import pipe_rows, read_long

from figures import tables, verdicts
from figures.tables import Block, Column

COLUMNS = [
    Column(name="Method"),
    Column(name="CCC", group="Published", align="r"),
    Column(name="RMSE", group="Published", align="r"),
    Column(name="CCC", group="Ours & theirs", align="r"),
]
BLOCK = Block(
    title="A_title 50 %",
    columns=COLUMNS,
    rows=[["static"], ["a|b", "0.71ʳ", "", "0.5 ± 0.1"], ["temporal"], ["c", "1", "2", "3"]],
    notes=["ʳ = recall & more"],
)


def test_markdown_is_one_rectangle():
    text = tables.markdown(BLOCK)
    assert text.startswith("**A_title 50 %**\n\n|")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {5}
    assert lines[0] == "|  | Published |  | Ours & theirs |"
    assert lines[1] == "| --- | ---: | ---: | ---: |"
    assert lines[2] == "| **Method** | **CCC** | **RMSE** | **CCC** |"
    assert lines[3].startswith("| *static* |")
    assert lines[4] == r"| a\|b | 0.71ʳ |  | 0.5 ± 0.1 |"
    assert text.endswith("\nʳ = recall & more\n")


def test_without_groups_the_names_are_the_heading():
    block = Block(title="t", columns=[Column(name="a"), Column(name="b")], rows=[["1", "2"]])
    assert pipe_rows(tables.markdown(block, title=False)) == [["a", "b"], ["---", "---"], ["1", "2"]]


def test_latex_has_groups_rules_and_escapes():
    text = tables.latex(BLOCK)
    assert r"\begin{tabular}{lrrr}" in text
    assert r"& \multicolumn{2}{c}{Published} & \multicolumn{1}{c}{Ours \& theirs} \\" in text
    assert r"\cmidrule(lr){2-3} \cmidrule(lr){4-4}" in text
    assert r"a|b & 0.71$^{\mathrm{r}}$ &  & 0.5 $\pm$ 0.1 \\" in text
    assert text.count(r"\midrule") == 2  # below the headings, and above the second section
    assert [text.count(rule) for rule in (r"\toprule", r"\bottomrule")] == [1, 1]
    assert text.isascii()


def test_a_character_unknown_to_latex_is_noticed():
    with pytest.raises(AssertionError, match="no LaTeX for"):
        tables.escape("→")


def test_every_confidence_mark_has_its_latex():
    for mark in verdicts.MARKS.values():
        assert tables.escape(mark).startswith("$^")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles(tmp_path):
    body = tables.latex(BLOCK)
    page = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "t.tex").write_text(page)
    subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, capture_output=True)


def test_all_files_or_none(tmp_path):
    prefix = tmp_path / "tab_x"
    tables.write(prefix, ("a", "b"), [{"a": 1, "b": None}], blocks=[BLOCK])
    assert read_long(prefix) == [{"a": "1", "b": ""}]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == [f"tab_x.{end}" for end in ("csv", "html", "md", "tex", "trail.json")]
    unwritable = Block(title="→", columns=COLUMNS, rows=[])  # fails in the third of the files
    with pytest.raises(AssertionError):
        tables.write(prefix, ("a",), [{"a": 2}], blocks=[unwritable])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_ours_have_three_decimals():
    assert [tables.number(x) for x in (0.12345, 1, None, -0.5)] == ["0.123", "1.000", "", "-0.500"]
