"""Archives in several volumes: which files belong together, and which are missing."""

import re
from pathlib import Path

#: Names that count from 1: ``a.part01.rar``, ``a.7z.001``.
_COUNTED = (r"(?P<stem>.+\.part)(?P<number>\d+)(?P<end>\.rar)", r"(?P<stem>.+\.)(?P<number>\d{3})(?P<end>)")
#: Older names, one plain, the others numbered: suffix -> letter, first number, place of the plain one.
_OLD = {"rar": ("r", 0, "first"), "zip": ("z", 1, "last")}


def volumes(path: Path) -> list[Path]:
    """
    All volumes of the archive to which a file belongs, first one first; a single file where it has no others.

    Raises
    ------
    ValueError
        If there are gaps, by the names of those missing, or two files with one number.
    """
    for pattern in _COUNTED:
        match = re.fullmatch(pattern, path.name, re.IGNORECASE)
        if match:
            return _whole(path, _numbered(path, match), 1)
    match = re.fullmatch(r"(?P<stem>.+\.)(?P<suffix>rar|zip|r\d{2,3}|z\d{2,3})", path.name, re.IGNORECASE)
    return _old(path, match["stem"], match["suffix"]) if match else [path]


def _numbered(path: Path, match: re.Match) -> dict[int, Path]:
    stem, end = re.escape(match["stem"]), re.escape(match["end"])
    return _found(path, rf"{stem}(?P<number>\d+){end}")


def _old(path: Path, stem: str, suffix: str) -> list[Path]:
    letter, first, place = _OLD["rar" if suffix[0].lower() == "r" else "zip"]
    plain = "rar" if letter == "r" else "zip"
    found = _found(path, rf"{re.escape(stem)}{letter}(?P<number>\d{{2,3}})")
    main = [p for p in sorted(path.parent.iterdir()) if p.name.lower() == f"{stem}{plain}".lower()]
    if not main:
        raise ValueError(f"{path.parent}: volumes missing: {stem}{plain}; fetch it into the same folder")
    if not found:
        return main[:1]
    example = path if re.search(r"\d+$", path.name) else next(iter(found.values()))
    rest = _whole(example, found, first)
    return main[:1] + rest if place == "first" else rest + main[:1]


def _found(path: Path, pattern: str) -> dict[int, Path]:
    """Number -> volume, of those in the folder whose names fit."""
    found: dict[int, Path] = {}
    for other in sorted(path.parent.iterdir()):
        match = re.fullmatch(pattern, other.name, re.IGNORECASE)
        if match and found.setdefault(int(match["number"]), other) != other:
            raise ValueError(f"{path.parent}: {other.name} is volume {int(match['number'])} a second time")
    return found


def _whole(path: Path, found: dict[int, Path], first: int) -> list[Path]:
    """Volumes in order; those that are missing are named as they would be."""
    missing = [number for number in range(first, max(found, default=first) + 1) if number not in found]
    if missing:
        digits = list(re.finditer(r"\d+", path.name))[-1]
        start, end = digits.span()
        names = [f"{path.name[:start]}{n:0{end - start}d}{path.name[end:]}" for n in missing[:20]]
        more = f" and {len(missing) - 20} more" if len(missing) > 20 else ""
        raise ValueError(
            f"{path.parent}: volumes missing: {', '.join(names)}{more}; fetch them into the same folder"
        )
    return [found[number] for number in sorted(found)]
