"""SEWA: 538 segments of video chats (Basic), or a subset that the AVEC challenges of 2017 to 2019 gave out.

Source: Kossaifi et al. 2019 (arXiv 1901.02839) and the layouts that public loaders read; see README.md.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence

from data_prep import avec, avec_layout, crops, labels, sewa_files, sewa_layout, sewa_report, splits
from data_prep.options import delay, flag, margin, positive
from data_prep.record import Face, Picture, Plan, Quarantine, Release, Scale, Unrecognised
from data_prep.sewa_segment import DIMENSIONS, NAME, RATE
from data_prep.tree import Tree

RELEASES = ("auto", "basic", "avec2019", "avec2018", "avec2017")
ENOUGH = 10  # segments of a culture that tell its scale


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options named as in the configuration's ``data.prepare.sewa``; the last three concern AVEC alone."""
    parser.add_argument("--release", choices=RELEASES, default="auto", help="which, if several are there")
    parser.add_argument(
        "--modality", choices=("V", "A", "AV"), default="V", help="what the raters saw and heard"
    )
    parser.add_argument("--column", default="mean", help="mean of the value columns, or the name of one")
    parser.add_argument(
        "--frame-step", "--frame_step", type=positive, default=5, help="keep every n-th frame of 1/50 s"
    )
    parser.add_argument(
        "--margin", type=margin, default=1.4, help="side of the crop over that of the landmarks' box"
    )
    parser.add_argument("--split", choices=tuple(splits.RATIOS), default="3:1:1", help="train : val : test")
    parser.add_argument("--seed", type=int, default=0, help="of the split")
    parser.add_argument(
        "--label-delay",
        type=delay,
        default=0.0,
        help="seconds by which labels are late; they are moved back",
    )
    parser.add_argument(
        "--drop-leading-zeros", type=flag, default=False, help="leave out where the joystick rests at zero"
    )
    parser.add_argument("--boxes", default="", help="folder with a table of OpenFace for each recording")
    crops.add_options(parser, presets=("landmarks", "emonet", "none"), points=sewa_files.POINTS)


def locate(tree: Tree, options: argparse.Namespace) -> Release:
    """
    Find segments, or recordings of the challenges, by the names of their files.

    Raises
    ------
    Unrecognised
        If there is neither with a video.
    ValueError
        If the release that was asked for is not there.
    """
    segments, archives = sewa_layout.segments(tree, options.modality)
    challenges = avec_layout.found(tree)
    there = ["basic"] * bool(segments) + [f"avec{year}" for year in sorted(challenges, reverse=True)]
    chosen = _chosen(tree, there, options.release)
    unread = [f"{name} is here too and was not read (--release)" for name in there if name != chosen]
    if chosen != "basic":
        release = avec.locate(tree, options, challenges, int(chosen.removeprefix("avec")))
        return release._replace(notes=[*release.notes, *unread])
    rule = "mean of the value columns" if options.column == "mean" else f"column {options.column}"
    name = f"SEWA Basic, annotations {options.modality}, {rule}"
    return Release(name, segments, archives, [*sewa_report.notes(tree, segments, options), *unread])


def _chosen(tree: Tree, there: Sequence[str], wanted: str) -> str:
    """Of several releases Basic comes first, then the newest, which holds what the older ones have."""
    if not there:
        raise Unrecognised(
            f"{tree.root}: no segment of SEWA Basic recognised, nor a recording of AVEC. Expected files such "
            "as SAH_C1_S001_P001_VC1_003857_004977.avi, -Landmarks.zip, -Valence.zip and -Arousal.zip in "
            "folders of that name, or AVEC2019_SEWA/video/Train_DE_01.avi and labels/Train_DE_01.csv there"
        )
    if wanted not in ("auto", *there):
        raise ValueError(f"{tree.root}: no {wanted} there; expected --release auto or {', '.join(there)}")
    return there[0] if wanted == "auto" else wanted


def aspect(picture: Picture, options: argparse.Namespace) -> float:
    """Width of a stored pixel in heights."""
    return 1.0


def fps(options: argparse.Namespace) -> float | None:
    """Kept frames a second; recordings of AVEC are counted on the same grid of 50 a second."""
    return RATE / options.frame_step


def repeats(options: argparse.Namespace) -> Callable[[Face], None]:
    """Watch for footage under two names: by time in Basic, by content in AVEC, where faces have parts."""
    basic, challenge = _overlaps(options.frame_step), avec.repeats()
    return lambda face: (challenge if face.part else basic)(face)


def _overlaps(step: int) -> Callable[[Face], None]:
    """
    Watch for the same time of a subject: two criteria chose the same scene, or parts of it.

    The first segment stays. Kept frames of two segments need not fall on the same numbers; nearer than
    a step is the same moment.
    """
    covered: dict[str, dict[int, str]] = defaultdict(dict)

    def watch(face: Face) -> None:
        seen = covered[NAME.fullmatch(face.clip)["subject"]]
        for position in range(face.position - step + 1, face.position + step):
            if seen.get(position, face.clip) != face.clip:
                raise Quarantine("dup_content", f"the same footage as in {seen[position]}")
        seen[face.position] = face.clip

    return watch


def scale(faces: Sequence[Face]) -> Scale:
    """
    Scale of the labels, measured: the paper says [0, 1], other fusions are signed, as AVEC's are.

    Raises
    ------
    ValueError
        If valence and arousal disagree, or a whole culture has no negative label among signed ones.
    """
    if faces[0].part:
        return avec.scale(faces)
    found = labels.unit_or_signed(_ranges(faces))
    if found.factor == 1:
        _no_mixture(faces)
    return found


def _ranges(faces: Sequence[Face]) -> dict[str, tuple[float, float]]:
    values = {what: [getattr(face, what) for face in faces] for what in DIMENSIONS}
    return {what: (min(own), max(own)) for what, own in values.items()}


def _no_mixture(faces: Sequence[Face]) -> None:
    """Stop if a culture has no negative label among signed ones: segments are chosen for high and for low."""
    cultures = defaultdict(list)
    for face in faces:
        cultures[NAME.fullmatch(face.clip)["culture"]].append(face)
    for culture, own in sorted(cultures.items()):
        segments, ranges = {face.clip for face in own}, _ranges(own)
        if len(segments) >= ENOUGH and min(low for low, _ in ranges.values()) >= 0:
            raise ValueError(
                f"labels have no common scale: the {len(segments)} segments of {culture} have no negative "
                "label, others have. Is the folder a mixture of two releases?"
            )


def plan(faces: Sequence[Face], options: argparse.Namespace) -> Plan:
    """Basic by session: partners share noise and topic, the authors' lists are not out. AVEC officially."""
    if faces[0].part:
        return avec.plan(faces, options)
    return splits.by_ratio(faces, ratio=options.split, seed=options.seed)
