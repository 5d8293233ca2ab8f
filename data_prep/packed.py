"""Rar archives in several volumes: none is read here, but which are there, and what to do, can be said."""

import re
from collections import defaultdict
from collections.abc import Iterable

from data_prep.tree import Tree

_VOLUME = re.compile(r"(?P<stem>.+?)(?:\.part(?P<part>\d+))?\.rar", re.IGNORECASE)


def archives(paths: Iterable[str]) -> dict[str, list[int]]:
    """
    Rar archives among files.

    Returns
    -------
    dict
        Path without ``.partNN.rar`` -> numbers of the volumes that are there; empty for a single ``.rar``.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for path in paths:
        if match := _VOLUME.fullmatch(path):
            found[match["stem"]] += [int(match["part"])] if match["part"] else []
    return {stem: sorted(parts) for stem, parts in sorted(found.items())}


def hint(tree: Tree) -> str:
    """Say what is still packed and how to unpack it; empty where no rar archive lies about.

    The last volume does not show by its name, so only gaps before the last one found can be named.
    """
    found = archives(tree.files)
    if not found:
        return ""
    described = "; ".join(_described(stem, parts) for stem, parts in found.items())
    return (
        f"still packed: {described}. Unpack with `python -m data_prep unpack {tree.root} --out DIR` (it "
        "needs unrar or 7z installed; all volumes in one folder), then name DIR here"
    )


def _described(stem: str, parts: list[int]) -> str:
    if not parts:
        return f"{stem}.rar"
    lost = sorted(set(range(1, parts[-1] + 1)) - set(parts))
    volumes = f"{len(parts)} volume{'s' * (len(parts) > 1)} of {stem}"
    return f"{volumes}, without part {', '.join(map(str, lost))}" if lost else volumes
