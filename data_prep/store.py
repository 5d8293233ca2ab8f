"""The work folder of a preparation: one SQLite file, which a kill at any instant leaves readable.

It only ever spares work. What is damaged in it counts as not there.
"""

import hashlib
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

NAME = "work.v1.sqlite"  # count on when the tables change
SECONDS = 1.0  # between commits: what a kill costs at most
_PRAGMAS = (
    "page_size = 8192",
    "locking_mode = EXCLUSIVE",  # no shared memory, which network file systems lack
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "cache_size = -16000",  # KiB
)
_TABLES = (
    "CREATE TABLE IF NOT EXISTS files"
    " (path BLOB PRIMARY KEY, stamp TEXT, digest TEXT, seal BLOB) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS entries"
    " (key BLOB PRIMARY KEY, trace TEXT, faces TEXT, seal BLOB, crops BLOB)",
    "CREATE TEMP TABLE IF NOT EXISTS used (key BLOB PRIMARY KEY) WITHOUT ROWID",
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


class Store:
    """
    Tables ``files`` (what the release holds), ``entries`` (crops), and ``used``, the entries of this run.

    Parameters
    ----------
    folder : path
        Created where it is missing.
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder) / NAME
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._renew(error)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error) -> None:
        with suppress(sqlite3.Error):  # on a full disk the last second's work is lost
            self.commit()
        self._connection.close()

    def ask(self, sql: str, *values: Any) -> list[tuple]:
        """Run a statement; a damaged file is replaced by an empty one first."""
        try:
            rows = self._connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            self._renew(error)
            rows = self._connection.execute(sql, values).fetchall()
        if time.monotonic() - self._committed > SECONDS:
            self.commit()
        return rows

    def commit(self) -> None:
        """Make what was written last."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")
        self._committed = time.monotonic()

    def prune(self) -> None:
        """Drop the entries that this run did not use: rows that went, code and options that were."""
        self.ask("DELETE FROM entries WHERE key NOT IN (SELECT key FROM used)")

    def remove(self) -> None:
        """Remove the file, and the folder unless others use it too; only after the block of this store."""
        self._unlink()
        with suppress(OSError):
            self.path.parent.rmdir()

    def _open(self) -> None:
        self._connection = sqlite3.connect(self.path, isolation_level=None)
        self._connection.text_factory = lambda text: text.decode("utf-8", "replace")  # damage is no text
        for statement in (*(f"PRAGMA {pragma}" for pragma in _PRAGMAS), *_TABLES):
            self._connection.execute(statement)
        self.commit()

    def _renew(self, error: sqlite3.DatabaseError) -> None:
        """Begin with an empty file, if that can mend the error: not on a full disk, for one."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
            raise error
        self._connection.close()
        self._unlink()
        self._open()

    def _unlink(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def seal(*parts: Any) -> bytes:
    """Hash by which damage to a row shows."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()  # damage can change the type of a cell
        digest.update(len(data).to_bytes(8))
        digest.update(data)
    return digest.digest()
