"""The one crop function: a box, given or drawn around landmarks, becomes a square picture of the face.

Shapes: H, W of the image; P landmarks; S side of the crop.
"""

from math import ceil, floor

import numpy as np
from PIL import Image

from data_prep.record import Box, Quarantine
from data_prep.resizers import resize

SMALLEST = 2.0  # pixels; a face box below this holds nothing
LARGEST = 40_000_000  # pixels of a region to cut out; they are held twice


def around(points: np.ndarray, *, count: int) -> Box:
    """
    Box around landmarks: extremes of all points, whether 68 (with jaw) or 49 (without).

    The 49-point box lacks jaw and forehead; the margin has to make up for it.

    Parameters
    ----------
    points : array, shape (P, 2)
        x and y in pixels of the stored image.
    count : int
        Number of points that the release's mark-up has.

    Raises
    ------
    Quarantine
        ``lnd_count`` if there are more or fewer points, ``lnd_missing`` if there are none, or if they are
        marked as lost: not finite, or all at -1.
    """
    if points.size == 0:
        raise Quarantine("lnd_missing", "no landmarks")
    if points.shape != (count, 2):
        raise Quarantine("lnd_count", f"{len(points)} landmarks, expected {count}")
    if not np.isfinite(points).all() or (points == -1).all():
        raise Quarantine("lnd_missing", "the tracker lost the face")
    return Box(*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def inside(box: Box, width: int, height: int) -> Box:
    """
    Part of a box that lies in the image.

    Raises
    ------
    Quarantine
        ``box_bad`` if the box has no area or misses the image.
    """
    cut = Box(max(box.left, 0.0), max(box.top, 0.0), min(box.right, width), min(box.bottom, height))
    if not all(map(np.isfinite, box)) or min(cut.right - cut.left, cut.bottom - cut.top) < SMALLEST:
        edges = ", ".join(f"{edge:g}" for edge in box)
        raise Quarantine("box_bad", f"box ({edges}) has no area in the image of {width} x {height}")
    return cut


def square(box: Box, *, margin: float, aspect: float = 1.0) -> Box:
    """
    Square around the centre of a box, its side `margin` times the longer side of the box.

    Parameters
    ----------
    aspect : float
        Width of a stored pixel in heights; 4/3 for PAL frames stored as 720 x 576, whose square on the
        screen is narrower in stored pixels.
    """
    side = margin * max((box.right - box.left) * aspect, box.bottom - box.top)
    return centred(box, side, aspect=aspect)


def centred(box: Box, side: float, *, aspect: float = 1.0) -> Box:
    """Square of this side, in heights of a pixel, around the centre of a box; `aspect` as of `square`."""
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return Box(x - side / 2 / aspect, y - side / 2, x + side / 2 / aspect, y + side / 2)


def cut(pixels: np.ndarray | Image.Image, box: Box, side: int, *, resizer: str = "bilinear") -> np.ndarray:
    """
    Cut a box out of an image and resize it; beyond the border the last pixels are repeated.

    Parameters
    ----------
    pixels : uint8 array, shape (H, W, 3), or RGB image of Pillow
        The image gives the same crop sooner: only what lies in the box is copied.
    box : Box
        Must have its centre in the image.
    side : int
        Pixels of the result.
    resizer : str
        One of `resizers.RESIZERS`.

    Returns
    -------
    uint8 array, shape (S, S, 3)

    Raises
    ------
    Quarantine
        ``box_bad`` if the region would not fit into memory, as around an image 60,000 pixels long and 3 wide.
    """
    left, top, right, bottom = floor(box.left), floor(box.top), ceil(box.right), ceil(box.bottom)
    if (right - left) * (bottom - top) > LARGEST:
        raise Quarantine("box_bad", f"a region of {right - left} x {bottom - top} pixels is too large")
    region = Box(box.left - left, box.top - top, box.right - left, box.bottom - top)
    patch, beyond = _patch(pixels, left, top, right, bottom)
    if any(map(any, beyond)):
        patch = np.pad(np.asarray(patch), (*beyond, (0, 0)), mode="edge")
    return resize(patch, region, side, how=resizer)


def _patch(
    pixels: np.ndarray | Image.Image, left: int, top: int, right: int, bottom: int
) -> tuple[np.ndarray | Image.Image, tuple[tuple[int, int], tuple[int, int]]]:
    """Part of a region that lies in the image, in the form that the image has; rows and columns beyond it."""
    height, width = (pixels.height, pixels.width) if isinstance(pixels, Image.Image) else pixels.shape[:2]
    x, y, x_end, y_end = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    beyond = (y - top, bottom - y_end), (x - left, right - x_end)
    if isinstance(pixels, Image.Image):
        return pixels.crop((x, y, x_end, y_end)), beyond
    return pixels[y:y_end, x:x_end], beyond
