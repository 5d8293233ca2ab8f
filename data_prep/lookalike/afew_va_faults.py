"""Faults of AFEW-VA, planted in the files of a clip."""

import unicodedata
from typing import Any

# Kind -> (spoilt frames in the middle of the clip, 0 for the clip as a whole; expected status; note).
KINDS: dict[str, tuple[int, str, str]] = {
    "gap in the keys": (2, "frame_gap", "neither labels nor frames, as in a sample clip of the authors"),
    "no PNG file": (1, "img_missing", "the JSON file has the frame"),
    "empty PNG file": (1, "img_empty", ""),
    "cut-off PNG file": (1, "img_undecodable", ""),
    "wrong number of landmarks": (1, "lnd_count", "67 points"),
    "no landmarks": (1, "lnd_missing", "an empty list"),
    "null as valence": (1, "label_null", "not annotated"),
    "level beyond 10": (1, "label_range", "arousal 11"),
    "clip of one frame": (0, "ok", "windows must be padded"),
    "actor spelt in another way": (0, "ok", "one person: the same name after NFKC and casefold"),
    "frames count from 00000": (0, "ok", "most clips start at 00001"),
}
# Concerns names rather than files.
ACCENT = "actor with an accent"


def spoilt_frames(fault: str, frames: int) -> list[int]:
    """Positions of the frames that `fault` spoils in a clip of `frames`; none where it concerns the clip."""
    count = min(KINDS[fault][0], frames - 2)
    return list(range(frames // 2, frames // 2 + count))


def another_spelling(name: str) -> str:
    """Write a name in capitals, with accents as characters of their own."""
    return unicodedata.normalize("NFD", name).upper()


def spoil(fault: str, files: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """
    Plant a fault in the files of one clip.

    Parameters
    ----------
    fault
        One of `KINDS`, or empty.
    files
        Name -> content: bytes of a PNG file, or the description (dict) of the JSON file.
    keys
        Keys of the frames, in order.

    Returns
    -------
    dict
        The files as they are to be written.
    """
    files = dict(files)
    entries = next(content for content in files.values() if isinstance(content, dict))["frames"]
    for place in spoilt_frames(fault, len(keys)) if fault else ():
        key = keys[place]
        _spoil_entry(fault, entries, key)
        _spoil_image(fault, files, f"{key}.png")
    return files


def _spoil_entry(fault: str, entries: dict[str, Any], key: str) -> None:
    """Spoil what the JSON file says of a frame."""
    entry = entries[key]
    match fault:
        case "gap in the keys":
            del entries[key]
        case "wrong number of landmarks":
            entry["landmarks"] = entry["landmarks"][:67]
        case "no landmarks":
            entry["landmarks"] = []
        case "null as valence":
            entry["valence"] = None
        case "level beyond 10":
            entry["arousal"] = 11.0


def _spoil_image(fault: str, files: dict[str, Any], name: str) -> None:
    """Spoil the file of a frame."""
    match fault:
        case "gap in the keys" | "no PNG file":
            del files[name]
        case "empty PNG file":
            files[name] = b""
        case "cut-off PNG file":
            files[name] = files[name][: len(files[name]) // 2]
