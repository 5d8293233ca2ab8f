"""A brush that paints smooth shapes, given in the units of the face, on a supersampled canvas."""

import numpy as np
from PIL import Image, ImageDraw

from data_prep.lookalike.geometry import curve, depth, project
from data_prep.lookalike.identity import Colour


class Brush:
    """
    Paints on one canvas, for one head pose.

    Parameters
    ----------
    canvas
        RGB picture, painted on in place.
    rotation : numpy.ndarray of shape (3, 3)
        Head pose, from `geometry.turn`.
    scale
        Pixels of the canvas a unit.
    centre : numpy.ndarray of shape (2,)
        Where the origin of the face falls, in pixels of the canvas.
    """

    def __init__(self, canvas: Image.Image, rotation: np.ndarray, scale: float, centre: np.ndarray):
        self.canvas = canvas
        self.rotation = rotation
        self.scale = scale
        self.centre = np.asarray(centre, float)
        self.skin_mask = Image.new("L", canvas.size, 0)
        self._draw = ImageDraw.Draw(canvas)
        self._mask = ImageDraw.Draw(self.skin_mask)

    def flat(self, points: np.ndarray) -> np.ndarray:
        """Picture points of shape (n, 3), or (n, 2) on the face's surface, on the canvas: shape (n, 2)."""
        points = np.asarray(points, float)
        if points.shape[1] == 2:
            points = np.column_stack([points, depth(points[:, 0], points[:, 1])])
        return project(points, self.rotation, self.scale, self.centre)

    def area(self, pixels: np.ndarray, colour: Colour, lit: bool = False) -> None:
        """Fill the polygon of canvas points; `lit` also marks it as skin, which the light shades."""
        if len(pixels) < 3:
            return
        corners = pixels.ravel().tolist()
        self._draw.polygon(corners, fill=colour)
        if lit:
            self._mask.polygon(corners, fill=255)

    def blob(self, points: np.ndarray, colour: Colour, lit: bool = False) -> None:
        """Fill the smooth closed outline through points of the face."""
        self.area(curve(self.flat(points), 4, closed=True), colour, lit)

    def line(self, pixels: np.ndarray, colour: Colour, width: float) -> None:
        """Draw a line through canvas points; `width` in units of the face."""
        pen = max(1, round(width * self.scale))
        self._draw.line(pixels.ravel().tolist(), fill=colour, width=pen, joint="curve")

    def stroke(self, points: np.ndarray, colour: Colour, width: float) -> None:
        """Draw a smooth line through points of the face."""
        self.line(curve(self.flat(points), 4), colour, width)

    def disc(self, middle: np.ndarray, radius_x: float, radius_y: float, colour: Colour) -> None:
        """Fill an ellipse around a canvas point; radii in canvas pixels."""
        (x, y), rx, ry = middle, radius_x, radius_y
        self._draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=colour)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend two colours; `share` is the part of the second one."""
    share = min(max(share, 0.0), 1.0)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
