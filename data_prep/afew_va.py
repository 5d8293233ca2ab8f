"""AFEW-VA: 600 clips from films, as 12 zip archives, as folders, or flat; a JSON file and PNG frames a clip.

Source: Kossaifi et al. 2017, "AFEW-VA database for valence and arousal estimation in-the-wild".
"""

import argparse
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data_prep import faces, images, splits
from data_prep.archive import Tree, split
from data_prep.labels import number, within
from data_prep.options import flag, margin, positive
from data_prep.record import Box, Face, Picture, Plan, Quarantine, Release, Scale

PAL = (576, 720)  # height, width of frames whose pixels are 4/3 as wide as high when shown
_FILE = re.compile(r"(?P<folder>(?:.*/)?(?P<clip>\d{3}))/(?:(?P<json>(?P=clip)\.json)|(?P<frame>\d{5})\.png)")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options named as in the configuration's ``data.prepare.afew_va``."""
    parser.add_argument(
        "--margin", type=margin, default=1.25, help="side of the crop over that of the landmarks' box"
    )
    parser.add_argument(
        "--frame-step", "--frame_step", type=positive, default=1, help="keep every n-th frame"
    )
    parser.add_argument(
        "--anamorphic",
        type=flag,
        nargs="?",
        const=True,
        default=False,
        help="correct 720 x 576 frames to 4:3",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the folds")


@dataclass(frozen=True)
class Clip:
    """One clip: where its description and frames lie."""

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


def locate(tree: Tree, options: argparse.Namespace) -> Release:
    """
    Find clips by the pattern ``NNN/NNN.json`` and ``NNN/NNNNN.png``, in archives and folders.

    Raises
    ------
    ValueError
        If there is no clip.
    """
    clips: dict[str, Clip] = {}
    for path in tree.everything():
        if match := _FILE.fullmatch(path):
            clip = clips.get(match["folder"]) or Clip(match["clip"], match["folder"])
            if match["frame"]:
                clip.frames[int(match["frame"])] = f"{match['frame']}.png"
            clips[match["folder"]] = Clip(
                clip.name, clip.folder, clip.description or bool(match["json"]), clip.frames
            )
    if not any(clip.description for clip in clips.values()):
        raise ValueError(
            f"{tree.root}: no AFEW-VA clip recognised. Expected the 12 zip archives as delivered, or folders "
            "001 to 600 holding 001.json, 00001.png and so on"
        )
    archives = sorted({split(folder)[0] for folder in clips if split(folder)[1]})
    shape = f"{len(archives)} archives" if archives else "folders"
    return Release(f"AFEW-VA, {shape}", _in_order(clips.values()), archives, [])


def _in_order(clips: Sequence[Clip]) -> list[Clip]:
    """Clips by number; of one that is there twice (in its archive, and unpacked) the first stays."""
    first: dict[str, str] = {}
    ordered = []
    for clip in sorted(clips, key=lambda clip: (clip.name, clip.folder)):
        taken = first.setdefault(clip.name, clip.folder)
        repeated = taken if taken != clip.folder else ""
        ordered.append(Clip(clip.name, clip.folder, clip.description, clip.frames, repeated))
    return ordered


def _description(tree: Tree, path: str, there: bool) -> tuple[Mapping[str, Any], str]:
    """Content of a clip's JSON, and what is wrong with it."""
    if not there:
        return {}, "the clip has no JSON file"
    try:
        content = json.loads(tree.read(path))
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"the clip's JSON file is broken: {error}"
    if not isinstance(content, dict) or not isinstance(content.get("frames"), dict):
        return {}, "the clip's JSON file has no frames"
    return content, ""


def _labels(description: Mapping[str, Any]) -> dict[int, Any]:
    """Frame index -> its entry; keys are sorted as numbers, first ones differ from clip to clip."""
    entries = description.get("frames", {})
    return {int(key): entry for key, entry in entries.items() if re.fullmatch(r"\d{1,6}", key)}


def _grid(indices: list[int], step: int) -> Sequence[int]:
    """Every `step`-th index from first to last, gaps included; a stray index far away opens no gap."""
    if not indices or indices[-1] - indices[0] > 10 * len(indices) + 100:
        return indices[::step]
    return range(indices[0], indices[-1] + 1, step)


def _actor(description: Mapping[str, Any]) -> str:
    """Name of the actor, for grouping only: one person may be written in several ways."""
    name = description.get("actor")
    if not isinstance(name, str) or not name.strip():
        return "actor unknown"  # together, since nobody can say that they differ
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _points(landmarks: Any) -> np.ndarray:
    if not landmarks:
        return np.empty((0, 2))
    try:
        return np.array(landmarks, dtype=float).reshape(len(landmarks), 2)
    except (TypeError, ValueError):
        raise Quarantine("lnd_count", "landmarks are no pairs of numbers") from None


def aspect(pixels: np.ndarray, options: argparse.Namespace) -> float:
    """Width of a stored pixel in heights; only frames of PAL's size are known to be anamorphic."""
    return 4 / 3 if options.anamorphic and pixels.shape[:2] == PAL else 1.0


def fps(options: argparse.Namespace) -> float | None:
    """Frames a second: films of several sources, and the release does not say."""
    return None


def repeats(options: argparse.Namespace) -> Callable[[Face], None]:
    """Frames that equal their neighbours are regular in films."""
    return lambda face: None


def scale(faces: Sequence[Face]) -> Scale:
    """Levels -10 to 10, divided by 10 as the authors do (section 8.2)."""
    return Scale(0.1, 0.0)


def plan(faces: Sequence[Face], options: argparse.Namespace) -> Plan:
    """Five folds by actor, as in the authors' protocol, whose own lists were never published."""
    return splits.folds(faces, seed=options.seed)
