"""Which table a row belongs to: told by a method that only one table has, else by the caption."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import takewhile
from typing import NamedTuple

_MENTIONS = {"affectnet": r"affect-?\s?net", "sewa": r"\bsewa\b", "afew_va": r"\bafew-?\s?va\b"}
_CAPTION = re.compile(r"^\s*(table\s*\w{1,4}\b|#+\s)", re.IGNORECASE)
_FAR = 40  # lines between rows of one table


class Row(NamedTuple):
    """A method and its eight numbers, None for a dash, and the line of its name."""

    method: str
    values: tuple[Decimal | None, ...]
    line: int


class Found(NamedTuple):
    """A row whose table is known."""

    table: str
    method: str
    values: tuple[Decimal | None, ...]


class Caption(NamedTuple):
    """A line that begins a caption or heading, and the one data set that it names."""

    line: int
    table: str


def placed(rows: Sequence[Row], lines: Sequence[str], known: Mapping[str, Sequence[str]]) -> list[Found]:
    """The rows with their tables; those whose table cannot be told are left out.

    Parameters
    ----------
    rows : sequence of Row
    lines : sequence of str
    known : mapping
        Table -> its methods.
    """
    captions = list(_captions(lines))
    above = bool(rows and captions) and captions[0].line < rows[0].line
    found = []
    for group in _groups(rows, captions):
        table = _owner(group, known) or _captioned(group, captions, above=above)
        found += [
            Found(table, row.method, row.values) for row in group if table and row.method in known[table]
        ]
    return found


def _captions(lines: Sequence[str]) -> Iterator[Caption]:
    for number, line in enumerate(lines):
        if _CAPTION.match(line):
            said = " ".join(takewhile(str.strip, lines[number : number + 3])).lower()
            named = [table for table, words in _MENTIONS.items() if re.search(words, said)]
            yield Caption(number, named[0] if len(named) == 1 else "")


def _groups(rows: Sequence[Row], captions: Sequence[Caption]) -> list[list[Row]]:
    """Rows of one table each: no caption between them, and not far apart."""
    places = [caption.line for caption in captions]
    groups: list[list[Row]] = []
    for row in rows:
        last = groups[-1][-1].line if groups else -1
        between = bisect_right(places, row.line) > bisect_right(places, last)
        if not groups or between or row.line - last > _FAR:
            groups.append([])
        groups[-1].append(row)
    return groups


def _owner(group: Sequence[Row], known: Mapping[str, Sequence[str]]) -> str:
    """The table that alone has some method of the group; empty where none or several have."""
    owners = set()
    for row in group:
        having = [table for table, methods in known.items() if row.method in methods]
        owners |= set(having) if len(having) == 1 else set()
    return owners.pop() if len(owners) == 1 else ""


def _captioned(group: Sequence[Row], captions: Sequence[Caption], *, above: bool) -> str:
    """Data set of the caption next to the group, on the side where this document has them."""
    places = [caption.line for caption in captions]
    before, after = bisect_left(places, group[0].line) - 1, bisect_right(places, group[-1].line)
    index = before if above else after
    return captions[index].table if 0 <= index < len(captions) else ""
