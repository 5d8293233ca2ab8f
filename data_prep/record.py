"""What a reader yields: one face, with whatever the release says of it, or the reason why it is unusable."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from hocp.contracts.manifest import STATUSES


class Quarantine(Exception):
    """This item cannot be used; the others can.

    Parameters
    ----------
    status : str
        One of the manifest's statuses.
    note : str
        What was found, for a person.
    """

    def __init__(self, status: str, note: str):
        assert status in STATUSES, status
        super().__init__(status, note)  # both, so that it survives the way between processes
        self.status, self.note = status, note


class Box(NamedTuple):
    """Edges of a rectangle, in pixels of the stored image; the first pixel spans 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float


class Picture(NamedTuple):
    """A decoded image.

    Attributes
    ----------
    pixels : uint8 array, shape (height, width, 3)
        RGB.
    note : str
        How it was converted; empty where it was 8-bit RGB.
    content : str
        SHA-256 of the file; empty for frames of a video.
    """

    pixels: np.ndarray
    note: str = ""
    content: str = ""


@dataclass(slots=True, kw_only=True)
class Face:
    """One image or one frame on its way from the release to the store.

    Attributes
    ----------
    item, clip, frame, group, expression, status, note
        As in `hocp.contracts.manifest.Item`.
    valence, arousal : float or None
        On the release's own scale.
    part : str
        Official part, "train" or "test"; empty where the release has none.
    stratum : str
        What splits are balanced by.
    position : int or None
        Frame number in the recording that the clip was cut from.
    find : callable or None
        Returns the picture and the box of the face in it, or raises `Quarantine`.
    source : str
        Path of the picture's file in the release.
    content : str
        SHA-256 of that file; empty for frames of a video.
    crop : uint8 array, shape (side, side, 3), or None
        RGB; only until it is written.
    row : int or None
        Where it was written.
    """

    item: str
    clip: str = ""
    frame: int | None = None
    group: str = ""
    expression: int | None = None
    status: str = "ok"
    note: str = ""
    valence: float | None = None
    arousal: float | None = None
    part: str = ""
    stratum: str = ""
    position: int | None = None
    find: Callable[[], tuple[Picture, Box]] | None = field(default=None, repr=False)
    source: str = ""
    content: str = ""
    crop: np.ndarray | None = field(default=None, repr=False)
    row: int | None = None

    def quarantine(self, reason: Quarantine) -> "Face":
        """Mark as unusable and let go of the pixels."""
        self.status, self.crop = reason.status, None
        self.remark(reason.note)
        return self

    def remark(self, note: str) -> None:
        """Add to the note, in one line whatever a parser has put into its message."""
        self.note = "; ".join(filter(None, (self.note, " ".join(note.split()))))


class Release(NamedTuple):
    """What a reader found.

    Attributes
    ----------
    name : str
        Release and layout recognised, e.g. "AffectNet 2017, manual lists".
    units : iterable
        Pieces of work in the order of the manifest, each small enough to hold in memory, with a method
        ``read(tree, options)`` that yields faces.
    archives : list of str
        Archives and lists that are hashed as whole files.
    notes : list of str
        Deviations from what is expected of the release.
    """

    name: str
    units: Iterable[Any]
    archives: list[str]
    notes: list[str]


class Scale(NamedTuple):
    """From the release's scale to the signed one: ``signed = factor * native + offset``."""

    factor: float
    offset: float


class Plan(NamedTuple):
    """A split.

    Attributes
    ----------
    split : mapping
        Item -> part, for every usable item.
    rule : mapping
        Rule and seed, as the manifest records them.
    """

    split: Mapping[str, str]
    rule: Mapping[str, Any]
