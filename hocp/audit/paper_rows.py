"""Rows of the paper's tables of valence and arousal, found in its text.

A row is a method's name and eight numbers in the order of the paper: RMSE, SAGR, PCC and CCC of valence,
then of arousal; a dash where there is none. Names and numbers may stand on one line or on several; a table
may also come out column by column, all names first. What is no such row is passed over.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from hocp.audit import paper_tables
from hocp.audit.paper_tables import Found, Row
from hocp.contracts.published import DIMENSIONS, METRICS

NUMBERS = tuple(f"{dimension}.{metric}" for dimension in DIMENSIONS for metric in METRICS)

#: Words by which a name in the text is known, the most particular first; all patterns of a method must match.
ALIASES = {
    "hocp_transduction": (r"\b(ours|ho-?\s?cp)", r"trans(duc|d\.|\b)"),
    "hocp_scratch": (r"\b(ours|ho-?\s?cp)", r"scratch"),
    "hocp": (r"\b(ours|ho-?\s?cp)",),
    "r2plus1d18": (r"resnet-?\s?18|r\(2", r"2\s?\+\s?1"),
    "r3d18": (r"resnet-?\s?18|r3d", r"3-?\s?d"),
    "resnet50_trl": (r"resnet-?\s?50", r"trl"),
    "vgg16_trl": (r"vgg-?\s?16", r"trl"),
    "resnet18": (r"resnet-?\s?18",),
    "vgg_face_2m": (r"vgg-?\s?face",),
    "face_ssd": (r"face-?\s?ssd",),
    "affwildnet": (r"aff-?\s?wild-?\s?net",),
    "rf_hybrid_dct": (r"hybrid\s?-?dct|random forest|\brf\b",),
    "affectnet_baseline": (r"affect-?net",),
    "sewa_svm": (r"\bsewa\b|\bsvm\b",),
}
_VALUE = re.compile(r"-?\d?\.\d{1,4}")
_DASHES = frozenset(("-", "--", "---", "n/a", "n.a."))
_BETWEEN = frozenset(("valence", "arousal", "v", "a"))  # may stand before the second four numbers
_LONG_NAME = 6  # words; more than that, and text of another column stands before it
_WIDE = 3  # spaces between columns of a page


@dataclass
class _Reading:
    """Words since the last row, each with its line and whether a wide gap precedes it; then numbers."""

    name: list[tuple[int, str, bool]] = field(default_factory=list)
    run: list[Decimal | None] = field(default_factory=list)


def rows(text: str, known: Mapping[str, Sequence[str]]) -> list[Found]:
    """All rows of a text, with their tables.

    Parameters
    ----------
    text : str
    known : mapping
        Table -> methods that it may have; a method of one table alone tells the table.
    """
    lines = clean(text)
    return paper_tables.placed(list(_rows(lines)), lines, known)


def clean(text: str) -> list[str]:
    """Lines without marks: no bold, no rules, no citations, one kind of dash, broken words joined."""
    text = unicodedata.normalize("NFKC", text).replace("\r\n", "\n").replace("\f", "\n")
    text = re.sub(r"[\u2010-\u2015\u2212\u00ad]", "-", text)
    text = re.sub(r"([a-z])-\n\s*([a-z]{2,})", r"\1\2", text)
    text = re.sub(r"\\(?:textbf|textit|mathbf|mathrm|bm|underline|emph|text)\b", " ", text)
    text = re.sub(r"\[[\d\s,;-]{1,30}\]", " ", text)
    return [re.sub(r"[*_|&${}\\~†‡§↑↓]", " ", line) for line in text.split("\n")]


def method_of(name: str) -> str:
    """Machine name of a method; empty for an unknown one."""
    low = name.lower()
    known = (method for method, words in ALIASES.items() if all(re.search(word, low) for word in words))
    return next(known, "")


def _value(word: str) -> Decimal | str | None:
    """A number, None for a dash; the word itself for any other."""
    bare = word.strip("(),;:%")
    if bare.lower() in _DASHES:
        return None
    return Decimal(bare) if _VALUE.fullmatch(bare) else word


def _rows(lines: Sequence[str]) -> Iterator[Row]:
    """Runs of numbers with the words before them, where those are a known method."""
    now = _Reading()
    for number, line in enumerate(lines):
        end = 0
        for word in re.finditer(r"\S+", line):
            value, wide, end = _value(word[0]), word.start() - end >= _WIDE, word.end()
            if not isinstance(value, str):
                if value is not None or now.run or now.name:  # a dash before everything is a bullet
                    now.run.append(value)
            elif len(now.run) == len(METRICS) and word[0].lower().strip(":") in _BETWEEN:
                continue
            else:
                if now.run and not _is_hyphen(now.run):
                    yield from _ended(now)
                    now = _Reading()
                now.run = []
                now.name.append((number, word[0], wide))
    yield from _ended(now)


def _is_hyphen(run: Sequence[Decimal | None]) -> bool:
    """Dashes inside a name, as in "HO-CPConv - scratch"."""
    return len(run) < 3 and not any(value is not None for value in run)


def _ended(now: _Reading) -> Iterator[Row]:
    """A row, if eight numbers and a known name; several, if the table came out column by column."""
    count, rest = divmod(len(now.run), len(NUMBERS))
    if rest or not count or not now.name or not any(value is not None for value in now.run):
        return
    last = now.name[-1][0]
    if count == 1:
        near = _name(now, last)
        wrapped = near.lower().strip("()") == "ours"  # the rest of the name stands a line above
        if method := (not wrapped and method_of(near)) or method_of(_name(now, last - 2)):
            yield Row(method, tuple(now.run), last)
        return
    lines = dict.fromkeys(number for number, *_ in now.name)
    named = [(line, method) for line in lines if (method := method_of(_name(now, line, line)))]
    if len(named) >= count:
        for k, (line, method) in enumerate(named[-count:]):
            yield Row(method, tuple(now.run[k::count]), line)


def _name(now: _Reading, first: int, last: int | None = None) -> str:
    """Words of some lines; of a long name those after the last wide gap, the rest is of another column."""
    words = [
        (word, wide)
        for number, word, wide in now.name
        if number >= first and (last is None or number <= last)
    ]
    if len(words) > _LONG_NAME:
        gaps = [k for k, (_, wide) in enumerate(words) if wide]
        words = words[gaps[-1] :] if gaps else []
    return " ".join(word for word, _ in words)
