"""AFEW-VA: 600 clips from films, as 12 zip archives, as folders, or flat; a JSON file and PNG frames a clip.

Source: Kossaifi et al. 2017, "AFEW-VA database for valence and arousal estimation in-the-wild".
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from data_prep import crops, packed, splits
from data_prep.afew_va_clip import Clip
from data_prep.archive import split
from data_prep.options import flag, margin, positive
from data_prep.record import Face, Matched, Picture, Plan, Release, Scale, Unrecognised
from data_prep.tree import Tree

PAL = (576, 720)  # height, width of frames whose pixels are 4/3 as wide as high when shown
PER_ARCHIVE = 50  # clips
_FILE = re.compile(
    r"(?P<folder>(?:.*/)?(?P<clip>\d{3}))/(?:(?P<json>(?P=clip)\.json)|(?P<frame>\d{1,6})\.png)",
    re.ASCII,
)


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
    crops.add_options(parser, presets=("landmarks", "emonet", "none"), points=68)


def locate(tree: Tree, options: argparse.Namespace) -> Release:
    """
    Find clips by the pattern ``NNN/NNN.json`` and ``NNN/NNNNN.png``, in archives and folders.

    Raises
    ------
    Unrecognised
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
        remedy = f"; {hint}" if (hint := packed.hint(tree)) else ""
        raise Unrecognised(
            f"{tree.root}: no AFEW-VA clip recognised. Expected the 12 zip archives as delivered, or folders "
            f"001 to 600 holding 001.json, 00001.png and so on{remedy}"
        )
    archives = sorted({split(folder)[0] for folder in clips if split(folder)[1]})
    shape = f"{len(archives)} archive{'s' * (len(archives) > 1)}" if archives else "folders"
    ordered = _in_order(clips.values())
    return Release(f"AFEW-VA, {shape}", ordered, archives, [], matched=_matched(ordered, archives))


def _matched(clips: Sequence[Clip], archives: Sequence[str]) -> Matched:
    """Report how the clips are laid out, and how many there are."""
    once = [clip for clip in clips if not clip.repeated]
    loose = [clip.folder for clip in once if not split(clip.folder)[1]]
    above = Counter(match[1] for path in loose if (match := re.search(r"(?:^|/)(\d\d)/\d{3}$", path)))
    shapes = {
        f"{len(archives)} zip archives": len(archives),
        f"{len(above)} folders of clips": len(above),
        "clips in one folder": len(loose) - above.total(),
    }
    counts = {"clips": len(once), "frames": sum(len(clip.frames) for clip in once)}
    counts |= {"archives": len(archives)} if archives else {}
    return Matched(tuple(shape for shape, count in shapes.items() if count), {}, counts, _gaps(once))


def _gaps(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Name the clips that are missing before the last one; their numbers are contiguous in the release."""
    there = {int(clip.name) for clip in clips}
    lost = sorted(set(range(1, max(there))) - there)
    if not lost:
        return ()
    volume = (lost[0] - 1) // PER_ARCHIVE + 1
    return (
        f"{len(lost)} clips before {max(there):03d} are missing, the first is {lost[0]:03d}; the release has "
        f"{PER_ARCHIVE} to an archive, so look at {volume:02d}.zip first",
    )


def _in_order(clips: Iterable[Clip]) -> list[Clip]:
    """Clips by number; of one that is there twice (in its archive, and unpacked) the first stays."""
    first: dict[str, str] = {}
    ordered = []
    for clip in sorted(clips, key=lambda clip: (clip.name, clip.folder)):
        taken = first.setdefault(clip.name, clip.folder)
        repeated = taken if taken != clip.folder else ""
        ordered.append(Clip(clip.name, clip.folder, clip.description, clip.frames, repeated))
    return ordered


def aspect(picture: Picture, options: argparse.Namespace) -> float:
    """Width of a stored pixel in heights; only frames of PAL's size are known to be anamorphic."""
    return 4 / 3 if options.anamorphic and picture.shape == PAL else 1.0


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
