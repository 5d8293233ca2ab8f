"""The published numbers against copies of a paper with planted differences, and against other texts."""

import csv
from decimal import Decimal
from pathlib import Path

import made_up_paper
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_paper import KNOWN, NAMES

from hocp.__main__ import main
from hocp.audit import paper_check, paper_rows
from hocp.contracts import published

#: Three numbers that the made-up paper has otherwise: one replaced, one added, one with more digits.
PLANTED = {
    ("sewa", "hocp_transduction", "valence.ccc"): "0.76",
    ("sewa", "vgg16_trl", "valence.sagr"): "0.61",
    ("afew_va", "hocp", "arousal.ccc"): "0.523",
}
LAYOUTS = {
    "paper.md": made_up_paper.markdown,
    "paper.txt": made_up_paper.text,
    "columns.txt": made_up_paper.columns,
    "paper.html": made_up_paper.html,
}
MADE_UP_CELLS = sum(8 * len(KNOWN.document[table]["rows"]) for table in published.EMOTION)


def call(folder: Path, name: str, content: str | bytes) -> tuple[int, list[dict[str, str]], Path]:
    """Run the command; exit status, rows of the list, and the file of numbers."""
    paper, out = folder / name, folder / "mine.yaml"
    paper.write_bytes(content.encode() if isinstance(content, str) else content)
    status = main(["published", "check", str(paper), "--out", str(out)])
    if not out.with_suffix(".csv").exists():
        return status, [], out
    with out.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        return status, list(csv.DictReader(file)), out


def emotion(rows):
    """Rows of the three tables of valence and arousal."""
    return [row for row in rows if row["table"] in published.EMOTION]


@pytest.mark.parametrize("name", LAYOUTS)
def test_planted_differences_are_found_and_all_else_confirmed(tmp_path, name, capsys):
    status, rows, out = call(tmp_path, name, LAYOUTS[name](PLANTED))
    assert status == 0
    rows = emotion(rows)
    assert len(rows) == MADE_UP_CELLS
    differs = {(r["table"], r["method"], r["cell"]): r["paper"] for r in rows if r["outcome"] == "differs"}
    assert {key: Decimal(text) for key, text in differs.items()} == {
        key: Decimal(PLANTED[key]) for key in list(PLANTED)[:2]
    }
    assert {r["outcome"] for r in rows} == {"differs", "confirmed"}
    assert "differs: sewa hocp_transduction valence.ccc: held 0.75, paper " in capsys.readouterr().out
    surer = published.load(out)
    cells = {
        (c.table, c.method, f"{c.dimension}.{c.metric}"): c for t in published.EMOTION for c in surer.cells(t)
    }
    for key, text in PLANTED.items():
        assert (cells[key].value, cells[key].confidence) == (float(text), "primary")
    assert "held before: 0.75, recall" in cells["sewa", "hocp_transduction", "valence.ccc"].note
    assert {cell.confidence for cell in cells.values() if cell.value is not None} == {"primary"}
    assert surer.document["meta"]["full_text_at_hand"] is True
    assert "SHA-256" in surer.sources["own_copy"]


def test_a_missing_row_stays_as_it_was(tmp_path):
    text = "\n".join(
        x for x in made_up_paper.markdown({}).splitlines() if "Face-SSD" not in x and "(2+1)D" not in x
    )
    status, rows, out = call(tmp_path, "paper.md", text)
    lost = {(r["table"], r["method"]) for r in emotion(rows) if r["outcome"] == "not found"}
    assert status == 0
    assert lost == {("affectnet", "face_ssd"), ("sewa", "r2plus1d18"), ("afew_va", "r2plus1d18")}
    found = published.load(out)
    kept = [c for c in found.cells("affectnet") if c.method == "face_ssd"]
    assert {(c.value, c.confidence) for c in kept} == {
        (c.value, c.confidence) for c in KNOWN.cells("affectnet") if c.method == "face_ssd"
    }
    assert found.document["meta"]["full_text_at_hand"] is False


def test_a_row_that_stands_twice_with_unlike_numbers_confirms_nothing(tmp_path):
    twice = (
        made_up_paper.markdown({}) + "\n" + made_up_paper.markdown({("sewa", "hocp", "valence.ccc"): "0.61"})
    )
    _, rows, _ = call(tmp_path, "paper.md", twice)
    unsure = {(r["table"], r["method"]) for r in emotion(rows) if r["outcome"] == "not found"}
    assert unsure == {("sewa", "hocp")}


