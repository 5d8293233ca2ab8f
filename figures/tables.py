"""Tables as a reader sees them: one description; as CSV (long), as Markdown, LaTeX and a page (wide)."""

import argparse
import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from figures.pages import page
from hocp.contracts import trail
from hocp.contracts.files import publish
from hocp.contracts.published import PAPER

#: Characters that LaTeX does not take as they are. Superscript letters carry the confidence of a number.
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$",
    "×": r"$\times$", "±": r"$\pm$", "≤": r"$\leq$", "≥": r"$\geq$", "−": "$-$", "–": "--",
    "·": r"$\cdot$", "÷": r"$\div$",
    "ᵖ": r"$^{\mathrm{p}}$", "ᵛ": r"$^{\mathrm{v}}$", "ᵉ": r"$^{\mathrm{e}}$", "ᶜ": r"$^{\mathrm{c}}$",
    "ˢ": r"$^{\mathrm{s}}$", "ʳ": r"$^{\mathrm{r}}$", "ʷ": r"$^{\mathrm{w}}$",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Column:
    """Heading of a column; neighbours with the same `group` stand under one common heading."""

    name: str
    group: str = ""
    align: str = "l"


@dataclass(frozen=True, kw_only=True)
class Block:
    """One wide table: rows of text as wide as `columns`; a row of one text is a heading inside the table."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default=())

    def __post_init__(self):
        assert all(len(row) in (1, len(self.columns)) for row in self.rows), self.title


def with_notes(block: Block, *notes: str) -> Block:
    """The block with more notes below it."""
    return replace(block, notes=(*block.notes, *notes))


def write(
    prefix: str | Path,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, object]],
    *,
    blocks: Sequence[Block],
    inputs: Iterable[str | Path] = (),
) -> None:
    """Publish PREFIX.csv, .md, .tex, .html and .trail.json; if one cannot be made, none of them changes.

    Parameters
    ----------
    prefix : path
        Place and stem of the files.
    columns, rows
        The long form: one row a number; None becomes an empty cell.
    blocks : sequence of Block
        The wide form, in reading order.
    inputs : iterable of path
        Files that the table was made from, for its trail; `inputs_of` finds them in the options.
    """
    prefix = Path(prefix)
    with ExitStack() as stack:
        scratch = {
            suffix: stack.enter_context(publish(prefix.with_name(prefix.name + suffix)))
            for suffix in (".csv", ".md", ".tex", ".html")
        }
        with scratch[".csv"].open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, extrasaction="raise", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        scratch[".md"].write_text("\n".join(map(markdown, blocks)), "utf-8")
        scratch[".tex"].write_text(
            latex_head(prefix.name) + "\\par\\bigskip\n".join(map(latex, blocks)), "utf-8"
        )
        scratch[".html"].write_text(page(prefix.name, blocks), "utf-8")
        made = {prefix.name + suffix: path for suffix, path in scratch.items()}
        trail.write(trail.place(f"{prefix}.csv"), made, inputs, home=f"{prefix}.csv")


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Command line that every table starts from: its docstring's first line and ``--out PREFIX``."""
    result = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    result.add_argument(
        "--out", required=True, metavar="PREFIX", help="writes PREFIX.csv, .md, .tex, .html and .trail.json"
    )
    return result


def inputs_of(args: argparse.Namespace) -> list[Path]:
    """Files among the options of a command that it reads; the published numbers also where none is named."""
    options = {key: value for key, value in vars(args).items() if key != "out" and value is not None}
    if "published" in vars(args):
        options.setdefault("published", PAPER)
    values = [each for value in options.values() for each in (value if isinstance(value, list) else [value])]
    return [Path(value) for value in values if isinstance(value, (str, Path)) and Path(value).is_file()]


def markdown(block: Block, *, title: bool = True) -> str:
    """A block as a pipe table under its title, notes below.

    Pipe tables have one row of headings: with groups, it holds them and the columns' names follow in bold.
    """
    names = [column.name for column in block.columns]
    heads = [names]
    if any(column.group for column in block.columns):
        heads = [_group_cells(block.columns), [f"**{name}**" if name else "" for name in names]]
    ruler = ["---:" if column.align == "r" else "---" for column in block.columns]
    body = [_section(row[0], len(names)) if len(row) == 1 else row for row in block.rows]
    lines = [_pipe(row) for row in (heads[0], ruler, *heads[1:], *body)]
    notes = [f"\n{note}" for note in block.notes]
    return "\n".join([f"**{block.title}**\n"] * title + [*lines, *notes]) + "\n"


def _group_cells(columns: Sequence[Column]) -> list[str]:
    """Each group's name over its first column, nothing over the others."""
    cells = []
    for group, members in groupby(columns, key=lambda column: column.group):
        cells += [group] + [""] * (len(list(members)) - 1)
    return cells


def _section(text: str, width: int) -> list[str]:
    return [f"*{text}*"] + [""] * (width - 1)


def _pipe(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def latex_head(name: str) -> str:
    """Comment on top of a LaTeX file: what it needs."""
    return f"% {name}: generated; \\input it where the booktabs package is loaded.\n"


def latex(block: Block) -> str:
    """A block as a booktabs `tabular`, title and notes as text around it."""
    width = len(block.columns)
    aligned = "".join(column.align for column in block.columns)
    lines = [rf"\par\noindent\textbf{{{escape(block.title)}}}\par\smallskip"]
    lines += [rf"\noindent\begin{{tabular}}{{{aligned}}}", r"\toprule", *_latex_groups(block.columns)]
    lines += [_ampersands(column.name for column in block.columns), r"\midrule"]
    for index, row in enumerate(block.rows):
        if len(row) == 1:
            lines += [r"\midrule"] * (index > 0)
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{escape(row[0])}}}}} \\")
        else:
            lines.append(_ampersands(row))
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\smallskip\noindent{{\footnotesize {escape(note)}}}" for note in block.notes]
    return "\n".join(lines) + "\n"


def _latex_groups(columns: Sequence[Column]) -> list[str]:
    """The row of group headings and the rules under them; nothing where there are no groups."""
    if not any(column.group for column in columns):
        return []
    cells, rules, start = [], [], 1
    for group, members in groupby(columns, key=lambda column: column.group):
        count = len(list(members))
        cells.append(rf"\multicolumn{{{count}}}{{c}}{{{escape(group)}}}" if group else " & " * (count - 1))
        rules += [rf"\cmidrule(lr){{{start}-{start + count - 1}}}"] if group else []
        start += count
    return [" & ".join(cells) + r" \\", " ".join(rules)]


def _ampersands(cells: Iterable[str]) -> str:
    return " & ".join(escape(cell) for cell in cells) + r" \\"


def escape(text: str) -> str:
    """Text for LaTeX; a character that this module does not know how to write there is an error."""
    signed = re.sub(r"^-(?=\d)", "−", text)  # a negative number: a minus, not a hyphen
    written = "".join(_LATEX.get(character, character) for character in signed)
    assert written.isascii(), f"no LaTeX for {[c for c in written if not c.isascii()]} in {text!r}"
    return written


def number(value: float | None, decimals: int = 3) -> str:
    """Ours, to three decimals; empty where there is none."""
    return "" if value is None else f"{value:.{decimals}f}"
