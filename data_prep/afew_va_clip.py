"""One clip of AFEW-VA: ``NNN.json`` has actor, labels and landmarks, ``NNNNN.png`` are the frames."""

import argparse
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data_prep import faces, images
from data_prep.labels import number, within
from data_prep.record import Box, Face, Picture, Quarantine
from data_prep.tree import Tree

JSON_BYTES = 4 << 20  # the longest official file has some 0.8 MB; parsed, it may take 50 times as much
FRAMES = 10_000  # of a clip; official ones have some 150
LETTERS = 200  # of an actor's name


@dataclass(frozen=True)
class Clip:
    """
    One clip and the places of its files.

    Attributes
    ----------
    name : str
        Three digits.
    folder : str
        Where it lies in the release, perhaps in an archive.
    description : bool
        Whether it has a JSON file.
    frames : dict
        Frame number -> name of its file.
    repeated : str
        Folder that holds the same clip; then this one is not read.
    """

    name: str
    folder: str
    description: bool = False
    frames: dict[int, str] = field(default_factory=dict)
    repeated: str = ""

    def read(self, tree: Tree, options: argparse.Namespace) -> Iterator[Face]:
        """Yield one face a frame, of all indices from the first to the last that has a frame or labels."""
        if self.repeated:
            yield Face(item=f"{self.name}@{self.folder}", clip=self.name).quarantine(
                Quarantine("dup_key", f"clip {self.name} is in {self.repeated} already")
            )
            return
        description, fault = _description(tree, f"{self.folder}/{self.name}.json", self.description)
        labels = _labels(description)
        for index in _grid(sorted({*self.frames, *labels}), options.frame_step):
            face = Face(
                item=f"{self.name}/{index:05d}", clip=self.name, frame=index, group=_actor(description)
            )
            face.source = f"{self.folder}/{self.frames.get(index, '')}"
            try:
                yield self._face(face, tree, labels, fault, options)
            except Quarantine as reason:
                yield face.quarantine(reason)

    def where(self, face: Face) -> list[str]:
        """Place of the picture of a face."""
        return [face.source]

    def _face(self, face: Face, tree: Tree, labels: Mapping[int, Any], fault: str, options: Any) -> Face:
        if face.frame not in labels:
            if face.frame not in self.frames:
                raise Quarantine("frame_gap", "the clip has neither this frame nor labels for it")
            raise Quarantine("label_null", fault or "a frame without labels")
        entry = labels[face.frame] if isinstance(labels[face.frame], dict) else {}
        face.valence = within(number(entry.get("valence"), "valence"), -10, 10, "valence")
        face.arousal = within(number(entry.get("arousal"), "arousal"), -10, 10, "arousal")
        if face.frame not in self.frames:
            raise Quarantine("img_missing", "labels without a frame")

        def find() -> tuple[Picture, Box]:
            return images.read(tree, face.source), faces.around(_points(entry.get("landmarks")), count=68)

        face.find = find
        return face


def _description(tree: Tree, path: str, there: bool) -> tuple[Mapping[str, Any], str]:
    """Content of a clip's JSON, and what is wrong with it."""
    if not there:
        return {}, "the clip has no JSON file"
    try:
        content = json.loads(tree.read(path, limit=JSON_BYTES), object_pairs_hook=_unrepeated)
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"the clip's JSON file is broken: {str(error)[:200]}"
    if not isinstance(content, dict) or not isinstance(content.get("frames"), dict):
        return {}, "the clip's JSON file has no frames"
    if len(content["frames"]) > FRAMES:
        return {}, f"the clip's JSON file has more than {FRAMES} frames"
    if len(_labels(content)) < sum(map(_is_index, content["frames"])):
        return {}, "the clip's JSON file has two entries for one frame"
    return content, ""


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of a key that stands twice nobody can say which value is right."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _is_index(key: str) -> bool:
    return re.fullmatch(r"[0-9]{1,6}", key) is not None


def _labels(description: Mapping[str, Any]) -> dict[int, Any]:
    """Frame index -> its entry; keys are sorted as numbers, first ones differ from clip to clip."""
    entries = description.get("frames", {})
    return {int(key): entry for key, entry in entries.items() if _is_index(key)}


def _grid(indices: list[int], step: int) -> Sequence[int]:
    """Every `step`-th index from first to last, gaps included; a stray index far away opens no gap."""
    if not indices or indices[-1] - indices[0] > 10 * len(indices) + 100:
        return indices[::step]
    return range(indices[0], indices[-1] + 1, step)


def _actor(description: Mapping[str, Any]) -> str:
    """Name of the actor, for grouping only: one person may be written in several ways."""
    name = description.get("actor")
    name = name[:LETTERS] if isinstance(name, str) else ""
    name = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    # Together where there is none, since nobody can say that they differ.
    return "".join(filter(str.isprintable, name))[:LETTERS] or "actor unknown"


def _points(landmarks: Any) -> np.ndarray:
    if not landmarks:
        return np.empty((0, 2))
    try:
        return np.array(landmarks, dtype=float).reshape(len(landmarks), 2)
    except (TypeError, ValueError, OverflowError):
        raise Quarantine("lnd_count", "landmarks are no pairs of numbers") from None