HOSTILE = {
    "empty.txt": "",
    "prose.txt": "ResNet-18 was trained at 0.1, 0.2 - and 0.3. " * 400,
    "other.md": "| Method | a |\n| --- | --- |\n| HO-CPConv (ours) | 0.1 |\n| ResNet-18 | 0.2 |\n" * 50,
    "dashes.txt": "- " * 50_000,
    "numbers.txt": "0.1 " * 50_000,
    "captions.txt": "Table 1. SEWA\n" * 3000,
    "noise.txt": bytes(range(256)) * 200,
    "tags.html": "<td>" * 20_000 + "<script>" + "0.1 " * 1000,
    "unknown.md": "| Their net | " + " | ".join(["0.5"] * 8) + " |\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_the_paper_confirms_nothing(tmp_path, name, capsys):
    status, rows, out = call(tmp_path, name, HOSTILE[name])
    assert status == 1 and not out.exists()
    assert {row["outcome"] for row in rows} == {"not found"}
    assert "is it the paper" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "content"), [("torn.pdf", b"%PDF-1.7\n1 0 obj\n<<"), ("gone.pdf", None)])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content, capsys):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert main(["published", "check", str(tmp_path / name), "--out", str(tmp_path / "o.yaml")]) == 2
    assert name in capsys.readouterr().err
    assert not (tmp_path / "o.yaml").exists()


def test_the_project_s_own_numbers_are_not_overwritten(tmp_path, capsys):
    (tmp_path / "p.md").write_text(made_up_paper.markdown({}))
    assert main(["published", "check", str(tmp_path / "p.md"), "--out", str(published.PAPER)]) == 2
    assert "not overwritten" in capsys.readouterr().err


def test_a_pdf_is_read(tmp_path):
    """Written by matplotlib: lines of text at places on a page, as in any PDF."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    lines = made_up_paper.markdown(PLANTED).replace("|", " ").replace("*", "").splitlines()
    with rc_context({"pdf.fonttype": 42}), PdfPages(tmp_path / "made.pdf") as pages:
        for start in range(0, len(lines), 50):
            figure = Figure(figsize=(8.5, 11))
            for k, line in enumerate(lines[start : start + 50]):
                figure.text(0.05, 0.96 - 0.018 * k, line, fontsize=7, family="DejaVu Sans Mono")
            pages.savefig(figure)
    status, rows, _ = call(tmp_path, "paper.pdf", (tmp_path / "made.pdf").read_bytes())
    outcomes = {(r["table"], r["method"], r["cell"]): r["outcome"] for r in emotion(rows)}
    assert status == 0 and set(outcomes.values()) == {"confirmed", "differs"}
    assert sum(word == "differs" for word in outcomes.values()) == 2


def test_sizes_are_confirmed_in_lines_that_name_the_network(tmp_path):
    lines = [
        "The ResNet-18 3D has 33M parameters, and in (2+1)D form 31 million.",
        "Ours has 11M parameters.",
        "ResNet-50 has 25M parameters; 11 things.",
    ]
    results = paper_check.check(["\n".join(lines)], KNOWN)
    found = {r.cell.method for r in results if r.outcome == "confirmed"}
    assert found == {"r3d18", "r2plus1d18", "hocp_resnet18_3d"}


@pytest.mark.parametrize("method", NAMES)
def test_names_are_known(method):
    assert paper_rows.method_of(" ".join(paper_rows.clean(NAMES[method]))) == method


@pytest.mark.parametrize(
    ("held", "paper", "same"),
    [
        ("0.37", "0.37", True),
        ("0.37", ".370", True),
        ("0.407", "0.41", True),
        ("0.407", "0.40", False),
        ("0.52", "0.523", True),
        ("0.52", "0.526", False),
        (None, None, True),
        (None, "0.5", False),
        ("0.5", None, False),
    ],
)
def test_numbers_agree_where_one_rounds_to_the_other(held, paper, same):
    assert paper_check.agree(*(None if text is None else Decimal(text) for text in (held, paper))) == same


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("0.5-–|*[]\n (ours)ResNt18Tabl1SEWA"), max_size=300))
def test_no_text_makes_it_fail(text):
    paper_check.check([text], KNOWN)
