"""Zip archives, which nobody has to trust: what may be in them, and whether they are what was published."""

import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from hocp.contracts import files

MEMBERS = 2_000_000  # no release comes near
RATIO = 200  # text compresses 20-fold, labels that hardly move perhaps 60-fold; a bomb 1,000-fold
HARMLESS = 64 << 20  # bytes: below this an archive may unpack to any multiple of its size


def is_zip(path: str) -> bool:
    """Whether a path names a zip archive."""
    return path.lower().endswith(".zip")


def split(path: str) -> tuple[str, str]:
    """Split ``a/b.zip/c`` into archive and member; a plain file has an empty member."""
    match = re.match(r"(.*?\.zip)/(.+)", path, re.IGNORECASE)
    return (match[1], match[2]) if match else (path, "")


def unsafe(name: str) -> bool:
    """Whether a name is absolute, climbs, or is read differently on other systems."""
    parts = name.split("/")
    return not name or name.startswith("/") or ".." in parts or bool(re.search(r"[\\\0]|^[A-Za-z]:", name))


def inspect(opened: zipfile.ZipFile) -> None:
    """Refuse an archive that no publisher of a data set would have made.

    Raises
    ------
    ValueError
        On unsafe names, links and devices, encryption, double names, or content out of proportion.
    """
    members = opened.infolist()
    names = [info.filename for info in members]
    packed = sum(info.compress_size for info in members)
    size = sum(info.file_size for info in members)
    odd = next((info for info in members if unsafe(info.filename.rstrip("/")) or not _plain(info)), None)
    fault = (
        f"{len(members)} members, expected at most {MEMBERS}" if len(members) > MEMBERS
        else f"member {odd.filename!r} is unsafe: a link, a device, or a path that leads out" if odd
        else "encrypted; unpack it with its password first" if any(i.flag_bits & 1 for i in members)
        else "two members of the same name" if len(set(names)) < len(names)
        else f"{packed} bytes would become {size}" if size > max(HARMLESS, RATIO * packed)
        else ""
    )  # fmt: skip
    if fault:
        raise ValueError(f"{opened.filename}: refused: {fault}. Nothing was read from it")


def _plain(info: zipfile.ZipInfo) -> bool:
    """Whether a member is an ordinary file or folder; archives made on Windows carry no file type."""
    return stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)


def checksums(places: Mapping[str, Path], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    SHA-256 of files, compared with `SHA256SUMS` beside them where there is one.

    Parameters
    ----------
    places : mapping
        Name -> file.
    known : mapping, optional
        Hashes of these files, where the caller has them.

    Raises
    ------
    ValueError
        If a file's hash is not the one that `SHA256SUMS` gives.
    """
    found = {name: known[name] if known else files.sha256(place) for name, place in places.items()}
    for name, digest in found.items():
        expected = _expected(places[name])
        if expected not in (None, digest):
            raise ValueError(f"{name}: SHA-256 is {digest}, SHA256SUMS says {expected}; fetch it again")
    return found


def _expected(place: Path) -> str | None:
    """Hash that a list made by ``sha256sum * > SHA256SUMS`` gives for a file."""
    sums = place.with_name("SHA256SUMS")
    if not sums.is_file():
        return None
    lines = (line.split(maxsplit=1) for line in sums.read_text("utf-8").splitlines() if line.strip())
    return {name.lstrip("*"): digest.lower() for digest, name in lines}.get(place.name)
