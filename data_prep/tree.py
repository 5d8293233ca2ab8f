"""A release as it lies on the disk: folders, and zip archives read in place.

Nothing is ever unpacked. A member of an archive has a path like that of a file, ``05.zip/201/00001.png``, and
is read into memory, with its CRC checked. So no name inside an archive can choose where something is written,
a killed run leaves nothing behind, and a release of a million files costs no inodes.
"""

import hashlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TextIO

from data_prep import archive as zips
from data_prep.archive import is_zip, split, unsafe

LIMIT = 64 << 20  # bytes of one file, unless the caller allows more
_ODD = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # control characters, and bytes that are no UTF-8


class Tree:
    """Files below a folder, and inside the zip archives there.

    Parameters
    ----------
    root : path
        Folder of the release. Links in it are followed, but no path may lead out by its name.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self._archives: dict[str, zipfile.ZipFile] = {}
        if not _is(self.root, stat.S_ISDIR):
            raise ValueError(f"{self.root}: no such folder; expected the folder that holds the release")

    def __reduce__(self):
        """Travel to another process as the place alone; open archives stay here."""
        return type(self), (self.root,)

    @cached_property
    def files(self) -> list[str]:
        """Paths of all files on the disk, sorted; archives are single files here."""
        return sorted(self._walk())

    def _walk(self) -> Iterator[str]:
        seen = set()
        for folder, folders, names in os.walk(self.root, followlinks=True):
            here = Path(folder).stat()
            if (here.st_dev, here.st_ino) in seen:  # a link back up
                folders.clear()
                continue
            seen.add((here.st_dev, here.st_ino))
            prefix = PurePosixPath(Path(folder).relative_to(self.root).as_posix())
            paths = (str(prefix / name) for name in names)
            # No pipes or devices, which could block for ever, and no names that no table can hold.
            legible = (path for path in paths if not _ODD.search(path))
            yield from (path for path in legible if _is(self.root / path, stat.S_ISREG))

    def everything(self) -> Iterator[str]:
        """Paths of all files, those inside archives too."""
        for path in self.files:
            yield path
            if is_zip(path):
                yield from (f"{path}/{member}" for member in self.members(path))

    def members(self, archive: str) -> list[str]:
        """Names of the files in an archive, in its order."""
        return [info.filename for info in self._open(archive).infolist() if not info.is_dir()]

    def place(self, path: str) -> Path:
        """Where a path of the tree lies on the disk.

        Raises
        ------
        FileNotFoundError
            If the path is absolute or climbs out of the tree: there is no such place in it.
        """
        if unsafe(path):
            raise FileNotFoundError(f"{path!r}: leads out of {self.root}")
        return self.root / path

    def read(self, path: str, *, limit: int = LIMIT) -> bytes:
        """Content of a file or of a member of an archive.

        Raises
        ------
        FileNotFoundError
            If there is none, or the path leads out of the tree.
        ValueError
            If it is larger than `limit` bytes, or its CRC is wrong.
        """
        archive, member = split(path)
        if member:
            return self._member(archive, member, limit)
        return content(self.place(path), limit)

    def hashed(self, path: str, *, limit: int = LIMIT) -> tuple[bytes, str]:
        """Content of a file or of a member of an archive, and its SHA-256; raises as `read` does."""
        data = self.read(path, limit=limit)
        return data, hashlib.sha256(data).hexdigest()

    @contextmanager
    def lines(self, path: str) -> Iterator[TextIO]:
        """Open a list too large to hold; unreadable bytes become question marks, a BOM is skipped.

        Raises
        ------
        FileNotFoundError
            If there is none, or the path leads out of the tree.
        ValueError
            While reading, if a member of an archive turns out to be damaged.
        """
        archive, member = split(path)
        if member:
            opened = zips.stream(self._open(archive), self._info(archive, member))
        else:
            opened = self.place(path).open("rb")
        with io.TextIOWrapper(opened, "utf-8-sig", errors="replace", newline="") as text:
            try:
                yield text
            except zips.DAMAGE as error:
                raise ValueError(f"{path}: damaged in its archive: {error}") from None

    def _member(self, archive: str, member: str, limit: int) -> bytes:
        info = self._info(archive, member)
        if info.file_size > limit:
            raise ValueError(f"{archive}/{member}: {info.file_size} bytes, expected at most {limit}")
        try:
            return zips.read(self._open(archive), info)
        except zips.FAULTS as error:
            raise ValueError(f"{archive}/{member}: damaged in its archive: {error}") from None

    def _info(self, archive: str, member: str) -> zipfile.ZipInfo:
        try:
            return self._open(archive).getinfo(member)
        except KeyError:
            raise FileNotFoundError(f"{self.root / archive}: no member {member!r}") from None

    def _open(self, archive: str) -> zipfile.ZipFile:
        if archive not in self._archives:
            place = self.place(archive)
            if not place.is_file():
                raise FileNotFoundError(f"{place}: no such archive")
            opened = zips.opened(place)
            for old in self._archives.values():  # one open at a time: hundreds would exhaust file handles
                old.close()
            self._archives = {archive: opened}
        return self._archives[archive]


def content(place: Path, limit: int) -> bytes:
    """Content of a file on the disk; raises as `Tree.read` does."""
    if not place.is_file():  # nor a pipe or device, which could block for ever
        raise FileNotFoundError(f"{place}: no such file")
    size = place.stat().st_size
    if size > limit:
        raise ValueError(f"{place}: {size} bytes, expected at most {limit}")
    return place.read_bytes()


def _is(place: Path, kind: Callable[[int], bool]) -> bool:
    """Whether there is a file of this kind, through links; not where the name is too long for one."""
    try:
        return kind(place.stat().st_mode)
    except (OSError, ValueError):
        return False
