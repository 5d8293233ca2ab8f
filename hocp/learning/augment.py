"""Random changes of training images that leave the emotion as it is.

Shape legend: B items, F frames, S side in pixels. All frames of a window are changed alike, since a change
from frame to frame would be motion that is not in the face.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

KEYS = ("flip", "rotate", "scale", "shift", "light")


class Change(NamedTuple):
    """What is done to each item of a batch.

    Attributes
    ----------
    theta : Tensor, shape (B, 2, 3)
        Affine maps from output to input coordinates, both in [-1, 1] (see `torch.nn.functional.affine_grid`).
    gain, contrast : Tensor, shape (B,)
        Factors on all values, and on the differences from the item's mean.
    """

    theta: Tensor
    gain: Tensor
    contrast: Tensor

    def share(self, part: slice) -> "Change":
        """The change of some of the items."""
        return Change(*(values[part] for values in self))


def draw(count: int, settings: Mapping[str, float], generator: torch.Generator) -> Change:
    """Draw the changes of a batch.

    Parameters
    ----------
    count : int
        Items B.
    settings : mapping
        ``flip`` probability of mirroring; ``rotate`` largest angle in degrees; ``scale`` and ``light``
        largest relative changes; ``shift`` largest shift as a share of the side. All uniform around none.

    Raises
    ------
    ValueError
        If a key is missing or unknown.
    """
    if sorted(settings) != sorted(KEYS):
        raise ValueError(f"training.augment has the keys {sorted(settings)}, expected {sorted(KEYS)}")
    uniform = torch.rand(7, count, generator=generator)
    signed = 2 * uniform - 1
    mirror = torch.where(uniform[0] < settings["flip"], -1.0, 1.0)
    angle = torch.deg2rad(signed[1] * settings["rotate"])
    size = 1 + signed[2] * settings["scale"]
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    across, down = 2 * settings["shift"] * signed[3], 2 * settings["shift"] * signed[4]
    theta = torch.stack([mirror * cos, -mirror * sin, across, sin, cos, down], 1).reshape(count, 2, 3)
    return Change(theta, 1 + signed[5] * settings["light"], 1 + signed[6] * settings["light"])


def apply(images: Tensor, change: Change) -> Tensor:
    """Change a batch; what comes in from outside the image repeats its border.

    Parameters
    ----------
    images : Tensor of uint8, shape (B, S, S, 3) or (B, F, S, S, 3)
    change : Change
        Of the same B items.

    Returns
    -------
    Tensor of uint8, same shape
    """
    size = images.shape
    # The frames of a window become channels of one image: they share their map and its grid.
    flat = images.reshape(size[0], -1, *size[-3:]).permute(0, 1, 4, 2, 3).flatten(1, 2).float()
    theta, gain, contrast = (values.to(flat) for values in change)
    grid = F.affine_grid(theta, list(flat.shape), align_corners=False)
    moved = F.grid_sample(flat, grid, mode="bilinear", padding_mode="border", align_corners=False)
    mean = moved.mean((1, 2, 3), keepdim=True)
    lit = ((moved - mean) * contrast[:, None, None, None] + mean) * gain[:, None, None, None]
    bytes_ = lit.round_().clamp_(0, 255).to(torch.uint8)
    return bytes_.unflatten(1, (-1, 3)).permute(0, 1, 3, 4, 2).reshape(size)
