"""F16: images that are damaged, lie about themselves, or want more memory than there is."""

import os
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from data_prep import images
from tests.campaigns import image_bytes as make
from tests.campaigns.case import Case
from tests.campaigns.image_bytes import FORMS, application, chunk, flipped, sample
from tests.campaigns.kinds import Kinds
from tests.campaigns.outcomes import of_image
from tests.data_prep.mini_releases import encode, ramp

FAULT, TITLE, SIZE = "F16", "Images", 2024
KINDS = Kinds(FAULT)
CONVERTED, UNDECODABLE, BAD_BOX, MISSING = "img_mode_converted", "img_undecodable", "box_bad", "img_missing"
ANY = ("ok", CONVERTED, UNDECODABLE, BAD_BOX)


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield the campaign."""
    return KINDS.cases(count, seed)


def file(kind: str, *expected: str) -> Callable:
    """Decorate a function that makes the bytes of one file; its ending is one of the usual four."""

    def adder(content: Callable[[random.Random], bytes]) -> Callable:
        def run(rng: random.Random, folder: Path) -> str:
            name = f"picture.{rng.choice(list(make.ENDINGS.values()))}"
            (folder / name).write_bytes(content(rng))
            return of_image(folder, name)

        KINDS.add(kind, run, *expected)
        return content

    return adder


def sounds(kind: str, content: Callable[[random.Random], bytes], *expected: str) -> None:
    """Add a kind in one line."""
    file(kind, *expected)(content)


# Damaged --------------------------------------------------------------------------------------------------


@KINDS.kind("cut at a random byte", "ok", "img_empty", UNDECODABLE)
def cut(rng: random.Random, folder: Path) -> str:
    whole = sample(rng.choice(FORMS))
    (folder / "cut.jpg").write_bytes(data := whole[: rng.randrange(len(whole))])
    outcome = of_image(folder, "cut.jpg")
    if outcome == "ok" and not np.array_equal(images.decode(data).pixels, images.decode(whole).pixels):
        return "other pixels"  # a half picture must not pass for a whole one
    return outcome


sounds("bits flipped", lambda rng: flipped(rng, sample(rng.choice(FORMS))), *ANY)


@file("bits flipped in the header", *ANY)
def header(rng: random.Random) -> bytes:
    data = sample(rng.choice(FORMS))
    return flipped(rng, data[:64]) + data[64:]


sounds("zero bytes", lambda rng: b"", "img_empty")
sounds(
    "NULs or blanks only", lambda rng: rng.choice((b"\0", b" ", b"\n")) * rng.randint(1, 9999), UNDECODABLE
)
sounds("noise", make.some_bytes, UNDECODABLE)


@file("noise behind a signature", UNDECODABLE, "ok", CONVERTED, BAD_BOX)
def noise(rng: random.Random) -> bytes:
    return sample(rng.choice(FORMS))[: rng.choice((2, 4, 8, 16, 30))] + make.some_bytes(rng)


@file("a hole in the middle", *ANY)
def hole(rng: random.Random) -> bytes:
    data = sample(rng.choice(FORMS))
    start = rng.randrange(len(data) // 2)
    return data[:start] + bytes(length := rng.randint(1, 200)) + data[start + length :]


@file("two files glued", *ANY)
def glued(rng: random.Random) -> bytes:
    first, second = (sample(rng.choice(FORMS)) for _ in range(2))
    place = rng.randrange(len(first))
    return first[:place] + second[min(place, len(second) - 1) :]


# Of another kind than they seem ---------------------------------------------------------------------------

sounds("ending of another format", lambda rng: sample(rng.choice(FORMS)), "ok")
_MODES = (
    ("L", "PNG"),
    ("L", "JPEG"),
    ("P", "PNG"),
    ("RGBA", "PNG"),
    ("LA", "PNG"),
    ("1", "PNG"),
    ("1", "TIFF"),
    ("CMYK", "JPEG"),
    ("CMYK", "TIFF"),
    ("RGBA", "TIFF"),
    ("L", "BMP"),
    ("P", "BMP"),
    ("F", "TIFF"),
    ("I", "TIFF"),
)
sounds("grey, palette, alpha, CMYK", lambda rng: sample(*reversed(rng.choice(_MODES))), CONVERTED)


@file("palette with transparent colours", CONVERTED)
def transparent(rng: random.Random) -> bytes:
    return encode(make.picture("P"), "PNG", transparency=rng.choice((0, 7, bytes(rng.randbytes(200)))))


@file("16 bits", "ok", CONVERTED)
def deep(rng: random.Random) -> bytes:
    return make.png(rng.randint(2, 50), rng.randint(2, 50), depth=16, colour=rng.choice((0, 2, 4, 6)))


@file("grey values that are no 16-bit numbers", UNDECODABLE)
def floats(rng: random.Random) -> bytes:
    value = rng.choice((float("nan"), float("inf"), -1.0, 1e9))
    return encode(make.Image.fromarray(np.full((30, 40), value, np.float32)), "TIFF")


@KINDS.kind("turned by EXIF", "ok")
def turned(rng: random.Random, folder: Path) -> str:
    exif = make.Image.Exif()
    exif[0x0112] = rng.randint(1, 9)
    (folder / "turned.jpg").write_bytes(data := encode(make.picture(), "JPEG", exif=exif))
    assert images.decode(data).pixels.shape == (30, 40, 3)  # boxes refer to the stored pixels
    return of_image(folder, "turned.jpg")


sounds("animated GIF or WebP", lambda rng: make.animated(rng.choice(("GIF", "WEBP"))), UNDECODABLE)


@KINDS.kind("animated PNG, TIFF of pages, JPEG of pictures", "ok")
def animation(rng: random.Random, folder: Path) -> str:
    form = rng.choice(("PNG", "TIFF", "MPO"))
    (folder / "moving.png").write_bytes(data := make.animated(form))
    assert np.abs(images.decode(data).pixels.astype(int) - ramp(40, 30)).mean() < 3  # the first frame
    return of_image(folder, "moving.png")


_TEXTS = (
    b"<!DOCTYPE html><html><body>Please log in</body></html>",
    b'{"error": "quota exceeded"}',
    b"GIF89a",
    b"version https:" + b"//git-lfs\noid sha256:00",
    b"#!/bin/sh\ntouch ../../../owned\n",
    b"<svg><image href='/etc/passwd'/></svg>",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
    b"%PDF-1.7\n",
    b"P6 9 9 255\n",
    b"SIMPLE  =                    T / FITS",
    b"8BPS\0\1",
    b"icns",
    b"\x0a\x05\x01\x08",
    b"PK\3\4",
    b"RIFF\0\0\0\0WEBPVP8 ",
)
sounds(
    "a page, a script, another format",
    lambda rng: rng.choice(_TEXTS) + make.some_bytes(rng, 600),
    UNDECODABLE,
)
_TAILS = (b"PK\3\4", b"<script>alert(1)</script>", b"%PDF-1.7 ", b"\x7fELF", b"Rar!\x1a\7\0")
sounds(
    "an image with a tail of another format",
    lambda rng: sample(rng.choice(FORMS)) + rng.choice(_TAILS) + make.some_bytes(rng),
    "ok",
)
sounds(
    "an image behind a head of another format",
    lambda rng: rng.choice(_TAILS) + sample(rng.choice(FORMS)),
    UNDECODABLE,
)

# Too large, too long --------------------------------------------------------------------------------------

sounds("one pixel", lambda rng: encode(make.picture(rng.choice("1L"), 1, 1), rng.choice(FORMS)), BAD_BOX)


@file("65,535 pixels long", BAD_BOX)
def long(rng: random.Random) -> bytes:
    sides = (65535, rng.randint(1, 60))
    return make.png(*(sides if rng.random() < 0.5 else sides[::-1]), colour=rng.choice((0, 2, 6)))


@file("a header of gigapixels", UNDECODABLE)
def gigapixels(rng: random.Random) -> bytes:
    width, height = (rng.randint(30_000, 65_535) for _ in range(2))
    match rng.choice(FORMS):
        case "PNG":
            return make.png(width * 1000, height * 1000, body=zlib.compress(bytes(100)))
        case "BMP":
            return make.bmp(width, rng.choice((height, -height)), bits=rng.choice((1, 8, 24)))
        case "TIFF":
            return make.tiff({256: (4, 1, width), 257: (4, 1, height)})
    data = sample("JPEG")
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


@file("as many pixels as are allowed, in a small file", "ok", CONVERTED)
def largest(rng: random.Random) -> bytes:
    most = int(images.PIXELS**0.5)
    side = rng.choice((most, *(most // part for part in (3, 5, 7, 9, 11))))
    return make.png(
        side,
        side,
        **rng.choice(({"depth": 1, "colour": 0}, {"depth": 16, "colour": 0}, {"colour": 2}, {"colour": 6})),
    )


@file("text or colour profile that unpacks to 300 MB", UNDECODABLE, "ok")
def texts(rng: random.Random) -> bytes:
    kinds = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}
    kind = rng.choice(list(kinds))
    return make.png(32, 32, before=chunk(kind, kinds[kind] + make.bomb()))


sounds("pixels that unpack to 300 MB", lambda rng: make.png(32, 32, body=make.bomb()), "ok", UNDECODABLE)


@file("40,000 chunks", "ok", UNDECODABLE)
def chunks(rng: random.Random) -> bytes:
    return make.png(
        32, 32, before=chunk(rng.choice((b"prVt", b"tEXt")), b"a\0b") * rng.randint(5_000, 40_000)
    )


@file("interlaced, bad depth, bad colour type", *ANY)
def interlaced(rng: random.Random) -> bytes:
    depth, colour = rng.choice((0, 1, 3, 8, 16, 255)), rng.choice((0, 2, 3, 4, 6))
    return make.png(40, 30, depth=depth, colour=colour, interlace=rng.choice((1, 2, 255)))


# TIFF -----------------------------------------------------------------------------------------------------


@file("TIFF of 10,000 pages, or in a circle", CONVERTED, UNDECODABLE)
def pages(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return make.tiff({}, pages=rng.randint(1000, 10_000))
    return make.tiff({}, following=8 + 4096)


@file("TIFF of an odd compression", UNDECODABLE, CONVERTED)
def compressions(rng: random.Random) -> bytes:
    known = (
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        32766,
        32771,
        32773,
        32809,
        32946,
        34661,
        34676,
        34677,
        34712,
        34925,
        50000,
        50001,
    )
    return make.tiff({259: (3, 1, rng.choice((*known, rng.randrange(65536))))}, data=rng.randbytes(4096))


@file("TIFF tile far larger than the picture", UNDECODABLE)
def tiles(rng: random.Random) -> bytes:
    """Unpacking one tile would take gigabytes."""
    side, data = rng.choice((16384, 32768)), make.bomb()
    tags = {322: (4, 1, side), 323: (4, 1, side), 324: (4, 1, 8), 325: (4, 1, len(data)), 259: (3, 1, 8)}
    return make.tiff(tags, data=data)


@file("TIFF strips that lie", UNDECODABLE, CONVERTED, "ok", BAD_BOX)
def strips(rng: random.Random) -> bytes:
    huge = rng.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 20))
    changes = {tag: (4, 1, huge) for tag in rng.sample((273, 278, 279), rng.randint(1, 3))}
    return make.tiff({**changes, 259: (3, 1, rng.choice((1, 5, 8)))})


@file("TIFF tags of billions of values, or that point elsewhere", UNDECODABLE, CONVERTED, "ok", BAD_BOX)
def tags(rng: random.Random) -> bytes:
    tag = rng.choice(
        (258, 270, 273, 277, 279, 320, 330, 332, 339, 347, 512, 700, 33432, 34377, 34665, 34675, 34853)
    )
    count = rng.choice((0, 2, 1 << 16, 0x10000001, 0xFFFFFFFF))
    return make.tiff({tag: (rng.randint(0, 18), count, rng.choice((0, 4, 8 + 4096, 0xFFFFFFF0)))})


@file("TIFF of many samples, deep ones, or none", UNDECODABLE, CONVERTED, "ok")
def samples(rng: random.Random) -> bytes:
    return make.tiff(
        {277: (3, 1, rng.choice((0, 2, 5, 6, 255, 65535))), 258: (3, 1, rng.choice((0, 2, 12, 16, 64)))}
    )


# BMP ------------------------------------------------------------------------------------------------------


@file("BMP that lies about its size", *ANY)
def bitmap(rng: random.Random) -> bytes:
    return make.bmp(
        rng.choice((0, 1, 8, 5000, 0x7FFFFFFF, -8)),
        rng.choice((0, 1, 8, 5000, -8, -0x80000000)),
        bits=rng.choice((0, 1, 2, 4, 8, 16, 24, 32, 64)),
        packing=rng.choice((0, 1, 2, 3, 4, 5, 6, 99)),
        colours=rng.choice((0, 2, 256, 0x7FFFFFFF, 0xFFFFFFFF)),
        offset=rng.choice((0, 14, 54, 1 << 31, 1 << 20)),
        data=rng.randbytes(300),
    )


@file("BMP whose runs jump over gigabytes", *ANY)
def runs(rng: random.Random) -> bytes:
    jumps = b"".join(bytes([0, 2, rng.randrange(256), 255]) for _ in range(rng.randint(1, 2000)))
    width, area = rng.choice((500, 65_000, 500_000)), rng.choice((500_000, 2_000_000))
    return make.bmp(
        width,
        area // width,
        bits=rng.choice((4, 8)),
        packing=rng.choice((1, 2)),
        offset=54 + 1024,
        data=bytes(1024) + jumps,
    )


# JPEG -----------------------------------------------------------------------------------------------------


@file("JPEG of other dimensions than its scans", *ANY)
def dimensions(rng: random.Random) -> bytes:
    data = sample("JPEG")
    place = data.index(b"\xff\xc0") + 5
    sides = rng.choice((0, 1, 8, 41, 5000)), rng.choice((0, 1, 31, 4000))
    return data[:place] + struct.pack(">HH", *sides) + data[place + 4 :]


@file("progressive JPEG of thousands of scans", UNDECODABLE)
def scans(rng: random.Random) -> bytes:
    *parts, last, end = make.segments(encode(make.picture(), "JPEG", progressive=True))
    return b"".join([*parts, last * rng.randint(500, 20_000), end])


@file("JPEG of another process", UNDECODABLE, "ok")
def process(rng: random.Random) -> bytes:
    marker = rng.choice((0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7))
    return sample("JPEG").replace(b"\xff\xc0", bytes([0xFF, marker]), 1)


@file("JPEG of 50,000 segments or filling bytes", "ok", UNDECODABLE)
def filled(rng: random.Random) -> bytes:
    data, count = sample("JPEG"), rng.randint(10_000, 50_000)
    filling = rng.choice(
        (b"\xff" * count, application(rng.randrange(16), b"x") * count, b"\xff\xfe\0\2" * count)
    )
    return data[:2] + filling + data[2:]


@file("JPEG with hostile EXIF, profile or list of pictures", "ok", UNDECODABLE)
def metadata(rng: random.Random) -> bytes:
    inner = make.tiff(
        {34665: (4, 1, 8 + 64), 34853: (4, 1, 8), 271: (2, 0xFFFFFFF, 8)}, data=bytes(64), following=72
    )
    part = rng.choice(
        (
            application(1, b"Exif\0\0" + inner),
            application(2, b"MPF\0" + inner),
            application(2, b"MPF\0" + struct.pack("<2sHIHHHII", b"II", 42, 8, 1, 0xB001, 4, 1, 0xFFFFFFFF)),
            application(2, b"ICC_PROFILE\0\1\xff" + bytes(99)) * 300,
            application(13, b"Photoshop 3.0\x008BIM" + rng.randbytes(200)),
            application(14, b"Adobe\0"),
            application(0, b"JFIF\0"),
        )
    )
    data = sample("JPEG")
    return data[:2] + part + data[2:]


# No files -------------------------------------------------------------------------------------------------


@KINDS.kind("a folder, pipe, socket, dangling or circular link", MISSING)
def no_file(rng: random.Random, folder: Path) -> str:
    place = folder / "x.png"
    match rng.choice(("folder", "pipe", "nowhere", "circle", "device")):
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
        case "nowhere":
            place.symlink_to("nothing.png")
        case "circle":
            place.symlink_to("x.png")
        case "device":
            place.symlink_to("/dev/zero")
    return of_image(folder, "x.png")


_PATHS = (
    "../beside/secret.txt",
    "/etc/hostname",
    "a/../../x.png",
    "C:\\x.png",
    "\\\\host\\x",
    "",
    ".",
    "~/x.png",
    "x" * 300 + ".png",
    "a\0b.png",
    "x.png/",
    "-rf",
    "$(touch owned).png",
    "http:/x/y.png",
)
KINDS.add("a path that leads elsewhere", lambda rng, folder: of_image(folder, rng.choice(_PATHS)), MISSING)


@KINDS.kind("a terabyte of nothing", UNDECODABLE)
def sparse(rng: random.Random, folder: Path) -> str:
    (folder / "x.bmp").write_bytes(sample("BMP"))
    os.truncate(folder / "x.bmp", rng.choice((1 << 30, 1 << 36, 1 << 40)))
    return of_image(folder, "x.bmp")
