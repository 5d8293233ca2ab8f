"""`SHA256SUMS` beside archives, as ``sha256sum`` writes it and ``sha256sum -c`` reads it."""

import re
from collections.abc import Mapping
from pathlib import Path

from hocp.contracts import files

NAME = "SHA256SUMS"


def read(folder: Path) -> dict[str, str]:
    """
    Hashes that the list of a folder gives; empty where there is no list.

    Returns
    -------
    dict
        File name -> 64 hexadecimal digits.

    Raises
    ------
    ValueError
        If a line is not of the format, or a name has two hashes.
    """
    place, found = folder / NAME, {}
    if not place.is_file():
        return found
    for number, line in enumerate(place.read_text("utf-8-sig", errors="replace").splitlines(), start=1):
        match = re.fullmatch(r"([0-9a-fA-F]{64})\s+\*?(?:\./)?(.+)", line.strip())
        if line.strip() and (not match or found.setdefault(match[2], match[1].lower()) != match[1].lower()):
            raise ValueError(f"{place}, line {number}: expected SHA-256 and a name, got {line!r}")
    return found


def check(place: Path, digest: str) -> None:
    """
    Compare a file's hash with the list beside it.

    Raises
    ------
    ValueError
        If the list gives another one.
    """
    expected = read(place.parent).get(place.name, digest)
    if expected != digest:
        raise ValueError(f"{place.name}: SHA-256 is {digest}, {NAME} says {expected}; fetch it again")


def record(folder: Path, digests: Mapping[str, str]) -> None:
    """
    Add hashes of files seen for the first time; a known file must still have the hash that it had.

    Raises
    ------
    ValueError
        If a file's hash changed.
    """
    for name, digest in digests.items():
        check(folder / name, digest)
    new = {name: digest for name, digest in digests.items() if name not in read(folder)}
    if new:
        place = folder / NAME
        old = place.read_text("utf-8").rstrip("\n") + "\n" if place.is_file() else ""
        with files.publish(place) as scratch:
            scratch.write_text(old + "".join(f"{new[name]}  {name}\n" for name in sorted(new)), "utf-8")
