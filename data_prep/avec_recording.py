"""One recording of AVEC: a face for every label, on the frame that is on the screen at the label's time."""

import argparse
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from data_prep import avec_labels, tables, video
from data_prep.avec_boxes import BYTES, Tracked
from data_prep.avec_labels import Gold
from data_prep.record import Box, Face, Picture, Quarantine
from data_prep.tree import Tree

GAP = 5  # frames of 1/50 s from label to label: the grid by which all SEWA recordings are counted
PARTS = {"Train": "train", "Devel": "test", "Test": "test"}


def on_screen(step: int, rate: Fraction) -> int:
    """
    Frame that is on the screen at ``step / 10`` s, counted from 0.

    Frame i is shown from ``i / rate`` until the next one comes, so it is the last that begins at or before
    that time. In exact fractions: at 30 frames a second, 0.1 s is frame 3, not 2.9999.
    """
    return step * rate.numerator // (avec_labels.RATE * rate.denominator)


@dataclass(frozen=True)
class Recording:
    """
    One recording and the places of its files.

    Attributes
    ----------
    name : str
        As the challenge has it: ``Train_01``, ``Devel_DE_03``; one speaker each.
    files : mapping
        "video", "labels" -> path in the release, "boxes" -> path in the folder of boxes; what is there.
    """

    name: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def part(self) -> str:
        """``Train``, ``Devel`` or ``Test``."""
        return self.name.split("_")[0]

    @property
    def culture(self) -> str:
        """``DE``, ``HU`` or ``CN``; the challenge of 2017, whose names do not say, was German."""
        return self.name.split("_")[1] if self.name.count("_") == 2 else "DE"

    def read(self, tree: Tree, options: argparse.Namespace) -> Iterator[Face]:
        """Yield one face a kept label, in order, or one for the whole recording if it has no labels."""
        try:
            gold = self._gold(tree)
        except Quarantine as fault:
            yield self._blank(self.name).quarantine(fault)
            return
        kept = [
            self._labelled(step, gold, options)
            for step in range(gold.first, gold.last + 1)
            if step * GAP % options.frame_step == 0
        ]
        yield from self._film(kept, gold.last, tree, options)

    def _gold(self, tree: Tree) -> Gold:
        if "labels" not in self.files:
            held = "the organisers withhold the labels of this part" if self.part == "Test" else "no labels"
            raise Quarantine("label_null", held)
        try:
            content = tree.read(self.files["labels"], limit=tables.BYTES)
        except (OSError, ValueError) as error:
            raise Quarantine("label_null", str(error)) from None
        return Gold(content, name=self.name)

    def _blank(self, item: str) -> Face:
        return Face(
            item=item,
            clip=self.name,
            group=self.name,
            part=PARTS[self.part],
            stratum=self.culture,
            source=self.files.get("video", ""),
        )

    def _labelled(self, step: int, gold: Gold, options: argparse.Namespace) -> Face:
        """A face at ``step / 10`` s with the label that was given `label_delay` later."""
        face = self._blank(f"{self.name}/{step * GAP:06d}")
        face.frame = step * GAP
        given = step + round(options.label_delay * avec_labels.RATE)
        try:
            if options.drop_leading_zeros and given < gold.start_up:
                raise Quarantine("label_null", "the joystick still rests at zero")
            face.valence, face.arousal = gold.at(given)
        except Quarantine as reason:
            face.quarantine(reason)
        return face

    def _film(self, kept: list[Face], last: int, tree: Tree, options: argparse.Namespace) -> Iterator[Face]:
        """Join faces and frames; the last faces are named as missing where the video is short."""
        count, joined, reason, shown = 0, 0, None, []
        try:
            data = video.read(tree, self.files.get("video"))
            rate = _rate(data)
            shown = [on_screen(face.frame // GAP, rate) for face in kept]
            end = on_screen(last + 1, rate)  # frames that the labels reach over
            digest, boxes = hashlib.sha256(data).digest(), self._boxes(options)
            for index, pixels in video.frames(data, wanted=set(shown), most=2 * end + 1000):
                count = index + 1
                while joined < len(kept) and shown[joined] == index:
                    _join(kept[joined], Picture(pixels, content=digest), boxes, index, options)
                    yield kept[joined]
                    joined += 1
        except Quarantine as fault:
            reason = fault
        missing = reason or Quarantine("frame_gap", f"the video ends after {count} frames")
        for face in kept[joined:]:
            yield face.quarantine(missing) if face.status == "ok" else face
        if reason is None and count > end + on_screen(1, rate):
            _surplus(kept, f"the video has {count} frames, its labels end at frame {end}")

    def _boxes(self, options: argparse.Namespace) -> Tracked | Quarantine | None:
        """Boxes of the faces; the reason if they are wanted and not there, None if none are wanted."""
        if not options.boxes:
            return None
        try:
            if "boxes" not in self.files:
                raise Quarantine("lnd_missing", f"no {self.name}.csv in the folder of boxes")
            return Tracked(Tree(options.boxes).read(self.files["boxes"], limit=BYTES))
        except Quarantine as reason:
            return reason
        except (OSError, ValueError) as error:
            return Quarantine("lnd_missing", str(error))


def _rate(data: bytes) -> Fraction:
    """Frames a second of the container; without it no label finds its frame."""
    if not data:
        raise Quarantine("img_empty", "the video has no bytes")
    rate = video.rate(data)
    if rate is None:
        raise Quarantine("img_undecodable", "the container states no frame rate, or is none")
    return rate


def _join(
    face: Face,
    picture: Picture,
    boxes: Tracked | Quarantine | None,
    index: int,
    options: argparse.Namespace,
) -> None:
    """Give a face its picture and box, or the reason why it has no box."""
    if face.status != "ok":
        return
    if isinstance(boxes, Quarantine):
        face.quarantine(boxes)
        return
    try:
        box = boxes.at(index) if boxes else central(picture.pixels, options.margin)
        face.find = lambda: (picture, box)
    except Quarantine as reason:
        face.quarantine(reason)


def central(pixels: np.ndarray, margin: float) -> Box:
    """Box that becomes the central square of the whole picture once it is widened by `margin`."""
    height, width = pixels.shape[:2]
    half = min(height, width) / (2 * margin)
    return Box(width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)


def _surplus(kept: list[Face], note: str) -> None:
    """Tell all faces of a clip that its video goes on; they are still in the caller's hands."""
    for face in kept:
        if face.status == "ok":
            face.status = "frame_extra"
            face.remark(note)
