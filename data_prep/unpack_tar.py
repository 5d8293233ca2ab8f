"""Tar archives, written member by member as they are met.

Of the standard library only the reading of headers is used. Its extraction filters let links through, and
were led out by them again and again; here every link is refused, and every file is made new below a fresh
folder.
"""

import bz2
import gzip
import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from data_prep.members import Member, Roster
from data_prep.unpack_files import write

META = 16 << 10  # bytes of a header that goes before another; tarfile reads it into memory as a whole
DICTIONARY = 128 << 20  # bytes that an xz archive may ask for; `xz -9` asks for 65 MB
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
_META = (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE)
#: What reading a damaged archive raises.
FAULTS = (
    tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, struct.error, RecursionError, OverflowError,
    IndexError, KeyError, ValueError, OSError,
)  # fmt: skip


@contextmanager
def decompressed(place: Path) -> Iterator[BinaryIO]:
    """
    Open a tar archive, whatever it is compressed with.

    Raises
    ------
    ValueError
        If unpacking it would need too much memory.
    """
    with place.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"\xfd7zXZ"):
        try:
            lzma.LZMADecompressor(memlimit=DICTIONARY).decompress(head, max_length=1)
        except lzma.LZMAError as error:
            raise ValueError(f"{place}: damaged, or needs more than {DICTIONARY} bytes: {error}") from None
    kinds = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ": lzma.open, b"BZh": bz2.open}
    opener = next((opener for magic, opener in kinds.items() if head.startswith(magic)), open)
    with opener(place, "rb") as stream:
        yield stream


class _Header(tarfile.TarInfo):
    """A header that refuses its type before anything else of it is read."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _META and not 0 <= self.size <= META:
            raise tarfile.HeaderError(f"a header of {self.size} bytes")
        if self.type not in _PLAIN + _META:
            raise tarfile.HeaderError(f"{self.name!r} is unsafe: a link or a device (type {self.type!r})")
        return super()._proc_member(archive)


class _Forward:
    """A stream read once, forwards, up to a limit."""

    def __init__(self, stream: BinaryIO, limit: int):
        self._stream, self._limit = stream, limit
        self._position = 0
        self.block = b""  # the last one of the size of a header

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._position += len(content)
        if self._position > self._limit:
            raise tarfile.ReadError(f"more than {self._limit} bytes would come out")
        if size == tarfile.BLOCKSIZE:
            self.block = content
        return content

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        while self._position < position and self.read(min(1 << 16, position - self._position)):
            pass


def unpack(stream: BinaryIO, name: str, *, packed: int, folder: Path) -> dict[str, int]:
    """
    Write the members of a tar stream into a fresh folder.

    Parameters
    ----------
    stream : file
        The archive, decompressed.
    name : str
        For messages.
    packed : int
        Bytes of the archive before decompression.
    folder : path
        Empty, and known to nobody else.

    Returns
    -------
    dict
        Path -> bytes, of each file.

    Raises
    ------
    ValueError
        If it is damaged, cut, or refused.
    """
    roster, expected = Roster(name, packed), {}
    forward = _Forward(stream, roster.limit)
    try:
        with tarfile.TarFile(fileobj=forward, tarinfo=_Header, encoding="utf-8") as opened:
            while member := opened.next():
                opened.members.clear()  # or it keeps every header
                path = roster.add(_member(member))
                if member.isdir():
                    (folder / path).mkdir(parents=True, exist_ok=True)
                else:
                    expected[path] = write(folder / path, opened.extractfile(member), member.size)
        if forward.block != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it ends without its end mark, or with a damaged header")
        while forward.read(1 << 16):  # to the end, where the checksum of the compression stands
            pass
    except FAULTS as error:
        if getattr(error, "errno", None) or str(error).startswith(f"{name}:"):  # the disk, or said already
            raise
        raise ValueError(f"{name}: refused: damaged or unsafe: {error}. Nothing of it was kept") from None
    return expected


def _member(header: tarfile.TarInfo) -> Member:
    if header.issparse():
        return Member(header.name, header.size, "sparse")
    return Member(header.name, header.size, "folder" if header.isdir() else "file")
