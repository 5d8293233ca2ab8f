"""Locks that the operating system frees when their holder ends, however it ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


class Taken(ValueError):
    """Another process holds the lock.

    Parameters
    ----------
    holder : str
        Its number, or "unknown".
    """

    def __init__(self, holder: str):
        super().__init__(f"held by process {holder}")
        self.holder = holder


def take(path: str | Path) -> IO[str] | None:
    """
    Take the lock that a file stands for, and write this process's number into the file.

    Returns
    -------
    file
        Closing it frees the lock. None on Windows, which has no such locks; nor have some file systems, where
        nothing is locked.

    Raises
    ------
    Taken
        If another process has it.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = path.open("a+")  # closed on exec, so that child processes do not hold it
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise Taken(holder) from None
        except OSError:  # a file system without locks
            return file
        if _is_at(file, path):
            break
        file.close()  # its last holder removed it between our two steps
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _is_at(file: IO[str], path: Path) -> bool:
    """Whether an open file is still the one of this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def held(path: str | Path, what: str) -> Iterator[None]:
    """
    Hold a lock while the block runs; its file is gone afterwards.

    Parameters
    ----------
    path : path
        File that stands for the lock; a killed holder leaves it behind, which does no harm.
    what : str
        Begins the message: what two processes must not do at once.

    Raises
    ------
    ValueError
        If another process has it; says which, and what to do.
    """
    try:
        file = take(path)
    except Taken as taken:
        raise ValueError(f"{what} (process {taken.holder}): wait for it, or stop it first") from None
    try:
        yield
    finally:
        if file is not None:
            with suppress(FileNotFoundError):
                Path(path).unlink()
            file.close()
