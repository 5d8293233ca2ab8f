"""How many items of each kind of fault a release may have before its preparation stops.

One bad item costs that item. Many of one kind mean a fault of the copy (an archive unpacked half-way, another
column, another scale), and numbers made from the rest would not be those of the data set.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

from hocp.contracts.manifest import STATUSES, USABLE

FLOOR_ITEMS, FLOOR_CLIPS = 20, 2  # so many may always be bad: shares of a small release say little
EXAMPLES = 3

#: Official marks of a label that is not there, items that stay usable or were left out by choice: no limit.
UNLIMITED = (*USABLE, "va_missing", "class_excluded", "rule_excluded")

#: Status -> largest share of all items. One per cent of the training images changes little, and no source
#: tells of more; labels outside their range are never a few odd ones, but another column or scale.
DEFAULTS = {status: 0.01 for status in STATUSES if status not in UNLIMITED} | {"label_range": 0.001}

#: What is known of single data sets.
OF_DATASET = {
    # Near-duplicates are 8 % of the manual lists [loader]; how many are equal to the byte, nobody says.
    "affectnet": {"dup_content": 0.08},
    # 422,037 of 500,153 frames are distinct [loader]; the tracker was wrong in 5 % of them [paper].
    # AVEC: a delay of two seconds and the zeros at the start cost about 4 % of the labels.
    "sewa": {"dup_content": 0.2, "lnd_missing": 0.1, "label_nan": 0.05, "label_null": 0.06},
    # The four clips that the authors published as samples lack 2 of 162 frames: 1.2 %.
    "afew_va": {"frame_gap": 0.05},
}

_REMEDIES = {
    "img_missing": "unpack what is missing",
    "img_empty": "unpack or fetch these files again",
    "img_undecodable": "unpack or fetch these files again",
    "lnd_missing": "look whether the landmarks are those of this release, or crop by boxes where it has some",
    "lnd_count": "look whether the landmarks are those of this release",
    "label_range": "look whether the lists are those of this release, with the columns in the official order",
    "label_null": "look whether the label files are there and of the modality asked for",
    "label_nan": "look whether the label files are whole",
    "frame_gap": "look whether clips were unpacked as a whole",
    "dup_key": "look whether a part of the release lies here twice",
    "dup_content": "look whether a part of the release lies here twice",
}


class Item(Protocol):
    """What is looked at: a face, or a row of a manifest."""

    item: str
    clip: str
    status: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """Option named as in the configuration's ``data.prepare.<dataset>.limits``."""
    parser.add_argument(
        "--limit",
        type=limit,
        action="append",
        default=[],
        metavar="STATUS=SHARE",
        help="share of all items that may have this status before preparation stops, 1 for any; repeatable",
    )


def limit(text: str) -> tuple[str, float]:
    """Read ``STATUS=SHARE``."""
    status, _, share = text.partition("=")
    if status not in DEFAULTS:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected one of {', '.join(DEFAULTS)}, then = and a share"
        )
    try:
        value = float(share)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a share from 0 to 1 after the =")
    return status, value


def shares(dataset: str, changes: Mapping[str, float]) -> dict[str, float]:
    """Limits of a data set: status -> share."""
    return {**DEFAULTS, **OF_DATASET.get(dataset, {}), **changes}


class Tally:
    """
    Items by status, as they come, with what is needed to judge them.

    Parameters
    ----------
    found : iterable of Item
    """

    def __init__(self, found: Iterable[Item] = ()):
        self.items = 0
        self.counts: dict[str, int] = defaultdict(int)
        self.examples: dict[str, list[str]] = defaultdict(list)
        self._clips: dict[str, set[str]] = defaultdict(set)
        for one in found:
            self.add(one)

    def add(self, one: Item) -> None:
        """Count one item."""
        self.items += 1
        self.counts[one.status] += 1
        if one.status in DEFAULTS and len(self.examples[one.status]) < EXAMPLES:
            self.examples[one.status].append(one.item)
        if one.clip and len(self._clips[one.status]) <= FLOOR_CLIPS:
            self._clips[one.status].add(one.clip)

    def exceeded(self, allowed: Mapping[str, float]) -> list[str]:
        """Statuses with more items than their share and more than the floor: 20 items, or two clips."""
        return [
            status
            for status, share in allowed.items()
            if self.counts.get(status, 0) > max(share * self.items, FLOOR_ITEMS)
            and not 0 < len(self._clips.get(status, ())) <= FLOOR_CLIPS
        ]


def check(found: Iterable[Item], *, dataset: str, changes: Mapping[str, float]) -> dict[str, float]:
    """
    Hold items against the limits.

    Parameters
    ----------
    found : iterable of Item
        All items, usable or not.
    dataset : str
    changes : mapping
        Status -> share, where the default does not suit.

    Returns
    -------
    dict
        The limits that held: status -> share.

    Raises
    ------
    ValueError
        If one is exceeded; names status, count, share, limit, examples and remedy.
    """
    tally, allowed = Tally(found), shares(dataset, changes)
    over = tally.exceeded(allowed)
    if over:
        raise ValueError("\n".join(_message(tally, status, allowed[status]) for status in over))
    return allowed


def _message(tally: Tally, status: str, share: float) -> str:
    count = tally.counts[status]
    return (
        f"{count} of {tally.items} items ({count / tally.items:.2%}) are {status} ({STATUSES[status]}), the "
        f"limit is {share:.2%}. E.g. {', '.join(tally.examples[status])}. "
        f"Remedy: {_REMEDIES.get(status, 'repair or fetch again what is named')}; or, if the release is to "
        f"be used as it is, raise the limit: --limit {status}={_above(count / tally.items):g}"
    )


def _above(share: float) -> float:
    """The next per cent."""
    return min(1.0, (int(share * 100) + 1) / 100)
