"""Crops as published code makes them: what the square is drawn around, how large it is, how it is resized."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_prep import faces
from data_prep.record import Box, Face, Picture
from data_prep.resizers import RESIZERS

#: What a crop is drawn around, and how large it is.
PRESETS = {
    "box": "margin x the longer side of the release's own box",
    "landmarks": "margin x the longer side of the landmarks' box",
    "emonet": "200 / 220 of width + height of the landmarks' box, as EmoNet's code has it",
    "none": "the whole image",
}
WITH_MARGIN = ("box", "landmarks")
BY_LANDMARKS = ("landmarks", "emonet")

#: Width + height of the box of 68 landmarks over that of the 49 without jaw and inner corners of the mouth.
#: Measured on generated faces: median 1.27, nine in ten between 1.20 and 1.33.
JAW = 1.27


def add_options(parser: argparse.ArgumentParser, *, presets: Sequence[str], points: int) -> None:
    """Options of the crop; the first preset is the default. Readers have a ``--margin`` of their own."""
    words = "; ".join(f"{name}: {PRESETS[name]}" for name in presets)
    parser.add_argument("--crop", choices=presets, default=presets[0], help=words)
    parser.add_argument("--resize", choices=tuple(RESIZERS), default="bilinear", help="how crops are resized")
    parser.set_defaults(points=points)


@dataclass(frozen=True, kw_only=True)
class Crop:
    """
    How faces are cut out.

    Attributes
    ----------
    side : int
        Pixels of the result.
    preset : str
        One of `PRESETS`.
    margin : float
        Of the presets in `WITH_MARGIN`; the others have a size of their own.
    points : int
        Landmarks that the release's mark-up has: 68, or 49 without jaw.
    resize : str
        One of `RESIZERS`.
    """

    side: int
    preset: str = "landmarks"
    margin: float = 1.0
    points: int = 68
    resize: str = "bilinear"

    @classmethod
    def of(cls, options: argparse.Namespace, side: int) -> "Crop":
        """Take what a reader's options say; what a reader does not offer is as above."""
        names = {"preset": "crop", "margin": "margin", "points": "points", "resize": "resize"}
        given = {field: getattr(options, name) for field, name in names.items() if hasattr(options, name)}
        return cls(side=side, **given)

    def region(self, box: Box, image: tuple[int, int], *, aspect: float = 1.0) -> Box:
        """
        Square to cut out, in stored pixels.

        Parameters
        ----------
        box : Box
            Of the face, inside the image.
        image : tuple of int
            Its height and width.
        aspect : float
            Width of a stored pixel in heights.
        """
        if self.preset == "none":
            height, width = image
            return faces.square(Box(0, 0, width, height), margin=1.0, aspect=aspect)
        if self.preset == "emonet":
            sides = (box.right - box.left) * aspect + box.bottom - box.top
            return faces.centred(box, (1 if self.points == 68 else JAW) * 200 / 220 * sides, aspect=aspect)
        return faces.square(box, margin=self.margin, aspect=aspect)

    def __call__(self, picture: Picture, box: Box, *, aspect: float = 1.0) -> np.ndarray:
        """Cut a face out of a picture; arguments as of `region`, result as of `faces.cut`."""
        region = self.region(box, picture.shape, aspect=aspect)
        return faces.cut(picture.image, region, self.side, resizer=self.resize)

    def facts(self, options: argparse.Namespace, found: Iterable[Face]) -> dict[str, Any]:
        """What ``manifest.json`` says of the crops; counts those that were stretched to their true shape."""
        facts = {"side": self.side, "resize": RESIZERS[self.resize], "crop": self.preset}
        if self.preset in WITH_MARGIN:
            facts["margin"] = self.margin
        if hasattr(options, "anamorphic"):
            facts["anamorphic"] = options.anamorphic
            facts["stretched"] = sum(face.row is not None and face.aspect != 1 for face in found)
        return facts
