"""A release as it lies on the disk: folders, and zip archives read in place.

Nothing is ever unpacked. A member of an archive has a path like that of a file, ``05.zip/201/00001.png``, and
is read into memory, with its CRC checked. So no name inside an archive can choose where something is written,
a killed run leaves nothing behind, and a release of a million files costs no inodes.
"""

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TextIO

from hocp.contracts import files

MEMBERS = 2_000_000  # no release comes near
RATIO = 200  # text compresses 20-fold, labels that hardly move perhaps 60-fold; a bomb 1,000-fold
HARMLESS = 64 << 20  # bytes: below this an archive may unpack to any multiple of its size
LIMIT = 64 << 20  # bytes of one file, unless the caller allows more


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
        if not self.root.is_dir():
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
            yield from (str(prefix / name) for name in names)

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
        place = self.place(path)
        if not place.is_file():  # nor a pipe or device, which could block for ever
            raise FileNotFoundError(f"{place}: no such file")
        if place.stat().st_size > limit:
            raise ValueError(f"{place}: {place.stat().st_size} bytes, expected at most {limit}")
        return place.read_bytes()

    @contextmanager
    def lines(self, path: str) -> Iterator[TextIO]:
        """Open a list too large to hold; unreadable bytes become question marks, a BOM is skipped."""
        archive, member = split(path)
        opened = self._open(archive).open(member) if member else self.place(path).open("rb")
        with io.TextIOWrapper(opened, "utf-8-sig", errors="replace", newline="") as text:
            yield text

    def _member(self, archive: str, member: str, limit: int) -> bytes:
        opened = self._open(archive)
        try:
            info = opened.getinfo(member)
        except KeyError:
            raise FileNotFoundError(f"{self.root / archive}: no member {member!r}") from None
        if info.file_size > limit:
            raise ValueError(f"{archive}/{member}: {info.file_size} bytes, expected at most {limit}")
        try:
            return opened.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise ValueError(f"{archive}/{member}: damaged in its archive: {error}") from None

    def _open(self, archive: str) -> zipfile.ZipFile:
        if archive not in self._archives:
            place = self.place(archive)
            if not place.is_file():
                raise FileNotFoundError(f"{place}: no such archive")
            try:
                opened = zipfile.ZipFile(place)
            except (zipfile.BadZipFile, EOFError, ValueError) as error:
                raise ValueError(f"{place}: not a whole zip archive ({error}); fetch it again") from None
            inspect(opened)
            for old in self._archives.values():  # one open at a time: hundreds would exhaust file handles
                old.close()
            self._archives = {archive: opened}
        return self._archives[archive]


def is_zip(path: str) -> bool:
    """Whether a path names a zip archive."""
    return path.lower().endswith(".zip")


def split(path: str) -> tuple[str, str]:
    """Split ``a/b.zip/c`` into archive and member; a plain file has an empty member."""
    match = re.match(r"(.*?\.zip)/(.+)", path, re.IGNORECASE)
    return (match[1], match[2]) if match else (path, "")


def unsafe(name: str) -> bool:
    """Whether a name is absolute, climbs, or is read differently on other systems."""
    parts = name.split("/")
    return not name or name.startswith("/") or ".." in parts or bool(re.search(r"[\\\0]|^[A-Za-z]:", name))


def inspect(opened: zipfile.ZipFile) -> None:
    """Refuse an archive that no publisher of a data set would have made.

    Raises
    ------
    ValueError
        On unsafe names, links and devices, encryption, double names, or content out of proportion.
    """
    members = opened.infolist()
    names = [info.filename for info in members]
    packed = sum(info.compress_size for info in members)
    size = sum(info.file_size for info in members)
    odd = next((info for info in members if unsafe(info.filename.rstrip("/")) or not _plain(info)), None)
    fault = (
        f"{len(members)} members, expected at most {MEMBERS}" if len(members) > MEMBERS
        else f"member {odd.filename!r} is unsafe: a link, a device, or a path that leads out" if odd
        else "encrypted; unpack it with its password first" if any(i.flag_bits & 1 for i in members)
        else "two members of the same name" if len(set(names)) < len(names)
        else f"{packed} bytes would become {size}" if size > max(HARMLESS, RATIO * packed)
        else ""
    )  # fmt: skip
    if fault:
        raise ValueError(f"{opened.filename}: refused: {fault}. Nothing was read from it")


def _plain(info: zipfile.ZipInfo) -> bool:
    """Whether a member is an ordinary file or folder; archives made on Windows carry no file type."""
    return stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)


def checksums(tree: Tree, paths: list[str]) -> dict[str, str]:
    """SHA-256 of files on the disk, compared with `SHA256SUMS` beside them where there is one.

    Raises
    ------
    ValueError
        If a file's hash is not the one that `SHA256SUMS` gives.
    """
    found = {path: files.sha256(tree.place(path)) for path in paths}
    for path, digest in found.items():
        expected = _expected(tree.place(path))
        if expected not in (None, digest):
            raise ValueError(f"{path}: SHA-256 is {digest}, SHA256SUMS says {expected}; fetch it again")
    return found


def _expected(place: Path) -> str | None:
    """Hash that a list made by ``sha256sum * > SHA256SUMS`` gives for a file."""
    sums = place.with_name("SHA256SUMS")
    if not sums.is_file():
        return None
    lines = (line.split(maxsplit=1) for line in sums.read_text("utf-8").splitlines() if line.strip())
    return {name.lstrip("*"): digest.lower() for digest, name in lines}.get(place.name)
