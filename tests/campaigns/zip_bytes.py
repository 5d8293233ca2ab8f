"""Zip archives written byte by byte, so that every field may lie."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

STORED, DEFLATED = 0, 8
FILE = 0o100644 << 16


@dataclass
class Entry:
    """A member; what is None is told truly."""

    name: bytes
    data: bytes = b"text"
    method: int = DEFLATED
    mode: int = FILE
    flags: int = 0x800  # names in UTF-8
    packed: bytes | None = None
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    local_name: bytes | None = None
    offset: int | None = None
    extra: bytes = b""

    @property
    def body(self) -> bytes:
        """What lies in the archive."""
        if self.packed is not None:
            return self.packed
        return deflated(self.data) if self.method == DEFLATED else self.data

    def sizes(self) -> tuple[int, int, int]:
        """CRC, packed size, size, as the headers give them."""
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        packed = len(self.body) if self.packed_size is None else self.packed_size
        return crc, packed, len(self.data) if self.size is None else self.size

    def local(self) -> bytes:
        """Header before the content, and the content."""
        name = self.name if self.local_name is None else self.local_name
        fields = (20, self.flags, self.method, 0, 0x21, *self.sizes(), len(name), 0)
        return struct.pack("<4s5H3L2H", b"PK\3\4", *fields) + name + self.body

    def central(self, offset: int) -> bytes:
        """Line of the table of contents."""
        offset = offset if self.offset is None else self.offset
        head = (0x314, 20, self.flags, self.method, 0, 0x21, *self.sizes(), len(self.name), len(self.extra))
        return (
            struct.pack("<4s6H3L5H2L", b"PK\1\2", *head, 0, 0, 0, self.mode, offset) + self.name + self.extra
        )


def archive(entries: Sequence[Entry], *, count: int | None = None, table: int | None = None) -> bytes:
    """Write an archive; `count` and `table` are what its end says of members and bytes of the table."""
    body, directory = b"", b""
    for entry in entries:
        directory += entry.central(len(body))
        body += entry.local()
    return (
        body + directory + end(len(entries) if count is None else count, table or len(directory), len(body))
    )


def archive64(entries: Sequence[Entry]) -> bytes:
    """Write an archive whose last record leaves its numbers to that of zip64."""
    body, directory = b"", b""
    for entry in entries:
        directory += entry.central(len(body))
        body += entry.local()
    count, at = len(entries), len(body)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), at)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at + len(directory), 1)
    return body + directory + wide + locator + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


def end(count: int, size: int, offset: int) -> bytes:
    """Last record."""
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, offset, 0)


def deflated(data: bytes) -> bytes:
    """Raw deflate stream."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@cache
def kernel(size: int = 70 << 20) -> tuple[bytes, int]:
    """Deflate stream of zeros, a thousandth of them, and their CRC."""
    block, packer, crc, packed = bytes(1 << 20), zlib.compressobj(9, zlib.DEFLATED, -15), 0, b""
    for _ in range(size >> 20):
        packed += packer.compress(block)
        crc = zlib.crc32(block, crc)
    return packed + packer.flush(), crc


def bomb(copies: int) -> bytes:
    """An archive whose members all point to one stream, as in Fifield's overlapping bombs."""
    packed, crc = kernel(4 << 20)
    entry = Entry(b"0", packed=packed, crc=crc, size=4 << 20, local_name=b"0")
    body = entry.local()
    directory = b""
    for number in range(copies):
        entry.name = str(number).encode()
        directory += entry.central(0)
    return body + directory + end(copies, len(directory), len(body))


def quoted_bomb(copies: int) -> bytes:
    """A bomb whose members quote the headers of those behind them, so that no offset is met twice."""
    packed, crc = kernel(4 << 20)
    names = [f"{number:04d}".encode() for number in range(copies)]
    entries = [Entry(names[-1], packed=packed, crc=crc, size=4 << 20)]
    for name in reversed(names[:-1]):
        behind = entries[0].local()
        quote = struct.pack("<BHH", 0, len(behind[:34]), len(behind[:34]) ^ 0xFFFF)  # a stored deflate block
        body = quote + behind
        entries.insert(0, Entry(name, packed=body, crc=crc, size=(4 << 20) + 34))
    whole, offset, directory = entries[0].local(), 0, b""
    for entry in entries:
        directory += entry.central(offset)
        offset += 30 + len(entry.name) + 5
    return whole + directory + end(copies, len(directory), len(whole))


def zip64(size: int, packed: int, offset: int) -> bytes:
    """Extra field with 64-bit numbers, for an entry that gives 0xFFFFFFFF."""
    return struct.pack("<2H3Q", 1, 24, size, packed, offset)


def some_files(rng: Random, count: int = 3) -> dict[str, bytes]:
    """Harmless content with names as releases have them."""
    return {
        f"{rng.randrange(1, 600):03d}/{rng.randrange(10**9):09d}.png": rng.randbytes(rng.randrange(1, 900))
        for _ in range(count)
    }


def entries_of(content: dict[str, bytes]) -> list[Entry]:
    """Members for harmless content."""
    return [Entry(name.encode(), data) for name, data in content.items()]
