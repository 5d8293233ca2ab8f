"""What a reader yields: one face, with whatever the release says of it, or the reason why it is unusable."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from sys import intern
from types import MappingProxyType
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
    image : uint8 array, shape (height, width, 3), or image of Pillow
        RGB, as the decoder left it: to convert a whole photograph takes half as long as to decode it.
    note : str
        How it was converted; empty where it was 8-bit RGB.
    content : bytes
        SHA-256 of the file; empty for frames of a video.
    """

    image: Any
    note: str = ""
    content: bytes = b""

    @property
    def pixels(self) -> np.ndarray:
        """The image as an array, uint8 of shape (height, width, 3)."""
        return np.asarray(self.image)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        if isinstance(self.image, np.ndarray):
            return self.image.shape[:2]
        return self.image.height, self.image.width


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
    content : bytes
        SHA-256 of that file; empty for frames of a video. As bytes, since half a million stay in memory.
    aspect : float
        Width of a stored pixel in heights that the crop was made with.
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
    content: bytes = b""
    aspect: float = 1.0
    crop: np.ndarray | None = field(default=None, repr=False)
    row: int | None = None

    def quarantine(self, reason: Quarantine) -> "Face":
        """Mark as unusable and let go of the pixels."""
        self.status, self.crop = reason.status, None
        self.remark(reason.note)
        return self

    def slimmed(self) -> "Face":
        """Let go of the pixels and share texts that many have: half a million faces stay in memory."""
        self.crop = None
        for name in ("clip", "group", "status", "note", "part", "stratum"):
            setattr(self, name, intern(getattr(self, name)))
        if self.source == self.item:
            self.source = self.item
        if self.aspect == 1:
            self.aspect = 1.0  # of the code, not one that came from another process
        return self

    def remark(self, note: str) -> None:
        """Add to the note, in one line whatever a parser has put into its message."""
        self.note = "; ".join(filter(None, (self.note, " ".join(note.split()))))


class Unrecognised(ValueError):
    """No file of the data set is there at all; other faults of a release are plain `ValueError`s."""


class Matched(NamedTuple):
    """What discovery matched, for the facts and for `doctor`.

    Attributes
    ----------
    variants : tuple of str
        Which of the known forms of the layout this copy has, e.g. "validation list without header".
    lists : mapping
        What a list is, e.g. "training list" -> its path.
    counts : mapping
        What could be counted without decoding, e.g. "clips" -> 600; the names are those of `expected`.
    gaps : tuple of str
        What is missing, as names alone tell.
    """

    variants: tuple[str, ...] = ()
    lists: Mapping[str, str] = MappingProxyType({})
    counts: Mapping[str, int] = MappingProxyType({})
    gaps: tuple[str, ...] = ()


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
        What was recognised, with counts, and what is odd about it.
    crop : mapping
        What the release, rather than the options, decides of the crop, as the facts record it.
    matched : Matched
        Structured report of what was found where.
    """

    name: str
    units: Iterable[Any]
    archives: list[str]
    notes: list[str]
    crop: Mapping[str, Any] = {}
    matched: Matched = Matched()


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
