"""Room on the disk: an estimate before the work, and words for a disk that is full half-way."""

import argparse
import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from data_prep.record import Release
from data_prep.tree import Tree

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
MANIFEST_ROW = 200  # bytes
SPARE = 64 << 20  # bytes that must stay free
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_SQLITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def items(tree: Tree, release: Release, options: argparse.Namespace) -> int:
    """Items to expect, at most: kept frames of videos, else pictures on the disk and in archives."""
    step = getattr(options, "frame_step", 1)
    units = release.units if isinstance(release.units, list) else []
    frames = sum(getattr(unit, "length", 0) for unit in units)
    names = tree.everything() if not frames else ()
    pictures = sum(PurePosixPath(name).suffix.lower() in PICTURES for name in names)
    return -(-(frames or pictures) // step)


def check(count: int, side: int, *, out: Path, work: Path) -> None:
    """
    Check that the result and the work folder will fit.

    Parameters
    ----------
    count : int
        Items to expect.
    side : int
        Pixels of a crop.

    Raises
    ------
    ValueError
        If a disk has too little room; says how much is needed and where.
    """
    size = count * (3 * side * side + MANIFEST_ROW)
    there = sum(file.stat().st_size for file in work.glob("*") if file.is_file())
    wanted = {_existing(out.parent): size}
    place = _existing(work)
    same = next((other for other in wanted if other.stat().st_dev == place.stat().st_dev), place)
    wanted[same] = wanted.get(same, 0) + max(0, size - there)
    for folder, need in wanted.items():
        free = shutil.disk_usage(folder).free
        if need + SPARE > free:
            raise ValueError(
                f"{folder}: {free / 1e9:.1f} GB free, about {(need + SPARE) / 1e9:.1f} GB needed for "
                f"{count} crops of {side} pixels, which are kept twice while the work goes on: make room, "
                "or name other disks with --out and --work"
            )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.is_dir())


@contextmanager
def told(out: Path, work: Path) -> Iterator[None]:
    """
    Say in words that the disk is full, whoever found out.

    Raises
    ------
    ValueError
        In place of the error of SQLite, HDF5 or the system.
    """
    try:
        yield
    except (OSError, RuntimeError, sqlite3.Error) as error:
        if not _is_full(error):
            raise
        raise ValueError(
            f"cannot write {out} or {work} ({error}): the disk is full, or it fails. Nothing was published. "
            "Make room and run the same command again: it goes on where it stopped"
        ) from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _FULL_SQLITE
    if getattr(error, "errno", None) in _FULL:
        return True
    return "write failed" in str(error) or "No space left" in str(error)  # HDF5 tells it in prose
