"""From a cut-out patch to a square of a given side: the ways in which published code resizes faces.

Shapes: H, W of the patch; S side of the result.
"""

import numpy as np
from PIL import Image

from data_prep.record import Box

#: Name -> what it does. The first is what everything is trained on unless told otherwise.
RESIZERS = {
    "bilinear": "bilinear, antialiased",
    "bicubic": "bicubic, antialiased",
    "area": "mean over the area (box filter)",
    "nearest": "nearest pixel",
    "bilinear_aliased": "bilinear between four pixels, not antialiased",
}
_PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


def resize(patch: np.ndarray | Image.Image, region: Box, side: int, *, how: str = "bilinear") -> np.ndarray:
    """
    Resize a region of a patch to a square.

    Parameters
    ----------
    patch : uint8 array, shape (H, W, 3), or RGB image of Pillow
    region : Box
        In pixels of the patch; the first pixel spans 0 to 1.
    side : int
        Pixels of the result.
    how : str
        One of `RESIZERS`. All but the last are Pillow's, which widens its filters where it shrinks.

    Returns
    -------
    uint8 array, shape (S, S, 3)
    """
    if how == "bilinear_aliased":
        return _between_four(np.asarray(patch), region, side)
    image = patch if isinstance(patch, Image.Image) else Image.fromarray(patch)
    return np.asarray(image.resize((side, side), _PILLOW[how], box=region))


def _between_four(patch: np.ndarray, region: Box, side: int) -> np.ndarray:
    """Sample at the new pixels' centres, as OpenCV's INTER_LINEAR does; Pillow has no such resizer."""
    rows = _along(patch.astype(np.float64), region.top, region.bottom, side)
    columns = _along(rows.swapaxes(0, 1), region.left, region.right, side)
    return np.floor(columns.swapaxes(0, 1) + 0.5).astype(np.uint8, order="C")


def _along(values: np.ndarray, start: float, end: float, side: int) -> np.ndarray:
    """Interpolate the first axis at the centres of `side` cells from `start` to `end`."""
    centres = (
        start + (np.arange(side) + 0.5) * (end - start) / side - 0.5
    )  # pixel i has its centre at i + 0.5
    low = np.floor(centres)
    share = (centres - low)[:, None, None]
    near, far = (np.clip(low + step, 0, len(values) - 1).astype(int) for step in (0, 1))
    return values[near] * (1 - share) + values[far] * share
