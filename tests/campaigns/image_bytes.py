"""Image files by hand: what no well-meaning encoder would write."""

import io
import random
import struct
import zlib
from functools import cache

from PIL import Image

from tests.data_prep.mini_releases import encode, ramp

LOSSLESS = ("PNG", "BMP", "TIFF")
FORMS = (*LOSSLESS, "JPEG")
ENDINGS = {"PNG": "png", "BMP": "bmp", "TIFF": "tif", "JPEG": "jpg"}
_PNG = b"\x89PNG\r\n\x1a\n"


@cache
def picture(mode: str = "RGB", width: int = 40, height: int = 30) -> Image.Image:
    """A small picture, not square."""
    return Image.fromarray(ramp(width, height)).convert(mode)


@cache
def sample(form: str, mode: str = "RGB") -> bytes:
    """The small picture as a sound file."""
    return encode(picture(mode), form)


def some_bytes(rng: random.Random, most: int = 4000) -> bytes:
    """Noise."""
    return rng.randbytes(rng.randint(1, most))


def flipped(rng: random.Random, data: bytes, *, first: int = 0, most: int = 8) -> bytes:
    """The same bytes after some bits have turned."""
    spoilt = bytearray(data)
    for _ in range(rng.randint(1, most)):
        spoilt[rng.randrange(first, len(data))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def chunk(kind: bytes, content: bytes) -> bytes:
    """One part of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    width: int, height: int, *, depth: int = 8, colour: int = 2, interlace: int = 0, before: bytes = b"",
    body: bytes | None = None,
) -> bytes:  # fmt: skip
    """A PNG file of any header; by default black, with as many bytes as the header asks for."""
    if body is None:
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
        body = deflated(height * (1 + (width * depth * channels + 7) // 8))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    return _PNG + header + before + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def deflated(count: int) -> bytes:
    """Zeros, compressed without ever being held."""
    packer, block = zlib.compressobj(1), bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(count >> 20)]
    return b"".join([*parts, packer.compress(bytes(count & ((1 << 20) - 1))), packer.flush()])


@cache
def bomb() -> bytes:
    """Some 300 MB of zeros in 1.3 MB."""
    return deflated(300 << 20)


def tiff(
    tags: dict[int, tuple[int, int, int]], *, data: bytes = bytes(4096), following: int = 0, pages: int = 1
) -> bytes:
    """
    A TIFF file of any tags.

    Parameters
    ----------
    tags
        Tag -> type, count, and value or offset; those of `plain` are there unless they are given otherwise.
    data
        Pixels, which begin at byte 8.
    following
        Offset that the last page names as the next one; 0 for none.
    pages
        Pages, one like the other.
    """
    entries = {**plain(), **tags}
    body = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(entries.items()))
    start, length = 8 + len(data) + len(data) % 2, 6 + len(body)
    links = [start + length * (page + 1) for page in range(pages - 1)] + [following]
    listed = b"".join(struct.pack("<H", len(entries)) + body + struct.pack("<I", link) for link in links)
    return struct.pack("<2sHI", b"II", 42, start) + data + bytes(len(data) % 2) + listed


def plain(side: int = 32) -> dict[int, tuple[int, int, int]]:
    """Tags of a grey picture."""
    return {
        256: (4, 1, side), 257: (4, 1, side), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1),
        273: (4, 1, 8), 277: (3, 1, 1), 278: (4, 1, side), 279: (4, 1, side * side),
    }  # fmt: skip


def bmp(width: int, height: int, *, bits: int = 24, packing: int = 0, colours: int = 0, offset: int = 54,
        data: bytes = bytes(3 * 64)) -> bytes:  # fmt: skip
    """A BMP file of any header."""
    head = struct.pack("<2sIHHI", b"BM", 54 + len(data), 0, 0, offset & 0xFFFFFFFF)
    body = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, 0, 0, 0, colours, 0)
    return head + body + data


def segments(data: bytes) -> list[bytes]:
    """Parts of a JPEG file, each from its marker on; the pixels of a scan stay with its header."""
    parts, place = [data[:2]], 2
    while place < len(data) - 1:
        end = place + 2
        if data[place + 1] not in (0xD9, *range(0xD0, 0xD8)):
            end += struct.unpack(">H", data[end : end + 2])[0]
        while data[place + 1] == 0xDA and not (
            data[end] == 0xFF and data[end + 1] not in (0, *range(0xD0, 0xD8))
        ):
            end += 1
        parts.append(data[place:end])
        place = end
    return parts


def application(number: int, content: bytes) -> bytes:
    """An APPn segment of a JPEG file."""
    return b"\xff" + bytes([0xE0 + number]) + struct.pack(">H", 2 + len(content)) + content


def animated(form: str, **options) -> bytes:
    """Three frames."""
    file = io.BytesIO()
    frames = [Image.fromarray(ramp(40, 30, blue)) for blue in (7, 90, 200)]
    frames[0].save(file, form, save_all=True, append_images=frames[1:], **options)
    return file.getvalue()
