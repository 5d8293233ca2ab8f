"""One run at a time: a lock that the operating system frees when its holder ends, however it ends.

Snakemake's own lock is a file that stays behind when a `kill -9` takes the run, and then has to
be removed by hand. The default profile switches it off; this one stands in its place.
"""

from pathlib import Path

from hocp.contracts import locks

_held = []


def hold(folder: str | Path) -> None:
    """Keep the lock of `folder` until this process ends.

    Raises
    ------
    ValueError
        If another process has it; says which.
    """
    try:
        _held.append(locks.take(Path(folder) / "hocp.lock"))
    except locks.Taken as taken:
        raise ValueError(
            f"another run works in this folder (process {taken.holder}): wait for it, or stop it first"
        ) from None
