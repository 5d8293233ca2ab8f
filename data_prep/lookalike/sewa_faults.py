"""Faults of SEWA Basic, planted in one segment each."""

import numpy as np

from data_prep.lookalike.sewa_files import LOST

SHORT_BY = 10  # container frames that a short video lacks
# Kind -> (status that the items must end in, note).
KINDS: dict[str, tuple[str, str]] = {
    "tracker lost the face": ("lnd_missing", "landmarks are -1"),
    "NaN from all raters": ("label_nan", ""),
    "short video": ("frame_gap", f"{SHORT_BY} frames fewer than the name says"),
    "video without bytes": ("img_empty", ""),
    "one frame more than the name says": ("ok", "a difference of one frame is usual"),
}
# Concern the release rather than a segment's content.
REPEATED = "same footage under two names"
NO_LIKING = "no liking for a segment chosen by arousal or valence"


def spoilt_frames(fault: str, frames: int) -> list[int]:
    """Container frames, 0 for the first, that `fault` spoils in a segment of `frames`."""
    middle = frames // 4 * 2
    match fault:
        case "tracker lost the face":
            return list(range(middle, middle + 6))
        case "NaN from all raters":
            return list(range(middle, middle + 6))
        case "short video":
            return list(range(frames - SHORT_BY, frames))
        case "video without bytes":
            return list(range(frames))
        case _:
            return []


def spoil_texts(fault: str, texts: list[bytes]) -> list[bytes]:
    """Lose the face in some landmark files."""
    lost = spoilt_frames(fault, len(texts)) if fault == "tracker lost the face" else []
    return [LOST if place in lost else text for place, text in enumerate(texts)]


def spoil_traces(fault: str, traces: np.ndarray) -> np.ndarray:
    """Lose some rows of the raters' traces, shape (frames, raters)."""
    traces = traces.copy()
    if fault == "NaN from all raters":
        traces[spoilt_frames(fault, len(traces))] = np.nan
    return traces


def video_frames(fault: str, frames: int) -> int:
    """How many container frames the video of a segment gets whose name says `frames`."""
    if fault == "short video":
        return frames - SHORT_BY
    return frames + (fault == "one frame more than the name says")
