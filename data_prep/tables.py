"""Small tables of text that nobody has to trust: bounded in every direction, whatever their delimiter."""

import csv
import io
from collections.abc import Iterator
from itertools import chain

BYTES = 16 << 20  # of a table of labels; the longest official one has 0.4 MB
LINE = 4096  # characters
FIELDS = 64  # in a row
LINES = 200_000
_DELIMITERS = ";\t|,"


def rows(content: bytes | str, *, line: int = LINE, fields: int = FIELDS) -> Iterator[list[str]]:
    """
    Yield the rows of a delimited text that hold anything, the header, if there is one, among them.

    The delimiter is the one that the first row has most of. A byte-order mark is skipped; bytes that are
    not UTF-8 become question marks.

    Parameters
    ----------
    content : bytes or str
        The whole file, which the caller has read with a bound.
    line, fields : int
        Most characters of a line, and most fields of a row.

    Raises
    ------
    ValueError
        If this is no such table: NUL bytes, which UTF-16 has too, a line, a row or the whole too long, or
        quotes that do not close.
    """
    data = content.encode() if isinstance(content, str) else content
    lines = _lines(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", errors="replace", newline=""), line)
    first = next((text for text in lines if text.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        for number, row in enumerate(csv.reader(chain([first], lines), delimiter=delimiter), start=1):
            if len(row) > fields:
                raise ValueError(f"row {number} has {len(row)} fields, expected at most {fields}")
            if any(field.strip() for field in row):
                yield row
    except csv.Error as error:
        raise ValueError(f"no table: {error}") from None


def _lines(text: io.TextIOWrapper, longest: int) -> Iterator[str]:
    """Lines, bounded in number and length: a file without line ends is not read into one."""
    for _ in range(LINES):
        line = text.readline(longest + 1)
        if not line:
            return
        if len(line) > longest:
            raise ValueError(f"a line of more than {longest} characters")
        if "\0" in line:
            raise ValueError("NUL bytes; expected text in UTF-8")
        yield line
    raise ValueError(f"more than {LINES} lines")
