"""Faults of AVEC's releases, planted in one recording each."""

from data_prep.lookalike.avec_traces import RATE

GAP = 5  # item numbers from label to label: they count frames of 1/50 s
SHORT_BY = 0.5  # seconds that a short video lacks
# Kind -> (status that the items must end in, note). The first kinds cost a recording, and hit Train alone.
LOSSES: dict[str, tuple[str, str]] = {
    "video without bytes": ("img_empty", ""),
    "no video file": ("img_missing", ""),
}
KINDS: dict[str, tuple[str, str]] = {
    "short video": ("frame_gap", f"{SHORT_BY} s shorter than its labels"),
    "NaN as valence": ("label_nan", ""),
    "arousal beyond 1": ("label_range", ""),
    "row left out": ("frame_gap", ""),
    "row twice": ("dup_key", ""),
    "header unlike the other tables": ("ok", "there if the others have none, and the other way round"),
    "quotes unlike the other tables": ("ok", "around the name, if the others have none, and the reverse"),
}
# Concern the release rather than a recording.
WITHHELD = "labels withheld"
DECOY = "table of turns under a recording's name"


def spoilt_steps(fault: str, steps: int, rate: int) -> list[int]:
    """Labels, 0 for the first, that `fault` spoils in `steps` labels of a video of `rate` frames a second."""
    middle = steps // 2
    match fault:
        case "short video":
            return [step for step in range(steps) if step * rate // RATE >= video_frames(fault, steps, rate)]
        case "NaN as valence" | "arousal beyond 1":
            return [middle, middle + 1]
        case "row left out" | "row twice":
            return [middle]
        case _:
            return []


def video_frames(fault: str, steps: int, rate: int) -> int:
    """How many frames the video of a recording gets."""
    return steps * rate // RATE - (int(SHORT_BY * rate) if fault == "short video" else 0)


def item(name: str, step: int) -> str:
    """What the reader calls a label."""
    return f"{name}/{GAP * step:06d}"
