"""Zip archives, which nobody has to trust: what may be in them, and whether they are what was published."""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from data_prep import sums
from data_prep.members import Member, Roster, unsafe
from hocp.contracts import files

__all__ = ["DAMAGE", "FAULTS", "checksums", "is_zip", "opened", "read", "split", "stream", "unsafe"]

DIRECTORY = 512 << 20  # bytes of a table of contents, which is read into memory as a whole
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others may ask for any memory
_MEMBER = re.compile(r"(.*?\.zip)/(.+)", re.IGNORECASE)
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_WINDOWS_LINK = 0x400
#: What a damaged member raises; and besides, where nothing is written, so that it cannot be the disk.
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, UnicodeError)
FAULTS = (*DAMAGE, OSError)


def is_zip(path: str) -> bool:
    """Whether a path names a zip archive."""
    return path.lower().endswith(".zip")


def split(path: str) -> tuple[str, str]:
    """Split ``a/b.zip/c`` into archive and member; a plain file has an empty member."""
    match = _MEMBER.match(path) if ".zip/" in path.lower() else None  # asked several times of each file
    return (match[1], match[2]) if match else (path, "")


def opened(place: Path) -> zipfile.ZipFile:
    """
    Open an archive that a publisher of a data set could have made.

    Raises
    ------
    ValueError
        If it is no whole zip archive, or `inspect` refuses it.
    """
    try:
        count = _count(place)
        found = zipfile.ZipFile(place)
    except (*FAULTS, ValueError, OverflowError) as error:
        raise ValueError(f"{place}: not a whole zip archive ({error}); fetch it again") from None
    try:
        if (
            len(found.infolist()) - count
        ) % 0x10000:  # the count has 16 bits, and zipfile does not look at it
            raise ValueError(f"{place}: refused: {len(found.infolist())} members, its end counts {count}")
        inspect(found)
    except BaseException:
        found.close()
        raise
    return found


def _count(place: Path) -> int:
    """Members by an archive's last record; raises ValueError if its table of contents outgrows memory."""
    with place.open("rb") as file:
        length = file.seek(0, io.SEEK_END)
        tail_at = file.seek(max(0, length - 65_557))  # the record: 22 bytes and a comment
        tail = file.read()
        at = tail.rfind(b"PK\5\6")
        count, size = struct.unpack_from("<HL", tail, at + 10) if 0 <= at <= len(tail) - 22 else (0, 0)
        if tail[: max(0, at)][-20:].startswith(b"PK\6\7"):  # zip64: a record of 56 bytes, its locator of 20
            file.seek(max(0, at + tail_at - 76))
            count, size = struct.unpack_from("<2Q", file.read(56), 32)
    if size > min(DIRECTORY, length):
        raise ValueError(f"its table of contents has {size} bytes")
    return count


def inspect(opened: zipfile.ZipFile) -> None:
    """Refuse an archive that no publisher of a data set would have made.

    Raises
    ------
    ValueError
        On unsafe names, links and devices, encryption, double names, content out of proportion, or members
        that share bytes of the archive.
    """
    roster = Roster(str(opened.filename), Path(opened.filename).stat().st_size)
    spans = []
    for info in opened.infolist():
        name = info.orig_filename  # zipfile cuts its own copy at a NUL
        if info.flag_bits & _ENCRYPTED:
            roster.refuse("encrypted; unpack it with its password first")
        if info.compress_type not in METHODS:
            roster.refuse(f"member {name!r}: compression {info.compress_type}; unpack it with 7z first")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            roster.refuse(f"member {name!r}: its two sizes differ though it is not compressed")
        roster.add(Member(name, info.file_size, _kind(info)))
        spans.append((info.header_offset, info.header_offset + 30 + len(name) + info.compress_size))
    spans.sort()
    starts = [start for start, _ in spans] + [opened.start_dir]
    if starts[0] < 0 or any(end > start for (_, end), start in zip(spans, starts[1:], strict=True)):
        roster.refuse("members overlap, or lie outside the archive")


def _kind(info: zipfile.ZipInfo) -> str:
    """File, folder or worse; archives made on Windows carry no file type."""
    name = info.orig_filename
    mode = stat.S_IFMT(info.external_attr >> 16)
    if info.external_attr & _WINDOWS_LINK or mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"mode {mode:o}"
    if name.endswith("/") and not info.file_size:
        return "folder"
    return "file" if mode != stat.S_IFDIR else "a folder with content, or named as a file"


def _open(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member to one byte more than its header admits, where zipfile would stop in silence."""
    info.file_size += 1
    try:
        return opened.open(info)
    finally:
        info.file_size -= 1


def read(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Content of a member, exactly as long as its header says and with its CRC; raises one of `FAULTS`."""
    with _open(opened, info) as member:
        content = member.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise zipfile.BadZipFile(f"{len(content)} bytes or more, its header says {info.file_size}")
    return content


def stream(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> io.BufferedReader:
    """Content of a member too large to hold; reading it raises one of `FAULTS` as soon as one shows."""
    return io.BufferedReader(_Stream(opened, info), 1 << 16)


class _Stream(io.RawIOBase):
    """A member's content, which has to be exactly as long as its header says."""

    def __init__(self, opened: zipfile.ZipFile, info: zipfile.ZipInfo):
        self._member, self._left = _open(opened, info), info.file_size

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer as far as the content goes."""
        content = self._member.read(len(buffer))
        self._left -= len(content)
        if self._left < 0 or (self._left and not content):
            raise zipfile.BadZipFile("more or fewer bytes than its header says")
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Close the member, not the archive."""
        self._member.close()
        super().close()


def checksums(places: Mapping[str, Path], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    SHA-256 of files, compared with `SHA256SUMS` beside them where there is one.

    Parameters
    ----------
    places : mapping
        Name -> file.
    known : mapping, optional
        Hashes of these files, where the caller has them.

    Raises
    ------
    ValueError
        If a file's hash is not the one that `SHA256SUMS` gives.
    """
    found = {name: known[name] if known else files.sha256(place) for name, place in places.items()}
    for name, digest in found.items():
        sums.check(places[name], digest)
    return found
