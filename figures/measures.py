"""What a target of speed may ask of the timings of one case: six measures, each with what bounds it."""

from collections.abc import Callable, Iterable, Sequence
from math import isnan, nan, prod
from typing import NamedTuple

import pandas as pd

from figures import speed
from figures.speed import Case, Ratio

REST = ("rest",)  # the network whose layers cost nothing
ITEM_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


class Finding(NamedTuple):
    """A value, our share of the roofline at it (NaN: no roof), what it comes from, what bounds it."""

    value: Ratio
    share: float = nan
    note: str = ""
    bound: str = ""


def quicker(case: Case, rows: pd.DataFrame, ours: Sequence[str], against: Sequence[str]) -> Finding | None:
    """How many times quicker ours is; noted is what of it the saving of multiply-adds explains."""
    value = speed.quicker(rows, ours, against)
    if value is None:
        return None
    mine, theirs = speed.fastest(rows, ours), speed.fastest(rows, against)
    saved = theirs["macs"] / mine["macs"]
    words = f"{saved:.1f} times fewer multiply-adds, at {value.value / saved:.2f} of their rate"
    share = speed.roof_fraction(mine).value
    bounds = [_outside(rows, mine, theirs), _products(rows, mine, value.value)]
    return Finding(value, share, "" if isnan(saved) else words, "; ".join(filter(None, bounds)))


def _outside(rows: pd.DataFrame, mine: pd.Series, theirs: pd.Series) -> str:
    """Of a network: what of our time passes outside its layers, and the ratio with these at their best."""
    rest = speed.fastest(rows, REST)
    if rest is None:
        return ""
    said = f"{100 * rest['median_ms'] / mine['median_ms']:.0f} % of its time passes outside the layers"
    if isnan(mine["roof_ms"]):
        return f"{said}; with these at no cost {theirs['median_ms'] / rest['median_ms']:.1f}"
    roof = mine["roof_ms"] * (1 - rest["macs"] / mine["macs"])
    return f"{said}; with these at the roofline {theirs['median_ms'] / (rest['median_ms'] + roof):.1f}"


def _products(rows: pd.DataFrame, mine: pd.Series, value: float) -> str:
    """What the value would be if ours took the time that torch takes for its two matrix products alone."""
    alone = speed.fastest(rows, speed.PRODUCTS)
    if alone is None:
        return ""
    value *= mine["median_ms"] / alone["median_ms"]
    return f"its two products alone give {value:.{2 if value < 2 else 1}f}"


def slower(case: Case, rows: pd.DataFrame, ours: Sequence[str], against: Sequence[str]) -> Finding | None:
    """Our time over that of the fastest of the others; noted are the place and who that is."""
    value = speed.quicker(rows, against, ours)
    if value is None:
        return None
    mine, best = speed.fastest(rows, ours), speed.fastest(rows, against)
    took = mine["form"] or mine["peer"].removeprefix("hocp ")
    return Finding(value, note=f"{case}: took {took}, best was {best['peer']}")


def chosen(case: Case, rows: pd.DataFrame, ours: Sequence[str], against: Sequence[str]) -> Finding | None:
    """The same of the form that ours took, as timed under its own name: 1 where it is the best."""
    mine = speed.fastest(rows, ours)
    return None if mine is None else slower(case, rows, [f"hocp {mine['form']}"], against)


def choosing(case: Case, rows: pd.DataFrame, ours: Sequence[str], against: Sequence[str]) -> Finding | None:
    """Our time over that of the same form under its own name."""
    mine = speed.fastest(rows, ours)
    return None if mine is None else slower(case, rows, ours, [f"hocp {mine['form']}"])


def roofline(case: Case, rows: pd.DataFrame, ours: Sequence[str], against: Sequence[str]) -> Finding | None:
    """Our share of the roofline; noted are the highest of our forms, and of the products or a copy alone."""
    mine = speed.fastest(rows.dropna(subset=["roof_ms"]), ours)
    if mine is None:
        return None
    value = speed.roof_fraction(mine)
    if case.suite == "stages":
        return Finding(value, note=_copy(rows, case))
    forms = rows[rows["peer"].str.startswith("hocp ")]
    best = speed.fastest(forms, forms["peer"].unique())
    form = f"best form: {best['peer']} with {speed.roof_fraction(best).value:.2f}"
    return Finding(value, note="; ".join(filter(None, [form, _products(rows, mine, value.value)])))


def _copy(rows: pd.DataFrame, case: Case) -> str:
    """What share copies have: a forward call reads and writes as much as one, with backward five halves.

    Backward reads the gradient and the stage's input, and writes the gradient of that.
    """
    alone = speed.fastest(rows, ["copy"])
    if alone is None:
        return ""
    copies = 1 if case.call == "forward" else 2.5
    many = "a copy of as much gives" if copies == 1 else f"{copies} copies, which move as much, give"
    return f"{many} {speed.roof_fraction(alone).value / copies:.2f}"


def kept(case: Case, rows: pd.DataFrame, ours: Sequence[str], against: Sequence[str]) -> Finding | None:
    """Bytes kept for backward, in activations of R channels: B R D0 D1 ... numbers, the input among them."""
    mine = speed.fastest(rows.dropna(subset=["saved_bytes", "rank"]), ours)
    if mine is None:
        return None
    numbers = mine["batch"] * mine["rank"] * prod(map(int, mine["size"].split("x")))
    many = mine["saved_bytes"] / (numbers * ITEM_BYTES[mine["dtype"]])
    return Finding(Ratio(many, many, many), note=f"{case}")


def worst(findings: Sequence[Finding], *, highest: bool) -> Finding:
    """The finding of the highest or lowest value."""
    return (max if highest else min)(findings, key=lambda finding: finding.value.value)


def geometric_mean(findings: Iterable[Finding]) -> Finding:
    """One finding of several."""
    values, shares, *_ = zip(*findings, strict=True)
    share = speed.geometric_mean([Ratio(share, share, share) for share in shares]).value
    return Finding(speed.geometric_mean(values), share, f"{len(values)} cases")


Measure = Callable[[Case, pd.DataFrame, Sequence[str], Sequence[str]], Finding | None]
MEASURES: dict[str, Measure] = {
    "times quicker": quicker,
    "times slower": slower,
    "times slower, of the form taken": chosen,
    "times slower than the form taken": choosing,
    "share of the roofline": roofline,
    "activations kept": kept,
}
