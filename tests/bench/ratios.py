"""How many times as long ours takes as another, within one run; with the noise of the run.

Times of one machine wander by tens of per cent in minutes, and all peers of a case wander together, since
they take turns. So what is compared is the ratio within each pass. Its median lies between the least and the
greatest of n passes with probability 1 - 2^(1 - n), whatever the distribution.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from hocp.contracts import record

Row = Mapping[str, str]


@dataclass(frozen=True)
class Ratio:
    """Time of ours over that of a peer: below 1 ours is quicker.

    Attributes
    ----------
    middle, low, high : float
        Median, least and greatest of the passes.
    """

    middle: float
    low: float
    high: float


def ratios(rows: Sequence[Row], ours: str = "hocp auto") -> dict[tuple[str, ...], Ratio]:
    """Ratios to every peer, by suite, subject and so on (`record.SPEED_ALIKE`) and the peer's name.

    Each side stands with the faster of its memory layouts.
    """
    groups: dict[tuple[str, ...], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[tuple(row[name] for name in record.SPEED_ALIKE)][row["peer"]].append(row)
    return {
        (*place, peer): ratio(fastest(peers[ours]), fastest(layouts))
        for place, peers in groups.items()
        if ours in peers
        for peer, layouts in peers.items()
        if peer != ours
    }


def fastest(layouts: Sequence[Row]) -> Row:
    """The row of the quicker memory layout."""
    return min(layouts, key=lambda row: float(row["median_ms"]))


def ratio(ours: Row, peer: Row) -> Ratio:
    """Of two rows that took turns.

    Raises
    ------
    ValueError
        If their passes are not as many.
    """
    times = [[float(each) for each in row["pass_medians_ms"].split()] for row in (ours, peer)]
    if len(times[0]) != len(times[1]):
        counts = " and ".join(str(len(passes)) for passes in times)
        raise ValueError(
            f"{ours['subject']}: {ours['peer']} and {peer['peer']} have {counts} passes, expected as many; "
            "measure both in one run"
        )
    of_passes = [one / other for one, other in zip(*times, strict=True)]
    return Ratio(median(of_passes), min(of_passes), max(of_passes))
