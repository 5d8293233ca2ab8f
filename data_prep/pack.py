"""A prepared data set on the disk: crops, manifest and facts, which appear together or not at all."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from data_prep import leaks
from hocp.contracts import files, manifest

BLOCK = 256  # crops held before they are written
CHUNK_BYTES = 128 << 10  # what reading one crop costs at most
SPARE = 1 << 20  # bytes for what HDF5 writes beside crops; a thousandth of them more for its index

CROPS, MANIFEST, FACTS = "crops.h5", "manifest.csv", "manifest.json"


class Crops:
    """
    ``crops.h5:/crops`` while it is written: rows in order, a block at a time, nothing else in memory.

    The same crops give the same bytes: no times, no compression that depends on a library's version.

    Parameters
    ----------
    file : h5py.File
    side : int
        Pixels of a crop.
    """

    def __init__(self, file: h5py.File, side: int):
        size = side * side * 3
        self._data = file.create_dataset(
            "crops",
            shape=(0, side, side, 3),
            maxshape=(None, side, side, 3),
            chunks=(max(1, CHUNK_BYTES // size), side, side, 3),
            dtype=np.uint8,
            track_times=False,
        )
        self._block: list[np.ndarray] = []

    def append(self, crop: np.ndarray) -> int:
        """Add a crop; returns its row."""
        self._block.append(crop)
        row = len(self._data) + len(self._block) - 1
        if len(self._block) == BLOCK:
            self.flush()
        return row

    def flush(self) -> None:
        """Write what is held."""
        if self._block:
            start = len(self._data)
            size = (start + len(self._block)) * self._block[0].nbytes
            _reserve(self._data.file.id.get_vfd_handle(), size + size // 1000 + SPARE)
            self._data.resize(start + len(self._block), axis=0)
            self._data[start:] = np.stack(self._block)
            self._block.clear()


@contextmanager
def writing(folder: Path, side: int) -> Iterator[Crops]:
    """
    Open ``crops.h5`` in a scratch folder for appending.

    Raises
    ------
    OSError
        If the disk is full. HDF5 is never let run into that: where it cannot write, it crashes the process.
    """
    path = folder / CROPS
    with path.open("wb") as file:
        _reserve(file.fileno(), SPARE)
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        crops = Crops(file, side)
        yield crops
        crops.flush()
        file.flush()
        size = file.id.get_filesize()
    os.truncate(path, size)  # what was reserved and not used


def _reserve(file: int, size: int) -> None:
    """Take room on the disk for a file of `size` bytes, where the system can."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise


def listed(folder: Path, items: Iterable[manifest.Item]) -> dict[str, int]:
    """
    Write the manifest to a scratch folder; returns the numbers of items by status.

    Parameters
    ----------
    items : iterable
        Written as they come; a list of half a million would need as much memory as all else.
    """
    counts = dict.fromkeys(manifest.STATUSES, 0)

    def counted() -> Iterator[manifest.Item]:
        for item in items:
            counts[item.status] += 1
            yield item

    manifest.write(folder / MANIFEST, counted())
    return {status: count for status, count in counts.items() if count}


def finish(folder: Path, **facts) -> manifest.Facts:
    """
    Check that nothing leaks, and add the facts to crops, manifest and split in a scratch folder.

    Parameters
    ----------
    facts
        Fields of `hocp.contracts.manifest.Facts` but the hashes, which are taken from the files.
    """
    facts["split"] = {**facts["split"], "near_duplicates": leaks.check(folder)}
    written = manifest.Facts(
        **facts,
        manifest_sha256=files.sha256(folder / MANIFEST),
        crops_sha256=files.sha256(folder / CROPS),
    )
    manifest.write_facts(folder / FACTS, written)
    return written
