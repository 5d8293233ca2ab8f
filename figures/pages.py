"""A table as a page for the report: HTML that needs nothing from outside."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from figures.tables import Block, Column

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1F2933; margin: 1.5em; max-width: 70em; }
table { border-collapse: collapse; border-top: 2px solid #1F2933; border-bottom: 2px solid #1F2933; }
th, td { padding: 0.2em 0.7em; text-align: left; font-variant-numeric: tabular-nums; vertical-align: top; }
th { border-bottom: 1px solid #8A94A0; } th.group { border-bottom: 0; text-align: center; }
.r { text-align: right; } td.section { padding-top: 0.7em; font-style: italic; }
h2 { font-size: 1em; margin: 1.6em 0 0.6em; } p { font-size: 0.87em; max-width: 60em; }
"""


def page(name: str, blocks: Sequence["Block"]) -> str:
    """The blocks of one table, title above and notes below each, as a whole HTML page."""
    body = "\n".join(map(_block, blocks))
    head = f'<meta charset="utf-8"><title>{escape(name)}</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _block(block: "Block") -> str:
    rows = [*_heads(block.columns), *(_row(row, block.columns) for row in block.rows)]
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in block.notes)
    table = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f"<h2>{escape(block.title)}</h2>\n<table>\n{table}\n</table>\n{notes}"


def _heads(columns: Sequence["Column"]) -> list[str]:
    """Headings, under those of their groups where there are any."""
    names = "".join(f'<th class="{column.align}">{escape(column.name)}</th>' for column in columns)
    if not any(column.group for column in columns):
        return [names]
    groups = [(name, len(list(members))) for name, members in groupby(columns, key=lambda c: c.group)]
    cells = [f'<th class="group" colspan="{count}">{escape(name)}</th>' for name, count in groups]
    return ["".join(cells), names]


def _row(row: Sequence[str], columns: Sequence["Column"]) -> str:
    if len(row) == 1:
        return f'<td class="section" colspan="{len(columns)}">{escape(row[0])}</td>'
    cells = zip(columns, row, strict=True)
    return "".join(f'<td class="{column.align}">{escape(text)}</td>' for column, text in cells)
