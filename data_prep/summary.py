"""A prepared data set in a screenful: what was read, what became of it, how it is split."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from data_prep import splits_balance
from hocp.contracts.manifest import SPLITS, STATUSES, Facts, Item


def summary(facts: Facts, items: Sequence[Item]) -> str:
    """Describe a prepared data set for a person."""
    usable = [item for item in items if item.usable]
    factor, offset = facts.scale["factor"], facts.scale["offset"]
    seed = "" if facts.split["seed"] is None else f", seed {facts.split['seed']}"
    lines = [
        f"{facts.release} ({facts.data} data): {len(usable)} of {len(items)} items usable",
        f"labels {facts.scale['native_min']:g} to {facts.scale['native_max']:g}, "
        f"signed = {factor:g} x native {offset:+g}",
        "",
        *rows(("items", "status", "limit", "meaning"), _statuses(facts)),
        "",
        *rows(("items", "split", "clips", "groups", "valence", "arousal"), _splits(usable)),
        "",
        *rows(*splits_balance.table(facts.split["balance"])),
        "",
        f"split: {facts.split['rule']}{seed}, list {facts.split['sha256'][:16]}",
        f"{facts.split['near_duplicates']} items look like one in another part (8 x 8 average hash)",
        *(f"note: {note}" for note in facts.layout.get("notes", ())),
        *_deviations(facts),
    ]
    return "\n".join(lines)


def _statuses(facts: Facts) -> list[tuple[str, ...]]:
    limits = {status: f"{share:.4g}" for status, share in facts.limits.items()}
    return [
        (str(facts.counts[status]), status, limits.get(status, "-"), STATUSES[status])
        for status in STATUSES
        if status in facts.counts
    ]


def _deviations(facts: Facts) -> Iterator[str]:
    """Warn of each count that is not the published one; the run goes on."""
    if facts.deviations is None:
        yield f"counts: not compared with published ones, {facts.data} data"
        return
    for one in facts.deviations:
        yield "warning: {what}: {found:,} found, {expected:,} expected [{source}]".format(**one)
    if not facts.deviations:
        yield "counts: as published, as far as they could be compared"


def _splits(usable: Sequence[Item]) -> list[tuple[str, ...]]:
    counts = Counter(item.split for item in usable)
    table = []
    for split in filter(counts.get, SPLITS):
        items = [item for item in usable if item.split == split]
        clips, groups = ({getattr(item, name) for item in items} - {""} for name in ("clip", "group"))
        means = (sum(getattr(item, axis) for item in items) / len(items) for axis in ("valence", "arousal"))
        table.append(
            (
                str(len(items)),
                split,
                str(len(clips) or "-"),
                str(len(groups) or "-"),
                *(f"{m:+.3f}" for m in means),
            )
        )
    return table


def rows(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Align columns of text: numbers to the right, words to the left."""
    columns = list(zip(head, *body, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(re.fullmatch(r"[-\d.,()]*", cell) for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ).rstrip()
        for cells in (head, *body)
    ]
