"""Image files to 8-bit RGB; what does not decode whole, or would take too much, is refused with a reason."""

import io
import warnings
from itertools import product

import numpy as np
from PIL import Image, TiffImagePlugin  # noqa: F401 - Pillow knows TIFF only once this is imported

from data_prep.record import Picture, Quarantine
from data_prep.tree import Tree

# The formats that the releases hold. Every further decoder would be a door for hostile files.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF")
# Of TIFF's many compressions, those in common use.
TIFF_PACKINGS = (
    "raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg", "group3", "group4",
)  # fmt: skip
PIXELS = 25_000_000  # largest image; the decoder takes 4 bytes for each, RGB 3, a progressive JPEG 8 more
BYTES = 64 << 20  # largest file; the mean of AffectNet is 0.13 MB
SCANS = 100  # of a JPEG file; 10 are usual, thousands keep a decoder busy for hours
TILE = 1024  # pixels of a side; larger images are converted in such parts, whose copies take little memory
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of a TIFF file


def read(tree: Tree, path: str) -> Picture:
    """
    Read and decode an image of the release.

    Raises
    ------
    Quarantine
        ``img_missing``, ``img_empty`` or ``img_undecodable``.
    """
    try:
        data, content = tree.hashed(path, limit=BYTES)
    except OSError as error:  # not there, leads out of the release, name too long, or the disk fails
        raise Quarantine(
            "img_missing", f"{_named(path)}: {error.strerror or 'no such file in the release'}"
        ) from None
    except ValueError as error:
        raise Quarantine("img_undecodable", _short(error, most=300)) from None
    return decode(data)._replace(content=bytes.fromhex(content))


def decode(data: bytes) -> Picture:
    """
    Decode a whole image file, in less than 450 MB whatever it holds.

    EXIF orientation is ignored: boxes and landmarks of the releases refer to the stored pixels. An alpha
    channel is dropped; of several frames or pages, the first is taken.

    Parameters
    ----------
    data : bytes
        Content of the file; its name plays no part, names are often wrong.

    Returns
    -------
    Picture
        8-bit RGB, with a note if the file held something else.

    Raises
    ------
    Quarantine
        ``img_empty`` or ``img_undecodable``.
    """
    if not data:
        raise Quarantine("img_empty", "the file has no bytes")
    try:
        with (
            warnings.catch_warnings()
        ):  # Pillow warns of sizes and odd metadata; what matters is checked below
            warnings.simplefilter("ignore")
            return _decode(data)
    except Quarantine:
        raise
    except Exception as error:  # decoders meet hostile bytes with every kind of exception
        raise Quarantine("img_undecodable", f"{type(error).__name__}: {_short(error)}") from None


def _decode(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if fault := _fault(image, data):
            raise Quarantine("img_undecodable", fault)
        image.load()
        return _rgb(image)


def _fault(image: Image.Image, data: bytes) -> str:
    """What must not be decoded, by the header alone; empty for the rest."""
    if image.width * image.height > PIXELS:
        return f"{image.width} x {image.height} pixels are too many"
    if image.format == "TIFF":
        packing = image.info.get("compression")
        if packing not in TIFF_PACKINGS:
            return f"TIFF compression {packing} is not among {', '.join(TIFF_PACKINGS)}"
        width, length = (image.tag_v2.get(tag, 0) for tag in (_TILE_WIDTH, _TILE_LENGTH))
        if not isinstance(width, int) or not isinstance(length, int) or width * length > PIXELS:
            return "its tiles are too large"
    if image.format in ("JPEG", "MPO") and (scans := data.count(b"\xff\xda")) > SCANS:
        return f"{scans} scans are too many"
    return ""


def _rgb(image: Image.Image) -> Picture:
    if image.mode == "RGB":
        return Picture(image)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for left, top in product(range(0, image.width, TILE), range(0, image.height, TILE)):
        right, bottom = min(left + TILE, image.width), min(top + TILE, image.height)
        whole = image.size == (right - left, bottom - top)
        part = image if whole else image.crop((left, top, right, bottom))
        pixels[top:bottom, left:right] = _converted(part)
    return Picture(pixels, f"converted from mode {image.mode}")


def _converted(image: Image.Image) -> np.ndarray:
    """A whole image or a part of it, in a form that fits into RGB."""
    if image.mode in _SIXTEEN_BITS:
        return _eight_bits(np.asarray(image))[..., None]
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB"))


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale 16-bit grey values to 8 bits; Pillow's own conversion would cut them off at 255."""
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 65535:
        raise Quarantine("img_undecodable", "grey values outside 0..65535")
    return np.round(values / 257).astype(np.uint8)


def _named(path: str) -> str:
    """A path as it may stand in the manifest; hostile lists have paths of any length and character."""
    return path if path.isprintable() and len(path) <= 200 else repr(path[:100])


def _short(error: Exception, most: int = 120) -> str:
    """Describe an error in one line; messages of Pillow may carry an object's address, new in every run."""
    return " ".join(str(error).split(" at 0x")[0].split())[:most].replace(" <_io.BytesIO object", "")
