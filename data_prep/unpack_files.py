"""What unpacking writes: new files below a folder that nobody else knows, and a last look at all of them."""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO


def room(folder: Path, size: int) -> None:
    """
    See to it that there is room before anything is written.

    Raises
    ------
    ValueError
        If `size` bytes are more than the disk of `folder` has free.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ValueError(
            f"{size / 1e9:.1f} GB would come out, but {folder.parent} has {free / 1e9:.1f} GB free"
        )


def write(target: Path, stream: BinaryIO, size: int) -> int:
    """
    Make a new file of exactly `size` bytes; returns them.

    Raises
    ------
    ValueError
        If the stream has fewer or more.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    left = size
    with target.open("xb") as file:
        while content := stream.read(min(1 << 20, left + 1)):
            left -= len(content)
            if left < 0:
                break
            file.write(content)
    if left:
        raise ValueError(f"{target.name}: {'more' if left < 0 else 'fewer'} bytes than its archive announces")
    return size


def verify(folder: Path, expected: Mapping[str, int], name: str) -> None:
    """
    Compare a folder with what its archive announced.

    Parameters
    ----------
    folder : path
        What came out.
    expected : mapping
        Path -> bytes, of each file.
    name : str
        The archive, for messages.

    Raises
    ------
    ValueError
        If a file is missing, added, a link, a device, or of another size; or if there is none at all.
    """
    found = {}
    for path, status in _walk(folder, folder):
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise ValueError(f"{name}: refused: {path!r} came out as a link or a device. Nothing was kept")
        found[path] = status.st_size
    wrong = sorted(path for path in {*found, *expected} if found.get(path) != expected.get(path))
    if wrong:
        path = wrong[0]
        what = f"of {path!r} there are {found.get(path, 'no')} bytes, not {expected.get(path, 'none')}"
        raise ValueError(f"{name}: refused: what came out is not what it announces: {what}. Nothing was kept")
    if not found:
        raise ValueError(f"{name}: refused: it holds no file")


def _walk(folder: Path, top: Path) -> Iterator[tuple[str, os.stat_result]]:
    """All that is not a folder, no link followed; on the way every permission becomes an ordinary one."""
    folder.chmod(0o755)
    with os.scandir(folder) as entries:
        for entry in entries:
            status, place = entry.stat(follow_symlinks=False), Path(entry)
            if stat.S_ISDIR(status.st_mode):
                yield from _walk(place, top)
                continue
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                place.chmod(0o644)
            yield place.relative_to(top).as_posix(), status


def loosen(folder: Path) -> None:
    """Let every folder be entered and emptied, or a refused archive could not be removed."""
    for place, names, _ in os.walk(folder):
        for name in names:
            inner = Path(place, name)
            if not inner.is_symlink():
                inner.chmod(0o755)
