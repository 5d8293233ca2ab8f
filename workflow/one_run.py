"""One run at a time: a lock that the operating system frees when its holder ends, however it ends.

Snakemake's own lock is a file that stays behind when a `kill -9` takes the run, and then has to
be removed by hand. The default profile switches it off; this one stands in its place.
"""

import os
import sys
from pathlib import Path

_held = []


def hold(folder: str | Path) -> None:
    """Keep the lock of `folder` until this process ends.

    Raises
    ------
    ValueError
        If another process has it; says which.
    """
    if sys.platform == "win32":
        return
    import fcntl

    path = Path(folder) / "hocp.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")  # closed on exec, so that jobs do not hold it
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise ValueError(
            f"another run works in this folder (process {holder}): wait for it, or stop it first"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    _held.append(file)
