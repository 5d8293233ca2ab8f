"""Image files to 8-bit RGB; what does not decode whole is refused with a reason."""

import hashlib
import io
import warnings

import numpy as np
from PIL import Image, TiffImagePlugin  # noqa: F401 - Pillow knows TIFF only once this is imported

from data_prep.record import Picture, Quarantine
from data_prep.tree import Tree

# The formats that the releases hold. Every further decoder would be a door for hostile files.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF")
PIXELS = 50_000_000  # largest image; 150 MB decoded
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


def read(tree: Tree, path: str) -> Picture:
    """
    Read and decode an image of the release.

    Raises
    ------
    Quarantine
        ``img_missing``, ``img_empty`` or ``img_undecodable``.
    """
    try:
        data = tree.read(path)
    except OSError as error:  # not there, leads out of the release, name too long, or the disk fails
        raise Quarantine(
            "img_missing", f"{path}: {error.strerror or 'no such file in the release'}"
        ) from None
    except ValueError as error:
        raise Quarantine("img_undecodable", str(error)) from None
    return decode(data)._replace(content=hashlib.sha256(data).hexdigest())


def decode(data: bytes) -> Picture:
    """
    Decode a whole image file.

    EXIF orientation is ignored: boxes and landmarks of the releases refer to the stored pixels. An alpha
    channel is dropped.

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
        if image.width * image.height > PIXELS:
            raise Quarantine("img_undecodable", f"{image.width} x {image.height} pixels are too many")
        image.load()
        return _rgb(image)


def _rgb(image: Image.Image) -> Picture:
    if image.mode == "RGB":
        return Picture(image)
    note = f"converted from mode {image.mode}"
    if image.mode in _SIXTEEN_BITS:
        return Picture(np.repeat(_eight_bits(np.asarray(image))[..., None], 3, axis=2), note)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return Picture(image.convert("RGB"), note)


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale 16-bit grey values to 8 bits; Pillow's own conversion would cut them off at 255."""
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 65535:
        raise Quarantine("img_undecodable", "grey values outside 0..65535")
    return np.round(values / 257).astype(np.uint8)


def _short(error: Exception) -> str:
    """Describe an error in one line; messages of Pillow may carry an object's address, new in every run."""
    return " ".join(str(error).split(" at 0x")[0].split())[:120].replace(" <_io.BytesIO object", "")
