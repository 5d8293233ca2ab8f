"""What may be in an archive of whatever kind: the rules that reading in place and unpacking share.

Names are judged as the archive writes them, before anything is read or written. What a publisher of a data
set would not have made is refused as a whole; nothing is repaired, skipped or renamed.
"""

import re
import unicodedata
from typing import NamedTuple

MEMBERS = 2_000_000  # no release comes near
RATIO = 200  # text compresses 20-fold, labels that hardly move perhaps 60-fold; a bomb 1,000-fold
HARMLESS = 64 << 20  # bytes: below this an archive may unpack to any multiple of its size
PART, PATH, DEPTH = 255, 1024, 32  # bytes of one part of a name and of the whole, folders above a file
#: Names that break no rule, as nearly all are: up to three folders, no part that begins with a dot.
_PLAIN = re.compile(r"(?:[\w-][\w.-]{0,199}/){0,3}[\w-][\w.-]{0,199}", re.ASCII)
_LEADS_OUT = re.compile(r"[\\\0]|^[A-Za-z]:")


class Member(NamedTuple):
    """One entry of an archive; a kind other than "file" and "folder" says what else it is."""

    name: str
    size: int
    kind: str = "file"


def unsafe(name: str) -> bool:
    """Whether a name is absolute, climbs, or is read differently on other systems."""
    parts = name.split("/")
    return not name or name.startswith("/") or ".." in parts or bool(_LEADS_OUT.search(name))


def name_fault(name: str) -> str:
    """What is wrong with the name of a file in an archive; empty if nothing."""
    if _PLAIN.fullmatch(name):
        return ""
    if unsafe(name):
        return "is unsafe: it leads out"
    parts = name.split("/")
    if "" in parts or "." in parts:
        return "is unsafe: an empty part or a dot in its path"
    if not name.isprintable() and any(unicodedata.category(sign) in ("Cc", "Cs") for sign in name):
        return "is unsafe: control characters, or not UTF-8"
    longest = max(len(part.encode()) for part in parts)
    if len(parts) > DEPTH + 1 or len(name.encode()) > PATH or longest > PART:
        return f"is too long or too deep: at most {PART} bytes a part, {PATH} in all, {DEPTH} folders"
    return ""


class Roster:
    """Members of one archive as they become known; the first that breaks a rule ends it.

    Parameters
    ----------
    archive : str
        Name for messages.
    packed : int
        Bytes of the archive on the disk.
    """

    def __init__(self, archive: str, packed: int):
        self.archive = archive
        self.limit = max(HARMLESS, RATIO * packed)
        self.count = self.size = 0
        self._packed = packed
        self._files: set[str] = set()
        self._folders: dict[str, str] = {}

    def add(self, member: Member) -> str:
        """
        Path of a member below the target, "" for the target itself.

        Raises
        ------
        ValueError
            If the member, or the archive with it, is not what a publisher would have made.
        """
        path = self._path(member)
        self.count += 1
        self.size += member.size
        if self.count > MEMBERS:
            self.refuse(f"{self.count} members, expected at most {MEMBERS}")
        if member.size < 0 or self.size > self.limit:
            self.refuse(f"{self._packed} bytes would become {self.size}")
        if path and not self._new(path, member.kind):
            self.refuse(f"member {member.name!r}: another has the same name, or one different only in case")
        return path

    def refuse(self, fault: str) -> None:
        """Refuse the archive as a whole."""
        raise ValueError(f"{self.archive}: refused: {fault}. Nothing of it was kept")

    def _path(self, member: Member) -> str:
        if member.kind not in ("file", "folder"):
            self.refuse(f"member {member.name!r} is unsafe: a link, a device or the like ({member.kind})")
        name = member.name
        if member.kind == "folder":
            if name in (".", "./"):
                return ""
            name = name.removesuffix("/")
        fault = name_fault(name.removeprefix("./"))
        if fault:
            self.refuse(f"member {member.name!r} {fault}")
        return name.removeprefix("./")

    def _new(self, path: str, kind: str) -> bool:
        """Enter a path; no file may be met twice, nor be a folder too, on any file system."""
        folder = path if kind == "folder" else path.rpartition("/")[0]
        if not self._enter(folder):
            return False
        if kind == "folder":
            return True
        key = _folded(path)
        if key in self._files or key in self._folders:
            return False
        self._files.add(key)
        return True

    def _enter(self, folder: str) -> bool:
        """Enter a folder and those above it, each under one spelling."""
        while folder:
            key = _folded(folder)
            if self._folders.get(key) == folder:
                return True
            if key in self._folders or key in self._files:
                return False
            self._folders[key] = folder
            folder = folder.rpartition("/")[0]
        return True


def _folded(path: str) -> str:
    """One key for all spellings that some file system takes for the same."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
