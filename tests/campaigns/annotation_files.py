"""Small releases around one annotation that is spoilt, and annotations that no publisher would write."""

import io
import json
import os
import pickle
import random
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.campaigns.outcomes import of_release
from tests.data_prep import mini_releases as mini

GIGABYTE = 1 << 30


@cache
def picture() -> bytes:
    """The one image of all items; repeated content is looked for only while packing."""
    return mini.encode(mini.ramp())


@cache
def photo() -> bytes:
    """The same for AffectNet of 2021."""
    return mini.encode(mini.ramp(224, 224), "JPEG")


class Lists:
    """AffectNet of 2017: three rows of training, one of validation."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = "lists/training.csv"
        self.rows = [mini.row(mini.image_name(number), expression=number) for number in range(4)]
        for number in range(4):
            mini.write(folder, f"Manually_Annotated_Images/{mini.image_name(number)}", picture())
        mini.write(folder, "lists/validation.csv", ",".join(self.rows[3]) + "\n")

    @property
    def text(self) -> str:
        """The training list, with its header."""
        return "\n".join([mini.COLUMNS, *(",".join(row) for row in self.rows[:3])]) + "\n"

    def outcome(self, content: bytes | str | None = None, *options: str) -> str:
        """Write the training list and read the release."""
        mini.write(self.folder, self.path, self.text if content is None else content)
        return of_release("affectnet", self.folder, *options)


def field(column: str, text: str, *options: str) -> Callable[[Path], str]:
    """Run with one field of one row replaced."""
    place = mini.COLUMNS.split(",").index(column)

    def run(folder: Path) -> str:
        lists = Lists(folder)
        lists.rows[1][place] = text
        return lists.outcome(None, *options)

    return run


def arrays(folder: Path, *options: str, **changes: Any) -> str:
    """AffectNet of 2021 with one item of which some arrays are changed."""
    for part, key in (("train", 3), ("train", 6), ("val", 3)):
        mini.quartet(folder, part, key, **({"image": photo()} | (changes if key == 6 else {})))
    return of_release("affectnet", folder, *options)


def npy(
    descr: str, shape: str, data: bytes = b"", *, version: int = 1, order: str = "False", pad: int = 0
) -> bytes:
    """An array file whose header says anything."""
    head = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode() + b" " * pad + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(head))
    return b"\x93NUMPY" + bytes([version, 0]) + length + head + data


class Payload:
    """An object that, when its pickle is loaded, leaves a file where no case may."""

    def __reduce__(self):
        return os.system, ("touch ../owned ../../owned owned",)


def pickled() -> bytes:
    """An array of objects as NumPy writes it, with the payload inside."""
    return npy("'|O'", "()", pickle.dumps(Payload()))


def clip(folder: Path, content: bytes | None = None, change: Callable[[dict], None] | None = None) -> str:
    """AFEW-VA: one clip of three frames with another JSON file, or the same one changed."""
    files = mini.clip("001", actor="Zoë Müller-Łuk", frames=3)
    files = {
        **{f"001/{index:05d}.png": picture() for index in (1, 2, 3)},
        "001/001.json": files["001/001.json"],
    }
    if change:
        files = mini.edited(files, "001", change)
    if content is not None:
        files["001/001.json"] = content
    mini.afew_va(folder, {"001": files})
    return of_release("afew_va", folder)


def entry(change: dict[str, Any]) -> Callable[[dict], None]:
    """Change the labels of the middle frame."""
    return lambda description: description["frames"]["00002"].update(change)


@cache
def clip_text() -> bytes:
    """A sound JSON file."""
    return mini.clip("001", actor="Anna", frames=3)["001/001.json"]


FRAMES = 6


@cache
def film() -> bytes:
    """A sound video."""
    return mini.video(FRAMES)


def segment(folder: Path, **changes: Any) -> str:
    """SEWA: one segment with other texts; those given as bytes are files beside the archives' place."""
    name = mini.segment(folder, 1, frames=FRAMES, **({"video": film()} | changes))
    for what in ("valence", "arousal"):
        if isinstance(changes.get(what), bytes):
            (folder / name / f"{name}-{what.title()}.zip").unlink()
            (folder / name / f"{name}_{what.title()}_V_Aligned.csv").write_bytes(changes[what])
    return of_release("sewa", folder, "--frame-step", "1")


@cache
def table() -> str:
    """A sound table of five raters."""
    return mini.table(mini.raters(FRAMES, 0.4))


def spoilt(rng: random.Random, text: bytes) -> bytes:
    """Random damage of a text: bytes changed, cut, doubled, swapped, or put in."""
    text, place = bytearray(text), rng.randrange(len(text))
    match rng.randrange(5):
        case 0:
            text[place] = rng.randrange(256)
        case 1:
            del text[place:]
        case 2:
            text[place:place] = text[place : place + rng.randint(1, 400)]
        case 3:
            text[place:place] = rng.choice(
                (b"\0", b",", b'"', b"\n", b"\r", b";", b"[", b"{", b"\xff\xfe", b"\xc3")
            )
        case 4:
            del text[place : place + rng.randint(1, 60)]
    return bytes(text)


def gigabyte(path: Path, start: bytes) -> None:
    """Make a file whose second line is a gigabyte long and takes no place on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(start)
    os.truncate(path, GIGABYTE)


def nested(depth: int, opening: str = "[") -> bytes:
    """JSON of lists in lists."""
    return (opening * depth).encode()


def compact(description: dict) -> bytes:
    """JSON in one line."""
    return json.dumps(description, separators=(",", ":")).encode()


def zipped(*members: tuple[str, bytes]) -> bytes:
    """An archive in memory."""
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()
