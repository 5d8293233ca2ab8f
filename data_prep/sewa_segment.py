"""One segment of SEWA Basic: its name says who and when, its files hold video, landmarks and values."""

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from data_prep import faces, sewa_files, video
from data_prep.archive import is_zip
from data_prep.record import Box, Face, Picture, Quarantine
from data_prep.tree import Tree

VIDEO_BYTES = 160 << 20  # held in memory; the longest official segment has some 13 MB [inferred]
TEXT_BYTES = 1 << 16  # of metadata.ini
LONGEST = 100_000  # frames; the longest official segment has 5,321
TOLERANCE = 1  # frames that a video may have more than its name says
RATE = 50.0  # frames a second that every container states, though the cameras gave 20 to 30
NAME = re.compile(
    r"S[AVS][HLD]_(?P<culture>C\d)_(?P<session>S\d{3})_(?P<subject>P\d{3})_VC\d_(?P<first>\d{6})_(?P<last>\d{6})"
)
DIMENSIONS = ("valence", "arousal")


@dataclass(frozen=True)
class Segment:
    """
    One segment and the places of its files.

    Attributes
    ----------
    name : str
        Folder and stem of the files.
    files : mapping
        "video", "landmarks", "valence", "arousal", "metadata" -> path in the release; only what is there.
    repeated : str
        Folder where this second copy of the segment lies; it is not read.
    """

    name: str
    files: Mapping[str, str] = field(default_factory=dict)
    repeated: str = ""

    @property
    def limits(self) -> dict[str, int]:
        """First and last frame in the recording; 1-based, both included."""
        match = NAME.fullmatch(self.name)
        return {"first": int(match["first"]), "last": int(match["last"])}

    @property
    def length(self) -> int:
        """Frames that the segment has by its name."""
        return self.limits["last"] - self.limits["first"] + 1

    def read(self, tree: Tree, options: argparse.Namespace) -> Iterator[Face]:
        """Yield one face a kept frame, in order; frame numbers count from 0."""
        fault = self._fault()
        if fault:
            item = f"{self.name}@{self.repeated}" if self.repeated else self.name
            yield Face(item=item, clip=self.name).quarantine(fault)
            return
        kept = [self._face(index) for index in range(0, self.length, options.frame_step)]
        boxes = self._annotate(kept, tree, options)
        yield from self._film(kept, boxes, tree, options.frame_step)

    def _fault(self) -> Quarantine | None:
        if self.repeated:
            return Quarantine("dup_key", "another folder holds this segment too")
        if not 0 < self.length <= LONGEST:
            return Quarantine("frame_gap", f"{self.length} frames by its name, expected 1 to {LONGEST}")
        return None

    def _face(self, index: int) -> Face:
        match, position = NAME.fullmatch(self.name), self.limits["first"] + index
        item = f"{self.name}/{index:06d}"
        return Face(item=item, clip=self.name, frame=index, group=match["session"], position=position)

    def _annotate(self, kept: list[Face], tree: Tree, options: argparse.Namespace) -> dict[int, Box]:
        """Give every frame its labels, or the reason why it has none; returns the boxes of the faces."""
        try:
            series = [self._series(what, tree, options) for what in DIMENSIONS]
        except Quarantine as reason:
            for face in kept:
                face.quarantine(reason)
            return {}
        stratum = f"{self._culture(tree)} {self.name[:3]}"
        landmarks = sewa_files.Landmarks(tree, self.files.get("landmarks", ""), **self.limits)
        boxes = {}
        for face in kept:
            face.stratum = stratum
            try:
                face.valence, face.arousal = (values.at(face.frame) for values in series)
                boxes[face.frame] = faces.around(landmarks.at(face.frame), count=sewa_files.POINTS)
            except Quarantine as reason:
                face.quarantine(reason)
        return boxes

    def _series(self, what: str, tree: Tree, options: argparse.Namespace) -> sewa_files.Series:
        name = f"{self.name}_{what.title()}_{options.modality}_Aligned.csv"
        path = self.files.get(what, name)
        return sewa_files.series(tree, path, name, column=options.column, what=what, **self.limits)

    def _culture(self, tree: Tree) -> str:
        """Culture as `metadata.ini` has it; else the code in the name, which sources decode in three ways."""
        try:
            text = tree.read(self.files["metadata"], limit=TEXT_BYTES).decode("utf-8-sig", errors="replace")
        except (KeyError, OSError, ValueError):
            text = ""
        match = re.search(r"^[ \t]*culture[ \t]*[=:][ \t]*(\S.{0,80})$", text, re.IGNORECASE | re.MULTILINE)
        return match[1].strip() if match else NAME.fullmatch(self.name)["culture"]

    def _film(self, kept: list[Face], boxes: Mapping[int, Box], tree: Tree, step: int) -> Iterator[Face]:
        """Join faces and frames; the last faces are named as missing where the video is short."""
        count, reason, remarks = 0, None, []
        try:
            data = self._video(tree)
            remarks = _rate(data)
            for index, pixels in video.frames(data, step=step, most=2 * self.length + 100):
                count = index + 1
                if pixels is not None and index < self.length:
                    yield _ready(kept[index // step], boxes, pixels)
        except Quarantine as fault:
            reason = fault
        missing = reason or Quarantine("frame_gap", f"the video ends after {count} frames of {self.length}")
        for face in kept[len(range(0, count, step)) :]:
            yield face.quarantine(missing) if face.status == "ok" else face
        if reason is None:
            self._remark(kept, count, remarks)

    def _remark(self, kept: list[Face], count: int, remarks: list[str]) -> None:
        """Tell all faces of the clip how video and name differ; they are still in the caller's hands."""
        surplus = count - self.length
        if surplus:
            remarks = [*remarks, f"the video has {count} frames, its name says {self.length}"]
        for face in kept:
            if face.status == "ok" and surplus > TOLERANCE:
                face.status = "frame_extra"
            for remark in remarks:
                face.remark(remark)

    def _video(self, tree: Tree) -> bytes:
        path = self.files.get("video")
        if path is None:
            raise Quarantine("img_missing", "no video")
        try:
            if is_zip(path):
                inside = [name for name in tree.members(path) if name.lower().endswith(".avi")]
                if len(inside) != 1:
                    raise Quarantine("img_missing", f"{path}: {len(inside)} videos in it, expected one")
                path = f"{path}/{inside[0]}"
            return tree.read(path, limit=VIDEO_BYTES)
        except OSError as error:
            raise Quarantine("img_missing", str(error)) from None
        except ValueError as error:
            raise Quarantine("img_undecodable", str(error)) from None


def _rate(data: bytes) -> list[str]:
    rate = video.rate(data)
    return (
        [] if rate in (None, RATE) else [f"the container states {rate:g} frames a second, expected {RATE:g}"]
    )


def _ready(face: Face, boxes: Mapping[int, Box], pixels: np.ndarray) -> Face:
    if face.status == "ok":
        face.find = lambda: (Picture(pixels), boxes[face.frame])
    return face
