"""What the files of a release hold, by hash; and which of them, and which options, somebody asked for.

A file counts as unchanged while it has the stamp that it had when it was hashed: size, inode, mtime, and
ctime, which no program can set back. Stamps have a grain, so one taken within `GRAIN` of a change is not
trusted.
"""

import argparse
import hashlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from data_prep.archive import split
from data_prep.store import Store, seal
from data_prep.tree import LIMIT, Tree, content
from hocp.contracts import files

GRAIN = 2_000_000_000  # ns: the coarsest clock of a file system in use (FAT)
ABSENT = "absent"
MEMO = 10_000  # paths


def stamp(place: str | Path) -> str | None:
    """Stamp of a file or folder; empty where it is not to be trusted, None where nothing is."""
    try:
        found = Path(place).stat()
    except (OSError, ValueError):  # not there, or no name that could be
        return None
    if max(found.st_mtime_ns, found.st_ctime_ns) > time.time_ns() - GRAIN:
        return ""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


class Inventory:
    """
    Hashes of the files of one release.

    Parameters
    ----------
    root : path
        Folder of the release.
    store : Store
        Where they are kept from run to run.
    verify : bool
        Whether to trust no stamp of an earlier run.
    """

    def __init__(self, root: str | Path, store: Store, *, verify: bool = False):
        self._root, self._store, self._verify = Path(root), store, verify
        self._memo: dict[str, str] = {}  # archives are asked for by thousands of items

    def digest(self, path: str) -> str:
        """What is at a path: SHA-256 of the file, of the names in a folder, or `ABSENT`."""
        if path not in self._memo:
            if len(self._memo) >= MEMO:
                self._memo.clear()
            self._memo[path] = self._digest(path)
        return self._memo[path]

    def digests(self, paths: Iterable[str]) -> dict[str, str]:
        """The same for several paths, looked at anew."""
        self._memo.clear()
        return {path: self.digest(path) for path in paths}

    def note(self, path: str, mark: str | None, digest: str) -> None:
        """Keep a hash that somebody else made of the file that had this stamp."""
        if mark:
            row = _name(path), mark, digest
            self._store.ask("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", *row, seal(*row))

    def _digest(self, path: str) -> str:
        mark = stamp(self._root / path)
        if mark is None:
            return ABSENT
        rows = [] if self._verify else self._store.ask("SELECT * FROM files WHERE path = ?", _name(path))
        for *row, sealed in rows:
            if mark == row[1] and sealed == seal(*row):
                return row[2]
        digest = _content(self._root / path)
        self.note(path, mark, digest)
        return digest


def _name(path: str) -> bytes:
    """A path as SQLite takes it: not every name on a disk is text."""
    return path.encode("utf-8", "surrogateescape")


def _content(place: Path) -> str:
    try:
        if place.is_dir():
            return f"folder {files.sha256_of(sorted(path.name for path in place.iterdir()))}"
        return files.sha256(place) if place.is_file() else "neither file nor folder"
    except OSError as error:
        return f"unreadable: {error.strerror}"


class Traced(Tree):
    """
    A release that remembers which of its files were asked for.

    Attributes
    ----------
    seen : dict
        Path on the disk -> stamp and hash of what was read, or None where the hash has to be looked up.
    """

    def __init__(self, root: str | Path):
        super().__init__(root)
        self.seen: dict[str, tuple[str | None, str] | None] = {}

    def place(self, path: str) -> Path:
        """Where a path lies on the disk."""
        place = super().place(path)
        self.seen.setdefault(path, None)
        return place

    def read(self, path: str, *, limit: int = LIMIT) -> bytes:
        """Content of a file or of a member of an archive."""
        if split(path)[1]:
            return super().read(path, limit=limit)
        place = self.place(path)
        mark = stamp(place)  # before the content: it may be replaced meanwhile
        try:
            data = content(place, limit)
        except FileNotFoundError:
            self.seen[path] = (None, ABSENT) if mark is None else None
            raise
        self.seen[path] = mark, hashlib.sha256(data).hexdigest()
        return data

    def hashed(self, path: str, *, limit: int = LIMIT) -> tuple[bytes, str]:
        """The same, and its SHA-256, which a file outside of archives has from being read."""
        if split(path)[1]:
            return super().hashed(path, limit=limit)
        data = self.read(path, limit=limit)
        return data, self.seen[path][1]

    def _open(self, archive: str) -> Any:
        self.seen.setdefault(archive, None)
        return super()._open(archive)


class Watched:
    """Options that remember which of them were asked for, in `asked`."""

    def __init__(self, options: argparse.Namespace):
        self._options, self.asked = options, {}

    def __getattr__(self, name: str) -> Any:
        self.asked[name] = getattr(self._options, name)
        return self.asked[name]
