"""When a published number counts as reproduced, and how sure a published number is: the rules, once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
NOT_COMPARABLE = "not comparable"
NOT_RUN = "not run"
NOT_PUBLISHED = "no published number"
PARTLY = "partly reproduced"
NOT_TESTABLE = "not testable here"

#: Of a mechanism, on generated data: whether an effect that the paper reports shows there as well. None of
#: these says that a number of the paper holds.
SUPPORTED = "supported"
PARTLY_SUPPORTED = "partly supported"
UNDECIDED = "undecided"
CONTRADICTED = "contradicted"

#: Every word for a claim, from the best to none, with what it means.
MEANINGS = {
    REPRODUCED: "ours agrees within the tolerance",
    PARTLY: "some of the numbers or differences agree",
    NOT_REPRODUCED: "ours disagrees",
    SUPPORTED: "on generated data every difference goes the paper's way, beyond its interval",
    PARTLY_SUPPORTED: "some do and none goes against it",
    UNDECIDED: "too few seeds, intervals that hold zero, or differences both ways",
    CONTRADICTED: "some go against it and none its way",
    NOT_RUN: "the suite can test it, and this scenario did not",
    NOT_TESTABLE: "nothing here can test it",
}
#: All its way, some, against it; by the data that ours comes from.
_EFFECT = {
    "generated": (SUPPORTED, PARTLY_SUPPORTED, CONTRADICTED),
    "licensed": (REPRODUCED, PARTLY, NOT_REPRODUCED),
}

#: How far a result on the licensed data may lie from the published one. The paper prints two digits, does not
#: say how results scatter over seeds, and leaves parts of its protocol open; retraining one network on these
#: data sets moves correlations by some hundredths and errors by less.
TOLERANCES = {"rmse": 0.02, "sagr": 0.03, "pcc": 0.05, "ccc": 0.05}

#: Superscript letter of each confidence level.
MARKS = {
    "primary": "ᵖ", "vector_figure": "ᵛ", "exact": "ᵉ", "partial": "ᶜ",
    "secondary": "ˢ", "recall": "ʳ", "recall_weak": "ʷ",
}  # fmt: skip

#: Where a number of ours comes from. "analytic" numbers follow from a definition and depend on no data.
DATA = ("generated", "licensed", "analytic")


class Verdict(NamedTuple):
    """One of the words above, and why."""

    word: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}" if self.reason else self.word


def verdict(
    published: float | None, ours: float | None, *, data: str, tolerance: float = 0.0, why: str = ""
) -> Verdict:
    """Compare one number of ours with the published one.

    Parameters
    ----------
    published, ours : float or None
        None where there is no number.
    data : {"generated", "licensed", "analytic"}
        What ours was made from. A number from generated data is never compared with a published one.
    tolerance : float
        Largest distance that counts as reproduced, in the unit of the numbers.
    why : str
        Why ours is missing, or what the tolerance means.

    Raises
    ------
    ValueError
        If `data` is none of the three, or ours is missing without a reason.
    """
    if data not in DATA:
        raise ValueError(f"data is {data!r}, expected one of {', '.join(DATA)}")
    if ours is None:
        if not why:
            raise ValueError("a missing number needs its reason; pass why=...")
        return Verdict(NOT_RUN, why)
    if published is None:
        return Verdict(NOT_PUBLISHED)
    if data == "generated":
        return Verdict(NOT_COMPARABLE, "generated data")
    distance = ours - published
    # Decimal numbers are not exact in binary: a distance equal to the tolerance is within it.
    if abs(distance) <= tolerance * (1 + 1e-9) + 1e-12:
        return Verdict(REPRODUCED, why or f"within {tolerance:g}")
    side = "above" if distance > 0 else "below"
    return Verdict(NOT_REPRODUCED, f"{abs(distance):.3g} {side}, tolerance {tolerance:g}")


def share(good: int, count: int, what: str) -> Verdict:
    """Of several numbers of one claim: all, some or none reproduced."""
    word = REPRODUCED if good == count else PARTLY if good else NOT_REPRODUCED
    return Verdict(word, f"{good} of {count} {what}")


def effect(signs: Sequence[int], *, data: str, seeds: int, wanted: int) -> Verdict:
    """Whether differences go the way that the paper says.

    Parameters
    ----------
    signs : sequence of int
        For each difference: 1 where it goes the paper's way beyond its interval, -1 where it goes against
        it, 0 where the interval holds zero.
    data : {"generated", "licensed"}
    seeds, wanted : int
        Seeds that the differences are of. With fewer than wanted it is not known how much two trainings
        differ by chance, so nothing is decided.

    Raises
    ------
    ValueError
        If `data` is neither.
    """
    if data not in _EFFECT:
        raise ValueError(f"data is {data!r}, expected one of {', '.join(_EFFECT)}")
    its_way, against = signs.count(1), signs.count(-1)
    counted = f"{its_way} of {len(signs)} differences go its way, {against} against it"
    if seeds < wanted:
        return Verdict(UNDECIDED, f"{seeds} of {wanted} seeds; {counted}")
    every, some, none = _EFFECT[data]
    if bool(its_way) == bool(against):
        return Verdict(UNDECIDED, counted)
    return Verdict(every if its_way == len(signs) else some if its_way else none, counted)


def summary(verdicts: Iterable[Verdict]) -> str:
    """One cell for a whole row: the common verdict, or how many were reproduced."""
    verdicts = [v for v in verdicts if v.word != NOT_PUBLISHED]
    if not verdicts:
        return NOT_PUBLISHED
    if len(set(verdicts)) == 1:
        return str(verdicts[0])
    words = {v.word for v in verdicts}
    if words <= {REPRODUCED, NOT_REPRODUCED}:
        good = sum(v.word == REPRODUCED for v in verdicts)
        return f"{good} of {len(verdicts)} reproduced"
    return "; ".join(dict.fromkeys(map(str, verdicts)))


def marked(text: str, confidence: str) -> str:
    """A published number with the letter of its confidence; nothing stays nothing."""
    return text + MARKS[confidence] if text else ""


def legend(confidences: Iterable[str], levels: Mapping[str, str]) -> str:
    """Line under a table that explains the letters in it, from the surest to the least sure.

    Parameters
    ----------
    confidences : iterable of str
        Levels that the table shows.
    levels : mapping
        Level -> meaning, in order: `Published.levels`.
    """
    shown = set(confidences)
    parts = [f"{MARKS[level]} = {meaning}" for level, meaning in levels.items() if level in shown]
    return "Published numbers: " + "; ".join(parts) + "." if parts else ""
