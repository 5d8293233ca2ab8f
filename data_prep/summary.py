"""A prepared data set in a screenful: what was read, what became of it, how it is split."""

from collections import Counter
from collections.abc import Sequence

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
        *_rows(("items", "status", "meaning"), _statuses(facts)),
        "",
        *_rows(("items", "split", "clips", "groups", "valence", "arousal"), _splits(usable)),
        "",
        *_rows(*splits_balance.table(facts.split["balance"])),
        "",
        f"split: {facts.split['rule']}{seed}, list {facts.split['sha256'][:16]}",
        f"{facts.split['near_duplicates']} items look like one in another part (8 x 8 average hash)",
    ]
    return "\n".join(lines)


def _statuses(facts: Facts) -> list[tuple[str, ...]]:
    return [
        (str(facts.counts[status]), status, STATUSES[status]) for status in STATUSES if status in facts.counts
    ]


def _splits(usable: Sequence[Item]) -> list[tuple[str, ...]]:
    counts = Counter(item.split for item in usable)
    rows = []
    for split in filter(counts.get, SPLITS):
        items = [item for item in usable if item.split == split]
        clips, groups = ({getattr(item, name) for item in items} - {""} for name in ("clip", "group"))
        means = (sum(getattr(item, axis) for item in items) / len(items) for axis in ("valence", "arousal"))
        rows.append(
            (
                str(len(items)),
                split,
                str(len(clips) or "-"),
                str(len(groups) or "-"),
                *(f"{m:+.3f}" for m in means),
            )
        )
    return rows


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Align columns: the first to the right, the others to the left."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place == 0 else cell.ljust(width)
            for place, (cell, width) in enumerate(cells)
        ).rstrip()
        for cells in (zip(row, widths, strict=True) for row in (head, *rows))
    ]
